"""Classes of emitted source: one for each distinct part, with its constructor and its forwards."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ....blocks.notation.dims import Dim, Symbol
from ....blocks.notation.unparse import literal
from ....compiler.decoding import Flow, Kind
from ....compiler.graph import Body, Node
from ....compiler.passes.held import is_bare
from .aliases import gives_counted, gives_twice
from .forward import Forward
from .naming import Names, attribute, class_name, said, variable
from .stepping import Stepping

if TYPE_CHECKING:
    from .source import Source

WIDTH = 112  # what a method's body has left of 120 columns


@dataclass(slots=True, eq=False)
class Method:
    """A forward as its callers see it; `arguments` are the names of its inputs' variables.

    Attributes:
        extras: the dimensions that it is told, by body and combination: those of bodies that it is alike for differ.
        takes: what its signature has behind ``self``.
        called: the methods of parts that it calls.
        is_entangled: it is no region by what it is given or gives (`aliases.py`).
    """

    method: str
    arguments: dict[str, str]
    extras: dict[tuple[Body, int], dict[str, Symbol]]
    context: list[str]
    takes: list[str]
    lines: list[str] = field(default_factory=list[str])
    called: set[Method] = field(default_factory=set["Method"])
    is_entangled: bool = False

    def entangle(self) -> None:
        """Be given what may lie in one memory, and perhaps hand it on."""
        self.is_entangled = True
        for one in self.called:
            one.entangle()

    def share(self, lines: list[str]) -> None:
        """Be what these lines say too, which differ in comments alone: those that differ are left out."""
        pairs = zip(self.lines, lines, strict=True)
        self.lines = [one if one == other else without_comment(one) for one, other in pairs]

    @property
    def text(self) -> str:
        """The method's source."""
        signature = wrapped(f"def {self.method}(self{''.join(f', {one}' for one in self.takes)}):")
        return signature + "\n" + textwrap.indent("\n".join(map(wrapped, self.lines)), "    ")


@dataclass(slots=True, eq=False)
class ClassText:
    """A class: the constructor's lines, and a method for each distinct way it is called.

    Attributes:
        built: parameters that the constructor reads; `run` those that forwards read, `rated` as rates of blocks.
        late: arguments of the constructor that only later uses read; the earlier ones leave them out.
        written: the method for a body and a way to call it, so that rounds which are one body are written once.
        held: the name under which each value is held, by the text that makes it (`Lean`).
    """

    source: Source
    name: str
    body: Body
    is_root: bool
    init: list[str]
    built: set[str] = field(default_factory=set[str])
    run: set[str] = field(default_factory=set[str])
    rated: set[str] = field(default_factory=set[str])
    late: set[str] = field(default_factory=set[str])
    methods: dict[str, Method] = field(default_factory=dict)
    written: dict[tuple[object, ...], Method] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    def method(self, body: Body, combination: int, wanted: list[str]) -> Method:
        """The forward of `body`, which is of this class, that gives the `wanted` outputs."""
        key = (id(body), combination, *wanted, self.source.is_foreseeing)
        if key not in self.written:
            outputs = {port: value for port, value in body.outputs.items() if port in wanted}
            self.written[key] = self.keep(self.source.forward(self, body, combination, outputs))
        return self.written[key]

    def step(self, body: Body, combination: int, wanted: dict[str, Kind], flow: Flow, *, is_first: bool) -> Method:
        """The step of `body` that gives the `wanted` outputs, as they are asked for, for new tokens."""
        key = ("step", id(body), combination, *wanted.items(), is_first, *flow.kinds.items())
        if key not in self.written:
            outputs = {port: value for port, value in body.outputs.items() if port in wanted}
            step = Stepping(self, body, combination, outputs, flow, wanted, is_first=is_first)
            self.written[key] = self.keep(step, step.stem)
        return self.written[key]

    def keep(
        self, forward: Forward, stem: str = "forward", *, before: Sequence[str] = (), returned: str | None = None
    ) -> Method:
        """Remember a forward under its code: equal ones are one method.

        Args:
            forward: the forward.
            stem: what its name begins with.
            before: statements in front of its own.
            returned: what it returns; None is all of its results.
        """
        if not self.is_root:
            self.read(forward)
        takes = [*forward.arguments.values(), *forward.extras, *forward.context]
        extras = {(forward.body, forward.combination): forward.extras}
        made = Method(stem, forward.arguments, extras, forward.context, takes)
        if self.source.is_foreseeing:
            return made
        if returned is None:
            returned = ", ".join(forward.results.values())
            returned = f"({returned})" if len(returned) > WIDTH - 8 and len(forward.results) > 1 else returned
        made.lines, made.called = [*before, *forward.statements, f"return {returned}"], forward.called
        key = f"({', '.join(made.takes)})\n" + "\n".join(map(without_comment, made.lines))
        if key in self.methods:
            self.methods[key].share(made.lines)
            self.methods[key].extras |= extras
        else:
            same = sum(1 for method in self.methods.values() if re.fullmatch(rf"{stem}(_\d+)?", method.method))
            made.method = stem if not same else f"{stem}_{same + 1}"
            self.methods[key] = made
        outputs, inputs, combination = forward.outputs.values(), forward.body.inputs.values(), forward.combination
        counted = gives_counted(outputs, inputs, combination)
        self.methods[key].is_entangled |= counted or gives_twice(outputs, combination)
        return self.methods[key]

    def read(self, forward: Forward) -> None:
        """Store what a forward reads, for which the constructor is told it."""
        self.run.update(forward.names.used)
        self.rated.update(forward.rates)

    def rates(self) -> set[str]:
        """The parameters that are read as rates of blocks, and for nothing else."""
        return self.rated - self.run - self.built

    def held_name(self, name: str, text: str) -> str:
        """The name under which what `text` makes is held: `name`, if nothing else is."""
        if text not in self.held:
            while name in self.held.values():
                name += "_"
            self.held[text] = name
        return self.held[text]

    def takes(self) -> list[str]:
        """The constructor's arguments, in the order of the part."""
        taken = self.built | self.run | self.rated
        return [name for name in dict.fromkeys([*self.body.symbols, *self.body.params]) if name in taken]

    def default(self, name: str) -> str | None:
        """The default of a constructor's argument, where the part has one and the first use leaves it."""
        option = self.body.params.get(name)
        if option is not None and option.is_default:
            return _written(option.value)
        return "None" if name in self.late else None

    def text(self) -> str:
        """The class as source."""
        doc = self.source.describe(self)
        lines = [f"class {self.name}(nn.Module):", f'    """{doc}"""', ""]
        takes = self.takes()
        told = [variable(name) + (f"={self.default(name)}" if self.default(name) else "") for name in takes]
        signature = f"def __init__(self{', *, ' if told else ''}{', '.join(told)}):"
        inner = ["super().__init__()"]
        inner += [f"self.{attribute(name)} = {variable(name)}" for name in takes if name in self.run | self.rated]
        inner += self.init
        blocks = [wrapped(signature) + "\n" + textwrap.indent("\n".join(wrapped(line) for line in inner), "    ")]
        blocks += [self.source.decorated(self, method) for method in self.methods.values()]
        lines.append(textwrap.indent("\n\n".join(blocks), "    "))
        return "\n".join(lines)


class Constructor:
    """Writes the lines of a constructor: a line for each node that owns weights."""

    def __init__(self, source: Source, body: Body, is_root: bool) -> None:
        self.source = source
        self.body = body
        self.names = Names(body, is_root)
        self.lines: list[str] = []
        for node in body.nodes.values():
            if node.reuse is not None:
                for first, second in zip(node.owner.rounds, node.rounds, strict=False):
                    source.call_again(first, second)
        nodes = dict(body.nodes)
        for second in source.seconds[body]:
            nodes = {**second.nodes, **nodes}
        for node in nodes.values():
            if node.reuse is None:
                self.node(node)

    def node(self, node: Node) -> None:
        """The line of one node."""
        target = f"self.{attribute(node.name)}"
        if node.contract is not None:
            if node.contract.weights:
                self.weighted(node, target)
        elif node.is_repeat:
            self.repeated(node, target)
        else:
            body = node.rounds[0]
            self.lines.append(f"{target} = {self.construct(body, partial(self.argument, body, self.names))}")

    def weighted(self, node: Node, target: str) -> None:
        """A block's module, or a bare parameter or buffer."""
        contract = node.contract
        assert contract is not None and node.bindings is not None
        options = {key: self.names.option(option) for key, option in said(node).items()}
        if not is_bare(node):
            module = self.source.module(type(contract))
            told = [self.names.dim(self.told(node, name)) for name in contract.dims_of_weights()]
            told += [f"{key}={text}" for key, text in options.items()]
            self.lines.append(f"{target} = {module}({', '.join(told)})")
            return
        shape = ", ".join(self.names.dim(dim) for dim in contract.weight_shapes(node.bindings)[""])
        if contract.weights[""].init == "given":
            function = contract.name()
            self.source.function(type(contract), function)
            made = f"{function}({', '.join(f'{key}={text}' for key, text in options.items())})"
            self.lines.append(f'self.register_buffer("{attribute(node.name)}", {made})')
        elif getattr(contract, "trainable", True):
            self.lines.append(f"{target} = nn.Parameter(torch.empty({shape or '()'}))")
        else:
            self.lines.append(f'self.register_buffer("{attribute(node.name)}", torch.zeros({shape or "()"}))')

    def told(self, node: Node, name: str) -> Dim:
        """A dimension that a module is told beside its options."""
        assert node.bindings is not None
        dim = node.bindings.dims[name]
        assert isinstance(dim, Dim)
        return dim

    def construct(self, body: Body, argument: Callable[[str], str]) -> str:
        """The call of a part's class, with the text of each argument."""
        owner = self.source.class_of(body)
        told = [f"{variable(name)}={argument(name)}" for name in owner.takes() if not self.is_left(owner, body, name)]
        return f"{owner.name}({', '.join(told)})"

    def is_left(self, owner: ClassText, body: Body, name: str) -> bool:
        """Whether the constructor's own default is what this use has."""
        option = body.params.get(name)
        return option is not None and option.is_default and owner.default(name) == _written(option.value)

    def argument(self, body: Body, names: Names, name: str) -> str:
        """What the caller passes for a parameter or dimension of a part."""
        option = body.params.get(name)
        if option is not None:
            return names.option(option)
        definition = body.symbols[name].definition
        assert definition is not None
        return names.dim(definition)

    def repeated(self, node: Node, target: str) -> None:
        """A module list: a comprehension where the rounds are one class and differ by the index alone."""
        index = str(node.index)
        count = self.names.option(node.count) if node.count is not None else str(len(node.rounds))
        names = Names(self.body, self.names.constants, used=self.names.used, indices=frozenset({index}))
        for body in node.rounds:  # so that what any of them needs is known when the first is written
            self.source.class_of(body)
        calls = [self.construct(body, partial(self.argument, body, names)) for body in node.rounds]
        self.modules(node, target, calls, index, count)
        if node.shared:
            at = variable(index)
            self.lines.append(f"{target} = nn.ModuleList({target}[{at}] for {at} in {node.shared})")

    def modules(self, node: Node, target: str, calls: list[str], index: str, count: str) -> None:
        """The list of modules."""
        if len(set(calls)) == 1:
            variable_ = variable(index) if self.reads_index(calls[0], index) else "_"
            whole = f"{target} = nn.ModuleList({calls[0]} for {variable_} in range({count}))"
            split = [f"{target} = nn.ModuleList(", f"    {calls[0]}", f"    for {variable_} in range({count})", ")"]
            self.lines.extend([whole] if len(whole) < WIDTH else split)
            return
        self.lines.append(f"{target} = nn.ModuleList([")
        self.lines.extend(f"    {self.construct(body, partial(written, body))}," for body in node.rounds)
        self.lines.append("])")

    def reads_index(self, call: str, index: str) -> bool:
        """Whether the text of a call reads the loop's index."""
        return re.search(rf"(?<![\w.]){re.escape(index)}(?!\w|=)", call) is not None


def written(body: Body, name: str) -> str:
    """The value of a part's parameter or dimension as a literal."""
    option = body.params.get(name)
    value = option.value if option is not None else body.symbols[name].definition
    return _written(value)


def _written(value: Any) -> str:
    """A literal, extents inside it as the numbers that they are."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return literal(value.known if isinstance(value, Dim) else value)


def without_comment(line: str) -> str:
    """A line's code."""
    return line.partition("  # ")[0]


def wrapped(line: str) -> str:
    """A line broken where it is too long: its comment put above it, then its outermost commas."""
    if len(line) <= WIDTH:
        return line
    code, mark, comment = line.partition("  # ")
    code = code.rstrip()
    indent = " " * (len(code) - len(code.lstrip()))
    if mark:
        above = textwrap.wrap(comment, WIDTH - len(indent) - 2, break_long_words=False)
        return "".join(f"{indent}# {one}\n" for one in above) + wrapped(code)
    code, after = code.rstrip(","), "," if code.endswith(",") else ""
    opening, closing = _outermost(code)
    if opening is None:
        head, equals, tail = code.partition(" = ")
        if not equals or after:
            return line
        return f"{head} = (\n{indent}    {tail}\n{indent})"
    parts = _split(code[opening + 1 : closing])
    # A lone value in brackets may be a group, which a comma would make a tuple; a lone keyword is an argument.
    comma = "," if len(parts) > 1 or re.match(r"\s*\w+=(?!=)", parts[0]) else ""
    inner = "".join("\n" + wrapped(f"{indent}    {part.strip()}{comma}") for part in parts)
    return f"{code[: opening + 1]}{inner}\n{indent}{code[closing:]}{after}"


def _outermost(code: str) -> tuple[int | None, int]:
    """Where the bracket opens that closes at the end of a statement, None if it holds nothing; and where it closes."""
    closing, depth = len(code.removesuffix(":")) - 1, 0
    for at in range(closing, -1, -1):
        depth += (code[at] in ")]}") - (code[at] in "([{")
        if depth == 0:
            return (at if code[at + 1 : closing].strip() else None), closing
    return None, closing


def _split(text: str) -> list[str]:
    parts, depth, start, quote = [], 0, 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def root_name(name: str, task: str | None) -> str:
    """``bert``, ``masked_lm`` to ``BertForMaskedLm``."""
    return class_name(name) + (f"For{class_name(task)}" if task not in (None, "base") else "")
