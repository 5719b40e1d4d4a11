"""Which values can be there for the real tokens alone, all samples behind each other, and which need their padding.

A mask over ``[batch, tokens]`` says which tokens are real. A value is `whole` (nothing of it hangs on what stands at
padding), `packed` (``[1, total, ...]``, the real tokens), or `real` (laid out as ever, but made from packed values, so
that only what it says of real tokens counts). How a block's port reads the axis (`Block.reads`) decides:

- what is read token by token is packed: ports of ``[*, d]`` values, and those that say `token`;
- attention whose `valid` or `allow` is that mask runs a sample at a time, with scores cut to its tokens; where it has
  score terms made from packed values, or gives its probabilities, it gets its padding back;
- of what ports read the extent alone, no number counts;
- a loss that ignores labels (`Block.ignoring`) needs them ignored at padding, and a token read by its number has to be
  real in every sample: a call is checked for both (`Need`);
- whatever else mixes tokens would see padding: a diagnostic names it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from ...blocks.attention import Attention
from ...blocks.windowed import GlobalAttention, WindowedAttention
from ...blocks.notation.dims import Dim, Symbol
from ...blocks.notation.types import AnyType, Type
from ..building.edges import AXIS, REDUCTIONS
from ..building.values import types_in
from ..decoding import ELEMENTWISE
from ..diagnosing.diagnostics import Diagnostic, Label, SpecError
from ..body_flow import BodyFlow
from ..graph import (
    Apply, Body, Constant, Gathered, InputValue, Node, OutputValue, Picked, Rounds, Value, axes_along, name_of,
    slice_items,
)  # fmt: skip
from ..presence import present, resolve
from ..reading.span import Span
from .held import Hold, is_bare

Kind = Literal["whole", "real", "packed"]
Mode = Literal["plain", "token", "core", "padded"]
ATTENTION = (Attention, WindowedAttention, GlobalAttention)
_RANK: tuple[Kind, ...] = ("whole", "real", "packed")
_ALONG_AXES = AXIS | REDUCTIONS


@dataclass(frozen=True, slots=True)
class Need:
    """What a call has to keep to, since the node called `node` reads it.

    Attributes:
        place: the number of a token that is real in every sample.
        labels: an input of labels that are `ignored` at padding, or, with `shift`, at what follows it.
    """

    node: str
    place: int | None = None
    labels: str | None = None
    ignored: int = 0
    shift: bool = False


@dataclass(slots=True)
class Frame:
    """The mask that says which tokens are real, its axes, and what calls have to keep to.

    Attributes:
        tokens: how long samples are; an extent of what stands in for another value may be called by the other's name.
        given: the extents that a call's inputs have.
        is_held: what no number of a call changes is kept from call to call, with its padding.
    """

    mask: str
    batch: Dim
    tokens: set[Dim]
    given: frozenset[Symbol]
    is_held: bool = False
    needs: dict[Need, None] = field(default_factory=dict)


class Packing(BodyFlow[Kind]):
    """The kinds of the values of one body, called with inputs of `kinds`, under one combination.

    Attributes:
        caller: the flow and the node that call this body.
        modes: how each node runs, of those that were asked for.
    """

    def __init__(
        self, body: Body, combination: int, frame: Frame, kinds: Mapping[str, Kind],
        caller: tuple[Packing, Node] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(body, combination, _RANK)
        self.frame = frame
        self.kinds = kinds
        self.caller = caller
        self.modes: dict[Node, Mode] = {}
        self.held = Hold(body, combination, extents=True).nodes if frame.is_held else {}
        self._at: Span | None = None  # where the edge or the node stands whose inputs are looked at
        self._values: dict[Value, Kind] = {}
        self._nodes: dict[Node, dict[str, Kind]] = {}

    # Axes

    def token_axes(self, kind: AnyType | None) -> list[int]:
        """The axes of the tokens."""
        return self._axes(kind, self.frame.tokens)

    def _axes(self, kind: AnyType | None, wanted: Collection[Dim]) -> list[int]:
        return [at for at, dim in enumerate(kind.dims) if dim.expanded() in wanted] if isinstance(kind, Type) else []

    def is_packable(self, kind: AnyType | None) -> bool:
        """Whether a value is ``[batch, tokens, ...]``."""
        return self.token_axes(kind) == [1] and self._axes(kind, [self.frame.batch]) == [0]

    def is_apart(self, kind: AnyType | None) -> bool:
        """Whether a value has neither samples nor tokens."""
        return isinstance(kind, Type) and not self.token_axes(kind) and not self._axes(kind, [self.frame.batch])

    # Values

    def kind(self, value: Value) -> Kind:
        """What a value is.

        Raises:
            SpecError: something mixes padding into it.
        """
        told, value = value, resolve(value, self.combination)
        if value not in self._values:
            self._values[value] = self._kind(value)
        kind = self._values[value]
        if kind != "whole" and told.type is not value.type:
            self._rename(told.type, value.type)
        if kind != "whole" and not all(map(self.token_axes, types_in(value.type))):
            reason = f"nothing says which axis of {value.type} is that of `{self.frame.mask}`"
            self.refuse(name_of(value) or self.body.part, self._span, reason)
        return kind

    def _rename(self, told: AnyType | None, found: AnyType | None) -> None:
        """Learn what the extent of tokens is called where a value stands in for one that is not there."""
        if isinstance(told, Type) and isinstance(found, Type) and len(told.dims) == len(found.dims):
            for axis in self.token_axes(found):
                dim = told.dims[axis].expanded()
                if dim.symbols() and not dim.symbols() & self.frame.given:
                    self.frame.tokens.add(dim)

    def _kind(self, value: Value) -> Kind:
        match value:
            case InputValue(name=name):
                return self.kinds[name]
            case Constant():
                return "whole"
            case OutputValue(node=node, port=port) | Rounds(node=node, port=port):
                return self.node(node)[port] if node.contract is not None else self.result(node, port)
            case Gathered(items=items):
                kinds: set[Kind] = {self.kind(item) for item in items if present(item, self.combination)}
                return "real" if len(kinds) > 1 else self.most(kinds)
            case Picked(base=base):
                return self.kind(base)
            case Apply():
                before, self._at = self._at, value.span or self._at
                kind = self.apply(value)
                self._at = before
                return kind
        raise AssertionError(f"no kind for {type(value).__name__}")

    def apply(self, value: Apply) -> Kind:
        """The kind of what an edge computes."""
        mixed = [arg for arg in value.args if self.kind(arg) != "whole"]
        if not mixed or self._is_cleaned(value):
            return "whole"
        place = self._place(value)
        if place is not None:
            self.frame.needs[Need(value.name or self.body.part, place=place)] = None
            return "whole"
        if self._runs_packed(value):
            return "packed"
        if not self._keeps_tokens(value, mixed):
            self.refuse(value.name or value.op, self._span, f"`{value.op}` reads padding along with its tokens")
        return "real"

    def _is_cleaned(self, value: Apply) -> bool:
        """Whether the mask puts something whole in the place of padding."""
        if value.op != "where" or self.kind(value.args[2]) != "whole":
            return False
        axis = self.mask_axis(value.args[0])
        kind, condition = value.type, resolve(value.args[0], self.combination).type
        if axis is None or not isinstance(kind, Type) or not isinstance(condition, Type):
            return False
        return self.token_axes(kind) == [axis + len(kind.dims) - len(condition.dims)]

    def _place(self, value: Apply) -> int | None:
        """The number of the token that a slice takes."""
        axes = self.token_axes(value.args[0].type)
        if value.op != "slice" or len(axes) != 1 or not self._axes(value.type, [self.frame.batch]):
            return None
        item = slice_items(value)[axes[0]]
        return item if isinstance(item, int) and not isinstance(item, bool) else None

    def _runs_packed(self, value: Apply) -> bool:
        if not self.is_packable(value.type):
            return False
        if value.op in ELEMENTWISE:
            return all(self.fit(arg, value) is not None for arg in value.args)
        if not all(map(self.is_packable, types_in(value.args[0].type))):
            return False
        if value.op == "stack":
            return True
        if value.op == "slice":
            items = slice_items(value)
            return items[:2] == [slice(None)] * 2 and None not in value.attrs[:2]
        return value.op in _ALONG_AXES and bool(value.attrs) and not {0, 1} & set(axes_along(value))

    def fit(self, arg: Value, value: Apply) -> int | None:
        """How many axes an argument lacks in front to be packed like `value`; 0 as well for what has no tokens."""
        kind, whole = resolve(arg, self.combination).type, value.type
        if isinstance(arg, Constant):
            return 0
        if not isinstance(kind, Type) or not isinstance(whole, Type):
            return None
        lacks = len(whole.dims) - len(kind.dims)
        if self.is_packable(kind) and lacks == 0:
            return 0
        if self.is_apart(kind):
            return 0 if lacks >= 2 or all(dim.known == 1 for dim in kind.dims[: 2 - lacks]) else None
        return lacks if self.kind(arg) == "whole" and lacks <= 1 else None

    def _keeps_tokens(self, value: Apply, mixed: list[Value]) -> bool:
        """Whether every number is made from those at its own tokens, as far as axes tell."""
        known = _ALONG_AXES | ELEMENTWISE | {"slice", "transpose", "@", "stack"}
        kinds = [kind for arg in mixed for kind in types_in(resolve(arg, self.combination).type)]
        is_sum = value.op in _ALONG_AXES and not value.attrs
        if value.op not in known or is_sum or not self._axes(value.type, [self.frame.batch]):
            return False
        axes = set(axes_along(value)) if value.op in _ALONG_AXES else set()
        if value.op == "@":
            axes = {len(getattr(value.args[0].type, "dims", ())) - 1}
        found = len(self.token_axes(value.type))
        return not axes & set(self.token_axes(value.args[0].type)) and all(
            isinstance(kind, Type) and len(self.token_axes(kind)) <= found for kind in kinds
        )

    # The mask

    def trace(self, value: Value) -> tuple[Packing, Value]:
        """Where a value comes from, looked for in those who call this body."""
        value = resolve(value, self.combination)
        if isinstance(value, InputValue) and self.caller is not None:
            flow, node = self.caller
            given = node.inputs.get(value.name)
            is_carried = node.is_repeat and any(value.name in body.outputs for body in node.bodies)
            if isinstance(given, Value) and not is_carried and value.name not in node.each:
                return flow.trace(given)
        return self, value

    def mask_axis(self, value: Value) -> int | None:
        """The axis along which a value is the mask; None where it is not."""
        flow, value = self.trace(value)
        if isinstance(value, InputValue):
            return 1 if flow.caller is None and value.name == self.frame.mask else None
        if isinstance(value, Apply) and value.op in ("slice", "bool") and flow.mask_axis(value.args[0]) is not None:
            axes = flow.token_axes(value.type)
            return axes[0] if len(axes) == 1 and flow._axes(value.type, [self.frame.batch]) == [0] else None
        return None

    def _mask_axes(self, value: Value) -> list[int | None]:
        """For each mask that has to allow: along which axis, counted from the end, it is this one; None: another."""
        flow, value = self.trace(value)
        if isinstance(value, Apply) and value.op == "and":
            return [axis for arg in value.args for axis in flow._mask_axes(arg)]
        axis = flow.mask_axis(value)
        return [axis - len(value.type.dims) if axis is not None and isinstance(value.type, Type) else None]

    # Nodes

    def given(self, node: Node) -> Iterator[tuple[str, Value]]:
        """The values that a node reads the numbers of, by port."""
        for port, value in node.values():
            is_read = node.contract is None or port not in node.contract.extents
            if is_read and present(value, self.combination):
                yield port, value

    def node(self, node: Node) -> dict[str, Kind]:
        """What a block gives, by port."""
        if node not in self._nodes:
            before, self._at = self._at, node.span
            self._nodes[node] = self._node(node)
            self._at = before
        return self._nodes[node]

    def _node(self, node: Node) -> dict[str, Kind]:
        contract = node.contract
        assert contract is not None
        self.modes[node] = "plain"
        if node in self.held or is_bare(node):
            return dict.fromkeys(node.outputs, "whole")
        mixed = [(port, value) for port, value in self.given(node) if self.kind(value) != "whole"]
        makes_floats = all(getattr(kind, "kind", "") == "float" for kind in node.outputs.values())
        if (mixed or makes_floats) and self._is_tokenwise(node):
            self.modes[node] = "token"
            return dict.fromkeys(node.outputs, "packed")
        if not mixed:
            return dict.fromkeys(node.outputs, "whole")
        self.modes[node] = "padded"
        if isinstance(contract, ATTENTION):
            return self._attention(node, mixed)
        found = min(len(self.token_axes(kind)) for kind in node.outputs.values())
        for port, value in mixed:
            if port in contract.ignoring:
                self._ignore(node, contract.ignoring[port])
            elif not (self.reads_alone(node, port, value) and len(self.token_axes(value.type)) <= found):
                self.refuse(node.name, node.span, f"its input `{port}` is read at all tokens, and at padding")
        return dict.fromkeys(node.outputs, "real" if found else "whole")

    def reads_alone(self, node: Node, port: str, value: Value) -> bool:
        """Whether a port reads a value's tokens one by one."""
        assert node.contract is not None
        told = node.contract.reads.get(port)
        kind = resolve(value, self.combination).type
        if told is not None or not isinstance(kind, Type):
            return told in ("token", "query", "side") and isinstance(kind, Type)
        opened = node.contract.ports()[port].open_axes(kind)
        return all(opened.start == 0 and axis in opened for axis in self.token_axes(kind))

    def _is_tokenwise(self, node: Node) -> bool:
        """Whether a node makes each token's numbers from that token's."""
        assert node.contract is not None
        given = list(self.given(node))
        return (
            all(self.is_packable(kind) for kind in node.outputs.values())
            and any(self.is_packable(resolve(value, self.combination).type) for _, value in given)
            and all(
                self._reads_rows(node, port, value)
                and (self.is_packable(kind := resolve(value, self.combination).type) or self.is_apart(kind))
                for port, value in given
            )
        )  # fmt: skip

    def _reads_rows(self, node: Node, port: str, value: Value) -> bool:
        """Whether a port of what gives ``[batch, tokens, ...]`` reads a value's tokens one by one."""
        assert node.contract is not None
        how, kind = node.contract.reads.get(port, "token"), resolve(value, self.combination).type
        if how == "axis":
            return isinstance(kind, Type) and vars(node.contract)["axis"] % len(kind.dims) > 1
        if how == "rows":  # told no extent, neither by a port nor by an option, that only the padded sample has
            told = [*vars(node.contract).values(), *(node.contract.model_extra or {}).values()]
            return not node.contract.extents and all(one.known is not None for one in told if isinstance(one, Dim))
        return how == "token" and self.reads_alone(node, port, value)

    def _attention(self, node: Node, mixed: list[tuple[str, Value]]) -> dict[str, Kind]:
        ports: dict[str, list[Value]] = {}
        for port, value in self.given(node):
            ports.setdefault(port, []).append(resolve(value, self.combination))
        allowed = [axis for value in ports.get("allow", ()) for axis in self._mask_axes(value)]
        is_hidden = -1 in allowed or any(self.mask_axis(value) is not None for value in ports.get("valid", ()))
        for port, _ in mixed:
            if port in ("valid", "same", "allow", "everywhere", "marked") or (port != "q" and not is_hidden):
                self.refuse(
                    node.name, node.span, f"`{self.frame.mask}` does not hide the padding of its input `{port}`"
                )
        is_packable = self.is_packable(node.outputs["x"])
        one_axis = type(node.contract) is Attention and all(  # a window's places are those of the padded sample
            self.is_packable(value.type) for port in "qkv" for value in ports[port]
        )
        terms = [value for value in ports.get("terms", ()) if self.kind(value) != "whole" or not self._is_cut(value)]
        if is_hidden and is_packable and one_axis and not terms and "same" not in ports and None not in allowed:
            self.modes[node] = "core"
        kinds: dict[str, Kind] = {"x": "packed" if is_packable else "whole"}
        return {**kinds, "probs": "real" if is_packable else "whole"}

    def _is_cut(self, term: Value) -> bool:
        """Whether a score term can be cut to the tokens of a sample."""
        for kind in types_in(term.type):
            rank = len(kind.dims) if isinstance(kind, Type) else 0
            if not rank or not set(self.token_axes(kind)) <= {rank - 1, rank - 2}:
                return False
            if self._axes(kind, [self.frame.batch]) not in ([], [0]):
                return False
        return True

    def _ignore(self, node: Node, port: str) -> None:
        labels = node.inputs[port]
        flow, source = self.trace(labels) if isinstance(labels, Value) else (self, None)
        if not isinstance(source, InputValue) or flow.caller is not None:
            self.refuse(
                node.name, node.span, f"its `{port}` at padding are known to be ignored only where a call gives them"
            )
        shift, ignored = (getattr(node.contract, name, 0) for name in ("shift", "ignored"))
        self.frame.needs[Need(node.name, labels=source.name, ignored=ignored, shift=bool(shift))] = None

    # Parts

    def given_to(self, node: Node) -> dict[str, Kind]:
        """As what a part's inputs come from its call."""
        given: dict[str, set[Kind]] = {}
        for port, value in self.given(node):
            given.setdefault(port, set()).add(self.kind(value))
        return {
            port: "real" if len(found) > 1 and isinstance(node.inputs[port], list) else self.most(found)
            for port, found in given.items()
        }

    def within(self, node: Node, body: Body, kinds: Mapping[str, Kind]) -> Packing:
        """The flow inside a part, or a round of a repeat, that is called with inputs of `kinds`."""
        return Packing(body, self.combination, self.frame, kinds, (self, node))

    def is_plain(self, body_outputs: Iterable[Value]) -> bool:
        """Whether a body that gives these outputs has nothing to do with packed values."""
        kinds = [self.kind(value) for value in body_outputs if present(value, self.combination)]
        inner = [not flow.is_plain(()) for flow in self._inner.values()]  # of what was asked of them
        touched = any(mode != "plain" for mode in self.modes.values()) or any(inner)
        return not touched and {*kinds, *self.kinds.values()} <= {"whole"}

    @property
    def _span(self) -> Span:
        """Where an edge stands, or is read: at a node, or as an output of the body."""
        return self.body.span if self._at is None else self._at

    def refuse(self, name: str, span: Span, reason: str) -> NoReturn:
        """Say what cannot run.

        Raises:
            SpecError: always.
        """
        raise SpecError([unpackable(name, span, reason)])


def unpackable(
    name: str, span: Span, reason: str, start: str = "expected what padding does not reach, found that "
) -> Diagnostic:
    """The diagnostic of what cannot run on real tokens alone."""
    return Diagnostic("unpackable", f"`{name}` cannot run on the real tokens alone", Label(span, f"{start}{reason}"))
