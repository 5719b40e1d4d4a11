"""Expressions that YAML cannot read without quotes: found in the line that an error points to, and quoted.

Inside ``{}`` and ``[]`` a comma, bracket or brace ends a plain value, so `{x: a[i]}` is a syntax error and
`{x: min(a, b)}` reads as two keys. An error message of the scanner would not say what to write instead.
"""

from __future__ import annotations

import re

# A longer line was made by a machine, and nobody reads a help of that length.
LONGEST_LINE = 2000
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_WORDS = r"(?:and|or|in|if|not)\b"
_AFTER_BRACKET = re.compile(rf"\s*(?:[=!]=|[-+*/%<>\[(]|{_WORDS})|\.\w")
_AFTER_QUOTE = re.compile(rf"\s*(?:[=!]=|[-+*/%<>]|{_WORDS})")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'')
_FLOW_PLAIN = re.compile(r"(?:[^,\[\]{}:\s]|:(?![\s,\[\]{}]|$)|\s+(?!#))+")
_BLOCK_PLAIN = re.compile(r"(?:[^:\s]|:(?!\s|$)|\s+(?!#))+")
_OPERATOR_LAST = re.compile(r"(?:[-+*/%<>=(]|\b(?:and|or|in|if|not|else))\s*$")
_DOLLAR_NAME = re.compile(r"\$\{\s*(\w+)\s*\}")


def find_unquoted(line: str, *, depth: int = 0) -> list[tuple[int, int]]:
    """The stretches of a line that are expressions and should have stood in quotes.

    Args:
        line: one line of YAML.
        depth: how many ``{`` and ``[`` are open where it begins.

    Returns:
        Columns from 0, the end exclusive, in order.
    """
    found: list[tuple[int, int]] = []
    if len(line) > LONGEST_LINE:
        return found
    at, closers = 0, _closers(line)
    while at < len(line):
        letter = line[at]
        if letter == "#" and (at == 0 or line[at - 1].isspace()):
            break
        end = _expression(line, at, depth, closers)
        if end is not None:
            found.append((at, end))
            at = end
        elif letter in "[{":
            depth, at = depth + 1, at + 1
        elif letter in "]}":
            depth, at = max(depth - 1, 0), at + 1
        else:
            at = _skip(line, at, depth)
    return found


def _skip(line: str, at: int, depth: int) -> int:
    """The end of the indicator, blank, quoted or plain value at `at`, which is no expression."""
    if line[at].isspace() or line[at] in ",:" or (line[at] in "-?" and line[at + 1 : at + 2] in ("", " ")):
        return at + 1
    value = _QUOTED.match(line, at) or (_FLOW_PLAIN if depth else _BLOCK_PLAIN).match(line, at)
    return value.end() if value else at + 1


def _expression(line: str, at: int, depth: int, closers: dict[int, int]) -> int | None:
    """The end of the expression that begins at `at`, or None where what begins there is fine or something else."""
    letter = line[at]
    if letter.isspace() or letter in ",:]}#":
        return None
    if letter in "[{":
        goes_on = at in closers and _AFTER_BRACKET.match(line, closers[at])
        return expression_end(line, at, flow=depth > 0) if goes_on else None
    quoted = _QUOTED.match(line, at)
    if quoted:
        return expression_end(line, at, flow=depth > 0) if _AFTER_QUOTE.match(line, quoted.end()) else None
    value = (_FLOW_PLAIN if depth else _BLOCK_PLAIN).match(line, at)
    return expression_end(line, at, flow=depth > 0) if value and _is_cut(line, at, value.end(), depth) else None


def _is_cut(line: str, start: int, stop: int, depth: int) -> bool:
    """Whether the plain value between `start` and `stop` ends in the middle of an expression."""
    body, letter = line[start:stop], line[stop : stop + 1]
    if not depth:
        return letter == ":" and any(body.count(opener) > body.count(_PAIRS[opener]) for opener in "([")
    if letter and letter in "[{":
        # `[a [b]]` is a forgotten comma, `[a[b]]` is an index.
        return not body[-1:].isspace() or "$" in body or bool(_OPERATOR_LAST.search(body))
    return letter == "," and body.count("(") > body.count(")")


def expression_end(line: str, start: int, *, flow: bool) -> int | None:
    """Where an expression ends whose brackets may hold commas; None where they do not close on this line."""
    awaited: list[str] = []
    end = len(line)
    for at in range(start, len(line)):
        letter = line[at]
        if letter in _PAIRS:
            awaited.append(_PAIRS[letter])
        elif letter in ")]}":
            if not awaited and flow and letter != ")":
                end = at
                break
            if not awaited or awaited.pop() != letter:
                return None
        elif not awaited and _ends_value(line, at, flow=flow):
            end = at
            break
    end = start + len(line[start:end].rstrip())
    return None if awaited or end == start else end


def _ends_value(line: str, at: int, *, flow: bool) -> bool:
    letter = line[at]
    if letter == "#":
        return line[at - 1 : at].isspace()
    return (flow and letter == ",") or (letter == ":" and line[at + 1 : at + 2] in ("", " "))


def mended(line: str, places: list[tuple[int, int]]) -> str | None:
    """The line with its expressions quoted, or None where what was meant is a guess."""
    for start, end in reversed(places):
        expression = line[start:end]
        name = _DOLLAR_NAME.fullmatch(expression)
        if name is None and "${" in expression:
            return None
        line = line[:start] + (f"${name[1]}" if name else quote(expression)) + line[end:]
    return line.strip()


def quote(text: str) -> str:
    """The text as a quoted scalar, in double quotes where nothing has to be escaped for them."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'" if '"' in text or "\\" in text else f'"{text}"'


def _closers(line: str) -> dict[int, int]:
    """For every bracket that opens and closes on the line: the column after its partner."""
    open_at: list[int] = []
    closers: dict[int, int] = {}
    for at, letter in enumerate(line):
        if letter in "[{":
            open_at.append(at)
        elif letter in "]}" and open_at:
            closers[open_at.pop()] = at + 1
    return closers
