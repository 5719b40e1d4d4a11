"""What a syntax error of the YAML parser means to the person who wrote the line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import yaml

from ..diagnosing.diagnostics import Diagnostic, Label, clip
from .span import Source
from .unquoted import find_unquoted, mended, quote

_EXPECTED = re.compile(r"(?:did not find expected|expected) (?P<what>.*?)(?:, but (?:got|found) .*)?$")
_SECOND_COLON = re.compile(r"mapping values are not allowed")
_HELP_WITHOUT_GUESS = (
    "write `$name` for a parameter, with quotes round an expression that holds a comma, bracket or brace"
)
# The parser's words for what it expected, where ours are plainer.
_WHAT = {
    "key": "a key",
    "<block end>": "a key",
    "'-' indicator": "`-`",
    "<document start>": "the end of the document",
    "'<document start>'": "the end of the document",
}
# A longer line is not repeated to show how it is quoted.
_LONGEST_HELP = 200
_DOLLAR_BRACES = re.compile(r"\$\{\s*(\w*)")


def explain(
    error: yaml.MarkedYAMLError, source: Source, depth_at: Callable[[int], int]
) -> tuple[Diagnostic | None, int, list[tuple[int, int]]]:
    """The diagnostic of a syntax error, or the expressions that caused it.

    Args:
        error: from PyYAML or libyaml; its marks count characters.
        source: the text.
        depth_at: how many flow collections are open at an offset.

    Returns:
        The diagnostic, or None where there are expressions; where the line of the error starts; the columns (from 0) of
        the unquoted expressions on it.
    """
    mark = error.problem_mark or error.context_mark
    at = min(mark.index, len(source.text)) if mark is not None else 0
    line_start, line = source.line_at(at)
    places = find_unquoted(line, depth=depth_at(line_start))
    if any(start <= at - line_start <= end for start, end in places):
        return None, line_start, places
    return _syntax(error, source, at), line_start, []


def _syntax(error: yaml.MarkedYAMLError, source: Source, at: int) -> Diagnostic:
    found = source.text[at : at + 1]
    span = source.span(at, at + 1 if found and not found.isspace() else at)
    if found == "\t":
        label = Label(source.span(at, at + 1), "expected spaces, found a tab")
        return Diagnostic("tab", "a tab cannot indent", label, help="indent with spaces")
    problem = str(error.problem or "").replace("\n", " ")
    expected = _EXPECTED.search(problem)
    help_ = None
    if expected:
        what = _WHAT.get(expected["what"], expected["what"].removeprefix("the "))
        text = f"expected {what.replace(chr(39), '`')}, found {_name(source.text, at)}"
    elif _SECOND_COLON.search(problem):
        text = "expected the end of the value, found a second `:`"
        help_ = "quote a text that holds `: `; a key has a line of its own, indented like its neighbours"
    elif "cannot start any token" in problem:
        text = f"expected a value, found {_name(source.text, at)}, which cannot begin one without quotes"
    else:
        text = problem
    return Diagnostic("yaml-syntax", "this is not YAML", Label(span, text), _context(error, source, at), help_)


def _context(error: yaml.MarkedYAMLError, source: Source, at: int) -> tuple[Label, ...]:
    """Where what is being read began, where that is not the place of the error."""
    mark, context = error.context_mark, str(error.context or "")
    if mark is None or min(mark.index, len(source.text)) == at or not context.startswith("while "):
        return ()
    begun = context.partition("ing ")[2].removeprefix("the ") or context
    return (Label(source.span(mark.index, mark.index + 1), f"{begun} begins here"),)


def _name(text: str, at: int) -> str:
    if at >= len(text):
        return "the end of the file"
    if text[at] == "`":
        return "a backtick"
    return "the end of the line" if text[at] in "\r\n" else f"`{text[at]}`"


def unquoted_expression(source: Source, line_start: int, places: Sequence[tuple[int, int]]) -> list[Diagnostic]:
    """A diagnostic for each expression of a line; the help is the line with all of them quoted.

    Args:
        source: the text.
        line_start: the offset at which the line starts.
        places: columns of the expressions, from 0, the end exclusive.
    """
    _, line = source.line_at(line_start)
    whole = mended(line, list(places)) if len(line) <= _LONGEST_HELP else None
    found: list[Diagnostic] = []
    for start, end in places:
        expression = line[start:end]
        short = clip(expression)
        if "${" in expression:
            name = _DOLLAR_BRACES.search(expression)
            message = f"`{short}` has braces that an expression has not"
            label = f"expected `${name[1] if name and name[1] else 'name'}`, found `${{`"
        else:
            message = f"`{short}` needs quotes"
            label = f"expected {quote(expression)}, found no quotes" if short == expression else "expected quotes"
        help_ = whole
        if whole is None:
            alone = (
                mended(expression, [(0, len(expression))])
                if len(line) > _LONGEST_HELP and short == expression
                else None
            )
            help_ = f"write {alone}" if alone else _HELP_WITHOUT_GUESS
        place = source.span(line_start + start, line_start + end)
        found.append(Diagnostic("unquoted-expression", message, Label(place, label), help=help_))
    return found
