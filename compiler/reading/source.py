"""The front door of the loader: YAML text to a tree with places, within limits, every mistake reported.

Behind it `composer` reads the parser's events, `scalars` gives plain scalars their values, `yaml_errors` and `unquoted`
explain what YAML could not read.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..diagnosing.diagnostics import Diagnostic, Label, SpecError
from .composer import MOST_DIAGNOSTICS, Composer, Limits
from .span import Source
from .tree import Scalar, Tree

_DEFAULT = Limits()
_BYTE_ORDER_MARK = "\ufeff"
# YAML 1.2 section 5.1, less the byte order mark, which libyaml refuses inside a text.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# After a line YAML cannot read the text is read again without it, to find the next, while this many are not read.
_READ_AGAIN = 1_000_000
_MOST_CHARACTERS = 20


def load(text: str, *, name: str, limits: Limits = _DEFAULT) -> Tree:
    """Read a YAML text.

    Args:
        text: one document.
        name: what to call the text in diagnostics, usually its path.
        limits: what the document may cost.

    Raises:
        SpecError: with a diagnostic for every mistake that was found.
    """
    source = Source(name, text.removeprefix(_BYTE_ORDER_MARK))
    _check_size(source, limits)
    _check_characters(source)
    composer = Composer(source, source.text, limits)
    composer.run()
    found, read = _unquoted(composer), len(source.text)
    blanked: set[tuple[int, int]] = set()
    while not blanked.issuperset(composer.unquoted) and read <= _READ_AGAIN and len(found) < MOST_DIAGNOSTICS:
        blanked.update(composer.unquoted)
        composer = Composer(source, _blanked(composer.text, composer.unquoted), limits)
        composer.run()
        found += _unquoted(composer)
        read += len(source.text)
    if not composer.unquoted:
        found += _others(composer, found)
    if found:
        raise SpecError(found[:MOST_DIAGNOSTICS])
    tree = composer.tree
    if tree is None or (isinstance(tree, Scalar) and not tree.text and not tree.quoted):
        label = Label(source.span(0, 0), "expected a mapping such as `model: bert`, found nothing")
        raise SpecError([Diagnostic("empty-document", "the document is empty", label)])
    return tree


def load_file(path: str | Path, *, name: str | None = None, limits: Limits = _DEFAULT) -> Tree:
    """Read a YAML file in UTF-8; its `name` in diagnostics is the path as given where none is.

    Raises:
        SpecError: with a diagnostic for every mistake that was found.
        OSError: the file cannot be opened.
    """
    with open(path, "rb") as file:
        data = file.read(limits.bytes + 4)  # room for a byte order mark; the rest is not looked at
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if len(data) < limits.bytes + 4 or error.reason != "unexpected end of data":
            raise SpecError([_undecodable(name or str(path), data, error)]) from None
        text = data.decode(errors="replace")  # cut in the middle of a letter, and too large anyway
    return load(text, name=name or str(path), limits=limits)


def _check_size(source: Source, limits: Limits) -> None:
    size = len(source.text)
    if size <= limits.bytes:
        size = len(source.text.encode(errors="surrogatepass"))
    if size > limits.bytes:
        place = Source(source.name, "").span(0, 0)
        label = Label(place, f"expected at most {limits.bytes} bytes")
        raise SpecError([Diagnostic("document-too-large", "the document is too large", label)])


def _check_characters(source: Source) -> None:
    """Refuse what YAML does, with a place for the first on each line.

    Raises:
        SpecError: there is a control character or half a surrogate pair.
    """
    found: list[Diagnostic] = []
    match = _FORBIDDEN.search(source.text)
    while match is not None and len(found) < _MOST_CHARACTERS:
        message = f"U+{ord(match[0]):04X} is no character of a text"
        label = Label(source.span(match.start(), match.end()), "expected a printable character")
        help_ = 'in double quotes it is written with a backslash, such as "\\x07"' if ord(match[0]) < 0x80 else None
        found.append(Diagnostic("control-character", message, label, help=help_))
        line_start, line = source.line_at(match.start())
        match = _FORBIDDEN.search(source.text, line_start + len(line))
    if found:
        raise SpecError(found)


def _undecodable(name: str, data: bytes, error: UnicodeDecodeError) -> Diagnostic:
    before = data[: error.start].decode().removeprefix(_BYTE_ORDER_MARK)
    rest = data[error.start : error.start + 200].decode(errors="replace")
    span = Source(name, before + rest).span(len(before), len(before) + 1)
    label = Label(span, f"expected UTF-8, found the byte 0x{data[error.start]:02x}")
    return Diagnostic("not-utf-8", "the file is not UTF-8", label, help="save the file as UTF-8")


def _blanked(text: str, places: list[tuple[int, int]]) -> str:
    """The text with a word of equal length for each expression, so that the rest is read and keeps its place."""
    pieces, at = [], 0
    for number, (start, end) in enumerate(sorted(places)):
        if start >= at:
            # Different words, or two keys that are expressions would be one key given twice.
            pieces += [text[at:start], f"{start}{number}".rjust(end - start, "_")[start - end :]]
            at = end
    return "".join([*pieces, text[at:]])


def _unquoted(composer: Composer) -> list[Diagnostic]:
    return [diagnostic for diagnostic in composer.diagnostics if diagnostic.code == "unquoted-expression"]


def _others(composer: Composer, unquoted: list[Diagnostic]) -> list[Diagnostic]:
    """What else is wrong, known only when nothing is taken apart any more, less a syntax error on an explained line."""
    explained = {diagnostic.label.span.line for diagnostic in unquoted}
    return [
        diagnostic
        for diagnostic in composer.diagnostics
        if diagnostic.code != "unquoted-expression"
        and not (diagnostic.code == "yaml-syntax" and diagnostic.label.span.line in explained)
    ]
