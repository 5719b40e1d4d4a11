"""Functions of edge expressions, by the text and type they give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw


def built(folder: Path, inputs: str, outputs: str) -> Any:
    """A model of edges alone."""
    spec = folder / "edges.yaml"
    spec.write_text(f"model: edges\nsizes: {{tiny: {{}}}}\ninputs: {inputs}\noutputs: {outputs}\n")
    return aw.compile(str(spec), backend="eager")


def test_argsort_gives_whole_numbers_along_its_axis(tmp_path: Path) -> None:
    outputs = "{order: 'argsort(x, 1)', back: 'argsort(argsort(x, -1), -1)'}"
    model = built(tmp_path, "{x: 'float[batch, length]'}", outputs)
    assert str(model.graph.outputs["order"].type) == "int[batch, length]"
    x = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]])
    found = model(x=x)
    assert torch.equal(found["order"], x.argsort(1))
    assert torch.equal(x.gather(1, found["order"]).gather(1, found["back"]), x)


def test_a_choice_of_two_of_a_kind_is_of_that_kind(tmp_path: Path) -> None:
    outputs = "{a: 'where(m, n, m)', b: 'max(m, n)', c: 'where(m, n, x)', d: 'where(m, x, 0.5)'}"
    model = built(tmp_path, "{m: 'bool[batch]', n: 'bool[batch]', x: 'int[batch]'}", outputs)
    kinds = [str(model.graph.outputs[name].type) for name in "abcd"]
    assert kinds == ["bool[batch]", "bool[batch]", "int[batch]", "float[batch]"]
    m, n, x = torch.tensor([True, False]), torch.tensor([False, False]), torch.tensor([3, 4])
    found = model(m=m, n=n, x=x)
    assert [found[name].dtype for name in "abcd"] == [torch.bool, torch.bool, torch.int64, torch.float32]


def test_what_is_joined_is_of_the_kind_that_torch_makes_it(tmp_path: Path) -> None:
    outputs = (
        "{a: 'stack([x, y])', b: 'stack([m, x], 1)', c: 'stack([m, m])', d: relu(x), e: joined, f: 'stack([m, y])[1]'}"
    )
    graph = "{joined: {block: concat, in: {parts: [m, x, y]}, axis: 0}}"
    model = built(tmp_path, f"{{m: 'bool[batch]', x: 'int[batch]', y: 'float[batch]'}}\ngraph: {graph}", outputs)
    kinds = [model.graph.outputs[name].type.kind for name in "abcdef"]
    assert kinds == ["float", "int", "bool", "int", "float", "float"]
    found = model(m=torch.tensor([True]), x=torch.tensor([-3]), y=torch.tensor([0.5]))
    dtypes = {"float": torch.float32, "int": torch.int64, "bool": torch.bool}
    assert [found[name].dtype for name in "abcdef"] == [dtypes[kind] for kind in kinds]


def test_flip_reads_an_axis_backwards(tmp_path: Path) -> None:
    model = built(tmp_path, "{x: 'float[batch, length]'}", "{y: 'flip(x, 1)', z: 'flip(x + 1, -2)'}")
    x = torch.arange(6.0).reshape(2, 3)
    found = model(x=x)
    assert torch.equal(found["y"], x[:, [2, 1, 0]])
    assert torch.equal(found["z"], x[[1, 0]] + 1)


@pytest.mark.parametrize(
    ("cut", "length"),
    [("-$n:", "n"), ("-($n // 2 + 1):", "n//2 + 1"), (":-$n", "m"), ("-$n - 1:-$n", "1"), ("-2 * $n:-1", "2*n - 1")],
)
def test_extents_count_from_the_end_where_they_are_taken_away(cut: str, length: str, tmp_path: Path) -> None:
    inputs = "{x: 'float[batch, n, 2]', y: 'float[batch, m, 2]'}"
    spec = tmp_path / "cut.yaml"
    graph = f"{{both: {{block: concat, in: {{parts: [y, x]}}, axis: 1}}, out: {{expr: 'both[:, {cut}]'}}}}"
    spec.write_text(f"model: cut\nsizes: {{tiny: {{}}}}\ninputs: {inputs}\ngraph: {graph}\noutputs: {{out: out}}\n")
    model = aw.compile(str(spec), backend="eager")
    kind = model.graph.outputs["out"].type
    assert str(kind) == f"float[batch, {length}, 2]"
    out = model(x=torch.randn(1, 3, 2), y=torch.randn(1, 5, 2))["out"]
    assert out.shape[1] == kind.dims[1].evaluate({"n": 3, "m": 5})


def test_functions_of_numbers_alone_that_options_know_are_numbers(tmp_path: Path) -> None:
    x = torch.ones(2)
    found = built(tmp_path, "{x: 'float[batch]'}", "{a: abs(-3) * x, b: int(2.5) * x, c: detach(3) * x}")(x=x)
    assert torch.equal(found["a"], 3 * x) and torch.equal(found["b"], 2 * x) and torch.equal(found["c"], 3 * x)


def test_waves_give_the_matrix_of_a_fourier_transform(tmp_path: Path) -> None:
    inputs = "{x: 'float[batch, n, d]', place: 'int[n]'}"
    turn = "place[:, null] * place * 2 * 3.141592653589793 / $n"
    model = built(tmp_path, inputs, f"{{real: 'cos({turn}) @ x', imaginary: '-sin({turn}) @ x'}}")
    x = torch.randn(2, 5, 3)
    found = model(x=x, place=torch.arange(5))
    expected = torch.fft.fft(x, dim=1)
    torch.testing.assert_close(found.real, expected.real)
    torch.testing.assert_close(found.imaginary, expected.imag)


def test_an_element_of_a_list_that_is_a_parameter_is_a_number(tmp_path: Path) -> None:
    inputs, params = "{x: 'int[batch]'}", "\nparams: {primes: [31, 43], at: 1}"
    model = built(tmp_path, inputs + params, "{y: 'x * $primes[$at] + $primes[-2]'}")
    assert model(x=torch.tensor([1, 2])).y.tolist() == [74, 117]
    with pytest.raises(aw.SpecError, match=r"index 2 is outside a list of 2"):
        built(tmp_path, inputs + params, "{y: 'x * $primes[2]'}")
    with pytest.raises(aw.SpecError, match=r"only a list can be indexed, found `\[31, 43\]`"):
        built(tmp_path, inputs + "\nlet: {primes: '[31, 43]'}", "{y: 'x * $primes[0]'}")


def test_a_number_over_an_extent_is_told_to_stand_behind_a_tensor(tmp_path: Path) -> None:
    with pytest.raises(aw.SpecError, match=r"bad-edge(?s:.)*let a tensor stand first: `x \* 2 / \$length`"):
        built(tmp_path, "{x: 'float[batch, length]'}", "{y: x * (2.0 / $length)}")


def test_a_list_is_detached_element_by_element(tmp_path: Path) -> None:
    model = built(tmp_path, "{x: 'float[batch]'}", "{y: 'stack(detach([x, 2 * x]))', z: 'detach([x, [3 * x]][1])'}")
    x = torch.ones(2, requires_grad=True)
    found = model(x=x)
    assert torch.equal(found["y"], torch.tensor([[1.0, 1.0], [2.0, 2.0]])) and not found["y"].requires_grad
    assert not found["z"].requires_grad


def test_a_stack_has_its_new_axis_where_it_is_asked_for(tmp_path: Path) -> None:
    outputs = "{a: 'stack([x, 2 * x])', b: 'stack([x, 2 * x, x], 1)', c: 'stack([x, 2 * x], -1)'}"
    model = built(tmp_path, "{x: 'float[batch, 3]'}", outputs)
    kinds = [str(model.graph.outputs[name].type) for name in "abc"]
    assert kinds == ["float[2, batch, 3]", "float[batch, 3, 3]", "float[batch, 3, 2]"]
    x = torch.randn(4, 3)
    found = model(x=x)
    assert torch.equal(found["a"], torch.stack([x, 2 * x]))
    assert torch.equal(found["b"], torch.stack([x, 2 * x, x], 1))
    assert torch.equal(found["c"], torch.stack([x, 2 * x], -1))
    with pytest.raises(aw.SpecError, match=r"bad-axis(?s:.)*no axis 3 in a stack(?s:.)*expected -3 to 2, found 3"):
        built(tmp_path, "{x: 'float[batch, 3]'}", "{y: 'stack([x, x], 3)'}")
    with pytest.raises(aw.SpecError, match=r"`stack` needs values of one shape(?s:.)*found \[batch, 1\]"):
        built(tmp_path, "{x: 'float[batch, 3]'}", "{y: 'stack([x, x[:, :1]])'}")


def test_axes_in_a_list_are_told_how_they_are_written(tmp_path: Path) -> None:
    with pytest.raises(
        aw.SpecError, match=r"an axis is a whole number(?s:.)*found the list(?s:.)*help(?s:.)*`sum\(x, 0, 1\)`"
    ):
        built(tmp_path, "{x: 'float[batch, 3]'}", "{y: 'sum(x, [0, 1])'}")


def test_a_function_of_a_number_is_told_where_numbers_are_computed(tmp_path: Path) -> None:
    with pytest.raises(
        aw.SpecError, match=r"`log` needs a tensor(?s:.)*help(?s:.)*in a `let`(?s:.)*`size: log\(\$n\)`"
    ):
        built(tmp_path, "{x: 'float[batch, 3]'}", "{y: 'x + log(1.0 + 3)'}")


def test_captures_inside_an_output_are_there_when_they_are_asked_for(tmp_path: Path) -> None:
    outputs = "{y: x, inner: {z: x, hidden_states: [x, x], decoder_attentions: x, deeper: {attentions: [x]}}}"
    model, x = built(tmp_path, "{x: 'float[batch]'}", outputs), torch.ones(2)
    assert list(model(x=x)["inner"]) == ["z"]
    assert list(model(x=x, output_hidden_states=True)["inner"]) == ["z", "hidden_states"]
    inner = model(x=x, output_attentions=True)["inner"]
    assert list(inner) == ["z", "decoder_attentions", "deeper"] and list(inner["deeper"]) == ["attentions"]


OPERATIONS = [
    "(x ** 2) ** 3", "x ** 2 ** 3", "(-x) ** 2", "-x ** 2", "(x * y) ** 2", "2 ** (x ** 2)", "x - (y - x)", "x - y - x",
    "x / (y / x)", "x / y * x", "x // (y % 2)", "x % y // 2", "-(-x)", "-(x + y)", "(x > y) == (y > 1)", "(x + y) * -x",
]  # fmt: skip


def test_operations_in_one_another_keep_their_order(tmp_path: Path) -> None:
    written = ", ".join(f"o{at}: '{text}'" for at, text in enumerate(OPERATIONS))
    model = built(tmp_path, "{x: 'float[batch]', y: 'float[batch]'}", f"{{{written}}}")
    x, y = torch.tensor([1.5, 0.7, 2.0]), torch.tensor([1.3, 3.5, 0.9])
    found = model(x=x, y=y)
    for at, text in enumerate(OPERATIONS):
        torch.testing.assert_close(found[f"o{at}"], eval(text, {"x": x, "y": y}), msg=lambda m, t=text: f"{t}: {m}")
