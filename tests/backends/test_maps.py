"""Maps and specs of one's own: what a rule joins, what is not saved, whose folders they read, maps and mounts beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import archwright as aw
from tests.backends.folders import logits, reworded


def _saved(own: Path, folder: Path) -> tuple[Any, dict[str, torch.Tensor], Any]:
    """A model of a spec of one's own, what its file holds, and the model that is read of that."""
    model = aw.compile(own, backend="eager")
    model.save_pretrained(folder)
    return model, load_file(folder / "model.safetensors"), aw.from_pretrained(folder, spec=own, backend="eager")


def test_heads_that_lie_together_may_have_unequal_parts(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "model: own\ninputs: {x: 'float[batch, 3]'}\ngraph:\n"
        "  q: {block: linear, in: x, d_out: 8}\n  k: {block: linear, in: x, d_out: 4}\n"
        "outputs: {q: q, k: k}\ncheckpoint: {class: Own, weights: {<q|k>: {file: qk, ops: [{heads: 2}]}}}\n",
        encoding="utf-8",
    )
    model, tensors, again = _saved(own, tmp_path / "saved")
    q, k, x = model.net.q.weight, model.net.k.weight, torch.randn(2, 3)
    wanted = torch.cat([q[:4], k[:2], q[4:], k[2:]])  # two queries' rows for each of the keys'
    assert torch.equal(tensors["qk.weight"], wanted)
    assert torch.equal(again(x=x).q, model(x=x).q) and torch.equal(again(x=x).k, model(x=x).k)
    own.write_text(own.read_text().replace("heads: 2", "heads: 3"))
    with pytest.raises(aw.SpecError, match=r"do not fit the weight(?s:.)*which 3 heads have equal shares, found 8"):
        aw.check(own)


@pytest.mark.parametrize(
    ("ops", "lies"),
    [
        ('[{rearrange: "(h n d) i -> (n h d) i", n: 2, d: 2}, split]', lambda q, k: torch.cat([q[:2], k[:2], q[2:], k[2:]])),
        ("[split, transpose]", lambda q, k: torch.cat([q.t(), k.t()])),
        ('[split, {rearrange: "(a b) i -> (b a) i", a: 2}]', lambda q, k: torch.cat([q[[0, 2, 1, 3]], k[[0, 2, 1, 3]]])),
    ],
)  # fmt: skip
def test_operations_may_stand_before_a_split_and_behind_it(ops: str, lies: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "model: own\ninputs: {x: 'float[batch, 3]'}\ngraph:\n"
        "  q: {block: linear, in: x, d_out: 4, bias: false}\n  k: {block: linear, in: x, d_out: 4, bias: false}\n"
        f"outputs: {{q: q, k: k}}\ncheckpoint: {{class: Own, weights: {{<q|k>: {{file: qk, ops: {ops}}}}}}}\n",
        encoding="utf-8",
    )
    model, tensors, again = _saved(own, tmp_path / "saved")
    assert torch.equal(tensors["qk.weight"], lies(model.net.q.weight, model.net.k.weight))
    assert torch.equal(again.net.q.weight, model.net.q.weight) and torch.equal(again.net.k.weight, model.net.k.weight)


def test_an_alternative_of_the_file_may_be_an_expression(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "model: own\nparams: {gated: true}\nlet: {wi: \"'wi_1' if $gated else 'wi'\"}\ninputs: {x: 'float[batch, 3]'}\n"
        "graph:\n  up: {block: linear, in: x, d_out: 8}\n  down: {block: linear, d_out: 3}\n"
        "outputs: {y: down}\ncheckpoint: {class: Own, weights: {<up|down>: mlp.<$wi|wo>}}\n",
        encoding="utf-8",
    )
    for gated, name in ((True, "wi_1"), (False, "wi")):
        aw.compile(own, backend="eager", gated=gated).save_pretrained(tmp_path / name)
        keys = load_file(tmp_path / name / "model.safetensors").keys()
        assert keys == {f"mlp.{one}.{leaf}" for one in (name, "wo") for leaf in ("weight", "bias")}
    own.write_text(own.read_text().replace("<$wi|wo>", "<$wi|wo|w>"))
    with pytest.raises(aw.SpecError, match="expected 2 alternatives on the file's side, found 3"):
        aw.check(own)


def test_what_is_not_saved_is_read_where_it_is(tmp_path: Path) -> None:
    base, again = tmp_path / "base", tmp_path / "again"
    aw.compile("transformer", size="tiny", backend="eager").save_pretrained(base)
    key = "decoder.embed_positions.weight"
    tensors = load_file(base / "model.safetensors")
    save_file({**tensors, key: tensors[key] + 1}, base / "model.safetensors", {"format": "pt"})
    with pytest.warns(UserWarning, match=r"conditional_generation\.offset"):
        model = aw.from_pretrained(base, task="conditional_generation", backend="eager")
    assert not model.state_dict()["net.conditional_generation.offset"].any()
    assert torch.equal(model.state_dict()["net.decoder_table"], tensors[key] + 1)
    model.save_pretrained(again)
    assert f"model.{key}" not in load_file(again / "model.safetensors")
    aw.from_pretrained(again, backend="eager")  # complete without, as sinusoids are computed


def test_a_mounted_map_is_that_of_the_node_and_reads_its_own_parameters(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        "model: inner\nparams: {d: 4, gated: true}\nlet: {word: \"'wi' if $gated else 'w'\"}\n"
        "inputs: {x: 'float[batch, $d]'}\ngraph: {y: {block: linear, in: x, d_out: $d}}\noutputs: {y: y}\n"
        "init: {y.weight: {constant: 2}}\ncheckpoint: {weights: {y: layer.<$word>}}\n"
    )
    (tmp_path / "outer.yaml").write_text(
        "model: outer\nparams: {word: none}\nmounts: {inside: {spec: inner, config: inside}}\n"
        "inputs: {x: 'float[batch, $inside.d]'}\ngraph: {read: {mount: inside, in: {x: x}}}\n"
        "outputs: {y: read.y}\ncheckpoint: {weights: {read: far}}\n"
    )
    model = aw.compile(tmp_path / "outer.yaml", backend="eager")
    model.save_pretrained(tmp_path / "folder")
    saved = load_file(tmp_path / "folder" / "model.safetensors")
    assert set(saved) == {"far.layer.wi.weight", "far.layer.wi.bias"}
    assert bool((saved["far.layer.wi.weight"] == 2).all())


def test_a_map_names_another_beside_it(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "outer_map.yaml").write_text("weights:\n  y: {file: inside, map: inner_map}\n")
    (tmp_path / "maps" / "inner_map.yaml").write_text("weights:\n  weight: kernel\n")
    (tmp_path / "own.yaml").write_text(
        "model: own\ninputs: {x: 'float[batch, 4]'}\nparts:\n  one:\n    inputs: {x: 'float[batch, d]'}\n"
        "    graph: {y: {block: linear, in: x, d_out: 3, bias: false}}\ngraph: {one: {part: one, in: x}}\n"
        "outputs: {y: one}\ncheckpoint: {weights: {one: {file: far, map: outer_map}}}\n"
    )
    aw.compile(tmp_path / "own.yaml", backend="eager").save_pretrained(tmp_path / "folder")
    assert set(load_file(tmp_path / "folder" / "model.safetensors")) == {"far.inside.kernel"}


def test_a_mounted_spec_is_looked_for_beside_the_one_that_mounts_it(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        "archwright: 1\nmodel: inner\nparams: {d: 4}\ninputs: {x: 'float[batch, $d]'}\n"
        "graph: {y: {block: linear, in: x, d_out: $d}}\noutputs: {y: y}\ncheckpoint: {weights: {y: y}}\n"
    )
    (tmp_path / "outer.yaml").write_text(
        "archwright: 1\nmodel: outer\nmounts: {inside: {spec: inner, config: inside}}\n"
        "inputs: {x: 'float[batch, $inside.d]'}\ngraph: {inside: {mount: inside, in: {x: x}}}\n"
        "outputs: {y: inside.y}\ncheckpoint: {weights: {inside: inside}}\n"
    )
    model = aw.compile(tmp_path / "outer.yaml", backend="eager")
    assert model.config["inside"]["d"] == 4


def test_a_mapped_part_may_lie_elsewhere(tmp_path: Path) -> None:
    aw.compile("vit_mae", task="pre_training", size="tiny", backend="eager").save_pretrained(tmp_path)
    old, new = "decoder.decoder_layers", "decoder.decoder_encoder.layer"
    tensors = {key.replace(old, new): value for key, value in load_file(tmp_path / "model.safetensors").items()}
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    assert aw.from_pretrained(tmp_path, backend="eager").num_parameters() > 0


def test_a_kernel_over_patches_is_a_linear_map_where_its_sizes_are_said(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "model: own\ninputs: {x: 'float[batch, 12]'}\n"
        "graph: {patches: {block: linear, in: x, d_out: 5, bias: false}}\noutputs: {y: patches}\ncheckpoint:\n"
        "  class: Own\n  weights:\n"
        "    patches.weight: {file: proj.weight, ops: [{rearrange: o c t h -> o (c t h), c: 3, h: 2}]}\n",
        encoding="utf-8",
    )
    (model, tensors, again), x = _saved(own, tmp_path / "saved"), torch.randn(2, 12)
    assert torch.equal(tensors["proj.weight"], model.net.patches.weight.reshape(5, 3, 2, 2))
    assert torch.equal(again(x=x).y, model(x=x).y)
    own.write_text(own.read_text().replace(", h: 2", ""))
    with pytest.raises(aw.SpecError, match="the sizes of all but one of t, h, such as `t: 3`"):
        aw.check(own)


def test_a_spec_of_ones_own_reads_a_folder_as_its_class_says(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("model: own\nextends: bert\n", encoding="utf-8")
    model = aw.from_pretrained(folder, spec=own, backend="eager")
    assert (model.graph.name, model.graph.task) == ("own", "masked_lm")
    assert torch.equal(model(input_ids=torch.arange(6)[None]).logits, logits(folder))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "own"}))
    with pytest.raises(aw.CheckpointError, match="given as `spec`"):
        aw.from_pretrained(folder)


def test_a_mistake_in_a_spec_of_ones_own_is_not_said_of_the_config(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("model: own\nextends: bert\ngraph: {norm: {in: plcaed}}\n", encoding="utf-8")
    with pytest.raises(aw.SpecError, match="nothing is called `plcaed` here") as caught:
        aw.from_pretrained(folder, spec=own, backend="eager")
    assert "config.json" not in str(caught.value)
    own.write_text("model: own\nextends: bert\noutputs: {deep: 'encoder.x[9]'}\n", encoding="utf-8")
    with pytest.raises(aw.CheckpointError, match=r"config.json does not fit `(?s:.)*no element 9 in a list of 3"):
        aw.from_pretrained(folder, spec=own, backend="eager")


def test_a_spec_may_be_of_some_configs_alone(folder: Path, tmp_path: Path) -> None:
    own, saved = tmp_path / "own.yaml", tmp_path / "saved"
    own.write_text("""\
model: own
extends: bert
checkpoint: {match: {rope_scaling.type: linear, rope_scaling.factor: 2.0, adapters: null}}
""")
    with pytest.raises(aw.CheckpointError, match=r'configs whose `rope_scaling\.type` is "linear", found null;'):
        aw.from_pretrained(folder, spec=own, backend="eager")
    reworded(folder, rope_scaling={"type": "linear", "factor": 2})
    assert aw.from_pretrained(folder, spec=own, backend="eager").graph.name == "own"
    reworded(folder, adapters=["mine"])
    with pytest.raises(aw.CheckpointError, match=r'configs whose `adapters` is null, found \["mine"\]'):
        aw.from_pretrained(folder, spec=own, backend="eager")
    aw.compile(own, size="tiny", backend="eager").save_pretrained(saved)
    assert json.loads((saved / "config.json").read_text())["rope_scaling"] == {"type": "linear", "factor": 2.0}
    assert aw.from_pretrained(saved, spec=own, backend="eager").graph.name == "own"


def test_a_field_of_a_config_inside_is_written_where_it_is_read(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "model: own\nparams: {factor: 1.0, start: int?}\ninputs: {x: 'float[batch, 3]'}\ngraph: {y: {expr: x * $factor}}\n"
        "outputs: {y: y}\ncheckpoint: {class: Own, config: {factor: scaling.by.factor, start: scaling.start}}\n"
    )
    x = torch.ones(1, 3)
    aw.compile(own, backend="eager", factor=4.0).save_pretrained(tmp_path / "made")
    made = json.loads((tmp_path / "made" / "config.json").read_text())
    assert made["scaling"] == {"by": {"factor": 4.0}}  # `start` is null, as where nothing says it
    reworded(tmp_path / "made", scaling={"by": {"factor": 4.0, "kind": "a"}, "start": 2})
    model = aw.from_pretrained(tmp_path / "made", spec=own, backend="eager", factor=5.0, start=None)
    model.save_pretrained(tmp_path / "again")
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    assert again["scaling"] == {"by": {"factor": 5.0, "kind": "a"}, "start": None}
    assert torch.equal(aw.from_pretrained(tmp_path / "again", spec=own, backend="eager")(x=x).y, x * 5)


def test_a_mounted_spec_may_be_of_some_configs_alone(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    (tmp_path / "inner.yaml").write_text(
        "model: inner\nparams: {d: 4}\ninputs: {x: 'float[batch, $d]'}\n"
        "graph: {y: {block: linear, in: x, d_out: $d}}\noutputs: {y: y}\n"
        "checkpoint: {match: {scale: null, kind: a}, weights: {y: y}}\n"
    )
    (tmp_path / "outer.yaml").write_text(
        "model: outer\nmounts: {inside: {spec: inner, config: inside}}\ninputs: {x: 'float[batch, $inside.d]'}\n"
        "graph: {inside: {mount: inside, in: {x: x}}}\noutputs: {y: inside.y}\ncheckpoint: {weights: {inside: inside}}\n"
    )
    aw.compile(tmp_path / "outer.yaml", backend="eager").save_pretrained(saved)
    assert aw.from_pretrained(saved, spec=tmp_path / "outer.yaml", backend="eager").config["inside"]["kind"] == "a"
    reworded(saved, inside={"d": 4, "kind": "b"})
    with pytest.raises(aw.CheckpointError, match='inside: `inner` reads configs whose `kind` is "a", found "b"'):
        aw.from_pretrained(saved, spec=tmp_path / "outer.yaml", backend="eager")


def test_a_key_that_the_map_says_is_no_old_spelling_of_another(tmp_path: Path) -> None:
    """What ends in `beta` or `gamma` is a bias or weight of an old file, unless the map calls a weight so."""
    spec = tmp_path / "scaled.yaml"
    spec.write_text(
        'model: scaled\ninputs: {x: "float[batch, 4]"}\n'
        "graph: {beta: {block: parameter, shape: [4]}, norm: {block: layer_norm, in: x * beta}}\noutputs: {y: norm}\n"
        "checkpoint: {class: Scaled, weights: {beta: scale.beta, norm: norm}}\n"
    )
    model = aw.compile(spec, backend="eager")
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert sorted(tensors) == ["norm.bias", "norm.weight", "scale.beta"]
    save_file(
        {key.replace("norm.bias", "norm.beta"): one for key, one in tensors.items()}, tmp_path / "model.safetensors"
    )
    again = aw.from_pretrained(tmp_path, spec=spec, backend="eager")
    assert torch.equal(again(x=torch.ones(2, 4)).y, model(x=torch.ones(2, 4)).y)
