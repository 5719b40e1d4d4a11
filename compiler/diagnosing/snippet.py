"""Lines of a file with marks under them, for a terminal: tabs, wide letters, long lines and hostile text included."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ..reading.span import Source, Span

BOLD, RED, BLUE, CYAN = "\x1b[1m", "\x1b[31m", "\x1b[34m", "\x1b[36m"
_RESET = "\x1b[0m"
# What a line of the snippet may take, and how much of it may stand before the mark.
WIDTH = 120
_BEFORE = 40
_TAB = "    "
# Categories that move the cursor, reorder the line or cannot be written at all.
_UNSAFE = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place to underline.

    Attributes:
        stroke: ``^`` for the primary place, ``-`` for the others.
        tone: the colour.
    """

    span: Span
    text: str
    stroke: str
    tone: str


def paint(text: str, tone: str, *, color: bool) -> str:
    """The text in a colour, or as it is."""
    return f"{tone}{text}{_RESET}" if color and text else text


def show(text: str) -> str:
    """The text with whatever a terminal would act on written out."""
    return text if text.isascii() and text.isprintable() else "".join(map(_show_letter, text))


def snippet(marks: Sequence[Mark], *, color: bool) -> list[str]:
    """The marked lines, by file, that of the first mark first, with a gutter of line numbers.

    Args:
        marks: the primary mark, then the others.
        color: whether for a terminal with colours.
    """
    gutter = max(len(str(_line_of(mark.span)[0])) for mark in marks)
    rows: list[str] = []
    sources = list(dict.fromkeys(mark.span.source for mark in marks))
    for source in sources:
        here = [mark for mark in marks if mark.span.source is source]
        place = f"{show(source.name)}:{here[0].span.line}:{here[0].span.column}"
        rows.append(" " * gutter + paint("-->", BLUE, color=color) + f" {place}")
        rows.append(" " * (gutter + 1) + paint("|", BLUE, color=color))
        rows += _excerpt(here, gutter, color=color)
    return rows


def _excerpt(marks: Sequence[Mark], gutter: int, *, color: bool) -> list[str]:
    rows: list[str] = []
    bar = paint("|", BLUE, color=color)
    ordered = sorted(marks, key=lambda mark: (mark.span.line, mark.span.column))
    for number, group in groupby(ordered, key=lambda mark: _line_of(mark.span)[0]):
        shown = None
        for mark in group:
            text, strokes = _underline(mark)
            if text != shown:
                rows.append(f"{paint(str(number).rjust(gutter), BLUE, color=color)} {bar} {text}".rstrip())
                shown = text
            label = f" {show(mark.text)}" if mark.text else ""
            indent = strokes[: len(strokes) - len(strokes.lstrip())]
            rows.append(f"{' ' * gutter} {bar} {indent}" + paint(strokes.lstrip() + label, mark.tone, color=color))
    return rows


def _underline(mark: Mark) -> tuple[str, str]:
    """The line as it is shown and the strokes under it, cut to the window round the mark."""
    _, line = _line_of(mark.span)
    start = min(mark.span.column - 1, len(line))
    end = min(mark.span.end_column - 1, len(line)) if mark.span.end_line == mark.span.line else len(line.rstrip())
    first, last = _window(line, start)
    cells = [_TAB if letter == "\t" else _show_letter(letter) for letter in line[first:last]]
    ahead = "…" if first else ""
    text = ahead + "".join(cells) + ("…" if last < len(line) else "")
    offset = len(ahead) + sum(map(_width, cells[: start - first]))
    length = sum(map(_width, cells[start - first : max(end - first, 0)]))
    return text, " " * offset + mark.stroke * max(length, 1)


def _window(line: str, start: int) -> tuple[int, int]:
    """Which letters are shown, at most `WIDTH` of them; the whole line where it is not long."""
    if len(line) <= WIDTH:
        return 0, len(line)
    first = max(0, min(start - _BEFORE, len(line) - WIDTH))
    return first, min(first + WIDTH, len(line))


def _line_of(span: Span) -> tuple[int, str]:
    """The line that a span begins in; the last one for what lies behind the end."""
    source: Source = span.source
    number = min(max(span.line, 1), len(source.lines))
    return number, source.lines[number - 1]


def _show_letter(letter: str) -> str:
    if unicodedata.category(letter) not in _UNSAFE:
        return letter
    if letter in _NAMED:
        return _NAMED[letter]
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _width(cell: str) -> int:
    """How many columns of a terminal the cell takes."""
    if cell.isascii():
        return len(cell)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in cell
    )
