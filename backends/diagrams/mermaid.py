"""A scene as a Mermaid flowchart."""

from __future__ import annotations

from .escapes import mermaid_text
from .families import COLOURS, colours
from .legend import legend_of
from .scene import Box, Cluster, Edge, Scene

_ARROWS = {"flow": "-->", "memory": "==>", "mask": "-.->", "tied": "-.-"}
_SHAPES = {"input": ("([", "])"), "output": ("([", "])"), "sign": ("((", "))"), "dot": ("((", "))"), "glue": ("(", ")")}


def to_mermaid(scene: Scene) -> str:
    """The scene as Mermaid text."""
    names = {box.id: f"n{number}" for number, box in enumerate(scene.root.boxes(), start=1)}
    lines = ["flowchart BT", f'  subgraph model ["{_label(scene.title)}"]', *_items(scene.root, names, 2, [0]), "  end"]
    lines += _legend(scene)
    lines += [_edge(edge, names) for edge in scene.edges]
    members: dict[str, list[str]] = {}
    for box in scene.root.boxes():
        if box.kind in ("block", "part", "glue"):
            members.setdefault(box.family if box.family in COLOURS else "operation", []).append(names[box.id])
    for family, boxes in members.items():
        fill, border = colours(family)
        lines += [f"  classDef {family} fill:{fill},stroke:{border},color:#222", f"  class {','.join(boxes)} {family}"]
    return "\n".join(lines) + "\n"


def _items(cluster: Cluster, names: dict[str, str], level: int, count: list[int]) -> list[str]:
    indent = "  " * level
    lines: list[str] = []
    for item in cluster.items:
        if isinstance(item, Box):
            left, right = _SHAPES.get(item.kind, ("[", "]"))
            lines.append(f'{indent}{names[item.id]}{left}"{_label(item.lines) or " "}"{right}')
            continue
        count[0] += 1
        lines.append(f'{indent}subgraph c{count[0]} ["{_label(item.lines)}"]')
        lines += [*_items(item, names, level + 1, count), f"{indent}end"]
    return lines


def _edge(edge: Edge, names: dict[str, str]) -> str:
    arrow = "-.->" if edge.optional and edge.style == "flow" else _ARROWS[edge.style]
    text = f'|"{mermaid_text(edge.text)}"|' if edge.text else ""
    return f"  {names[edge.source]} {arrow}{text} {names[edge.target]}"


def _legend(scene: Scene) -> list[str]:
    legend = legend_of(scene)
    lines = [f'    legend{at}["{mermaid_text(text)}"]' for at, (text, _, _) in enumerate(legend.rows)]
    if legend.notes:
        lines.append(f'    legend_notes["{_label(list(legend.notes))}"]')
    styles = [
        f"  style legend{at} fill:{fill},stroke:{border},color:#222" for at, (_, fill, border) in enumerate(legend.rows)
    ]
    return ['  subgraph legend ["Legend"]', *lines, "  end", *styles] if lines else []


def _label(lines: list[str]) -> str:
    return "<br/>".join(map(mermaid_text, lines))
