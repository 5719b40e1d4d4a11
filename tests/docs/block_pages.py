"""The pages of docs/blocks/, one a block, written from the contracts: ``python -m tests.docs.block_pages``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

from pydantic import WithJsonSchema
from pydantic.fields import FieldInfo

from archwright.blocks.base import Block, Port, all_blocks
from archwright.blocks.notation.expressions import Star

FOLDER = Path(__file__).parents[2] / "docs" / "blocks"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    found = {f"{name}.md": page(contract) for name, contract in sorted(all_blocks().items())}
    return {"README.md": index(), **found}


def index() -> str:
    """The table of all blocks."""
    rows = ["# The blocks", "", "Written from the contracts in `blocks/`; a test keeps the pages current.", ""]
    rows += ["| block | kind | what it is |", "|---|---|---|"]
    for name, contract in sorted(all_blocks().items(), key=lambda pair: (pair[1].category, pair[0])):
        rows.append(f"| [`{name}`]({name}.md) | {contract.category} | {_first(contract)} |")
    return "\n".join(rows) + "\n"


def page(contract: type[Block]) -> str:
    """The page of one block: what it is, what goes in and out, options, weights."""
    lines = [f"# `{contract.name()}`", "", _doc(contract), ""]
    lines += _table("Inputs", ("input", "type", "reads the sequence"), [
        (f"`{port}`" + (" (optional)" if one.optional and not one.many else " (a list)" if one.many else ""),
         f"`{one.notation.text}`", contract.reads.get(port) or _usual(contract, one))
        for port, one in contract.ports().items()
    ])  # fmt: skip
    lines += _table("Outputs", ("output", "type"), [
        (f"`{port.rstrip('?')}`" + (", where it is read" if port.endswith("?") else ""), f"`{kind}`")
        for port, kind in contract.outputs.items()
    ])  # fmt: skip
    lines += _table("Options", ("option", "type", "default"), [
        (f"`{name}`", _option(field), "required" if field.is_required() else _written(field.default))
        for name, field in contract.model_fields.items()
    ])  # fmt: skip
    lines += _table("Weights", ("weight", "shape", "there", "starts as"), [
        (f"`{leaf}`" if leaf else "the node itself", f"`[{one.shape}]`",
         f"where `{one.when}`" if one.when else "always", one.init)
        for leaf, one in contract.weights.items()
    ])  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _usual(contract: type[Block], port: Port) -> str:
    """How a port reads the sequence of which nothing is said."""
    is_open = any(isinstance(dim, Star) for dim in port.notation.dims)
    has_axes = bool(port.notation.dims) or port.notation.text == "any"
    return "token" if is_open or not has_axes or port.name in contract.extents else "all"


def _table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    cells = [tuple(cell.replace("|", "\\|") for cell in row) for row in rows]
    return [f"## {title}", "", _row(head), _row(("---",) * len(head)), *map(_row, cells), ""]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _doc(contract: type[Block]) -> str:
    text = re.sub(r"``(.*?)``", r"`\1`", contract.__doc__ or "")
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _first(contract: type[Block]) -> str:
    return _doc(contract).split("\n\n")[0].replace("\n", " ")


def _option(field: FieldInfo) -> str:
    """What an option takes; the schema for editors says where that may be a pair."""
    schema = next((one.json_schema for one in field.metadata if isinstance(one, WithJsonSchema)), None) or {}
    return _kind(field.annotation) + (" or a pair" if "array" in schema.get("type", "") else "")


def _written(default: Any) -> str:
    """A default as a spec writes it."""
    words = {None: "null", True: "true", False: "false"}
    return f"`{words[default] if default is None or isinstance(default, bool) else default}`"


def _kind(annotation: Any) -> str:
    if annotation is Any:
        return "whole number"
    if annotation is type(None):
        return "`null`"
    if isinstance(annotation, (str, int)):
        return f"`{annotation}`"
    if annotation is str:
        return "`text`"
    if isinstance(annotation, type) and not get_args(annotation):
        return f"`{annotation.__name__}`"
    if getattr(annotation, "__origin__", None) is list:
        return f"list of {_kind(get_args(annotation)[0])}"
    inner = get_args(annotation)
    return " or ".join(_kind(one) for one in (inner[:1] if hasattr(annotation, "__metadata__") else inner))


def main() -> None:
    """Write every page, and remove those of blocks that are gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in written:
            old.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
