"""Emitted text: lines that are broken mean what they meant whole, and nothing that a spec says is run."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import archwright as aw
from archwright.backends.torch.emit.classes import wrapped


def test_a_group_does_not_become_a_tuple() -> None:
    names = {f"name_{'x' * 40}_{i}": [i] for i in range(4)}
    a, b, c, _ = names
    line = f"found = dict(size=len(({a} if {b} == None else ({b} if {a} == {c} else {c} + {c}))))"
    broken = wrapped(line)
    assert "\n" in broken
    whole, split = dict(names), dict(names)
    exec(line, whole)
    exec(broken, split)
    assert split["found"] == whole["found"] == {"size": 2}


def test_a_title_and_a_number_are_what_a_spec_says(tmp_path: Path) -> None:
    title = 'Ends with """ + print() + """, a \\ and a "'
    spec = tmp_path / "spec.yaml"
    head = 'model: m\ninputs: {x: "float[n, 4]"}\ngraph: {y: {block: layer_norm, in: x, eps: .inf}}\noutputs: {y: y}'
    spec.write_text(f"title: {json.dumps(title)}\n{head}")
    model = aw.compile(spec, backend="eager")
    tree = ast.parse(model.source)
    assert (ast.get_docstring(tree) or "").startswith(f"{title}\n")
    assert [ast.get_docstring(one) for one in tree.body if isinstance(one, ast.ClassDef)] == [title]
    assert math.isinf(model.net.y.eps)
