"""The module that users hold: arguments, specialisations, source, gradients of shared weights."""

from __future__ import annotations

import copy
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.misfit import misfit
from archwright.compiler.weights.weight_map import table_of

IDS = torch.randint(0, 99, (2, 6), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def bert() -> Any:
    return aw.compile("bert", task="masked_lm", size="tiny", backend="eager")


def test_outputs_are_attributes_keys_and_a_mapping(bert: Any) -> None:
    out = bert(input_ids=IDS)
    assert out.logits is out["logits"]
    assert dict(out) == {"logits": out.logits}
    assert out.loss is None


def test_a_positional_input_is_the_first(bert: Any) -> None:
    assert torch.equal(bert(IDS).logits, bert(input_ids=IDS).logits)


def test_each_combination_is_a_forward_over_the_same_weights(bert: Any) -> None:
    before = [id(parameter) for parameter in bert.parameters()]
    plain = bert(input_ids=IDS).logits
    with_states = bert(input_ids=IDS, output_hidden_states=True)
    assert torch.equal(with_states.logits, plain)
    assert len(with_states.hidden_states) == 3
    assert [id(parameter) for parameter in bert.parameters()] == before
    assert bert.source.count("class BertForMaskedLm") == 1


def test_masks_count_in_any_type(bert: Any) -> None:
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
    expected = bert(input_ids=IDS, attention_mask=mask).logits
    for dtype in (torch.bool, torch.float32, torch.int32):
        assert torch.equal(bert(input_ids=IDS, attention_mask=mask.to(dtype)).logits, expected)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"input_idz": IDS}, "takes no input `input_idz`"),
        ({}, "`logits` cannot be made from these inputs; give `input_ids` or `inputs_embeds`"),
        ({"input_ids": [[1, 2]]}, "expected a tensor, found list"),
        ({"input_ids": IDS, "logits_to_keep": 1}, "`logits_to_keep=1` is not supported"),
        ({"input_ids": IDS, "past_key_values": ()}, "`past_key_values=()` is not supported"),
        ({"input_ids": IDS, "head_mask": IDS}, "`head_mask=a (2, 6) tensor` is not supported"),
    ],
)
def test_a_bad_call_says_what_to_do(bert: Any, inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(aw.ArgumentError, match=re.escape(message)):
        bert(**inputs)


def test_a_mask_by_query_does_not_stand_in_place_of_causality() -> None:
    model = aw.compile("gpt2", task="causal_lm", size="tiny", backend="eager")
    with pytest.raises(
        aw.ArgumentError, match=re.escape("`attention_mask` expected bool[batch, seq], found float32[2, 6, 6]")
    ):
        model(input_ids=IDS, attention_mask=torch.ones(2, 6, 6))


def test_arguments_that_change_nothing_are_taken(bert: Any) -> None:
    expected = bert(input_ids=IDS).logits
    for given in ({"use_cache": True}, {"use_cache": False}, {"return_dict": True}, {"head_mask": torch.ones(2, 4)}):
        assert torch.equal(bert(input_ids=IDS, **given).logits, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"backend": "jax"}, "expected a backend"), ({"dtype": "float99"}, "expected a torch dtype")],
)
def test_a_bad_option_says_what_was_expected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(aw.ArgumentError, match=message):
        aw.compile("bert", size="tiny", **options)


def test_tied_weights_are_one_parameter_with_both_gradients(bert: Any) -> None:
    assert bert.net.masked_lm.decoder.weight is bert.net.tokens.weight
    bert(input_ids=IDS, labels=IDS).loss.backward()
    assert bert.net.tokens.weight.grad is not None
    assert bert.num_parameters() == sum(parameter.numel() for parameter in bert.parameters())


def test_a_copy_runs_its_own_weights() -> None:
    model, ids = aw.compile("bert", size="tiny", backend="eager"), torch.arange(6)[None]
    assert model(input_ids=ids).last_hidden_state.any()
    other = copy.deepcopy(model)
    with torch.no_grad():
        for weight in other.parameters():
            weight.zero_()
    assert not other(input_ids=ids).last_hidden_state.any()


def test_dtype_and_device_reach_the_weights() -> None:
    model = aw.compile("bert", size="tiny", backend="eager", dtype="bfloat16", device="cpu")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model(input_ids=IDS).last_hidden_state.dtype == torch.bfloat16


@pytest.mark.parametrize(("name", "task"), [("gptj", "causal_lm"), ("owlvit", "object_detection")])
def test_scores_that_are_in_full_precision_whatever_the_weights(name: str, task: str) -> None:
    model = aw.compile(name, task=task, size="tiny", backend="eager", dtype="bfloat16")
    inputs = {
        key: value.bfloat16() if value.is_floating_point() else value
        for key, value in example_inputs(model.graph).items()
    }
    logits = model(**inputs).logits
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


def test_a_traceback_shows_the_generated_line(bert: Any) -> None:
    with pytest.raises(aw.ArgumentError, match="where `seq` is") as caught:
        bert(input_ids=IDS, attention_mask=torch.ones(2, 5))
    shown = "".join(traceback.format_exception(caught.value))
    assert "encoder = layer(encoder, valid=attention_mask)" in shown


def test_layers_are_one_region_for_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **options: real(function, **{**options, "backend": keep}))
    model = aw.compile("bert", size="tiny", num_layers=7)
    with torch.no_grad():
        model(input_ids=IDS)
    regions = [node for node in graphs[0].graph.nodes if "invoke_subgraph" in str(node.target)]
    bodies = {str(node.args[1]) for node in regions}
    assert (len(graphs), len(regions), len(bodies)) == (1, 7, 1)


def test_inductor_gives_the_same_numbers_for_all_lengths() -> None:
    torch.compiler.reset()
    model = aw.compile("bert", size="tiny", dynamic=True)
    eager = aw.compile("bert", size="tiny", backend="eager")
    eager.net.load_state_dict(model.net.state_dict())
    with torch.no_grad(), torch._dynamo.config.patch(error_on_recompile=True):
        for shape in ((2, 6), (3, 11)):
            ids = torch.randint(0, 99, shape)
            torch.testing.assert_close(model(input_ids=ids).last_hidden_state, eager(input_ids=ids).last_hidden_state)


def test_a_spec_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "model: mine\nparams: {d: 4}\ninputs: {x: 'float[batch, $d]'}\n"
        "graph: {up: {block: linear, d_out: 3 * $d}}\noutputs: {y: up}\n",
        encoding="utf-8",
    )
    model = aw.compile(file, backend="eager", d=5)
    assert model(x=torch.randn(2, 5)).y.shape == (2, 15)


def test_a_mounted_spec_s_parameter_is_an_option(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "model: two\nmounts: {text: {spec: bert, size: tiny}}\ninputs: {x: 'float[batch, 4]', ids: 'int[batch, seq]'}\n"
        "graph:\n  text: {mount: text, in: {input_ids: ids}}\n"
        "  up: {block: linear, in: x, d_out: $text.d_model}\noutputs: {y: up, z: text.last_hidden_state}\n",
        encoding="utf-8",
    )
    out = aw.compile(file, backend="eager")(x=torch.randn(2, 4), ids=IDS)
    assert out.y.shape[-1] == out.z.shape[-1]


def test_what_a_node_reads_of_a_mount_hangs_on_no_flag_of_the_call(tmp_path: Path) -> None:
    spec = tmp_path / "reading.yaml"
    spec.write_text(
        "model: reading\nmounts: {text: {spec: bert, size: tiny}}\ninputs: {ids: 'int[batch, seq]'}\n"
        "graph:\n  text: {mount: text, in: {input_ids: ids}}\n"
        "  taken: {expr: 'text.hidden_states[-2]'}\n  out: {first: [taken, text.last_hidden_state]}\n"
        "outputs: {y: out, states: text, hidden_states: text.hidden_states}\n"
    )
    model = aw.compile(spec, backend="eager")
    with_states, plain = model(ids=IDS, output_hidden_states=True), model(ids=IDS)
    assert torch.equal(plain.y, with_states.hidden_states[-2])
    assert "hidden_states" not in plain
    assert "hidden_states" not in plain.states
    assert len(with_states.states["hidden_states"]) == 3


def test_a_mounted_task_brings_its_head_with_its_ties_and_keys(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(
        "model: one\nparams: {kind: gpt2}\n"
        "mounts: {text: {spec: {choose: $kind, gpt2: gpt2, bart: bart}, task: causal_lm, size: tiny, config: inner}}\n"
        "inputs: {ids: 'int[batch, seq]'}\ngraph: {text: {mount: text, in: {input_ids: ids}}}\n"
        "outputs: {y: text.logits}\n"
        "checkpoint: {model_type: one, config: {kind: inner.model_type}, weights: {text: text}}\n",
        encoding="utf-8",
    )
    model = aw.compile(file, backend="eager", kind="bart").eval()
    assert model(ids=IDS).y.shape[-1] == 99
    assert model.net.text.head.scores.weight is model.net.text.tokens.weight
    keys = set(table_of(model.graph).tensors)
    assert "text.model.decoder.embed_tokens.weight" in keys
    assert not any("encoder." in key or "lm_head" in key for key in keys)
    model.save_pretrained(str(tmp_path / "saved"))
    again = aw.from_pretrained(tmp_path / "saved", spec=file, backend="eager")
    assert torch.equal(again(ids=IDS).y, model(ids=IDS).y)


def test_a_mounted_task_is_given_what_its_head_reads(tmp_path: Path) -> None:
    file = tmp_path / "learning.yaml"
    file.write_text(
        "model: learning\nmounts: {text: {spec: bert, task: sequence_classification, size: tiny}}\n"
        "inputs: {ids: 'int[batch, seq]', labels: 'int[batch]?'}\n"
        "graph:\n  text: {mount: text, in: {input_ids: ids, labels: labels}}\n"
        "  unread: {mount: text, in: {input_ids: ids}}\n"
        "outputs: {loss: text.loss, logits: text.logits, other: unread.logits}\n",
        encoding="utf-8",
    )
    model, labels = aw.compile(file, backend="eager").eval(), torch.tensor([1, 0])
    out = model(ids=IDS[:2], labels=labels)
    torch.testing.assert_close(out.loss, torch.nn.functional.cross_entropy(out.logits, labels))
    assert "loss" not in model(ids=IDS[:2])
    file.write_text(file.read_text(encoding="utf-8").replace("labels: labels", "label: labels"), encoding="utf-8")
    with pytest.raises(aw.SpecError, match="did you mean `labels`"):
        aw.compile(file)


def test_signs_bind_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "signs.yaml"
    file.write_text(
        "model: signs\ninputs: {x: 'float[batch, 3]', mask: 'bool[batch, 3]'}\n"
        "graph: {none: {block: linear, in: x, d_out: 1}}\n"
        "outputs: {a: int(not mask), b: (-x) ** 2, c: 'sum(-x, 1)', d: -x ** 2, y: none}\n",
        encoding="utf-8",
    )
    x, mask = torch.randn(2, 3), torch.tensor([[1, 1, 0], [1, 0, 0]])
    out = aw.compile(file, backend="eager")(x=x, mask=mask)
    assert torch.equal(out.a, 1 - mask)
    for found, expected in ((out.b, x**2), (out.c, -x.sum(1)), (out.d, -(x**2))):
        torch.testing.assert_close(found, expected)


def test_whole_numbers_stay_whole() -> None:
    net = aw.compile("hubert", size="tiny", backend="eager", dtype="bfloat16", conv_pos_batch_norm=True)
    kinds = {value.dtype for name, value in net.state_dict().items() if name.endswith("num_batches_tracked")}
    assert kinds == {torch.long}


def test_a_long_edge_that_is_read_once_has_a_line_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "edges.yaml"
    file.write_text(
        "model: edges\ninputs: {x: 'float[batch, 3]'}\ngraph:\n  short: {expr: x + 1}\n"
        "  long: {expr: lgamma(abs(x) + 1.0) * lgamma(abs(x) + 2.0) * lgamma(abs(x) + 3.0)}\n"
        "  up: {block: linear, in: long * short, d_out: 2}\noutputs: {y: up}\n",
        encoding="utf-8",
    )
    model = aw.compile(file, backend="eager")
    model(x=torch.randn(2, 3))
    assert "        long = torch.lgamma(" in model.source and "short =" not in model.source


@pytest.mark.parametrize("name", ["speech_to_text", "time_series_transformer"])
def test_what_a_forward_makes_itself_has_the_type_of_what_it_is_given(name: str) -> None:
    model = aw.compile(name, size="tiny", backend="eager", dtype="bfloat16")
    inputs = {
        key: value.bfloat16() if value.is_floating_point() else value
        for key, value in example_inputs(model.graph).items()
    }
    assert model(**inputs).last_hidden_state.dtype == torch.bfloat16


@pytest.mark.parametrize("part", ["pre_norm_layer", "post_norm_layer"])
def test_layers_of_both_kinds_take_score_terms(part: str, tmp_path: Path) -> None:
    file = tmp_path / "biased.yaml"
    file.write_text(
        "model: biased\nparams: {num_heads: 2, d_ff: 8, activation: relu}\ninputs: {x: 'float[batch, seq, 8]'}\n"
        "graph:\n  offset: {block: relative_position, in: {q: x, k: x}}\n"
        "  bias: {block: bias_table, in: offset + 4, num: 9, num_heads: 2}\n"
        f"  layers: {{repeat: {{i: 2}}, part: {part}, in: {{x: x, terms: [bias]}}}}\noutputs: {{y: layers}}\n",
        encoding="utf-8",
    )
    torch.manual_seed(0)
    model, x = aw.compile(file, backend="eager"), torch.randn(1, 4, 8)
    table = model.net.bias.weight
    model(x=x).y.sin().sum().backward()
    assert table.grad[1:8].ne(0).all() and table.grad[[0, 8]].eq(0).all()  # offsets of 4 tokens are from -3 to 3


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"input_ids": [5]}, "`input_ids` expected int[batch, seq], found int64[1]"),
        ({"input_ids": [[0.5]]}, "`input_ids` expected int[batch, seq], found float32[1, 1]"),
        ({"input_ids": [[True]]}, "`input_ids` expected int[batch, seq], found bool[1, 1]"),
        ({"input_ids": [[5, 99]]}, "`input_ids` expected numbers from 0 to 98, found 5 to 99"),
        ({"input_ids": [[5] * 65]}, "`position_ids`, which counts, expected 64 places at most, found 65"),
        ({"input_ids": [[5, 6], [7, 8]], "labels": [[-100, 3, 4]] * 2}, "found int64[2, 3], where `seq` is 2"),
        ({"input_ids": [[5, 6]], "labels": [5]}, "`labels` expected int[batch, seq], found int64[1]"),
        ({"input_ids": [[5, 6]], "labels": [[0.5, 6]]}, "`labels` expected int[batch, seq], found float32[1, 2]"),
        ({"input_ids": [[5, 6]], "attention_mask": [[[[1]]]]}, "bool[batch, seq, seq], found int64[1, 1, 1, 1]"),
    ],
)
def test_what_torch_refuses_is_told_in_the_words_of_the_spec(inputs: dict[str, Any], told: str) -> None:
    model = aw.compile("bert", task="masked_lm", size="tiny", backend="eager")
    with pytest.raises(aw.ArgumentError, match=re.escape(told)):
        model(**{name: torch.tensor(value) for name, value in inputs.items()})
    writer = aw.compile("gpt2", task="causal_lm", size="tiny", backend="eager")
    with pytest.raises(aw.ArgumentError, match="`input_ids` expected numbers from 0 to 98"):
        writer.generate(torch.tensor([[99]]))
    with pytest.raises(aw.ArgumentError, match=re.escape("`logits_to_keep` expected int[], found int64[2]")):
        writer(input_ids=torch.tensor([[5, 6]]), logits_to_keep=torch.tensor([0, 1]))
    with pytest.raises(aw.ArgumentError, match="`input_ids` is given twice"):
        model(torch.zeros(1, 1).long(), input_ids=torch.zeros(1, 1).long())


def test_an_input_is_not_told_apart_by_tables_that_read_what_is_made_from_it(tmp_path: Path) -> None:
    file = tmp_path / "typed.yaml"
    file.write_text(
        "model: typed\ninputs: {ids: 'int[batch, seq, 2]', x: 'float[batch, seq, 4]'}\ngraph:\n"
        "  kind: {block: embedding, in: 'ids[:, :, 0]', num: 3, dim: 4}\n"
        "  row: {block: embedding, in: 'ids[:, :, 1]', num: 9, dim: 4}\n"
        "  parity: {block: embedding, in: 'ids[:, :, 1] % 2', num: 2, dim: 4}\noutputs: {y: kind + row + parity + x}\n",
        encoding="utf-8",
    )
    model, ids = aw.compile(file, backend="eager"), torch.tensor([[[2, 8], [0, 5]]])
    with pytest.raises(aw.ArgumentError, match=re.escape("`x` expected float[batch, seq, 4], found float32[1, 3, 4]")):
        model(ids=ids, x=torch.zeros(1, 3, 4))
    with pytest.raises(aw.ArgumentError, match=re.escape("`kind.weight` has 3 rows, expected numbers from 0 to 2")):
        model(ids=ids.flip(-1), x=torch.zeros(1, 2, 4))


def test_an_input_that_lies_elsewhere_is_told(bert: Any) -> None:
    with pytest.raises(aw.ArgumentError, match="`attention_mask` expected on cpu, where the model is, found on meta"):
        bert(input_ids=IDS, attention_mask=torch.ones_like(IDS, device="meta"))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_whole_numbers_have_any_width(bert: Any, dtype: torch.dtype) -> None:
    narrow = bert(input_ids=IDS.to(dtype), token_type_ids=(IDS % 2).to(dtype), labels=IDS.to(dtype))
    assert torch.equal(narrow.loss, bert(input_ids=IDS, token_type_ids=IDS % 2, labels=IDS).loss)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "int8", "half_precision"])
def test_a_type_that_nothing_computes_with_is_refused(dtype: str) -> None:
    with pytest.raises(aw.ArgumentError, match="expected a torch dtype such as 'bfloat16'"):
        aw.compile("bert", size="tiny", backend="eager", dtype=dtype)


@pytest.mark.parametrize("number", [7, -1, -100])
def test_an_object_of_no_class_is_refused(number: int) -> None:
    model = aw.compile("detr", task="object_detection", size="tiny", backend="eager")
    label = {"class_labels": torch.tensor([0, number]), "boxes": torch.rand(2, 4)}
    found = f"{min(number, 0)} to {max(number, 0)}"
    with pytest.raises(aw.ArgumentError, match=f"`labels.class_labels` expected numbers from 0 to 6, found {found}"):
        model(pixel_values=torch.randn(1, 3, 64, 64), labels=[label])


@pytest.mark.parametrize("backend", ["eager", "inductor"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "roberta",
            "`positions.weight` has 64 rows, expected numbers from 0 to 63, found 66; if they count tokens, give 3",
        ),
        ("transformer", "`encoder_table` has 48 rows, expected numbers from 0 to 47, found 64"),
    ],
)
def test_a_text_longer_than_its_table_of_positions_is_told(name: str, told: str, backend: str) -> None:
    model = aw.compile(name, size="tiny", backend=backend)
    ids = {
        given: torch.full((1, 65), 5)
        for given in ("input_ids", "decoder_input_ids")
        if given in model.graph.root.inputs
    }
    with pytest.raises(aw.ArgumentError, match=re.escape(told)):
        model(**ids)


def test_an_encoder_that_reads_too_long_a_text_is_told_in_writing() -> None:
    writer = aw.compile("bart", task="conditional_generation", size="tiny", backend="eager")
    told = "`encoder_positions.weight` has 50 rows, expected numbers from 0 to 49, found 51"
    with pytest.raises(aw.ArgumentError, match=told):
        writer.generate(torch.full((1, 50), 5), max_new_tokens=3)


@pytest.mark.parametrize("backend", ["eager", "inductor"])
def test_extents_that_do_not_meet_inside_are_told_where_they_meet(backend: str) -> None:
    model = aw.compile("vit", size="tiny", backend=backend)
    told = r"`dropped` \(\S+image_encoder.yaml:\d+:\d+\) needs extents that fit: .*, here \[1, 101, 32\], meets .*"
    with pytest.raises(aw.ArgumentError, match=told + re.escape("[1, (image_size//patch_size)**2 + 1, d_model], here")):
        model(pixel_values=torch.zeros(1, 3, 60, 60))
    assert model(pixel_values=torch.zeros(1, 3, 60, 60), interpolate_pos_encoding=True)  # the same, where all fits


def test_an_extent_that_is_not_cut_evenly_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cut.yaml"
    cut = "graph: {cut: {block: rearrange, in: x, pattern: 'b (n p) -> b n p', p: 5}}\noutputs: {cut: cut}\n"
    file.write_text("model: cut\ninputs: {x: 'float[batch, seq]'}\n" + cut, encoding="utf-8")
    model = aw.compile(file, backend="eager")
    assert model(x=torch.zeros(2, 10)).cut.shape == (2, 2, 5)
    with pytest.raises(
        aw.ArgumentError, match=re.escape("`cut` (") + r".*needs extents that fit: .*\[seq\], here \[12\]"
    ):
        model(x=torch.zeros(2, 12))
    file.write_text("model: cut\ninputs: {x: 'float[batch, seq, 12]'}\n" + cut.replace("b (n p)", "b s (n p)", 1))
    with pytest.raises(aw.SpecError, match=r"expected (an extent that 5 divides|`)"):
        aw.check(file)


def test_extents_that_a_block_compares_are_told_too(tmp_path: Path) -> None:
    file = tmp_path / "read.yaml"
    file.write_text(
        "model: read\ninputs: {x: 'float[batch, seq, 4]', y: 'float[batch, rows, 4]', z: 'float[batch, other, 4]'}\n"
        "graph: {read: {block: attention, in: {q: x, k: y, v: z}, num_heads: 2}}\noutputs: {read: read}\n",
        encoding="utf-8",
    )
    model = aw.compile(file, backend="eager")
    x, y = torch.zeros(1, 3, 4), torch.zeros(1, 2, 4)
    assert model(x=x, y=y, z=y).read.shape == (1, 3, 4)
    with pytest.raises(aw.ArgumentError, match=re.escape("needs extents that fit: [rows], here [2], meets [other]")):
        model(x=x, y=y, z=x)


@pytest.mark.parametrize(
    ("name", "task"),
    [("bert", "masked_lm"), ("bert", "question_answering"), ("vit", "image_classification"),
     ("deberta", "sequence_classification"), ("wav2vec2", "ctc"), ("beit", "semantic_segmentation")],
)  # fmt: skip
def test_labels_may_be_whole_numbers_of_any_width(name: str, task: str) -> None:
    model = aw.compile(name, task=task, size="tiny", backend="eager").eval()
    labels = [one for one in model.graph.root.inputs if one in ("labels", "start_positions", "end_positions")]
    inputs = example_inputs(model.graph, extra=tuple(labels))
    narrow = {one: value.int() if value.dtype == torch.long else value for one, value in inputs.items()}
    assert torch.equal(model(**narrow).loss, model(**inputs).loss)


def test_labels_that_are_no_counts_may_be_any_number() -> None:
    graph = aw.check("xlnet", task="question_answering", size="tiny")
    assert not misfit(graph, {"is_impossible": torch.tensor([-1.5, 0.5])})
    assert misfit(graph, {"input_ids": torch.tensor([[-1]])})
