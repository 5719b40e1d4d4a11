"""The source of a model: banner, imports, constants, a class a distinct part, the root with its forwards."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from importlib import import_module
from typing import Any, Literal

from .... import __version__
from ....blocks.base import Block, BlocksError
from ....blocks.notation.dims import Symbol
from ....blocks.notation.types import ListType
from ....blocks.notation.unparse import literal
from ....blocks.notation.values import simplest
from ....compiler.decoding import Flow, Kind, token_axis
from ....compiler.graph import Apply, Body, Graph, Items, Value, named_outputs
from ....compiler.passes.packable import packing
from ....compiler.passes.packed import Need
from ....compiler.presence import read_under
from .classes import ClassText, Constructor, Method, root_name
from .forward import Forward
from .lean import LEAN, MODULE, Lean, made_from_others
from .naming import MODULES, Names, class_name, constant, variable
from .packing import Packed, PackedLean
from .stepping import Stepping
from .values import present, resolve

RoundsKind = Literal["region", "recomputed", "plain"]


class Source:
    """Emits the text of one graph; forwards are added as they are asked for.

    Attributes:
        inference: forwards never train, and are written for that.
        holds_extents: for inference values are held that depend on a call's shapes, too.
        seconds: the bodies of further calls of a body's weights (`reuse`).
        mask: the input whose padding forwards leave out where it is given; None: they run what they are given.
        inputs: those of the model, by the names of forwards' arguments.
        rounds: what a forward is that loops call: compiled once for all rounds (``region``), made again for the
            backward pass (``recomputed``), or as it stands (``plain``).
    """

    def __init__(
        self, graph: Graph, *, inference: bool = False, holds_extents: bool = True, mask: str | None = None,
        rounds: RoundsKind = "region",
    ) -> None:  # fmt: skip
        self.graph = graph
        self.inference = inference
        self.holds_extents = holds_extents
        self.mask = mask
        self.rounds: RoundsKind = rounds
        self.forward = Lean if inference else Forward
        self.imports: dict[str, set[str]] = defaultdict(set)
        self.classes: dict[tuple[str, tuple[str, ...]], ClassText] = {}
        self.by_body: dict[Body, ClassText] = {}
        self.seconds: dict[Body, dict[Body, None]] = defaultdict(dict)
        self.repeated: set[str] = set()
        self.is_foreseeing = False
        self.specialisations: dict[int, str] = {}
        self.needs: dict[int, list[Need]] = {}  # of the combinations whose padding is left out
        root = Names.of_forward(graph.root, constants=True)
        self.inputs = {text: name for name, text in root.claimed.items()}
        self.root = self.make_class(graph.root, root_name(graph.name, graph.task), is_root=True)

    # What the forwards and constructors ask for

    def module(self, contract: type[Block]) -> str:
        """The module class of a block, imported; the one for inference where there is one."""
        home, name = home_of(contract, contract.__name__), contract.__name__
        if self.inference and name in LEAN:
            home, name = MODULE, LEAN[name]
        self.imports[home].add(name)
        return name

    def function(self, contract: type[Block], name: str) -> None:
        """Import a block's function."""
        self.imports[home_of(contract, name)].add(name)

    def class_of(self, body: Body) -> ClassText:
        """The class of a part's body; bodies with equal constructors share one."""
        if body not in self.by_body:
            made = self.by_body[body] = self.make_class(body, class_name(body.part), is_root=False)
            for second in self.seconds[body]:
                self.by_body[second] = made
                self.join(made, second)
        return self.by_body[body]

    def call_again(self, first: Body, second: Body) -> None:
        """Have a second call of weights be of the class of the first, which then has what either reads."""
        self.seconds[first][second] = None
        for name in first.nodes.keys() & second.nodes.keys():
            for one, other in zip(first.nodes[name].rounds, second.nodes[name].rounds, strict=False):
                self.call_again(one, other)

    def make_class(self, body: Body, name: str, *, is_root: bool) -> ClassText:
        constructor = Constructor(self, body, is_root)
        if self.inference:
            for one in (body, *self.seconds[body]):
                lines = made_from_others(self.graph, one, self.imports)
                constructor.lines += [line for line in lines if line not in constructor.lines]
        key = (name, tuple(constructor.lines))
        if key in self.classes:
            self.join(self.classes[key], body)
            return self.classes[key]
        taken = sum(1 for other, _ in self.classes if other == name)
        taken += name in map(constant, self.graph.root.params)
        made = ClassText(self, name if not taken else f"{name}{taken + 1}", body, is_root, constructor.lines)
        if not is_root:
            made.built.update(constructor.names.used)
            self.foresee(made, body)
        for node in body.nodes.values():
            if node.is_repeat and node.rounds:
                # A part without weights may return a view of what it reads, which no region may; nor may one update.
                rounds = [inner for inner in node.rounds if _has_weights(inner) and not _updates(inner)]
                self.repeated.update(self.class_of(inner).name for inner in rounds)
        self.classes[key] = made
        return made

    def join(self, made: ClassText, body: Body) -> None:
        """Have another body be of a class, whose constructor may have been called already."""
        known = set(made.takes())
        self.foresee(made, body)
        made.late.update(set(made.takes()) - known)

    def foresee(self, made: ClassText, body: Body) -> None:
        """Whatever some forward may read is told to the constructor, so that a later one needs no new instance."""
        outputs = {port: value for port, value in body.outputs.items() if value.present}
        combinations: list[int] = []
        for table in read_under(outputs.values()).values():
            if not any(table >> one & 1 for one in combinations):
                combinations.append(_first_bit(table))
        was, self.is_foreseeing = self.is_foreseeing, True
        for combination in combinations:
            forward = self.forward(made, body, combination, outputs)
            made.read(forward)
        self.is_foreseeing = was

    # Specialisations

    def specialise(self, combination: int) -> str:
        """The root's method for a combination of inputs and flags; written if it is new."""
        if combination in self.specialisations:
            return self.specialisations[combination]
        forward = self.root_forward(combination, dict(named_outputs(self.graph.outputs)))
        returned = _returned(self.graph.outputs, forward, combination)
        method = self.root.keep(forward, before=self.preamble(forward), returned=returned)
        self.specialisations[combination] = method.method
        return method.method

    def root_forward(self, combination: int, outputs: dict[str, Value]) -> Forward:
        """The root's forward for a combination; one of real tokens alone where there is a mask that says which are."""
        root = self.graph.root
        if self.mask is None or not present(root.inputs[self.mask], combination):
            return self.forward(self.root, root, combination, outputs)
        kind = PackedLean if self.inference else Packed
        flow = packing(self.graph, combination, self.mask, is_held=self.inference)
        self.needs[combination] = list(flow.frame.needs)
        return kind(self.root, root, combination, outputs, flow, dict.fromkeys(outputs, "real"))

    def step(self, combination: int, output: str, tokens: Symbol, *, is_first: bool) -> Method:
        """The root's method that gives `output` for new tokens, after those that are remembered."""
        kinds: dict[str, Kind] = {}
        for name, value in self.graph.root.inputs.items():
            is_mask = getattr(value.type, "kind", "") == "bool"
            along = token_axis(value.type, tokens) is not None
            kinds[name] = "once" if not along else "whole" if is_mask else "new"
        flow = Flow(self.graph.root, combination, tokens, kinds)
        scores = self.graph.outputs[output]
        assert isinstance(scores, Value)
        scores = resolve(scores, combination)
        if flow.kind(scores) == "whole":
            scores = Apply(scores.type, scores.present, "newest", (scores,), (token_axis(scores.type, tokens),))
        step = Stepping(self.root, self.graph.root, combination, {output: scores}, flow, is_first=is_first)
        return self.root.keep(step, step.stem, before=self.preamble(step))

    def preamble(self, forward: Forward) -> list[str]:
        """What the call's own tensors need first: masks as booleans, folded axes joined."""
        lines = []
        extents = {symbol.name: text for symbol, text in forward.names.runtime.items()}
        for name, text in forward.arguments.items():
            value = self.graph.root.inputs[name]
            axis = self.graph.folds.get(name)
            if axis is not None:
                lines.append(f"{extents.get(axis, variable(axis))} = {text}.shape[1]")
                lines.append(f"{text} = {text}.flatten(0, 1)")
            if getattr(value.type, "kind", "") == "bool":
                lines.append(f"{text} = {text}.bool()")
        return lines

    def describe(self, owner: ClassText) -> str:
        """The docstring of a class."""
        if owner.is_root:
            return literal(self.graph.title or f"The model `{self.graph.name}`.")[1:-1]
        return f"The part `{owner.body.part}`."

    def decorated(self, owner: ClassText, method: Method) -> str:
        """A method; one that loops call as `rounds` says."""
        if owner.name not in self.repeated or not self.is_round(owner.body):
            return method.text
        if self.rounds == "recomputed":
            self.imports[f"{MODULES}.recomputing"].add("recomputed")
            return f"@recomputed\n{method.text}"
        return method.text if method.is_entangled else f"@nested_compile_region\n{method.text}"

    @property
    def has_regions(self) -> bool:
        """Whether there may be regions: there are loops, and what they call is made one."""
        return self.rounds == "region" and bool(self.repeated)

    def is_round(self, body: Body) -> bool:
        """Whether a part is what loops call, where that is said of it.

        The innermost alone are: with gradients torch (2.13) fails to lower some regions that lie within others, and
        what is recomputed within what is would be computed three times, and spare no memory.
        """
        is_repeated = self.rounds != "plain" and self.class_of(body).name in self.repeated
        return is_repeated and not self.holds_repeated(body)

    def holds_repeated(self, body: Body) -> bool:
        """Whether a part calls what loops call, itself or through others."""
        inner = [one for node in body.nodes.values() for one in node.rounds]
        return any(self.class_of(one).name in self.repeated or self.holds_repeated(one) for one in inner)

    def takes(self, method: Any) -> dict[str, str]:
        """What a method of the root takes by its arguments' names: inputs, and ``:padding`` and the like of its own."""
        code = method.__code__
        return {text: self.inputs.get(text, f":{text}") for text in code.co_varnames[1 : code.co_argcount]}

    # Text

    def text(self, *, standalone: bool = False) -> str:
        """The whole file; `standalone` copies in the modules that it uses instead of importing them."""
        classes = [made.text() for made in self.classes.values()]
        head = self.banner()
        constants = self.constants("\n".join(classes))
        body = self.copied() if standalone else ""
        parts = [head + self.import_lines(standalone, "\n".join([*classes, body])), constants, body, *classes]
        return "\n\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"

    def banner(self) -> str:
        """What the file is made from."""
        graph = self.graph
        task, size = (f", {word} {told}" if told else "" for word, told in (("task", graph.task), ("size", graph.size)))
        title = literal(graph.title or graph.name)[1:-1]
        return (
            f'"""{title}\n\nMade from the spec `{graph.name}{task}{size}` by archwright '
            f'{__version__}:\nedit the spec, not this file.\n"""\n\n'
        )

    def import_lines(self, standalone: bool, text: str) -> str:
        """The imports of what the text uses."""
        standard = [("math", "import math"), ("re", "import re"), ("lru_cache", "from functools import lru_cache"),
                    ("Callable", "from collections.abc import Callable"),
                    ("ContextVar", "from contextvars import ContextVar"),
                    ("NamedTuple", "from typing import NamedTuple")]  # fmt: skip
        third = [("torch", "import torch"), ("F", "import torch.nn.functional as F"), ("nn", "from torch import nn"),
                 ("nested_compile_region", "from torch.compiler import nested_compile_region")]  # fmt: skip
        groups = [[line for word, line in group if _word(word, text)] for group in (standard, third)]
        if standalone:
            groups.insert(0, ["from __future__ import annotations"])
        else:
            used = {m: sorted(name for name in names if _word(name, text)) for m, names in sorted(self.imports.items())}
            groups.append([_import(module, names) for module, names in used.items() if names])
        return "\n\n".join("\n".join(group) for group in groups if group)

    def constants(self, text: str) -> str:
        params = self.graph.root.params.items()
        used = {constant(name): simplest(one.value) for name, one in params if _word(constant(name), text)}
        return "\n".join(f"{name} = {literal(value)}" for name, value in used.items())

    def copied(self) -> str:
        """The definitions that this file uses, and what those use, copied whole."""
        pieces: dict[str, str] = {}
        for module, names in sorted(self.imports.items()):
            for name in sorted(names):
                _copy(module, name, pieces)
        return "\n\n\n".join(pieces.values())


def home_of(contract: type[Block], name: str) -> str:
    """The module that holds `name`, a block's class or function: beside its contract in ``modules``, or where it says.

    Raises:
        BlocksError: a package has no such module, or none in it.
    """
    told = contract.torch_module
    if not told:
        return f"{MODULES}.{contract.__module__.rsplit('.', 1)[-1]}"
    try:
        getattr(import_module(told), name)
    except (ImportError, AttributeError) as error:
        expected = f"expected `{name}` in {told}, for the block `{contract.name()}` of {contract.__module__}"
        raise BlocksError(f"{expected}; {error}") from error
    return told


def _copy(module: str, name: str, pieces: dict[str, str]) -> None:
    if name in pieces:
        return
    loaded = import_module(module)
    tree = ast.parse(inspect.getsource(loaded))
    origins = _origins(tree, module)
    for statement in tree.body:
        if name in _defines(statement):
            pieces[name] = ""
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            local = {one for other in tree.body for one in _defines(other)}
            for word in sorted(used - {name}):
                if word in origins:
                    _copy(*origins[word], pieces)
                elif word in local:
                    _copy(module, word, pieces)
            text = pieces.pop(name) or (ast.get_source_segment(inspect.getsource(loaded), statement) or "")
            decorators = "".join(f"@{ast.unparse(one)}\n" for one in getattr(statement, "decorator_list", []))
            pieces[name] = decorators + text
            return
    raise AssertionError(f"{module} does not define {name}")


def _defines(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        return {target.id for target in statement.targets if isinstance(target, ast.Name)}
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    return set()


def _origins(tree: ast.Module, module: str) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.level:
            base = module.rsplit(".", statement.level)[0]
            for alias in statement.names:
                found[alias.asname or alias.name] = (f"{base}.{statement.module}", alias.name)
    return found


def _import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 120:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _word(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){word}\b", text) is not None


def _updates(body: Body) -> bool:
    """Whether something inside changes its own buffers in training."""
    inner = {one for node in body.nodes.values() for one in node.rounds}
    blocks = (node.contract for node in body.nodes.values())
    return any(one is not None and one.updates for one in blocks) or any(map(_updates, inner))


def _has_weights(body: Body) -> bool:
    """Whether something inside has weights."""
    nodes = body.nodes.values()
    return any(node.contract.weights if node.contract else any(map(_has_weights, node.rounds)) for node in nodes)


def _first_bit(table: int) -> int:
    return (table & -table).bit_length() - 1


def _returned(outputs: Any, forward: Forward, combination: int, prefix: str = "") -> str:
    if isinstance(outputs, Items):
        rows = [_returned(row, forward, combination, f"{prefix}{name}.") for name, row in outputs.items()]
        return f"[{', '.join(rows)}]"
    entries = []
    for name, value in outputs.items():
        if isinstance(value, dict):
            if any(present(inner, combination) for _, inner in named_outputs(value)):
                entries.append(f'"{name}": {_returned(value, forward, combination, f"{prefix}{name}.")}')
        elif present(value, combination):
            text = forward.results[prefix + name]
            entries.append(f'"{name}": tuple({text})' if isinstance(value.type, ListType) else f'"{name}": {text}')
    return "{" + ", ".join(entries) + "}"
