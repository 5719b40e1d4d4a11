"""A scene as DOT, for Graphviz to lay out. No text of a user reaches it but as a plain, escaped label."""

from __future__ import annotations

from collections.abc import Mapping

from .escapes import dot_text
from .families import COLOURS, colours
from .legend import STYLE, legend_of
from .scene import Box, Cluster, Edge, Scene

Ends = tuple[str, str]
"""An edge, by its two nodes."""

_FONT = "Helvetica,Arial,sans-serif"
_INK, _GREY, _BLANK = "#333333", "#8a8a8a", "\N{NO-BREAK SPACE}"
_GRAPH = {
    "rankdir": "BT", "labelloc": "t", "fontname": _FONT, "fontsize": "15", "fontcolor": _INK, "nodesep": "0.3",
    "ranksep": "0.35", "pad": "0.3", "bgcolor": "white", "newrank": "true",
}  # fmt: skip
_NODE = {
    "shape": "box", "style": "rounded,filled", "fontname": _FONT, "fontsize": "11", "fontcolor": "#222222",
    "margin": "0.14,0.07", "height": "0.36", "penwidth": "1.2",
}  # fmt: skip
_EDGE = {"fontname": _FONT, "fontsize": "9", "fontcolor": "#555555", "arrowsize": "0.65", "color": _INK}
_CLUSTER = {
    "labelloc": "b",
    "labeljust": "l",
    "style": "rounded,filled",
    "fontsize": "11",
    "margin": "12",
    "penwidth": "1.2",
}
_DOT = {"shape": "point", "width": "0.05", "height": "0.05", "color": _INK}
_SIGN = {
    "shape": "circle", "width": "0.26", "height": "0.26", "fixedsize": "true", "fillcolor": "white", "color": _INK,
    "fontsize": "14", "margin": "0",
}  # fmt: skip
_GLUE = {
    "color": "#b0b0b0",
    "fontsize": "9",
    "fontcolor": "#444444",
    "height": "0.2",
    "margin": "0.08,0.03",
    "penwidth": "0.8",
}
_LINES = {
    "flow": {},
    "memory": {"color": COLOURS["cross_attention"][1], "penwidth": "2"},
    "mask": {"color": "#b0b0b0", "penwidth": "0.8", "arrowsize": "0.5"},
}
TIE = {"color": _GREY, "style": "dotted", "dir": "none", "constraint": "false", "penwidth": "1.4"}


def to_dot(scene: Scene) -> str:
    """The scene as DOT text, whole."""
    return Writer(scene).text(whole=True)


def to_layout(scene: Scene) -> tuple[str, list[Ends]]:
    """The scene as DOT text without legend and ties, which `layout` adds; and the ties."""
    writer = Writer(scene)
    ties = [writer.ends(edge) for edge in scene.edges if edge.style == "tied"]
    return writer.text(whole=False), ties


class Writer:
    """Writes one scene, a statement a line."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.names = {box.id: f"n{number}" for number, box in enumerate(scene.root.boxes(), start=1)}
        self.out: list[str] = []
        self.clusters = 0

    def text(self, *, whole: bool) -> str:
        """The DOT text; `whole` with legend and ties."""
        self.out = ["digraph model {"]
        self.line(1, "graph", {**_GRAPH, "label": _label(self.scene.title)})
        self.line(1, "node", _NODE)
        self.line(1, "edge", _EDGE)
        self.items(self.scene.root, 1)
        for edge in self.scene.edges:
            if whole or edge.style != "tied":
                self.edge(edge)
        self.starts()
        if whole:
            self.legend()
        return "\n".join([*self.out, "}", ""])

    def line(self, level: int, statement: str, attributes: Mapping[str, str]) -> None:
        """One statement; quotes in values are escaped, backslashes are those of labels."""
        inside = ", ".join(
            f'{name}="{value.replace(chr(34), chr(92) + chr(34))}"' for name, value in attributes.items()
        )
        self.out.append(f"{'  ' * level}{statement} [{inside}]")

    def ends(self, edge: Edge) -> Ends:
        """The names of an edge's nodes."""
        return self.names[edge.source], self.names[edge.target]

    def items(self, cluster: Cluster, level: int) -> None:
        for item in cluster.items:
            if isinstance(item, Box):
                self.line(level, self.names[item.id], _look(item))
                continue
            self.clusters += 1
            border = colours(item.family)[1]
            self.out.append(f"{'  ' * level}subgraph cluster_{self.clusters} {{")
            fill = "#f7f9fa" if level % 2 else "#ffffff"
            look = {
                **_CLUSTER,
                "label": _cluster_label(item.lines),
                "color": border,
                "fontcolor": border,
                "fillcolor": fill,
            }
            self.line(level + 1, "graph", look)
            self.items(item, level + 1)
            self.out.append(f"{'  ' * level}}}")

    def edge(self, edge: Edge) -> None:
        if edge.style == "tied":
            look = TIE
        else:
            look = {**_LINES[edge.style], "weight": str(edge.weight)}
            look |= {"style": "dashed"} if edge.optional else {}
            look |= {"constraint": "false"} if edge.sideways else {}
            look |= {"label": f" {dot_text(edge.text)} "} if edge.text else {}
        self.line(1, " -> ".join(self.ends(edge)), look)

    def starts(self) -> None:
        """What the model starts from stands side by side, in the order of the spec: encoder left, decoder right."""
        first = [self.names[name] for name in self.scene.starts()]
        if len(first) > 1:
            self.out.append(f'  {{ rank="same"; {" -> ".join(first)} [style="invis"] }}')

    def legend(self) -> None:
        """The legend as a row below; `layout` draws it elsewhere."""
        legend = legend_of(self.scene)
        self.out.append("  subgraph cluster_legend {")
        self.line(2, "graph", {"label": "", "style": "rounded", "color": "#d8d8d8", "margin": "8"})
        self.out.append('    { rank="source"')
        notes = "".join(f"{dot_text(note)}\\l" for note in legend.notes)
        if notes:
            self.line(3, "legend_notes", {"label": notes, "shape": "plaintext", "style": "solid", **STYLE})
        for number, (text, fill, border) in enumerate(legend.rows):
            self.line(3, f"legend{number}", {"label": dot_text(text), "fillcolor": fill, "color": border, **STYLE})
        self.out += ["    }", "  }"]


def _look(box: Box) -> dict[str, str]:
    """How a box is drawn."""
    label = {"label": _label(box.lines)}
    fill, border = colours(box.family)
    match box.kind:
        case "dot":
            return {**label, **_DOT}
        case "sign":
            return {**label, **_SIGN}
        case "glue":
            return {**label, **_GLUE, "fillcolor": fill}
        case "input" | "output":
            colour = {"fontcolor": _GREY} if box.optional else {}
            return {**label, "shape": "plaintext", "style": "solid", "height": "0.25", **colour}
    dashed = {"style": "rounded,filled,dashed"} if box.optional else {}
    return {**label, "fillcolor": fill, "color": border, "width": "1.5", **dashed}


def _label(lines: list[str]) -> str:
    return "\\n".join(map(dot_text, lines))


def _cluster_label(lines: list[str]) -> str:
    """Lines at the left, as many blanks at the right: what enters or leaves in the middle passes by the text."""
    width = max(map(len, lines), default=0)
    return "".join(f"{dot_text(line)}{_BLANK * (4 * width - len(line))}\\l" for line in lines)
