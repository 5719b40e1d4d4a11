"""Findings as they are made: a stage reports all it finds, and one root cause once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ..reading.span import Span
from .diagnostics import Diagnostic, Label, SpecError, did_you_mean

MOST = 200


class Reported(Exception):
    """What was asked for has no value; a diagnostic already says why."""


class Report:
    """Collects diagnostics; `poisoned` names are those whose failure is reported, so that its victims stay silent.

    Attributes:
        calls: the calls of parts that are being built, outermost first.
    """

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.calls: list[Span] = []
        self._poisoned: set[str] = set()
        self._found: set[tuple[str, str, str]] = set()

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        *,
        label: str = "",
        others: Iterable[tuple[Span, str]] = (),
        help: str | None = None,
    ) -> None:
        """Add a finding; what is found again in another round or call of a part is one mistake.

        Args:
            code: the kebab word for the bad pattern.
            message: one sentence without a full stop.
            label: what stands beside the carets: expected and found.
            others: the other half of a contradiction.
            help: what to write instead, only where sure.
        """
        # One value may be too much for several options.
        key = (code, str(span), "" if code == "bad-option" else message)
        if key in self._found or len(self.diagnostics) >= MOST:
            return
        self._found.add(key)
        labels = [Label(span=place, text=text) for place, text in others]
        if self.calls and all(
            self.calls[0].source is not one.source for one in (span, *(other.span for other in labels))
        ):
            labels.append(Label(span=self.calls[0], text="called from here"))
        self.diagnostics.append(Diagnostic(code, message, Label(span=span, text=label), tuple(labels), help))

    def fail(self, code: str, message: str, span: Span, **more: Any) -> NoReturn:
        """Add a finding, as `error` does, after which there is nothing to go on with here.

        Raises:
            Reported: always.
        """
        self.error(code, message, span, **more)
        raise Reported

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Take over what a stage before finds inside.

        Raises:
            Reported: it found something.
        """
        try:
            yield
        except SpecError as error:
            self.diagnostics.extend(error.diagnostics)
            raise Reported from None

    def poison(self, name: str) -> None:
        """Remember that the parameter `name` has failed, or all of a mounted spec."""
        self._poisoned.add(name)

    def is_poisoned(self, name: str) -> bool:
        """Whether the failure of `name` is reported already."""
        return name in self._poisoned or name.partition(".")[0] in self._poisoned

    def suggest(self, word: str, known: Iterable[str], *, prefix: str = "") -> str | None:
        """A did-you-mean for `word`, or None where nothing is near, or too much is wrong to look."""
        names = list(known)
        if len(self.diagnostics) * len(names) > MOST * MOST:
            return None
        return did_you_mean(word, names, prefix=prefix)

    def raise_if_any(self) -> None:
        """Raise what was found.

        Raises:
            SpecError: at least one error was found.
        """
        if self.diagnostics:
            raise SpecError(self.diagnostics)
