"""From a checked graph to a scene: which parts are opened, what stands in each box, and where the edges go."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...blocks.notation.dims import Dim, Symbol
from ...compiler.graph import Body, Graph, InputValue, Node, OutputValue, Value
from ...compiler.presence import present
from .crossing import Crossings
from .extents import name_extents
from .families import family_of
from .labels import box_lines, shape_text, spoken, title, turn_lines, varying_lines
from .rounds import fullest, is_structure, phases
from .scene import Box, BoxKind, Cluster, Edge, Scene, behind
from .shown import Shown
from .sources import Frame, Source, Sources, kind_of
from .tidy import tidy


def scene_of(graph: Graph, depth: int = 1) -> Scene:
    """The scene of a graph.

    Args:
        depth: 0 draws the root's nodes alone, 1 opens what repeats and what is made of parts, 2 what these parts are
            made of, 3 what these are made of, dropout included, and so on.
    """
    return SceneBuilder(graph, depth).build()


class SceneBuilder:
    """Builds one scene, body by body.

    Attributes:
        before: for each box, those that it reads.
        drawn: the box of each node that has one.
        handed: what rounds hand to the next of those that are drawn as one: frame, port, and what it comes from.
    """

    def __init__(self, graph: Graph, depth: int) -> None:
        self.graph = graph
        self.depth = depth
        self.crossings = Crossings(graph)
        self.shown = Shown(graph)
        self.root = Frame(graph.root, Cluster([]), graph.full)
        self.edges: list[Edge] = []
        self.before: dict[str, list[str]] = defaultdict(list)
        self.boxes: dict[str, Box] = {}
        self.drawn: dict[Node, str] = {}
        self.handed: list[tuple[Frame, str, list[Source]]] = []
        self.ids: Counter[str] = Counter()

    def build(self) -> Scene:
        """The scene, tidied."""
        self.body(self.root)
        for name, value in self.shown.outputs.items():
            optional = not present(value, self.shown.always)
            box = self.box(self.root, f"output.{name}", "output", "output", [name], optional=optional)
            self.connect(Sources(self, self.root).of(value), box)
        self.hand_on()
        self.shared()
        self.order_inputs()
        detail = " · ".join(text for text in (spoken(self.graph.task or "").lower(), self.graph.size) if text)
        heading = [text for text in (self.graph.title or self.graph.name, detail) if text]
        scene = Scene(heading, self.root.cluster, self.edges)
        tidy(scene)
        named = name_extents(scene)
        scene.symbols = {**self.symbols(scene), **named}
        return scene

    # Boxes and edges

    def box(
        self, frame: Frame, path: str, kind: BoxKind, family: str, lines: list[str], *, optional: bool = False
    ) -> Box:
        """A new box in the frame's cluster."""
        self.ids[path] += 1
        box = Box(path if self.ids[path] == 1 else f"{path}@{self.ids[path]}", kind, family, lines, optional)
        self.boxes[box.id] = box
        frame.cluster.items.append(box)
        return box

    def input(self, value: InputValue) -> Source:
        """An input of the model, as a box."""
        path = f"input.{value.name}"
        if path not in self.boxes:
            optional = not self.shown.is_needed(value.name)
            self.box(self.root, path, "input", "input", [value.name], optional=optional)
        return Source(path, shape_text(value.type), "mask" if kind_of(value) == "bool" else "flow")

    def connect(self, sources: Sequence[Source], box: Box, *, memory: bool = False) -> None:
        """Edges from the sources to a box."""
        for source in sources:
            style = "memory" if memory and source.style == "flow" else source.style
            optional = source.optional or self.boxes[source.box].optional
            self.edges.append(Edge(source.box, box.id, source.text, style, optional))
            self.before[box.id].append(source.box)

    # Nodes

    def body(self, frame: Frame) -> None:
        """Every node of a body, in its order."""
        for node in frame.body.nodes.values():
            if not self.shown.has(node):
                continue
            if self.is_hidden(node):
                found = Sources(self, frame).of(next(iter(node.inputs.values())))
                frame.made.update({(node.name, port): found for port in node.outputs})
            elif node.contract is not None or not node.rounds or self.is_folded(frame, node):
                self.closed(frame, node)
            else:
                self.opened(frame, node)

    def is_hidden(self, node: Node) -> bool:
        """Folded views leave out dropout and the bounds of a number format, and what only moves numbers about."""
        if node.contract is None or not node.inputs:
            return False
        if node.contract.category in ("dropout", "range"):
            return self.depth < 3 or not getattr(node.contract, "p", 1)
        floats = all(isinstance(value, Value) and kind_of(value) == "float" for value in node.inputs.values())
        return node.contract.category == "layout" and self.depth < 2 and floats

    def is_folded(self, frame: Frame, node: Node) -> bool:
        """Structure is opened from depth 1 on, plain parts one level deeper each."""
        return self.depth == 0 or (not is_structure(node) and self.depth < frame.level + 2)

    def closed(self, frame: Frame, node: Node) -> None:
        """One box for a block or a folded part; it stands for the node's outputs."""
        family = family_of(node, self.crossings)
        kind: BoxKind = "part" if node.contract is None else "glue" if family == "layout" else "block"
        rare = any(node.name not in body.nodes for body in frame.others)
        box = self.box(frame, frame.path + node.name, kind, family, self.lines(frame, node, family), optional=rare)
        for port, sources in self.reads(frame, node).items():
            self.connect(sources, box, memory=port in self.crossings.memory[node])
        self.drawn[node] = box.id
        ports = node.contract.outputs if node.contract is not None else node.outputs
        frame.made.update({(node.name, port.rstrip("?")): [Source(box.id)] for port in ports})

    def lines(self, frame: Frame, node: Node, family: str) -> list[str]:
        """What stands in a node's box; a part that keeps the shape says it there."""
        alike, asked = self.alike(frame, node), self.shown.asked(node, frame.present)
        if node.contract is not None:
            return [*box_lines(alike, family), *asked]
        if is_structure(node) or not node.rounds:
            told = [line for line in title(node, [node]) if line != node.name]
            lines = [spoken(node.name), *told, *varying_lines(node.rounds)[:2]]
        else:
            lines = box_lines(alike, family)
        entering = {frame.shape(value.type) for value in node.inputs.values() if isinstance(value, Value)}
        leaving = frame.shape(next(iter(node.outputs.values()), None))
        return [*lines, *([leaving] if leaving in entering else []), *asked]

    def alike(self, frame: Frame, node: Node) -> list[Node]:
        """The node in every round that the frame stands for."""
        return [body.nodes[node.name] for body in frame.siblings if node.name in body.nodes] or [node]

    def reads(self, frame: Frame, node: Node) -> dict[str, list[Source]]:
        """The sources of a node's inputs, by port."""
        found: dict[str, list[Source]] = {}
        alike = self.alike(frame, node)
        for port in [port for port in node.inputs if any(port in self.shown.used(one) for one in alike)]:
            same = [body.nodes[node.name].inputs.get(port) for body in frame.others if node.name in body.nodes]
            at_times = not all(port in self.shown.used(one) for one in alike)
            sources = self.either(frame, node.inputs[port], same)
            found[port] = [replace(source, optional=source.optional or at_times) for source in sources]
        return found

    def either(
        self, frame: Frame, value: Value | list[Value], others: Sequence[Value | list[Value] | None]
    ) -> list[Source]:
        """The sources of a value, and those that it has in rounds which lack nodes; dashed what is not always there."""
        found = Sources(self, frame).of(value)
        rare = any(self.boxes[source.box].optional for source in found)
        for other in others:
            if isinstance(other, (OutputValue, InputValue)):
                known = {source.box for source in found}
                more = [source for source in Sources(self, frame).of(other) if source.box not in known]
                found = [*found, *(replace(source, optional=source.optional or not rare) for source in more)]
        return found

    # Opened parts

    def opened(self, frame: Frame, node: Node) -> None:
        """A cluster for a part, or for each stretch of a repeat whose rounds look alike."""
        used = self.shown.used(node)
        current = {port: Sources(self, frame).of(value) for port, value in node.inputs.items() if port in used}
        alike = self.alike(frame, node)
        longest = max(alike, key=lambda one: len(one.rounds))
        first = 0
        for phase in phases(longest):
            numbers = range(first, first := first + phase.count * len(phase.turns))
            heading, home = [*title(node, alike, phase), *self.shown.asked(node, frame.present)], frame.cluster
            if len(phase.turns) > 1:
                home = self.cluster(home, node, heading)
            for at, bodies in enumerate(phase.turns):
                lines = turn_lines(phase, at) if len(phase.turns) > 1 else heading
                told = varying_lines(bodies) if len(alike) == 1 else []  # of rounds that others are drawn with
                cluster = self.cluster(home, node, [*lines, *told])
                spread = [body for one in alike for body in one.rounds[at :: len(phase.turns)]]
                inner = self.inside(frame, node, cluster, bodies, bodies if len(alike) == 1 else tuple(spread))
                current.update(self.in_turn(frame, node, numbers[at :: len(phase.turns)]))
                self.enter(inner, node, current)
                self.body(inner)
                for port, value in inner.body.outputs.items():
                    found = self.either(inner, value, [body.outputs.get(port) for body in inner.others])
                    frame.made[node.name, port] = found
                    frame.rounds.setdefault((node.name, port), {}).update(
                        dict.fromkeys(numbers[at :: len(phase.turns)], found)
                    )
                    current.update({port: found} if port in current else {})
                    if port in inner.ports and phase.count > 1:
                        self.handed.append((inner, port, found))

    def in_turn(self, frame: Frame, node: Node, numbers: range) -> dict[str, list[Source]]:
        """The sources of what a repeat reads by the number of the round; those that not all rounds read say so."""
        found: dict[str, list[Source]] = {}
        for port, value in node.inputs.items():
            each = Sources(self, frame).each(value)
            if each is None or port not in self.shown.used(node) or len(each) < numbers.stop:
                continue
            read = Counter(source for number in numbers for source in each[number])
            all_have_their_own = read.total() == len(read) == len(numbers)
            found[port] = []
            for source, many in read.items():
                if not all_have_their_own and many < len(numbers):
                    source = replace(source, text=f"{many} of {len(numbers)} rounds", optional=True)
                found[port].append(source)
        return found

    def cluster(self, home: Cluster, node: Node, lines: list[str]) -> Cluster:
        """A new cluster in another."""
        found = Cluster(lines, family_of(node, self.crossings))
        home.items.append(found)
        return found

    def inside(
        self, frame: Frame, node: Node, cluster: Cluster, bodies: tuple[Body, ...], siblings: tuple[Body, ...]
    ) -> Frame:
        """The frame for the fullest of the bodies, which stands for all of the siblings."""
        body = fullest(bodies)
        return Frame(
            body, cluster, node.present, frame, f"{frame.path}{node.name}.", frame.level + (not is_structure(node)),
            siblings=siblings,
            others=tuple(one for one in dict.fromkeys(siblings) if len(one.nodes) < len(body.nodes)),
            differing=_differing(siblings),
        )  # fmt: skip

    def enter(self, inner: Frame, node: Node, given: Mapping[str, list[Source]]) -> None:
        """What enters a cluster does so at a dot, from where it may fork."""
        for port, sources in given.items():
            if sources:
                memory = port in self.crossings.memory[node]
                dot = self.box(inner, f"{inner.path}in.{port}", "dot", "operation", [])
                self.connect(sources, dot, memory=memory)
                style = "memory" if memory else sources[0].style
                inner.ports[port] = [Source(dot.id, sources[0].text, style, all(one.optional for one in sources))]

    def hand_on(self) -> None:
        """What only the next round reads ends at its name: nothing behind the rounds leads to it."""
        waiting = list(self.handed)
        while waiting:
            alive = behind((box.id for box in self.boxes.values() if box.kind == "output"), self.before)
            read = [one for one in waiting if any(source.box in alive for source in one[0].ports[one[1]])]
            for inner, port, found in read:
                if any(source.box not in alive for source in found):
                    lines = [f"{port}, to the next round"]
                    self.connect(found, self.box(inner, f"{inner.path}next.{port}", "output", "output", lines))
            waiting = [one for one in waiting if one not in read] if read else []

    # What is shared, in which order inputs stand, and what the shapes' names stand for

    def shared(self) -> None:
        """Lines between weights that are one: ties, and second calls."""
        pairs = [
            (pair.other, f"{node.name}.{pair.own}") for node in self.graph.root.nodes.values() for pair in node.ties
        ]
        ends = [(self.visible(one), self.visible(two)) for one, two in pairs]
        ends += [(self.drawn.get(node.owner, ""), box) for node, box in self.drawn.items() if node.reuse is not None]
        self.edges += [Edge(one, two, style="tied") for one, two in ends if one and two and one != two]

    def visible(self, path: str) -> str:
        """The innermost box that a weight's path leads through; empty where there is none."""
        words = [word for word in path.split(".") if word and not word.isdigit()]
        return next((name for at in range(len(words), 0, -1) if (name := ".".join(words[:at])) in self.boxes), "")

    def order_inputs(self) -> None:
        """A decoder's inputs behind all others, so that an encoder stands at its left."""
        items = self.root.cluster.items
        places = [at for at, item in enumerate(items) if isinstance(item, Box) and item.kind == "input"]
        boxes = sorted((items[at] for at in places), key=lambda box: box.lines[0].startswith("decoder_"))
        for at, box in zip(places, boxes, strict=True):
            items[at] = box

    def symbols(self, scene: Scene) -> dict[str, str]:
        """The sizes of what the written shapes name."""
        words = scene.words()
        found = {name: Dim.of(symbol).known for name, symbol in self.graph.root.symbols.items() if name in words}
        return {name: str(known) for name, known in found.items() if known is not None}


def _differing(bodies: Sequence[Body]) -> frozenset[str]:
    """The names of dimensions and parameters that do not stand for the same from one round to the next."""
    found: dict[str, set[str]] = defaultdict(set)
    for body in bodies:
        for name, value in [*body.symbols.items(), *((name, option.value) for name, option in body.params.items())]:
            found[name].add(str(Dim.of(value).expanded()) if isinstance(value, (Symbol, Dim)) else str(value))
    return frozenset(name for name, values in found.items() if len(values) > 1)
