"""Folders in Hugging Face's layout: every spelling that is accepted, every fault that is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import archwright as aw
from archwright.cli import main
from tests.backends.folders import logits, reworded, rewrite


def test_saves_and_loads_the_same(folder: Path, tmp_path: Path) -> None:
    model = aw.from_pretrained(folder, backend="eager")
    assert model.graph.task == "masked_lm"
    model.save_pretrained(tmp_path / "again")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_shards_both_ways(folder: Path, tmp_path: Path) -> None:
    model = aw.from_pretrained(folder, backend="eager")
    model.save_pretrained(tmp_path / "sharded", max_shard_size=20_000)
    assert len(list((tmp_path / "sharded").glob("model-*.safetensors"))) > 1
    assert torch.equal(logits(tmp_path / "sharded"), logits(folder))
    model.save_pretrained(tmp_path / "told", max_shard_size="20KB")
    index = [tmp_path / name / "model.safetensors.index.json" for name in ("sharded", "told")]
    assert index[0].read_bytes() == index[1].read_bytes()
    model.save_pretrained(tmp_path / "told", max_shard_size="40KB")
    named = set(json.loads(index[1].read_text())["weight_map"].values())
    assert {path.name for path in (tmp_path / "told").glob("*.safetensors")} == named
    model.save_pretrained(tmp_path / "told")
    assert sorted(path.name for path in (tmp_path / "told").iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("size", ["20 apples", "GB", 0, 1.5])
def test_a_size_that_is_none(folder: Path, tmp_path: Path, size: Any) -> None:
    with pytest.raises(aw.ArgumentError, match="expected `max_shard_size` in bytes"):
        aw.from_pretrained(folder, backend="eager").save_pretrained(tmp_path / "saved", max_shard_size=size)


def test_old_spellings(folder: Path) -> None:
    expected = logits(folder)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}

    def change(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = {}
        for key, value in tensors.items():
            for new, legacy in old.items():
                key = key.removesuffix(new) + legacy if key.endswith(new) else key
            found[key] = value
        found["bert.embeddings.position_ids"] = torch.arange(64)
        found["cls.predictions.decoder.weight"] = found["bert.embeddings.word_embeddings.weight"].clone()  # is tied
        found["cls.predictions.decoder.bias"] = found["cls.predictions.bias"].clone()
        return found

    rewrite(folder, change)
    assert torch.equal(logits(folder), expected)


def test_before_transformers_5_the_config_alone_says_what_is_tied(folder: Path) -> None:
    expected = logits(folder)
    rewrite(folder, lambda old: {**old, "cls.predictions.decoder.weight": torch.zeros(99, 32)})
    with pytest.warns(UserWarning, match=r"`cls.predictions.decoder.weight`, which is tied to `bert.embeddings.word"):
        assert torch.equal(logits(folder), expected)


def test_as_of_transformers_5_what_differs_is_not_tied(folder: Path, tmp_path: Path) -> None:
    rewrite(folder, lambda old: {**old, "cls.predictions.decoder.weight": torch.full((99, 32), 0.5)})
    reworded(folder, transformers_version="5.24.0")
    model = aw.from_pretrained(folder, backend="eager")
    assert model.graph.params["tie_word_embeddings"] is False
    model.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert torch.equal(logits(tmp_path / "saved"), logits(folder))


def test_what_a_spec_always_ties_has_one_value(tmp_path: Path) -> None:
    spec = tmp_path / "tied.yaml"
    spec.write_text("""
archwright: 1
model: tied
inputs: {input_ids: "int[batch, seq]"}
graph:
  tokens: {block: embedding, in: input_ids, num: 9, dim: 4}
  scores: {block: linear, in: tokens, d_out: 9, bias: false, tie: {weight: tokens.weight}}
outputs: {logits: scores}
checkpoint: {class: Tied, weights: {<tokens|scores>: <embed|head>}}
""")
    aw.compile(spec, backend="eager").save_pretrained(tmp_path)
    rewrite(tmp_path, lambda old: {**old, "head.weight": torch.zeros(9, 4)})
    reworded(tmp_path, transformers_version="5.24.0")
    with pytest.raises(aw.CheckpointError, match=r"has two values of a weight that the spec ties"):
        aw.from_pretrained(tmp_path, spec=spec, backend="eager")


def test_t5_of_transformers_5_says_of_its_outputs_whether_they_are_scaled(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = aw.compile("t5", task="conditional_generation", size="tiny", tie_word_embeddings=False, backend="eager")
    model.save_pretrained(tmp_path)
    ids = {"input_ids": torch.arange(6)[None], "decoder_input_ids": torch.arange(4)[None]}
    reworded(tmp_path, transformers_version="5.24.0", tie_word_embeddings=True, scale_decoder_outputs=False)
    read = aw.from_pretrained(tmp_path, backend="eager")
    with torch.no_grad():
        assert torch.equal(read(**ids).logits, model(**ids).logits)


def test_one_weight_has_one_value(tmp_path: Path) -> None:
    aw.compile("bart", size="tiny", backend="eager").save_pretrained(tmp_path)
    rewrite(tmp_path, lambda old: {**old, "encoder.embed_tokens.weight": old["shared.weight"].clone()})
    assert aw.from_pretrained(tmp_path, backend="eager").num_parameters() > 0
    rewrite(tmp_path, lambda old: {**old, "encoder.embed_tokens.weight": torch.zeros(99, 32)})
    with pytest.raises(aw.CheckpointError, match=r"`shared.weight` and `encoder.embed_tokens.weight` hold different"):
        aw.from_pretrained(tmp_path, backend="eager")


def test_a_head_that_is_called_as_a_weight_of_the_base_is_not_taken_for_it(tmp_path: Path) -> None:
    task = "masked_image_modeling"
    model = aw.compile("beit", task=task, size="tiny", use_mean_pooling=False, use_mask_token=True, backend="eager")
    for weight in model.parameters():
        torch.nn.init.normal_(weight)
    model.save_pretrained(tmp_path)
    base = aw.from_pretrained(tmp_path, task="base", backend="eager")
    assert torch.equal(base.net.norm.weight, model.net.norm.weight)


def test_what_a_mounted_spec_ignores(tmp_path: Path) -> None:
    aw.compile("clip", size="tiny", backend="eager").save_pretrained(tmp_path)
    rewrite(tmp_path, lambda old: {**old, "text_model.embeddings.position_ids": torch.arange(24)[None]})
    assert aw.from_pretrained(tmp_path, backend="eager").num_parameters() > 0


def test_with_and_without_the_prefix(folder: Path) -> None:
    expected = logits(folder)
    rewrite(folder, lambda tensors: {key.removeprefix("bert."): value for key, value in tensors.items()})
    assert torch.equal(logits(folder), expected)


def test_a_task_file_into_the_base_and_a_base_file_into_a_task(folder: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="freshly initialised.*pooler"):
        base = aw.from_pretrained(folder, task="base", backend="eager")
    states = base(input_ids=torch.arange(6)[None]).last_hidden_state
    assert base.graph.task is None
    base.save_pretrained(tmp_path / "base")
    left, fresh = "left in the file, as .*: 2 such as pooler.dense.bias", "freshly.*token_classification.logits"
    with pytest.warns(UserWarning, match=left), pytest.warns(UserWarning, match=fresh):
        headed = aw.from_pretrained(tmp_path / "base", task="token_classification", backend="eager")
    assert torch.equal(headed(input_ids=torch.arange(6)[None], output_hidden_states=True).hidden_states[-1], states)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: {k: v for k, v in t.items() if "layer.1.output.dense.bias" not in k},
            "missing: `bert.encoder.layer.1",
        ),
        (
            lambda t: {**t, "bert.encoder.layer.0.surprise.weight": torch.zeros(2)},
            "unexpected: `bert.encoder.layer.0.surp",
        ),
        (
            lambda t: {**t, "cls.predictions.bias": torch.zeros(7)},
            r"misshaped: `cls.predictions.bias` is \[7\], expected \[99\]",
        ),
        (
            lambda t: {**t, "bert.embeddings.word_embeddings.bias": torch.zeros(32)},
            r"unexpected: `bert.embeddings.word_embeddings.bias`, since `tokens` has no `bias` \(rule at .*yaml:\d+",
        ),
        (lambda t: {**t, "cls.predictions.bias": torch.zeros(99).int()}, "mistyped: `cls.predictions.bias` is of ints"),
    ],
)
def test_what_does_not_fit_is_named_with_the_rule(folder: Path, change: Any, message: str) -> None:
    rewrite(folder, change)
    with pytest.raises(aw.CheckpointError, match=message):
        aw.from_pretrained(folder, backend="eager")


def test_weights_that_are_rounded_are_told(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    key = "bert.encoder.layer.0.attention.self.query.weight"
    tensors |= {key: tensors[key].to(torch.int8), key.replace("weight", "SCB"): torch.ones(len(tensors[key]))}
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(aw.CheckpointError) as raised:
        aw.from_pretrained(folder, backend="eager")
    assert "quantization_config" not in str(raised.value)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(aw.CheckpointError, match=r"says that weights are rounded \(bitsandbytes\), which are not read"):
        aw.from_pretrained(folder, backend="eager")


@pytest.mark.parametrize(
    ("labels", "found"), [(["no", "yes"], "a list"), ({"0": "no", "yes": "1"}, "`yes`"), ("yes", "a str")]
)
def test_labels_have_numbers(labels: Any, found: str, folder: Path) -> None:
    reworded(folder, id2label=labels)
    with pytest.raises(aw.CheckpointError, match=rf"`id2label` has {found}; expected labels by their numbers"):
        aw.from_pretrained(folder, backend="eager")


def test_a_class_that_the_spec_has_not_needs_a_task(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["BertForDancing"]}))
    with pytest.raises(
        aw.CheckpointError, match=r"`bert` has no class `BertForDancing`, only BertModel, .*name the `task`"
    ):
        aw.from_pretrained(folder, spec="bert", backend="eager")
    assert aw.from_pretrained(folder, spec="bert", task="masked_lm", backend="eager").graph.task == "masked_lm"


def test_a_head_by_another_name_is_no_fresh_one(folder: Path) -> None:
    rewrite(folder, lambda old: {key.replace("cls.predictions", "classifier"): value for key, value in old.items()})
    with pytest.raises(aw.CheckpointError, match=r"missing: `cls.predictions.bias`.*found `classifier.bias`"):
        aw.from_pretrained(folder, backend="eager")
    with pytest.warns(UserWarning, match="freshly initialised"):
        aw.from_pretrained(folder, task="token_classification", num_labels=99, backend="eager")


def test_what_lies_below_a_rule_that_names_no_leaf_is_told(folder: Path) -> None:
    bias = "embeddings.LayerNorm.bias"
    rewrite(folder, lambda old: {key.replace(bias, f"{bias}.raw"): value for key, value in old.items()})
    with pytest.raises(
        aw.CheckpointError, match=rf"missing: `bert.{bias}`.*found `bert.{bias}.raw` that nothing reads"
    ):
        aw.from_pretrained(folder, backend="eager")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("hidden_size", "32", "config.json does not fit `bert`:\n.*`d_model` is a whole number"),
        ("hidden_size", [32], r"found the list \[32\] as `hidden_size` of config.json"),
        ("intermediate_size", "2 * $d_model", "`intermediate_size` is .*expected a value, found an expression"),
        ("architectures", 3, "no spec for model_type `bert` and class `3`"),
    ],
)
def test_a_config_of_other_values(folder: Path, field: str, value: Any, message: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, field: value}))
    with pytest.raises(aw.CheckpointError, match=message):
        aw.from_pretrained(folder, backend="eager")


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("bloom", {"slow_but_exact": True, "pretraining_tp": 2}, r"slow_but_exact.*expected one of false"),
        ("bert", {"position_embedding_type": "none"}, "position_embedding_type.*relative_key_query, found `none`"),
        ("esm", {"position_embedding_type": "x"}, "position_embedding_type.*rotary.*found `x`"),
        ("time_series_transformer", {"scaling_dim": 2}, "scaling_dim == 1 and .*expected one of true"),
        ("longformer", {"is_decoder": True}, "is_decoder: false.*expected one of false"),
        ("wav2vec2", {"conv_kernel": [0, 3]}, "expected a whole number of 1 or more, found 0"),
        ("detr", {"num_channels": 1}, r"expected \[.*\] where `num_channels` is 3, found 1"),
        ("vit_mae", {"mask_ratio": 1.5}, "mask_ratio <= 1, true: .*expected one of true"),
        ("bert", {"pad_token_id": 99}, "expected a row of the table, which has 99, found `pad_row: 99`"),
    ],
)
def test_what_a_config_asks_for_and_no_spec_does_is_refused(
    name: str, fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    aw.compile(name, size="tiny", backend="eager").save_pretrained(tmp_path)
    reworded(tmp_path, **fields)
    with pytest.raises(aw.CheckpointError, match=f"(?s){message}"):
        aw.from_pretrained(tmp_path, backend="eager")


def test_a_decoder_that_would_not_read_its_encoder_is_refused(tmp_path: Path) -> None:
    options = {"decoder_type": "gpt2", "decoder": {"add_cross_attention": True}}
    aw.compile("vision_encoder_decoder", size="tiny", **options).save_pretrained(tmp_path)
    decoder = json.loads((tmp_path / "config.json").read_text())["decoder"]
    reworded(tmp_path, decoder={**decoder, "add_cross_attention": False})
    with pytest.raises(aw.CheckpointError, match=r"(?s)add_cross_attention.*expected one of true, found `false`"):
        aw.from_pretrained(tmp_path, backend="eager")


def test_layers_that_segmentation_would_read_out_of_order_are_refused(tmp_path: Path) -> None:
    aw.compile("data2vec_vision", task="semantic_segmentation", size="tiny").save_pretrained(tmp_path)
    reworded(tmp_path, out_indices=[1, 3, 2, 4])
    with pytest.raises(aw.CheckpointError, match=r"(?s)taps\[1\] < \$taps\[2\].*expected one of true, found `false`"):
        aw.from_pretrained(tmp_path, backend="eager")


def test_a_flag_that_is_null_is_false_as_in_hugging_face(tmp_path: Path) -> None:
    aw.compile("bert", task="masked_lm", size="tiny", tie_word_embeddings=False, backend="eager").save_pretrained(
        tmp_path
    )
    expected = logits(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": None}))
    assert torch.equal(logits(tmp_path), expected)


def test_rounds_that_are_left_in_the_file_are_told(folder: Path) -> None:
    with pytest.warns(UserWarning, match=r"left in the file: 16 such as bert.encoder.layer.1\."):
        aw.from_pretrained(folder, backend="eager", num_layers=1)


@pytest.mark.parametrize("option", [{"dtype": "int8"}, {"dtype": torch.bool}, {"device": "cud"}, {"device": 1.5}])
def test_a_type_and_a_device_that_are_none(folder: Path, option: dict[str, Any]) -> None:
    for make in (lambda: aw.from_pretrained(folder, **option), lambda: aw.compile("bert", size="tiny", **option)):
        with pytest.raises(aw.ArgumentError, match=r"expected a torch dtype such as|is no device"):
            make()


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "a\\b.safetensors", "c:model.safetensors"])
def test_a_shard_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder.parent / "model.safetensors")
    index = {"metadata": {}, "weight_map": {"bert.pooler.dense.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(aw.CheckpointError, match="outside the folder"):
        aw.from_pretrained(folder, backend="eager")


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 40, b"\x10\0\0\0\0\0\0\0{not json at all", b"\xff\xff\xff\xff\0\0\0\0{}"]
)
def test_a_broken_file_is_no_traceback_of_ours(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(aw.CheckpointError, match="no safetensors file"):
        aw.from_pretrained(folder, backend="eager")


@pytest.mark.filterwarnings("ignore:freshly initialised")
def test_what_no_folder_would_hold_is_refused_before_a_file_is_written(folder: Path, tmp_path: Path) -> None:
    model = aw.from_pretrained(folder, backend="eager", task="sequence_classification")
    model.config["made_by"] = object()
    with pytest.raises(aw.ArgumentError, match="`config` holds what JSON has not: Object of type object"):
        model.save_pretrained(tmp_path / "again")
    del model.config["made_by"]
    model.net.sequence_classification.logits = torch.nn.Linear(32, 5)
    with pytest.raises(aw.CheckpointError, match=r"`classifier\.weight` is \[5, 32\], where `bert` has \[2, 32\]"):
        model.save_pretrained(tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_disk_that_is_full_is_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("archwright.backends.torch.checkpoint.save.save_file", full)
    with pytest.raises(aw.CheckpointError, match=r"model\.safetensors cannot be written: No space left on device"):
        aw.from_pretrained(folder, backend="eager").save_pretrained(tmp_path / "again")
    assert not list((tmp_path / "again").iterdir())


def test_a_key_in_two_shards_is_refused(folder: Path) -> None:
    aw.from_pretrained(folder, backend="eager").save_pretrained(folder, max_shard_size=20_000)
    first, second, *_ = sorted(folder.glob("model-*.safetensors"))
    key, tensor = next(iter(load_file(first).items()))
    save_file({**load_file(second), key: tensor + 1}, second, {"format": "pt"})
    with pytest.raises(aw.CheckpointError, match=f"`{re.escape(key)}` is in two shards"):
        aw.from_pretrained(folder)


def test_a_checkpoint_has_its_size_for_all_commands(folder: Path) -> None:
    for name, *more in (["show"], ["draw", "-o", str(folder / "x.svg")], ["emit"], ["run"]):
        result = CliRunner().invoke(main, [name, str(folder), "--size", "tiny", *more])
        assert result.exit_code == 2 and "is a checkpoint, which has its size" in result.stderr


def test_names_of_arguments_are_no_overrides(folder: Path) -> None:
    result = CliRunner().invoke(main, ["run", str(folder), "--set", "allow_pickle=true"])
    assert result.exit_code == 1 and "no parameter `allow_pickle`" in result.stderr


def test_the_first_configs_tell_a_class_alone(folder: Path) -> None:
    expected = logits(folder)
    reworded(folder, model_type=None)
    assert torch.equal(logits(folder), expected)
    reworded(folder, architectures=None)
    with pytest.raises(aw.CheckpointError, match="neither `model_type` nor `architectures`; give the `spec`"):
        aw.from_pretrained(folder)
    assert torch.equal(logits(folder, spec="bert", task="masked_lm"), expected)


def test_a_class_that_was_called_otherwise(tmp_path: Path) -> None:
    aw.compile("t5", task="conditional_generation", size="tiny", backend="eager").save_pretrained(tmp_path)
    reworded(tmp_path, architectures=["T5WithLMHeadModel"])
    assert aw.from_pretrained(tmp_path, backend="eager").graph.task == "conditional_generation"


def test_an_unknown_class_is_read_as_the_task_that_is_given(folder: Path) -> None:
    expected = logits(folder)
    reworded(folder, architectures=["BertForPoetry"])
    assert torch.equal(logits(folder, task="masked_lm"), expected)


def test_a_field_by_another_name_counts(tmp_path: Path) -> None:
    aw.compile("gpt2", task="causal_lm", size="tiny", backend="eager").save_pretrained(tmp_path)
    expected = logits(tmp_path)
    reworded(
        tmp_path, n_embd=48, hidden_size=32, n_head=None, num_attention_heads=4
    )  # the last of two, as in Hugging Face
    assert torch.equal(logits(tmp_path), expected)
    aw.from_pretrained(tmp_path, backend="eager", num_heads=2).save_pretrained(tmp_path / "changed")
    config = json.loads((tmp_path / "changed" / "config.json").read_text())
    assert "n_head" not in config and (config["num_attention_heads"], config["n_embd"]) == (2, 48)


@pytest.mark.parametrize("field", ["num_attention_heads", "num_key_value_heads"])
def test_a_field_that_has_several_other_names(field: str, tmp_path: Path) -> None:
    aw.compile("whisper", size="tiny", backend="eager").save_pretrained(tmp_path)
    reworded(tmp_path, encoder_attention_heads=None, **{field: 2})
    assert aw.from_pretrained(tmp_path, backend="eager").graph.params["num_encoder_heads"] == 2


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_width_of_zero_is_one(tmp_path: Path) -> None:
    options = {"do_stable_layer_norm": True, "adapter_attn_dim": 0}
    aw.compile("wav2vec2", size="tiny", backend="eager", **options).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert "encoder.layers.0.adapter_layer.linear_2.bias" in tensors  # which Hugging Face adds


def test_a_second_config_of_a_part_counts(tmp_path: Path) -> None:
    aw.compile("clip", size="tiny", backend="eager").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    stale = {**config["text_config"], "hidden_size": 20}
    reworded(tmp_path, text_config=stale, text_config_dict=config["text_config"], vision_config_dict=None)
    assert aw.from_pretrained(tmp_path, backend="eager").graph.params["text"]["d_model"] == 32


def test_widths_that_follow_from_how_many_categories_there_are(tmp_path: Path) -> None:
    options = {"num_static_categorical_features": 2, "cardinality": [9, 400], "size": "tiny", "backend": "eager"}
    aw.compile("time_series_transformer", embedding_dimension=[5, 50], **options).save_pretrained(tmp_path)
    reworded(tmp_path, embedding_dimension=None)
    aw.from_pretrained(tmp_path, backend="eager")


def test_stages_told_by_name(tmp_path: Path) -> None:
    aw.compile("resnet", task="backbone", size="tiny", out_indices=[0, 3], backend="eager").save_pretrained(tmp_path)
    reworded(tmp_path, out_indices=None, out_features=["stem", "stage3"])
    maps = aw.from_pretrained(tmp_path, backend="eager")(pixel_values=torch.randn(1, 3, 64, 64)).feature_maps
    assert [one.shape[1] for one in maps] == [8, 32]
    reworded(tmp_path, out_features=["res3"])
    with pytest.raises(aw.CheckpointError, match="`out_features` has `res3`; expected `stem`, `stage1`"):
        aw.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_a_file_may_lack_the_pooler(name: str, tmp_path: Path) -> None:
    aw.compile(name, size="tiny", backend="eager").save_pretrained(tmp_path)
    rewrite(tmp_path, lambda tensors: {key: value for key, value in tensors.items() if "pooler" not in key})
    with pytest.warns(UserWarning, match="freshly initialised.*pooler"):
        aw.from_pretrained(tmp_path, backend="eager")


def test_deberta_files_hold_a_head_that_no_class_reads(tmp_path: Path) -> None:
    aw.compile("deberta_v2", size="tiny", backend="eager").save_pretrained(tmp_path)
    extra = {
        f"{head}_predictions.{part}": torch.zeros(3) for head in ("lm", "mask") for part in ("bias", "dense.weight")
    }
    rewrite(tmp_path, lambda tensors: {**{f"deberta.{key}": value for key, value in tensors.items()}, **extra})
    assert aw.from_pretrained(tmp_path, backend="eager").num_parameters() > 0


def test_an_unknown_class_names_those_there_are(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["BertForPoetry"]}))
    with pytest.raises(aw.CheckpointError, match=r"BertForPoetry.*BertForMaskedLM"):
        aw.from_pretrained(folder)


def test_an_override_reaches_the_config_that_is_saved(folder: Path, tmp_path: Path) -> None:
    model = aw.from_pretrained(folder, backend="eager", norm_eps=1e-3)
    model.save_pretrained(tmp_path / "changed")
    before, after = (json.loads((path / "config.json").read_text()) for path in (folder, tmp_path / "changed"))
    assert {key for key in after if after[key] != before.get(key)} == {"layer_norm_eps"}


def test_the_weights_are_mapped_and_not_copied_twice(folder: Path) -> None:
    model = aw.from_pretrained(folder, backend="eager")
    assert not any(parameter.is_meta for parameter in model.parameters())
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    half = aw.from_pretrained(folder, backend="eager", dtype="float16")
    assert all(parameter.dtype == torch.float16 for parameter in half.parameters())


def test_the_config_says_of_which_type_the_weights_are(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float32"}))
    for dtype, expected in ((None, "float32"), ("bfloat16", "bfloat16")):
        aw.from_pretrained(folder, backend="eager", dtype=dtype).save_pretrained(tmp_path / "typed")
        assert json.loads((tmp_path / "typed" / "config.json").read_text()) == {**config, "dtype": expected}
