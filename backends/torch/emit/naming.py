"""Names in emitted source: where a parameter or dimension is read from, in a constructor and in a forward."""

from __future__ import annotations

import builtins
import keyword
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ....blocks.base import all_blocks
from ....blocks.notation.dims import Dim, Symbol
from ....blocks.notation.expressions import Expr, Literal, Param, walk
from ....blocks.notation.settled import settled
from ....blocks.notation.unparse import literal, to_python
from ....blocks.notation.values import simplest
from ....compiler.graph import Body, Node, Option

MODULES = "archwright.backends.torch.modules"
_MODULE_NAMES = frozenset([
    "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile", "cpu",
    "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state",
    "get_parameter", "get_submodule", "half", "ipu", "load_state_dict", "modules", "mtia", "named_buffers",
    "named_children", "named_modules", "named_parameters", "parameters", "register_backward_hook",
    "register_buffer", "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook",
    "register_module", "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train",
    "training", "type", "xpu", "zero_grad",
])  # fmt: skip
_RESERVED = frozenset(dir(builtins)) | {
    "self", "torch", "nn", "F", "math", "layer", "Tensor", "nested_compile_region", "padding", "held", "place",
    "inside",
}  # fmt: skip


def attribute(name: str) -> str:
    """The attribute that holds a node's module; names that `nn.Module` may need itself get an underscore."""
    bare = name.rstrip("_")
    is_method = bare in _MODULE_NAMES or (name != bare and f"{bare}_" in _MODULE_NAMES)
    is_taken = is_method or bare.startswith("_") or keyword.iskeyword(bare)
    return f"{name}_" if is_taken else name


def variable(name: str) -> str:
    """The variable that holds a value; two names never have the same."""
    bare = name.rstrip("_")
    return f"{name}_" if bare in _RESERVED or bare in _classes() or keyword.iskeyword(bare) else name


def class_name(name: str) -> str:
    """``post_norm_layer`` to ``PostNormLayer``; one that a module or Python has ends in ``Part``."""
    made = "".join(word[:1].upper() + word[1:] for word in name.split("_") if word)
    return f"{made}Part" if made in _classes() or made == "F" or keyword.iskeyword(made) else made


@cache
def _classes() -> frozenset[str]:
    """What the classes of modules are called."""
    own = ("Tensor", "PrepackedLinear", "Joined", "FoldedNorm", "SettledConv", "Held")
    return frozenset([*own, *(contract.__name__ for contract in all_blocks().values())])


def functions_of(body: Body) -> frozenset[str]:
    """The functions that forwards of a body call."""
    contracts = [node.contract for node in body.nodes.values() if node.contract is not None]
    plain = [contract for contract in contracts if not contract.weights]
    lazy = [f"{one.name()}_with_{port[:-1]}" for one in plain for port in one.outputs if port.endswith("?")]
    return frozenset([*(one.name() for one in plain), *lazy])


def said(node: Node) -> dict[str, Option]:
    """The options of a block's node, but those that are null and would be if they were not there."""
    assert node.contract is not None
    fields = type(node.contract).model_fields
    return {key: one for key, one in node.options.items() if one.value is not None or fields[key].default is not None}


@dataclass(slots=True)
class Names:
    """The namespace of one body in the emitted source.

    Attributes:
        constants: the body is the root, whose parameters are constants of the file.
        used: parameters and dimensions that the constructor must be told.
        runtime: symbols that the forward has to find in shapes, or be told.
        functions: what no variable may hide.
        claimed: the variables of a forward, by what they hold.
    """

    body: Body
    constants: bool
    used: dict[str, None] = field(default_factory=dict)
    runtime: dict[Symbol, str] = field(default_factory=dict)
    in_forward: bool = False
    indices: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    claimed: dict[Any, str] = field(default_factory=dict)

    @classmethod
    def of_forward(cls, body: Body, *, constants: bool) -> Names:
        """Those of a forward, whose inputs are called alike in all forwards of the body."""
        made = cls(body, constants, in_forward=True, functions=functions_of(body))
        for name in body.inputs:
            made.claim(name, name)
        return made

    def claim(self, key: Any, name: str) -> str:
        """The variable of what `key` stands for, called `name` where nothing else is."""
        if key not in self.claimed:
            text, taken = variable(name), self.claimed.values()
            while text in self.functions or text in taken:
                text += "_"
            self.claimed[key] = text
        return self.claimed[key]

    def extent(self, symbol: Symbol) -> str:
        """The variable of an extent, which the forward has to find."""
        self.runtime[symbol] = self.claim(symbol, symbol.name)
        return self.runtime[symbol]

    def symbol(self, symbol: Symbol) -> str:
        """The text that stands for a symbol of a dimension."""
        own = self.body.symbols.get(symbol.name)
        if own is not None and own.definition == symbol.definition:
            return self.name(symbol.name)
        if symbol.definition is not None and symbol.definition.known is not None:
            return str(symbol.definition.known)
        return self.extent(symbol)

    def name(self, text: str) -> str:
        """The text that stands for ``$name``."""
        if text in self.indices:
            return variable(text)
        if "." in text:
            mount, name = text.split(".", 1)
            return self.literal(simplest(self.body.mounts[mount][name]))
        symbol = self.body.symbols.get(text)
        option = self.body.params.get(text)
        if symbol is not None and self.is_extent(symbol):
            return self.extent(symbol)
        if self.constants:
            if option is None:
                assert symbol is not None, text
                return str(Dim.of(symbol).known)
            self.used[text] = None
            return constant(text)
        self.used[text] = None
        return f"self.{attribute(text)}" if self.in_forward else variable(text)

    def dim(self, dim: Dim) -> str:
        """A dimension as Python source; in a constructor one that is written in extents is its number, None without."""
        if not self.in_forward and any(map(self.is_extent, dim.symbols())):
            return str(dim.known)
        return dim.to_python(self.symbol)

    def is_extent(self, symbol: Symbol) -> bool:
        """Whether a symbol is known when the model runs, for which a constructor is too early."""
        return Dim.of(symbol).known is None

    def option(self, option: Option) -> str:
        """An option's expression as Python source; in a constructor its value, where the expression reads an extent."""
        if isinstance(option.tree, Literal):
            return self.literal(option.tree.value)
        if option.tree is None:
            return self.literal(option.value)
        tree = settled(option.tree, self.known, self.has_value)
        symbols = [self.body.symbols.get(one.text) for one in walk(tree) if isinstance(one, Param)]
        if not self.in_forward and any(symbol is not None and self.is_extent(symbol) for symbol in symbols):
            return self.literal(option.value)
        return to_python(tree, self.name)

    def expression(self, tree: Expr) -> str:
        """An expression over parameters as Python source."""
        return to_python(settled(tree, self.known, self.has_value), self.name)

    def known(self, text: str) -> Expr | None:
        """What is written for ``$name`` in place of it: an expression that has this name, and null."""
        if text in self.indices:
            return None
        if text in self.body.lets:
            return self.body.lets[text]
        option = self.body.params.get(text)
        return Literal(0, 0, None) if option is not None and option.value is None else None

    def has_value(self, text: str) -> bool:
        """Whether ``$name`` is a parameter, and not null."""
        return text not in self.indices and text in self.body.params and self.body.params[text].value is not None

    def literal(self, value: Any) -> str:
        """A literal, dimensions inside it as expressions."""
        if isinstance(value, Dim):
            return self.dim(value)
        if isinstance(value, list):
            return f"[{', '.join(self.literal(item) for item in value)}]"
        return literal(value)


def constant(name: str) -> str:
    """The name of a file-level constant."""
    return f"{name.upper()}_" if name.upper() == "F" else name.upper()
