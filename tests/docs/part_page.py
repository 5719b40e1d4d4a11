"""The page docs/parts.md, written from the parts and frames that ship: ``python -m tests.docs.part_page``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from archwright.blocks.notation.unparse import plain_text
from archwright.compiler.reading import source
from archwright.compiler.reading.schema import Input, Parameter, Part
from archwright.compiler.reading.tree import plain

SPECS = Path(__file__).parents[2] / "specs"
PAGE = Path(__file__).parents[2] / "docs" / "parts.md"
HEAD = """\
# The parts and frames that ship

Written from `specs/parts/` and `specs/frames/`; a test keeps the page current. A node calls a part by `part: NAME`. What a part
needs is taken from the call or, where that does not say it, from the caller's parameter of that name. Options have the
default that stands here, unless the call gives them (`causal: true`) or hands them on (`pass: [causal]`); those under
*inherited* are taken from the caller where it has a parameter of that name.
"""
FRAMES = """\
## Frames

A spec takes over a frame with `extends:`; what it says itself is laid over it.

| frame | extends | what it has |
|---|---|---|
"""


def page() -> str:
    """The whole page: a section for each part, then a table of frames."""
    parts = "\n".join(section(path) for path in sorted((SPECS / "parts").glob("*.yaml")))
    frames = "\n".join(row(path) for path in sorted((SPECS / "frames").glob("*.yaml")))
    return f"{HEAD}\n{parts}\n{FRAMES}{frames}\n"


def section(path: Path) -> str:
    """What a part reads, needs and gives, and its options."""
    part = Part.model_validate(read(path))
    needed = {name: one for name, one in part.params.items() if not one.has_default and not one.admits_null}
    options = {name: one for name, one in part.params.items() if name not in needed}
    paper = f" ({part.paper})" if part.paper else ""
    lines = [f"## `{path.stem}`", "", f"{part.title}{paper}.", ""]
    lines += listed("reads", map(reads, part.inputs.items()))
    lines += listed("needs", (f"`{name}` ({one.word})" for name, one in needed.items()))
    lines += listed("options", map(option, options.items()))
    lines += listed("inherited", map(option, part.inherited.items()))
    lines += listed("gives", [f"`{name}`" for name in part.outputs] or ["`x`"])
    return "\n".join(lines) + "\n"


def read(path: Path) -> Mapping[str, Any]:
    """A file as plain values."""
    return cast("Mapping[str, Any]", plain(source.load_file(path, name=path.name)))


def reads(item: tuple[str, Input]) -> str:
    """An input with its type, and what stands in where it is left out."""
    name, one = item
    text = f"`{name}: {one.type}{'?' if one.optional and one.default is None else ''}`"
    return text + (" (a list)" if one.many else "") + (f" (else `{plain_text(one.default)}`)" if one.default else "")


def option(item: tuple[str, Parameter]) -> str:
    """An option with its default."""
    name, one = item
    is_expression = isinstance(one.default, str) and "$" in one.default
    return f"`{name}: {one.default if is_expression else plain_text(one.default)}`"


def listed(word: str, items: Any) -> list[str]:
    """An entry of the list of a part; none where there is nothing to say."""
    text = ", ".join(items)
    return [f"- *{word}*: {text}"] if text else []


def row(path: Path) -> str:
    """A frame's row: the comment at its head says what it is."""
    extends = read(path).get("extends", [])
    bases = ", ".join(f"`{one}`" for one in ([extends] if isinstance(extends, str) else extends))
    comment = re.search(r"^# (.*(?:\n# .*)*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert comment is not None, f"{path.name} has no comment that says what it is"
    said = comment[1].replace("\n# ", " ")
    return f"| `{path.stem}` | {bases} | {said} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
