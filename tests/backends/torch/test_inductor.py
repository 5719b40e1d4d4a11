"""What is set right of inductor: strides are read off plain sums, and maps whose extents are all symbols go through."""

import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._inductor.utils import fresh_cache, sympy_index_symbol
from torch.utils._sympy.functions import FloorDiv

import archwright as aw
from archwright.backends.torch.inductor import _HOME, _SEARCHED, _simplified

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


def test_batch_height_and_width_of_a_map_change_from_call_to_call() -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    one_stage = {"num_stages": 1, "depths": [1]}
    model = aw.compile("segformer", task="base", size="tiny", **one_stage).eval()
    eager = aw.compile("segformer", task="base", size="tiny", backend="eager", **one_stage).eval()
    eager.load_state_dict(model.state_dict())
    for shape in ((2, 3, 45, 61), (3, 3, 64, 32), (4, 3, 50, 37)):
        image = torch.randn(shape)
        with torch.no_grad(), fresh_cache():
            torch.testing.assert_close(model(image).last_hidden_state, eager(image).last_hidden_state)
