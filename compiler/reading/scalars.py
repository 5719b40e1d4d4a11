"""What a plain scalar means: the core schema of YAML 1.2 (section 10.3.2); `no` is a text and `1e-5` a number."""

from __future__ import annotations

import re

from .tree import Value

_WORDS: dict[str, Value] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_FIRST_OF_NUMBER = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# Python refuses to print or read longer integers (640 is the lowest cap that can be set), so they stay texts.
_MOST_DIGITS = 512


def resolve(text: str) -> Value:
    """The value of a plain scalar. An integer too long for Python to print stays a text."""
    if text[:1] not in _FIRST_OF_NUMBER:
        return _WORDS.get(text, text)
    if _INT.fullmatch(text):
        return int(text) if len(text) <= _MOST_DIGITS else text
    if _BASED.fullmatch(text):
        return int(text, 0) if len(text) <= _MOST_DIGITS else text
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text
