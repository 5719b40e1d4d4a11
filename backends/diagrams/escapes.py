"""A user's text in a drawing: cut to what can be printed, and without meaning in the format around it."""

from __future__ import annotations

_SAFE = frozenset(" .,_+*/=()[]-:·×…")
_LONGEST = 200


def printable(text: str) -> str:
    """Text without control characters, surrogates and the like, and of a length that can be drawn."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def dot_text(text: str) -> str:
    """Text for a DOT label between quotes, which are escaped with these: no escapes, entities or markup of its own."""
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("\\", "\\\\")


def mermaid_text(text: str) -> str:
    """Text for a quoted Mermaid label: whatever could be syntax, markup, Markdown or a directive is an entity."""
    return "".join(char if char in _SAFE or char.isalnum() else f"#{ord(char)};" for char in printable(text))
