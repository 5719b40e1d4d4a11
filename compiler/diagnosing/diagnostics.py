"""Diagnostics: what is wrong with a user's text, where, and what to write instead; as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from ..reading.span import Span
from .snippet import BLUE, BOLD, CYAN, RED, Mark, paint, show, snippet

# Comparing words is quadratic in their length, and nobody misspells a word of this length.
_LONGEST_WORD = 80
# What is missing once and read many times, and how many of the other places are shown.
_NAMES = ("unknown-name", "unknown-parameter", "never-present")
_AGAIN = "and here"
_MOST_AGAIN = 4


@dataclass(frozen=True)
class Label:
    """A place and what stands beside it: what was expected and what was found."""

    span: Span
    text: str

    def to_json(self) -> dict[str, Any]:
        """The place and the text as plain data."""
        span = self.span
        return {
            "file": span.source.name,
            "line": span.line,
            "column": span.column,
            "end_line": span.end_line,
            "end_column": span.end_column,
            "text": self.text,
        }


@dataclass(frozen=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: a kebab word for the bad pattern.
        message: one sentence without a full stop, backticks round the user's words.
        label: the place to change.
        others: the other half of a contradiction.
        help: what to write instead, only where sure.
        severity: a note is worth knowing and no mistake.
    """

    code: str
    message: str
    label: Label
    others: tuple[Label, ...] = ()
    help: str | None = None
    severity: Literal["error", "note"] = "error"

    def render(self, *, color: bool = False) -> str:
        """The finding as a person reads it, with the lines it speaks of; no control characters of the file survive."""
        tone = RED if self.severity == "error" else CYAN
        head = paint(f"{self.severity}[{show(self.code)}]", BOLD + tone, color=color)
        lines = [head + paint(f": {show(self.message)}", BOLD, color=color)]
        marks = [Mark(self.label.span, self.label.text, "^", tone)]
        marks += [Mark(other.span, other.text, "-", BLUE) for other in self.others]
        lines += snippet(marks, color=color)
        if self.help is not None:
            lines.append(paint("help", BOLD + CYAN, color=color) + f": {show(self.help)}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The finding as plain data; the place is that of the primary label."""
        place = self.label.to_json()
        text = place.pop("text")
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            **place,
            "label": text,
            "labels": [other.to_json() for other in self.others],
            "help": self.help,
        }

    def order(self) -> tuple[Any, ...]:
        """The key to sort by place with; equal for what reads the same, also of a file that was read twice."""
        span = self.label.span
        place = (span.source.name, span.line, span.column, span.end_line, span.end_column)
        others = tuple((str(other.span), other.text) for other in self.others)
        return (*place, self.severity, self.code, self.message, self.label.text, others, self.help or "")


class SpecError(Exception):
    """A user's text is wrong.

    Attributes:
        diagnostics: every finding, sorted by place, each once; a name that is missing in several places is one.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        found: dict[tuple[Any, ...], Diagnostic] = {}
        for one in sorted(diagnostics, key=Diagnostic.order):
            key = (one.code, one.message, one.label.span.source.name) if one.code in _NAMES else one.order()
            first = found.setdefault(key, one)
            for label in (one.label, *(other for other in one.others if other.text == _AGAIN)):
                known = {str(other.span) for other in (first.label, *first.others)}
                if str(label.span) not in known and sum(other.text == _AGAIN for other in first.others) < _MOST_AGAIN:
                    first = found[key] = replace(first, others=(*first.others, Label(label.span, _AGAIN)))
        self.diagnostics: list[Diagnostic] = list(found.values())
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return self.render()

    def render(self, *, color: bool = False) -> str:
        """All findings, and a closing line that counts them."""
        rendered = [diagnostic.render(color=color) for diagnostic in self.diagnostics]
        return "\n\n".join([*rendered, self.summary()])

    def summary(self) -> str:
        """How many findings there are, and where."""
        counts = []
        for severity in ("error", "note"):
            number = sum(diagnostic.severity == severity for diagnostic in self.diagnostics)
            if number or (severity == "error" and not self.diagnostics):
                counts.append(f"{number} {severity}{'' if number == 1 else 's'}")
        names = sorted({diagnostic.label.span.source.name for diagnostic in self.diagnostics})
        where = f" in {show(names[0])}" if len(names) == 1 else f" in {len(names)} files" if names else ""
        return " and ".join(counts) + where


def clip(text: str) -> str:
    """A word of the user, short enough for a headline."""
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that was probably meant, or None where none is nearer than `cutoff`."""
    if len(word) > _LONGEST_WORD:
        return None
    candidates = sorted({name for name in known if len(name) <= _LONGEST_WORD})
    folded = _fold(word)
    for name in candidates:
        if name != word and _fold(name) == folded:
            return name
    close = get_close_matches(word, [name for name in candidates if name != word], n=1, cutoff=cutoff)
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str | None:
    """The help for a `word` that is none of the `known`: the nearest of them, or None where none is near."""
    close = nearest(word, known)
    return f"did you mean `{prefix}{close}`?" if close else None


def is_slip(word: str, meant: str) -> bool:
    """Whether words have the same letters but for one, in any order: enough for a mistake where `nearest` suggests.

    Of the parameters that ship, none would be taken for another that means something else, as `nearest` takes
    `encoder_type` for `decoder_type`.
    """
    one, two = Counter(word), Counter(meant)
    return word != meant and ((one - two) + (two - one)).total() <= 1


def _fold(word: str) -> str:
    """A word without what is confused most: case, and how its parts are joined."""
    return word.casefold().replace("-", "").replace("_", "").replace(" ", "")
