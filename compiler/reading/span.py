"""Places: a text with a name, and a stretch of it. Every finding and every checked object points at one."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, repeat
from operator import add


@dataclass(slots=True, eq=False)
class Source:
    """A text and what to call it; two sources are the same only if they are one object.

    A line ends where editors end it, at a line feed, a carriage return or both, and not at the rarer breaks of YAML
    1.1: a place has to be where the user's editor shows it.

    Attributes:
        name: the path as the user gave it, or another name to print.
        text: the text without a byte order mark.
    """

    name: str
    text: str = field(repr=False)
    _lines: list[str] | None = field(default=None, init=False, repr=False)
    _starts: array[int] | None = field(default=None, init=False, repr=False)

    @property
    def lines(self) -> list[str]:
        """The lines without their breaks; at least one."""
        if self._lines is None:
            self._lines = self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return self._lines

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset in `text`, both from 1."""
        if self._starts is None:
            lines = self.text.replace("\r\n", " \n").replace("\r", "\n").split("\n")
            self._starts = array("L", accumulate(map(add, map(len, lines), repeat(1)), initial=0))
        line = bisect_right(self._starts, offset, hi=len(self._starts) - 1)
        return line, offset - self._starts[line - 1] + 1

    def line_at(self, offset: int) -> tuple[int, str]:
        """The line that holds an offset: where it starts, and its text without the break."""
        line, column = self.position(offset)
        return offset - column + 1, self.lines[line - 1]

    def span(self, start: int, end: int) -> Span:
        """The place between two offsets; `end` is exclusive."""
        line, column = self.position(start)
        end_line, end_column = self.position(max(start, end))
        return Span(self, line, column, end_line, end_column)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source. Lines and columns count characters from 1; the end is exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def within(self, start: int, end: int) -> Span:
        """The place of the characters `start` to `end` of the scalar that stands here.

        Quotes and doubled single quotes are counted; where the text and the value run apart (escapes, several lines),
        it is the whole scalar.
        """
        raw = self._raw()
        if raw is None:
            return self
        quote = raw[0] if raw[:1] in ("'", '"') and len(raw) > 1 and raw[-1] == raw[0] else ""
        if quote == '"' and "\\" in raw:
            return self
        offsets = _offsets(raw[1:-1], quote) if quote else list(range(len(raw) + 1))
        last = len(offsets) - 1
        first, stop = offsets[min(max(start, 0), last)], offsets[min(max(end, start, 0), last)]
        column = self.column + len(quote)
        return Span(self.source, self.line, column + first, self.line, column + stop)

    def _raw(self) -> str | None:
        if self.line != self.end_line or self.line > len(self.source.lines):
            return None
        return self.source.lines[self.line - 1][self.column - 1 : self.end_column - 1]


def _offsets(inner: str, quote: str) -> list[int]:
    """Where each character of the value stands between the quotes; in single quotes a quote is written twice."""
    offsets, at = [], 0
    while at < len(inner):
        offsets.append(at)
        at += 2 if quote == "'" and inner.startswith("''", at) else 1
    return [*offsets, len(inner)]
