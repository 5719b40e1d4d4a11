"""Types in their notation, matched against what is there."""

from __future__ import annotations

import pytest

from archwright.blocks.notation.dims import Dim
from archwright.blocks.notation.types import Bindings, MatchError, Type, build, match, parse_type


@pytest.mark.parametrize("extents", [(2, 6), (2, 6, 5), (2, 6, 5, 7)])
def test_a_star_between_or_behind_takes_what_is_left(extents: tuple[int, ...]) -> None:
    actual = Type("float", tuple(map(Dim.of, extents)))
    for text in ("float[batch, d, *]", "float[batch, *, last]"):
        bindings = Bindings({})
        match(parse_type(text), actual, bindings)
        assert build(parse_type(text), bindings) == actual
        assert bindings.dims["batch"] == Dim.of(2)


def test_a_star_takes_the_same_at_every_port() -> None:
    bindings = Bindings({})
    match(parse_type("float[batch, *]"), Type("float", tuple(map(Dim.of, (2, 5)))), bindings)
    with pytest.raises(MatchError, match="`\\*`"):
        match(parse_type("float[batch, d, *]"), Type("float", tuple(map(Dim.of, (2, 6, 4)))), bindings)
    with pytest.raises(MatchError):
        match(parse_type("float[batch, d, *]"), Type("float", (Dim.of(2),)), Bindings({}))
