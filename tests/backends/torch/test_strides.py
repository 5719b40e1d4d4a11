"""Strides are read off an index that is a sum as they are off what inductor makes of it."""

import sympy
from hypothesis import given
from hypothesis import strategies as st
from torch._inductor.utils import sympy_index_symbol
from torch.utils._sympy.functions import FloorDiv

from archwright.backends.torch.strides import _HOME, _SEARCHED, _simplified

VARIABLES = [sympy_index_symbol(name) for name in ("d0", "d1", "tmp0")]
NUMBERS = st.integers(-4096, 4096)


@given(st.lists(st.tuples(NUMBERS, st.sampled_from(VARIABLES)), max_size=4), NUMBERS, st.sampled_from([4, 8, 16]))
def test_a_sum_has_the_strides_of_its_shortest_form(terms: list, shift: int, vector: int) -> None:
    index = sympy.Integer(shift) + sum(factor * variable for factor, variable in terms)
    assert _simplified(index, VARIABLES[0], vector) is index
    for variable in VARIABLES:
        searched = _SEARCHED(index, variable, vector)
        assert _HOME.stride_at(index, variable) == _HOME.stride_at(searched, variable)


def test_what_is_no_sum_is_searched() -> None:
    d0, d1, _ = VARIABLES
    for index in (FloorDiv(d0, 16) + d1, d0 * d1, sympy.Max(d0, 3), 2 * (d0 + d1) ** 2):
        assert _simplified(index, d0, 16) == _SEARCHED(index, d0, 16)
    assert _simplified(FloorDiv(d0, 16), d0, 16) != FloorDiv(d0, 16)
