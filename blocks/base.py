"""The contract of a block: its name, what it takes and gives, which weights it owns, what it costs. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from .notation.dims import Dim
from .notation.expressions import Star
from .notation.types import AnyType, Bindings, ListType, MatchError, Notation, Type, build, match, numel, parse_type


def to_whole(value: Any) -> Any:
    """`value`, which is a whole number or a dimension.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, Dim) or _is_int(value):
        return value
    raise ValueError("expected a whole number")


def to_size(value: Any) -> Any:
    """`value`, which is a whole number of 0 or more, or a dimension.

    Raises:
        ValueError: it is neither.
    """
    known = value.known if isinstance(value, Dim) else to_whole(value)
    if known is not None and not 0 <= known < 2**63:
        raise ValueError(f"expected a whole number {'of 0 or more' if known < 0 else 'below 2**63'}")
    return value


def to_count(value: Any) -> Any:
    """`value`, which is a whole number of 1 or more, or a dimension.

    Raises:
        ValueError: it is neither.
    """
    if Dim.of(to_size(value)).known == 0:
        raise ValueError("expected a whole number of 1 or more")
    return value


Whole = Annotated[Any, BeforeValidator(to_whole), WithJsonSchema({"type": "integer"})]
"""A whole number that may be symbolic and of either sign: an offset."""

Size = Annotated[Any, BeforeValidator(to_size), WithJsonSchema({"type": "integer", "minimum": 0})]
"""A whole number of 0 or more that may be symbolic: a dimension, or an option made from dimensions."""

Count = Annotated[Any, BeforeValidator(to_count), WithJsonSchema({"type": "integer", "minimum": 1})]
"""A whole number of 1 or more that may be symbolic: a kernel, a stride."""

Rate = Annotated[float, Field(ge=0, le=1)]
"""How often something is left out."""

Activation = Literal[
    "gelu", "gelu_python", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_10", "gelu_accurate", "gelu_python_tanh",
    "quick_gelu", "relu", "relu6", "relu2", "silu", "swish", "tanh", "sigmoid", "leaky_relu", "linear", "mish",
    "laplace", "elu", "hardswish",
]  # fmt: skip
"""The activations of Hugging Face configs, by their names there, and two of torch's that its models write out."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight of a block.

    Attributes:
        shape: its dimensions in the notation of types, ``"d_out, d_in"``; empty for a scalar.
        when: the name of the boolean field that it depends on; of several, with ``and`` between.
        init: how it starts: ``normal`` (by the spec's laws), ``zeros``, ``ones``, ``given`` (by the module itself),
            or ``norm`` (that of the block's weight ``v``, over the axes where it has an extent of 1).
        buffer: a saved tensor that is not trained.
        kind: float or int.
    """

    shape: str
    when: str | None = None
    init: Literal["normal", "zeros", "ones", "given", "norm"] = "normal"
    buffer: bool = False
    kind: str = "float"


class Block(BaseModel):
    """Base of all contracts: fields are the options, the class attributes say the rest.

    Attributes:
        inputs: port to type; a ``?`` after the port's name makes it optional, ``*`` takes a list of values.
        outputs: port to type, dimensions by the names that the inputs bound, fields included. A ``?`` after the port's
            name: it is computed only where it is read (by the function ``<block>_with_<port>``).
        weights: the weights it owns, by leaf name. A block without any is a function.
        reads: how a port reads the sequence axis: `token` (one by one, the default), `query`, `key` (all so far),
            `scan` (a prefix function of integers), `length` (its extent alone), `rows` (moved as whole rows), `all`,
            `score` (queries, but keys on a last axis that is alone theirs), `axis` (all along the option `axis`, one by
            one along others), or `side` (as the option of that name says). Where nothing is said, one by one along axes
            that the type leaves open (`*`), all along others.
        extents: ports of which only the shape, the kind of number and the device count.
        neutral: ports at which a mask that is true throughout is as good as none.
        ignoring: for a port whose rows do not count where labels are `ignored`, the port of those labels.
        counts: it numbers tokens or hides later ones, so that in decoding its function is told their `place`.
        divides: for an option that cuts extents into equal parts, the names of those extents (heads, groups).
        category: the family that diagrams colour it by.
        free: a call costs no arithmetic.
        random: it draws random numbers in training.
        updates: it changes its own buffers in training.
        rates: options that its function takes as tensors too, in training; rounds that differ in these alone can share
            what is compiled.
        views: ports whose memory what comes out may lie in, as it is the same or a part of it.
        torch_module: the module that holds its class or function, for a block that a package brings.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    inputs: ClassVar[Mapping[str, str]] = {"x": "float[*, d]"}
    outputs: ClassVar[Mapping[str, str]] = {"x": "float[*, d]"}
    weights: ClassVar[Mapping[str, Weight]] = {}
    reads: ClassVar[Mapping[str, str]] = {}
    extents: ClassVar[frozenset[str]] = frozenset()
    neutral: ClassVar[frozenset[str]] = frozenset()
    ignoring: ClassVar[Mapping[str, str]] = {}
    counts: ClassVar[bool] = False
    divides: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    category: ClassVar[str] = "operation"
    free: ClassVar[bool] = False
    random: ClassVar[bool] = False
    updates: ClassVar[bool] = False
    rates: ClassVar[frozenset[str]] = frozenset()
    views: ClassVar[frozenset[str]] = frozenset()
    torch_module: ClassVar[str] = ""

    @classmethod
    def name(cls) -> str:
        """The block's name in YAML: its class in snake case (``LayerNorm`` is ``layer_norm``)."""
        return snake_case(cls.__name__)

    @classmethod
    @cache
    def ports(cls) -> Mapping[str, Port]:
        """The input ports by name, in order."""
        ports = {}
        for text, notation in cls.inputs.items():
            name = text.rstrip("?*")
            ports[name] = Port(name, parse_type(notation), optional=text != name, many=text.endswith("*"))
        return ports

    @classmethod
    @cache
    def dims_of_weights(cls) -> tuple[str, ...]:
        """Names in the weights' shapes that inputs bind: what a module is told beside its options (``d_in``)."""
        bound = set(_words(cls.inputs.values())) - set(cls.model_fields)
        return tuple(dict.fromkeys(name for name in _words(one.shape for one in cls.weights.values()) if name in bound))

    def bindings(self) -> Bindings:
        """Fresh bindings with the fields as given names."""
        return Bindings({key: Dim.of(v) if _is_int(v) else v for key, v in self.__dict__.items()})

    def bind(self, values: Mapping[str, AnyType | list[AnyType]]) -> Bindings:
        """Match the values' types against the ports.

        Raises:
            PortError: a value does not fit its port.
        """
        bindings = self.bindings()
        for name, port in self.ports().items():
            given = values.get(name)
            for one in given if isinstance(given, list) else [given]:
                if one is not None:
                    _match_port(port, one, bindings)
        return bindings

    def infer(self, values: Mapping[str, AnyType | list[AnyType]], bindings: Bindings) -> dict[str, AnyType]:
        """The outputs' types; overridden where the notation cannot say it.

        Raises:
            PortError: the values do not fit together.
        """
        first = next((v for v in values.values() if isinstance(v, Type)), None)
        return {
            name.rstrip("?"): build(notation, bindings, kind=_kind(notation, first))
            for name, notation in ((name, parse_type(text)) for name, text in self.outputs.items())
        }

    def weight_shapes(self, bindings: Bindings) -> dict[str, tuple[Dim, ...]]:
        """The shapes of the weights that these options have, by leaf name."""
        return {
            leaf: build(parse_type(f"float[{weight.shape}]"), bindings).dims
            for leaf, weight in self.weights.items()
            if weight.when is None or all(getattr(self, name) for name in weight.when.split(" and "))
        }

    def flops(self, values: Mapping[str, AnyType | list[AnyType]], results: Mapping[str, AnyType]) -> Dim:
        """Floating-point operations of one call; by default one per number of the first output."""
        kind = next(iter(results.values()))
        makes_floats = isinstance(kind, ListType) or kind.kind == "float"
        return numel(kind) if makes_floats and not self.free else Dim.of(0)


@dataclass(frozen=True, slots=True)
class Port:
    """An input of a block: its type, and whether it may be left out or takes a list."""

    name: str
    notation: Notation
    optional: bool
    many: bool

    def open_axes(self, kind: AnyType | None) -> range:
        """The axes of a value for which a `*` of the port's type stands."""
        dims = self.notation.dims
        star = next((at for at, dim in enumerate(dims) if isinstance(dim, Star)), None)
        if star is None or not isinstance(kind, Type):
            return range(0)
        return range(star, star + len(kind.dims) - len(dims) + 1)


class PortError(ValueError):
    """A value that does not fit the port `port`: what was expected and found, in words."""

    def __init__(self, port: str, expected: str, found: str) -> None:
        super().__init__(f"`{port}` expected {expected}, found {found}")
        self.port = port
        self.expected = expected
        self.found = found


def axis_in(kind: Type, axis: int, port: str) -> int:
    """The place of `axis` among those of what the port is given.

    Raises:
        PortError: there is no such axis.
    """
    if not -len(kind.dims) <= axis < len(kind.dims):
        raise PortError(port, f"a value with an axis {axis}", kind.shape)
    return axis % len(kind.dims)


def _match_port(port: Port, kind: AnyType, bindings: Bindings) -> None:
    if isinstance(kind, ListType):
        raise PortError(port.name, f"`{port.notation.text}`", f"a {kind}")
    try:
        match(port.notation, kind, bindings)
    except MatchError as error:
        raise PortError(port.name, error.expected, error.found) from None


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)]


def _kind(notation: Notation, first: Type | None) -> str | None:
    return first.kind if notation.kinds[0] == "any" and first is not None else None


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def snake_case(name: str) -> str:
    """``Conv1d`` to ``conv1d``, ``LayerNorm`` to ``layer_norm``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


_REGISTRY: dict[str, type[Block]] = {}
_B = TypeVar("_B", bound=type[Block])


def block(contract: _B) -> _B:
    """Register a contract under its name.

    Raises:
        ValueError: two contracts have one name; both modules are named.
    """
    name = contract.name()
    other = _REGISTRY.get(name)
    if other is not None and other.__module__ != contract.__module__:
        raise ValueError(f"the block `{name}` is registered twice: in {other.__module__} and {contract.__module__}")
    _REGISTRY[name] = contract
    return contract


class BlocksError(ImportError):
    """An installed package whose blocks cannot be used: which one, and why."""


@cache
def all_blocks() -> Mapping[str, type[Block]]:
    """Every contract by name: those of this folder, and those that installed packages bring.

    A package brings blocks through the entry point group ``archwright.blocks``, whose value is a module that registers
    them when imported (`docs/own_blocks.md`).

    Raises:
        BlocksError: that module cannot be imported, or a contract in it is none.
    """
    for file in sorted(Path(__file__).parent.glob("*.py")):
        if file.stem not in ("__init__", "base"):
            import_module(f".{file.stem}", package=__package__)
    for entry in entry_points(group="archwright.blocks"):
        known = len(_REGISTRY)
        try:
            entry.load()
            for contract in list(_REGISTRY.values())[known:]:
                _require_whole(contract)
        except Exception as error:  # another package's code, which may fail in any way
            package = entry.dist.name if entry.dist is not None else entry.value
            told = f"{type(error).__name__}: {error}"
            raise BlocksError(f"the blocks of the package {package} ({entry.value}) cannot be read: {told}") from error
    return _REGISTRY


def _require_whole(contract: type[Block]) -> None:
    """Refuse a contract whose types are none, or that does not say where its code is.

    Raises:
        ValueError: what is wrong.
    """
    contract.ports()
    for notation in contract.outputs.values():
        parse_type(notation)
    for weight in contract.weights.values():
        parse_type(f"{weight.kind}[{weight.shape}]")
    if not contract.torch_module:
        raise ValueError(f"`{contract.__name__}` expected a `torch_module`, the name of the module with its code")
