"""``archwright schema``."""

from __future__ import annotations

import click

from .options import json_option
from .output import print_json


@click.command("schema", short_help="The JSON Schema of the language, for editors.")
@json_option
def command(as_json: bool) -> None:
    """Print the JSON Schema of the language, for completion and checks in editors.

    A spec says where it is in a comment on its first line, which editors with a YAML language server read.

    \b
    Examples:
      archwright schema > archwright.schema.json
      # yaml-language-server: $schema=archwright.schema.json
    """
    from ...compiler.reading.json_schema import language_schema

    print_json(language_schema())
