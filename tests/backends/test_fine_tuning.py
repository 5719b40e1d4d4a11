"""A checkpoint taken further: other labels, another vocabulary; what is given and made goes where the weights are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from click.testing import CliRunner

import archwright as aw
from archwright.backends.commands.target import graph_of
from archwright.cli import main

IDS = torch.arange(10).view(2, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny BERT that tells two classes apart."""
    aw.compile("bert", task="sequence_classification", size="tiny", backend="eager").save_pretrained(tmp_path / "two")
    return tmp_path / "two"


@pytest.mark.filterwarnings("ignore:left in the file.*pooler")
@pytest.mark.parametrize(
    ("kind", "asked", "told"),
    [
        ("BertForSequenceClassification", {"num_labels": 5}, r"`classifier.bias` \[2\] \(here \[5\]\)$"),
        ("BertForTokenClassification", {"num_labels": 3, "task": "token_classification"}, r"\[3\]\)$"),
        (
            "BertForSequenceClassification",
            {"vocab_size": 105},
            r"word_embeddings.weight` \[99, 32\] \(here \[105, 32\]\)$",
        ),
    ],
)
def test_what_has_other_shapes_is_made_anew(
    kind: str, asked: dict[str, Any], told: str, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(aw.CheckpointError, match=r"misshaped: .*\n  `ignore_mismatched_sizes=True` leaves what"):
        aw.from_pretrained(folder, backend="eager", **asked)
    with pytest.warns(UserWarning, match=rf"has other shapes of them: .*{told}"):
        model = aw.from_pretrained(folder, backend="eager", ignore_mismatched_sizes=True, **asked).eval()
    old, new = aw.from_pretrained(folder, backend="eager").state_dict(), model.state_dict()
    same = [key for key in old.keys() & new.keys() if old[key].shape == new[key].shape]
    assert len(same) > 30 and all(torch.equal(old[key], new[key]) for key in same)
    model.save_pretrained(tmp_path / "new")
    theirs, info = getattr(transformers, kind).from_pretrained(tmp_path / "new", output_loading_info=True)
    assert not any(info.values())
    assert theirs.config.architectures == [kind]
    assert torch.equal(aw.from_pretrained(tmp_path / "new", backend="eager")(IDS).logits, model(IDS).logits)
    with torch.no_grad():
        torch.testing.assert_close(model(input_ids=IDS).logits, theirs.eval()(input_ids=IDS).logits)


@pytest.mark.filterwarnings("ignore:freshly initialised, since the checkpoint has other shapes")
@pytest.mark.parametrize(
    ("system", "task"), [("bert", "masked_lm"), ("gpt2", "causal_lm"), ("bart", "conditional_generation")]
)
def test_a_longer_vocabulary_keeps_its_rows(system: str, task: str, tmp_path: Path) -> None:
    """As docs/checkpoints.md has it: embeddings, heads and their biases, tied and along any axis."""
    aw.compile(system, task=task, size="tiny", backend="eager").save_pretrained(tmp_path / "old")
    old = aw.from_pretrained(tmp_path / "old", backend="eager").eval()
    more = old.config["vocab_size"] + 8
    model = aw.from_pretrained(tmp_path / "old", backend="eager", vocab_size=more, ignore_mismatched_sizes=True).eval()
    rows = model.state_dict()
    with torch.no_grad():
        for name, one in old.state_dict().items():
            rows[name][tuple(map(slice, one.shape))] = one
    model.save_pretrained(tmp_path / "new")
    new = aw.from_pretrained(tmp_path / "new", backend="eager").eval()
    given = {"input_ids": IDS} | ({"decoder_input_ids": IDS} if system == "bart" else {})
    logits = new(**given).logits
    assert logits.shape[-1] == more
    torch.testing.assert_close(logits[..., :-8], old(**given).logits)


def test_a_base_that_got_a_head_is_read_with_it(tmp_path: Path) -> None:
    aw.compile("gpt2", size="tiny", backend="eager").save_pretrained(tmp_path / "base")
    with pytest.warns(UserWarning, match="freshly initialised") as told:
        model = aw.from_pretrained(tmp_path / "base", task="token_classification", num_labels=3, backend="eager")
    assert {one.filename for one in told} == {__file__}
    model.save_pretrained(tmp_path / "headed")
    again = aw.from_pretrained(tmp_path / "headed", backend="eager")
    assert torch.equal(again(IDS).logits, model(IDS).logits)


def test_what_is_wrong_besides_is_an_error(folder: Path) -> None:
    with pytest.raises(aw.CheckpointError, match="missing: ") as raised:
        aw.from_pretrained(folder, backend="eager", num_labels=5, num_layers=3, ignore_mismatched_sizes=True)
    assert "misshaped" not in str(raised.value)


def test_what_other_parameters_would_read_is_told(tmp_path: Path) -> None:
    normed = aw.compile("deberta_v2", size="tiny", backend="eager", norm_rel_ebd="layer_norm", relative_attention=True)
    normed.save_pretrained(tmp_path)
    with pytest.warns(
        UserWarning, match=r"left in the file, as `deberta_v2`, the base, .*: 2 such as encoder\.LayerNorm\.b"
    ):
        aw.from_pretrained(tmp_path, backend="eager", norm_rel_ebd="none")


def test_where_the_weights_are(folder: Path) -> None:
    model = aw.from_pretrained(folder, backend="eager", dtype="bfloat16")
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.bfloat16)
    assert model.to("meta").device.type == "meta"


def test_a_folder_called_as_a_spec_that_ships(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gpt2").mkdir()
    assert aw.compile("gpt2", size="tiny", backend="eager").graph.name == "gpt2"
    assert graph_of("gpt2", task=None, size="tiny", overrides={}).size == "tiny"
    folder.rename("bert")
    assert aw.compile("bert", backend="eager").graph.task == "sequence_classification"
    assert graph_of("bert", task=None, size=None, overrides={}).task == "sequence_classification"
    Path("mine").mkdir()
    with pytest.raises(aw.CheckpointError, match=r"config\.json"):
        aw.compile("mine", backend="eager")


@pytest.mark.filterwarnings("ignore:freshly initialised")
def test_an_override_reaches_a_config_that_is_silent_on_it(tmp_path: Path) -> None:
    aw.compile("bert", size="tiny", backend="eager").save_pretrained(tmp_path / "base")
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    for field in ("id2label", "label2id", "layer_norm_eps"):
        del config[field]
    (tmp_path / "base" / "config.json").write_text(json.dumps(config))
    asked = {"task": "sequence_classification", "num_labels": 5, "norm_eps": 0.5}
    model = aw.from_pretrained(tmp_path / "base", backend="eager", **asked).eval()
    assert len(model.config["id2label"]) == 5
    model.save_pretrained(tmp_path / "further")
    again = aw.from_pretrained(tmp_path / "further", backend="eager").eval()
    ids = torch.arange(10).view(2, 5)
    assert torch.equal(again(ids).logits, model(ids).logits)
    assert again.graph.params["norm_eps"] == 0.5


def test_an_override_of_a_part_leaves_what_the_config_says_of_it(tmp_path: Path) -> None:
    aw.compile("clip", size="tiny", backend="eager", vision={"activation": "gelu"}).save_pretrained(tmp_path / "clip")
    model = aw.from_pretrained(tmp_path / "clip", backend="eager", vision={"attention_dropout": 0.5})
    model.save_pretrained(tmp_path / "dropped")
    again = aw.from_pretrained(tmp_path / "dropped", backend="eager")
    for vision in (model.graph.params["vision"], again.graph.params["vision"]):
        assert (vision["activation"], vision["attention_dropout"]) == ("gelu", 0.5)
    before, after = (json.loads((tmp_path / name / "config.json").read_text()) for name in ("clip", "dropped"))
    assert after == {**before, "vision_config": {**before["vision_config"], "attention_dropout": 0.5}}
    shown = CliRunner().invoke(main, ["show", str(tmp_path / "clip"), "--set", "vision.attention_dropout=0.5"])
    assert shown.exit_code == 0, shown.output
