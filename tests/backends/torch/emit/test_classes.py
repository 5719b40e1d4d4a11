"""Emitted text: lines that are broken mean what they meant whole."""

from __future__ import annotations

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
