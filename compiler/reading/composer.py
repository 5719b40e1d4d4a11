"""From the events of a YAML parser to a tree, within limits; whatever a spec has no use for is refused with a place.

The composers of PyYAML recurse, let the last of two equal keys win, build objects from tags and expand merge keys
without bound. Here a node costs one step of a loop, and the stack is as deep as the limit allows. Events are read with
libyaml where PyYAML has it, ten times as fast.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..collector import uncollected
from ..diagnosing.diagnostics import Diagnostic, Label, clip, did_you_mean
from .scalars import resolve
from .span import Source
from .tree import Entry, Mapping, Scalar, Sequence, Tree
from .unquoted import LONGEST_LINE, expression_end
from .yaml_errors import explain, unquoted_expression

# Only for their events; nothing is ever constructed.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_DIAGNOSTICS = 100
# A look at an unclosed parenthesis costs a walk along its line.
_MOST_LOOKS = 200
_PROPERTY = re.compile(r"[&!]\S*\s+")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may cost.

    Attributes:
        bytes: of the text in UTF-8.
        depth: of collections in collections, aliases expanded.
        nodes: scalars, keys and collections as written.
        scalar: characters of one scalar.
        aliases: how many aliases may stand in the text.
        expanded: nodes that all aliases may add together.
    """

    bytes: int = 8 * 1024 * 1024
    depth: int = 64
    nodes: int = 300_000
    scalar: int = 64 * 1024
    aliases: int = 10_000
    expanded: int = 100_000


class Stop(Exception):
    """Reading on makes no sense; the reason is among the diagnostics."""


@dataclass(slots=True)
class _Anchor:
    """What an alias may name: the tree, None while it is being read, and how many nodes it has, aliases expanded."""

    tree: Tree | None
    size: int


@dataclass(slots=True)
class _Frame:
    """A collection that is being read; of a mapping `key` is what waits for its value, None where it is a bad one."""

    node: Mapping | Sequence
    start: int
    flow: bool
    anchor: str | None
    size: int
    awaits_key: bool
    key: Scalar | None = None


@dataclass(slots=True)
class Composer:
    """Reads one text.

    Attributes:
        source: whose places the tree has.
        text: what is parsed: the text of the source, or one of equal length in which expressions are blanked out.
        tree: the root, when `run` is through.
        unquoted: offsets of expressions that YAML took apart, to be blanked out.
    """

    source: Source
    text: str
    limits: Limits
    diagnostics: list[Diagnostic] = field(default_factory=list)
    unquoted: list[tuple[int, int]] = field(default_factory=list)
    tree: Tree | None = None
    _frames: list[_Frame] = field(default_factory=list)
    _anchors: dict[str, _Anchor] = field(default_factory=dict)
    _count: int = 0
    _aliases: int = 0
    _expanded: int = 0
    _documents: int = 0
    _end: int = 0
    _looks: int = 0

    def run(self) -> None:
        """Read everything; what is wrong is in `diagnostics`, and where there is any, the tree is not to be used."""
        with suppress(Stop), uncollected():
            try:
                self._loop()
            except yaml.MarkedYAMLError as error:
                self._syntax(error)
            except (ValueError, OverflowError):  # an escape beyond Unicode, in PyYAML's own parser
                label = "expected a character, found an escape that is none"
                self._report("yaml-syntax", "this is not YAML", self._end, self._end, label=label)

    def _loop(self) -> None:
        next_event = _Parser(self.text).get_event
        handlers: dict[type[Any], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.DocumentStartEvent: self._document,
        }
        while (event := next_event()) is not None:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    def _report(self, code: str, message: str, start: int, end: int, *, label: str, help: str | None = None) -> None:
        self._add(Diagnostic(code, message, Label(self.source.span(start, end), label), help=help))

    def _add(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MOST_DIAGNOSTICS:
            raise Stop

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            start = event.start_mark.index
            label = "expected one document, found another"
            self._report("several-documents", "a file holds one document", start, event.end_mark.index, label=label)
            raise Stop

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        start: int = event.start_mark.index
        end: int = event.end_mark.index
        if event.style == "|" or event.style == ">":  # ends where the next node begins
            end = start + len(self.text[start:end].rstrip())
        self._end = end
        self._count += 1
        if event.tag is not None or event.anchor is not None or self._count > self.limits.nodes:
            start = self._properties(event, start, end)
        if len(text) > self.limits.scalar:
            label = f"expected at most {self.limits.scalar} characters, found {len(text)}"
            self._report("scalar-too-long", "this value is too long", start, end, label=label)
        quoted = bool(event.style)
        if not quoted and ("(" in text or "${" in text):
            self._check_plain(text, start, end)
        scalar = Scalar(text if quoted else resolve(text), (self.source, start, end), quoted, text)
        if event.anchor is not None:
            if self._awaits_key:
                self._report("anchored-key", "an anchor names a value, not a key", start, end, label="expected a key")
            self._anchors[event.anchor] = _Anchor(scalar, 1)
        self._put(scalar)

    @property
    def _awaits_key(self) -> bool:
        return bool(self._frames) and self._frames[-1].awaits_key

    def _put(self, tree: Tree) -> None:
        """Give what is being read a tree: an item, a key, or the value of one."""
        if not self._frames:
            self.tree = tree
            return
        frame = self._frames[-1]
        if isinstance(frame.node, Sequence):
            frame.node.items.append(tree)
            return
        if frame.awaits_key:
            frame.key = self._key(tree, frame.node.entries)
        elif frame.key is not None:
            frame.node.entries[frame.key.text] = Entry(frame.key.place, tree)
        frame.awaits_key = not frame.awaits_key

    def _key(self, tree: Tree, known: dict[str, Entry]) -> Scalar | None:
        """The key that a tree is; a bad one is kept away from the entries together with its value."""
        if not isinstance(tree, Scalar):
            label = Label(tree.span, f"expected a text, found a {'list' if isinstance(tree, Sequence) else 'mapping'}")
            self._add(Diagnostic("non-text-key", "a key is a text", label))
            return None
        if tree.text in known:
            label, first = "expected a new key, found it again", Label(known[tree.text].span, "first given here")
            message = f"`{clip(tree.text)}` is given twice"
            self._add(Diagnostic("duplicate-key", message, Label(tree.span, label), (first,)))
            return None
        if not tree.quoted and tree.text == "<<":
            label, help_ = "expected a key of the spec, found a merge", "a spec takes over another with `extends`"
            self._add(Diagnostic("merge-key", "`<<` does not merge here", Label(tree.span, label), help=help_))
            return None
        if not tree.quoted and not tree.text:
            self._add(Diagnostic("empty-key", "a key is missing", Label(tree.span, "expected a key, found nothing")))
            return None
        return tree

    def _open(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        self._count += 1
        if event.tag is not None or event.anchor is not None or self._count > self.limits.nodes:
            start = self._properties(event, start, end)
        if len(self._frames) >= self.limits.depth:
            self._too_deep(start, end)
        place = (self.source, start, end)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        node = Mapping({}, place) if is_mapping else Sequence([], place)
        self._frames.append(_Frame(node, start, bool(event.flow_style), event.anchor, self._size(), is_mapping))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(None, 0)

    def _close(self, event: Any) -> None:
        frame = self._frames.pop()
        if frame.flow:
            self._end = event.end_mark.index
        # A block has no end of its own: libyaml's is where the next node begins, comments and blank lines between.
        frame.node.place = (self.source, frame.start, self._end)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = _Anchor(frame.node, self._size() - frame.size + 1)
        self._put(frame.node)

    def _size(self) -> int:
        """How many nodes the tree has so far."""
        return self._count + self._expanded

    def _properties(self, event: Any, start: int, end: int) -> int:
        """Refuse a tag and what is too much; the place without the anchor."""
        if self._count > self.limits.nodes:
            label = f"expected at most {self.limits.nodes}"
            self._report("too-many-nodes", "the document has too many nodes", start, end, label=label)
            raise Stop
        if event.tag is not None:
            label = "expected a value without a tag"
            tag = clip(event.tag.replace("tag:yaml.org,2002:", "!!"))
            self._report("tag", f"the tag `{tag}` has no meaning in a spec", start, end, label=label)
        while start < end and (found := _PROPERTY.match(self.text, start, end)):
            start = found.end()
        return start

    def _too_deep(self, start: int, end: int) -> None:
        label = f"expected at most {self.limits.depth} levels"
        self._report("too-deep", "the document is nested too deep", start, end, label=label)
        raise Stop

    def _alias(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        self._end = end
        name: str = event.anchor
        anchor = self._anchors.get(name)
        if anchor is None or anchor.tree is None:
            self._bad_alias(name, start, end)
            self._put(Scalar(None, (self.source, start, end), True, f"*{name}"))
            return
        self._aliases += 1
        self._expanded += anchor.size
        if self._expanded > self.limits.expanded or self._aliases > self.limits.aliases:
            label = f"expected at most {self.limits.expanded} nodes from at most {self.limits.aliases} aliases"
            self._report("alias-bomb", "aliases repeat too much", start, end, label=label)
            raise Stop
        copy = self._copy(anchor.tree, len(self._frames), start, end)
        if isinstance(copy, Scalar) and self._awaits_key:
            copy = Scalar(copy.value, (self.source, start, end), copy.quoted, copy.text)
        self._put(copy)

    def _bad_alias(self, name: str, start: int, end: int) -> None:
        if name in self._anchors:
            label = "expected an anchor that is complete, found the one around it"
            self._report("recursive-alias", f"`*{clip(name)}` holds itself", start, end, label=label)
            return
        help_ = did_you_mean(name, self._anchors, prefix="*")
        message = f"there is no anchor `&{clip(name)}`"
        self._report("unknown-alias", message, start, end, label="expected the name of an anchor above", help=help_)

    def _copy(self, tree: Tree, depth: int, start: int, end: int) -> Tree:
        """The tree again, so that a change of one is no change of the other; every place is that of the anchor."""
        if isinstance(tree, Scalar):
            return tree
        if depth >= self.limits.depth:
            self._too_deep(start, end)
        if isinstance(tree, Sequence):
            return Sequence([self._copy(item, depth + 1, start, end) for item in tree.items], tree.span)
        entries = {
            key: Entry(entry.key_span, self._copy(entry.value, depth + 1, start, end))
            for key, entry in tree.entries.items()
        }
        return Mapping(entries, tree.span)

    def _check_plain(self, text: str, start: int, end: int) -> None:
        """Find an expression that YAML reads without complaint and otherwise than it was meant."""
        line_start, line = self.source.line_at(start)
        at = start - line_start
        if "${" in text and end - line_start <= len(line):
            self._add(unquoted_expression(self.source, line_start, [(at, end - line_start)])[0])
        elif self._frames and self._frames[-1].flow and text.count("(") > text.count(")"):
            self._looks += 1
            looks = self._looks <= _MOST_LOOKS and len(line) <= LONGEST_LINE
            stop = expression_end(line, at, flow=True) if looks else None
            if stop is not None and line_start + stop > end:
                self._blank(line_start, [(at, stop)])

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        if "nesting depth" in str(error.problem):  # libyaml's own limit, which it meets while it looks ahead
            at = error.problem_mark.index if error.problem_mark is not None else 0
            self._too_deep(at, at + 1)
        diagnostic, line_start, places = explain(error, self.source, self._depth_at)
        if diagnostic is not None:
            self._add(diagnostic)
        elif places:
            self._blank(line_start, places)

    def _depth_at(self, offset: int) -> int:
        """How many flow collections are open where the line at `offset` begins."""
        return sum(frame.flow and frame.start < offset for frame in self._frames)

    def _blank(self, line_start: int, places: list[tuple[int, int]]) -> None:
        self.unquoted += [(line_start + start, line_start + end) for start, end in places]
        for diagnostic in unquoted_expression(self.source, line_start, places):
            self._add(diagnostic)
