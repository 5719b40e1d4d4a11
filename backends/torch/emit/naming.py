"""Names in emitted source: where a parameter or dimension is read from, in a constructor and in a forward."""

from __future__ import annotations

import builtins
import keyword
from dataclasses import dataclass, field
from typing import Any

from ....blocks.notation.dims import Dim, Symbol
from ....blocks.notation.unparse import literal, to_python
from ....blocks.notation.values import simplest
from ....compiler.graph import Body, Option

MODULES = "archwright.backends.torch.modules"
_MODULE_NAMES = frozenset(
    [
        "add_module",
        "apply",
        "bfloat16",
        "buffers",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "eval",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "half",
        "ipu",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "register_buffer",
        "register_module",
        "register_parameter",
        "requires_grad_",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
    ]
)
_RESERVED = frozenset(dir(builtins)) | {
    "self", "torch", "nn", "F", "math", "layer", "Tensor", "nested_compile_region", "padding",
}  # fmt: skip


def attribute(name: str) -> str:
    """The attribute that holds a node's module; names that `nn.Module` needs itself get an underscore."""
    return f"{name}_" if name in _MODULE_NAMES or keyword.iskeyword(name) else name


def variable(name: str) -> str:
    """The variable that holds a value."""
    return f"{name}_" if name in _RESERVED or keyword.iskeyword(name) else name


def class_name(name: str) -> str:
    """``post_norm_layer`` to ``PostNormLayer``."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_") if word)


@dataclass(slots=True)
class Names:
    """The namespace of one body in the emitted source.

    Attributes:
        constants: the body is the root, whose parameters are constants of the file.
        used: parameters and dimensions that the constructor must be told.
        runtime: symbols that the forward has to find in shapes, or be told.
    """

    body: Body
    constants: bool
    used: dict[str, None] = field(default_factory=dict)
    runtime: dict[Symbol, str] = field(default_factory=dict)
    in_forward: bool = False
    indices: frozenset[str] = frozenset()

    def symbol(self, symbol: Symbol) -> str:
        """The text that stands for a symbol of a dimension."""
        own = self.body.symbols.get(symbol.name)
        if own is symbol or (own is not None and own.name == symbol.name and own.definition == symbol.definition):
            return self.name(symbol.name)
        if symbol.definition is not None and symbol.definition.known is not None:
            return str(symbol.definition.known)
        self.runtime[symbol] = variable(symbol.name)
        return variable(symbol.name)

    def name(self, text: str) -> str:
        """The text that stands for ``$name``."""
        if text in self.indices:
            return variable(text)
        if text in self.body.lets:
            return f"({to_python(self.body.lets[text], self.name)})"
        if "." in text:
            return self.literal(simplest(self.dotted(text)))
        symbol = self.body.symbols.get(text)
        option = self.body.params.get(text)
        if symbol is not None and _unknown(symbol):
            self.runtime[symbol] = variable(text)
            return variable(text)
        if self.constants:
            if option is None:
                assert symbol is not None, text
                return str(Dim.of(symbol).known)
            self.used[text] = None
            return constant(text)
        self.used[text] = None
        return f"self.{attribute(text)}" if self.in_forward else variable(text)

    def dotted(self, text: str) -> Any:
        """The value of a mounted spec's parameter."""
        head, tail = text.split(".", 1)
        return self.body.mounts[head][tail]

    def dim(self, dim: Dim) -> str:
        """A dimension as Python source."""
        return dim.to_python(self.symbol)

    def option(self, option: Option) -> str:
        """An option's expression as Python source."""
        if option.tree is not None:
            return to_python(option.tree, self.name)
        return self.literal(option.value)

    def literal(self, value: Any) -> str:
        """A literal, dimensions inside it as expressions."""
        if isinstance(value, Dim):
            return self.dim(value)
        if isinstance(value, list):
            return f"[{', '.join(self.literal(item) for item in value)}]"
        return literal(value)


def _unknown(symbol: Symbol) -> bool:
    return symbol.definition is None or symbol.definition.known is None


def constant(name: str) -> str:
    """The name of a file-level constant."""
    return name.upper()
