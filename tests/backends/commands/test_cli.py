"""The command line: what each command prints and where, exit codes, and what starting it costs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import archwright as aw
from archwright.backends.torch.emit.source import root_name
from archwright.cli import main
from archwright.backends.commands.group import COMMANDS

ARCHWRIGHT = [sys.executable, "-m", "archwright"]
WRONG = """\
model: wrong
inputs: {x: "float[batch, d]"}
graph: {a: {block: linaer, in: x, d_out: 3}}
outputs: {y: a}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a spec that is wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    return tmp_path


def call(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def data(*args: str, code: int = 0) -> Any:
    """What a command prints as JSON; nothing else may be on stdout."""
    result = call(*args, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def fresh(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run([*ARCHWRIGHT, *args], capture_output=True, text=True, env={**os.environ, **environment})


# Starting


@pytest.mark.parametrize("command", [("run", "--backend", "inductor"), ("bench", "--no-cold", "--runs", "1")])
def test_a_missing_compiler_is_told(command: tuple[str, ...], tmp_path: Path) -> None:
    nothing_kept = {"ARCHWRIGHT_CACHE": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = fresh(*command, "bert", "--size", "tiny", CXX="/nowhere/g++", **nothing_kept)
    assert done.returncode == 2
    assert re.search(r'needs a C\+\+ compiler.*install g\+\+.*CXX.*`backend="eager"` needs none', done.stderr)


@pytest.mark.parametrize(
    ("args", "absent"),
    [
        (["--help"], {"torch", "pydantic", "networkx", "yaml", "rich"}),
        (["bench", "--help"], {"torch", "pydantic", "networkx", "yaml", "rich"}),
        (["export", "--help"], {"torch", "pydantic", "networkx", "yaml", "rich"}),
        (["generate", "--help"], {"torch", "pydantic", "networkx", "yaml", "rich"}),
        (["check", "bert"], {"torch", "numpy", "rich"}),
        (["show", "bert", "--size", "tiny"], {"torch", "numpy", "rich"}),
        (["diff", "bert@tiny", "bert"], {"torch", "numpy", "rich"}),
        (["list", "bert"], {"torch", "numpy", "rich"}),
        (["schema"], {"torch", "numpy", "rich"}),
        (["emit", "bert", "--size", "tiny"], {"torch", "numpy", "rich"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_imports_what_it_needs(args: list[str], absent: set[str]) -> None:
    program = (
        "import sys\nfrom archwright.cli import main\n"
        f"main({args!r}, standalone_mode=False)\n"
        f"found = {sorted(absent)!r}\nprint(*[name for name in found if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    assert done.stdout


def test_every_command_has_help_with_an_example() -> None:
    assert all(f"  {name} " in call("--help").stdout for name in COMMANDS)
    for name in COMMANDS:
        result = call(name, "--help")
        assert result.exit_code == 0
        assert f"archwright {name}" in result.stdout.split("Examples:")[1]


def test_version() -> None:
    assert call("--version").stdout == f"archwright {aw.__version__}\n"


# Exit codes


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["list"], 0),
        (["check", "bert"], 0),
        (["check", "wrong.yaml"], 1),
        (["check", "bert", "wrong.yaml"], 1),
        (["check", "no_such_spec"], 1),
        (["check", "no_such_file.yaml"], 1),
        (["show", "wrong.yaml"], 1),
        (["show", "bert", "--task", "no_such_task"], 1),
        (["draw", "wrong.yaml", "-o", "x.svg"], 1),
        (["diff", "bert", "bert@tiny"], 0),
        (["diff", "bert", "wrong.yaml"], 1),
        (["diff", "bert", "bert@no_such_size"], 1),
        (["diff", "bert", "bert", "-o", "x.doc"], 2),
        (["diff", "bert@tiny", "bert@base", "--size", "tiny"], 2),
        (["diff", "bert", "bert@tiny", "--depth", "2"], 2),
        (["diff", "bert"], 2),
        (["emit", "wrong.yaml"], 1),
        (["run", "no_such_spec"], 1),
        (["run", "."], 1),
        (["new", "x", "--from", "no_such_spec"], 1),
        (["check"], 2),
        (["chekc"], 2),
        (["check", "bert", "--nothing"], 2),
        (["check", "bert", "--set", "num_layers"], 2),
        (["check", "bert", "--set", "num_layers=[1"], 2),
        (["show", "bert", "--dim", "seq=0"], 2),
        (["show", "bert", "--dim", "nothing=3"], 2),
        (["draw", "bert"], 2),
        (["draw", "bert", "-o", "x.doc"], 2),
        (["emit", "bert", "--inputs", "nothing"], 2),
        (["emit", "bert", "--inputs", "attention_mask"], 2),
        (["emit", "bert", "--flags", "nothing"], 2),
        (["run", "bert", "--size", "tiny", "--dtype", "float77"], 2),
        (["run", "bert", "--size", "tiny", "--flags", "nothing"], 2),
        (["run", "bert", "--size", "tiny", "--dim", "nothing=3"], 2),
        (["run", "bert", "--size", "tiny", "--inputs", "nothing"], 2),
        (["export", "bert", "--size", "tiny", "-o", "x.bin"], 2),
        (["export", "bert", "--size", "tiny", "-o", "x.onnx", "--aoti"], 2),
        (["new", "no-name"], 2),
        (["check", "bert", "--set", "task=masked_lm"], 1),
        (["run", "bert", "--size", "tiny", "--set", "task=masked_lm"], 1),
        (["run", "bert", "--size", "tiny", "--set", "backend=inductor"], 1),
        (["check", "."], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_exit_code(folder: Path, args: list[str], code: int) -> None:
    result = call(*args)
    assert result.exit_code == code, result.output
    if code:
        assert result.stderr
        assert "Traceback" not in result.output
        if args[:2] != ["check", "bert"]:
            assert not result.stdout


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **options: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("archwright.compiler.check.check_with", broken)
    assert isinstance(call("check", "bert").exception, ZeroDivisionError)


def test_an_unknown_command_has_a_near_one() -> None:
    assert "did you mean `check`?" in call("chekc").stderr


def test_json_of_a_failure_is_on_stdout(folder: Path) -> None:
    for args in (["show", "wrong.yaml"], ["run", "wrong.yaml"]):
        found = data(*args, code=1)
        assert not found["ok"]
        assert [(one["code"], one["line"], one["column"]) for one in found["diagnostics"]] == [("unknown-block", 3, 20)]
    assert "no_such_spec" in data("show", "no_such_spec", code=1)["message"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("args", [["list", "bert"], ["list", "bert", "--json"], ["show", "wrong.yaml", "--json"]])
def test_a_stdout_that_takes_nothing_is_told(folder: Path, args: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(ARCHWRIGHT + args, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert ("unknown-block" if "show" in args else "error: No space left") in done.stderr


def test_nobody_reads_on(folder: Path) -> None:
    for redirect, code in (("| true", 1), (">&-", 0)):
        script = f'set -o pipefail; "$@" {redirect}'
        done = subprocess.run(
            ["bash", "-c", script, "bash", *ARCHWRIGHT, "list", "bert"], capture_output=True, text=True
        )
        assert not done.stderr and done.returncode in (0, code)  # a reader may go after the last line


def test_colours_are_for_terminals(folder: Path) -> None:
    assert "\x1b" not in call("check", "wrong.yaml").output
    done = fresh("check", str(folder / "wrong.yaml"), NO_COLOR="1")
    assert "\x1b" not in done.stdout + done.stderr
    assert done.returncode == 1
    assert "error[unknown-block]" in done.stderr


# Commands


def test_list() -> None:
    rows = {row["name"]: row for row in data("list")}
    assert sorted(rows) == aw.list_models()
    assert rows["bert"]["family"] == "text encoder"
    assert rows["bert"]["parameters"] == {"default": aw.check("bert", task="base").num_parameters()}
    assert rows["bert"]["sizes"] == ["tiny", "base", "large"]
    assert "masked_lm" in rows["bert"]["tasks"]
    assert rows["vit"]["family"] == "vision encoder"
    assert rows["t5"]["family"] == "text encoder-decoder"
    assert rows["imagegpt"]["family"] == "vision decoder"
    assert rows["visual_bert"]["family"] == "vision+text encoder"
    assert rows["trajectory_transformer"]["family"] == "series decoder"
    assert rows["bert"]["published"] == {"base": "110M", "large": "340M"}
    table = call("list", "bert").stdout.splitlines()
    assert "109.5M  tiny 23.5k, base 109.5M, " in table[1]
    assert max(map(len, call("list").stdout.splitlines())) <= 120


def test_check_tells_of_a_parameter_that_is_not_handed_on(folder: Path) -> None:
    (folder / "capped.yaml").write_text(
        "model: capped\nparams: {cap: 3, width: 4}\ninputs: {x: 'float[batch, $width]', y: any?}\n"
        "parts:\n  capping:\n    params: {cap: int?}\n    inputs: {x: 'float[batch, d]'}\n"
        "    graph: {capped: {expr: 'tanh(x / $cap) * $cap', when: $cap != null, else: x}}\n"
        "graph: {inner: {part: capping, in: x}, out: {block: linear, d_out: $cap}}\n"
        "outputs: {out: out}\n",
        encoding="utf-8",
    )
    plain = call("check", "capped.yaml")
    assert plain.exit_code == 0 and "capped.yaml: fine, base, 2 notes (--notes prints all)" in plain.stdout
    assert "note[missing-parameter]: `capping` is not given this scope's `cap`" in plain.stderr
    assert "unused-input" not in plain.stderr and "unused-input" in call("check", "capped.yaml", "--notes").stderr
    assert call("check", "capped.yaml", "--quiet").output == ""


def test_check_prints_a_line_for_each_spec(folder: Path) -> None:
    result = call("check", "bert", "wrong.yaml", "vit")
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["bert", "vit"]
    assert "error[unknown-block]" in result.stderr
    assert "did you mean `linear`?" in result.stderr
    assert call("check", "bert", "--quiet").output == ""
    assert call("check", "bert", "--task", "masked_lm").stdout.startswith("bert: fine, masked_lm")


def test_check_as_json(folder: Path) -> None:
    found = data("check", "bert", "wrong.yaml", "nothing", code=1)
    assert [one["ok"] for one in found["specs"]] == [True, False, False]
    assert found["specs"][0]["tasks"][:2] == ["base", "masked_lm"]
    assert found["specs"][1]["diagnostics"][0]["code"] == "unknown-block"


def test_check_reads_the_config_of_a_folder(folder: Path) -> None:
    for name, classes in (("fine", ["BertForMaskedLM"]), ("strange", ["BertForNothing"])):
        (folder / name).mkdir()
        fields = {"model_type": "bert", "architectures": classes, "num_hidden_layers": 3}
        (folder / name / "config.json").write_text(json.dumps(fields))
    assert call("check", "fine").stdout.startswith("fine: fine, masked_lm")
    found = data("check", "strange", "fine", code=1)["specs"]
    assert [one["ok"] for one in found] == [False, True]
    assert "class `BertForNothing`; of this type there are BertModel" in found[0]["message"]
    assert found[1]["tasks"] == ["masked_lm"]


def test_overrides() -> None:
    found = data("show", "bert", "--set", "num_layers=3", "--set", "activation=relu", "--resolved")
    by_name = {row["name"]: row for row in found["parameters"]}
    assert (by_name["num_layers"]["value"], by_name["num_layers"]["origin"]) == (3, "override")
    assert by_name["activation"]["value"] == "relu"
    assert by_name["d_model"]["origin"] == "default"
    mounted = data("show", "clip", "--size", "tiny", "--set", "text.num_layers=1", "--params")
    assert not any(".text.encoder.1." in f".{one['path']}" for one in mounted["weights"])


def test_show_costs() -> None:
    found = data("show", "bert", "--size", "tiny", "--dim", "batch=2", "--dim", "seq=10")
    assert found["sizes"] == {"batch": 2, "seq": 10}
    total = found["cost"]
    assert total["parameters"] == aw.check("bert", task="base", size="tiny").num_parameters()
    assert "batch*seq**2" in total["symbolic"]["flops"]
    text = call("show", "bert", "--size", "tiny", "--depth", "0").stdout
    assert "encoder x 2" in text
    note = "the lines below `x N` are of one round"
    assert note not in text
    assert note in call("show", "bert", "--size", "tiny", "--depth", "1").stdout
    assert "norm1" not in text
    assert text.splitlines()[0].split() == ["node", "kind", "parameters", "FLOPs", "memory", "output"]
    seen = [data("show", "visual_bert", "--size", "tiny", *more) for more in ((), ("--inputs", "visual_embeds"))]
    assert [list(one["sizes"]) for one in seen] == [["batch", "seq"], ["batch", "seq", "regions"]]
    assert seen[0]["cost"]["flops"] < seen[1]["cost"]["flops"]
    assert "no input `regions`" in call("show", "bert", "--inputs", "regions").output


def test_show_views() -> None:
    shapes = call("show", "bert", "--size", "tiny", "--shapes").stdout
    assert "repeat i < $num_layers" in shapes
    params = call("show", "bert", "--task", "masked_lm", "--params").stdout
    assert "encoder.<0..11>.attention.q.weight  [768, 768]" in params
    assert "tied to tokens.weight" in params
    resolved = call("show", "bert", "--size", "tiny", "--resolved").stdout
    assert "param d_model = 32  # size tiny" in resolved


def test_draw(folder: Path) -> None:
    for name in ("x.svg", "x.mmd"):
        result = call("draw", "bert", "--size", "tiny", "-o", name)
        assert result.exit_code == 0, result.output
        assert not result.stdout
    assert "<svg" in Path("x.svg").read_text()


def test_diff(folder: Path) -> None:
    same = call("diff", "bert", "bert@base").stdout
    assert same.startswith("no difference; 109,482,240 => 109,482,240 parameters (+0)")
    text = call("diff", "bert@tiny", "bert", "--set", "num_layers=3").stdout
    assert "d_model        32         768" in text and "num_layers" not in text
    text = call("diff", "bart", "mbart").stdout
    assert "~ encoder.<i>.norm1, decoder.<i>.norm1\n    input x: x + attended => x\n" in text
    assert "param qkv_bias" not in text, "of one of two parts alone"
    found = data("diff", "bert", "roberta", "--task", "masked_lm", "-o", "x.mmd")
    assert [one["path"] for one in found["only_b"]] == ["numbers"]
    assert found["params"]["vocab_size"] == ["30522", "50265"]
    assert found["b"]["parameters"] > found["a"]["parameters"]
    drawn = Path("x.mmd").read_text()
    assert "also new: numbers" in drawn  # only where no positions are given
    assert "classDef changed" in drawn
    assert "classDef attention" not in drawn


def test_the_page_shows_what_diff_prints() -> None:
    page = Path(aw.__file__).parent / "docs" / "comparing.md"
    assert call("diff", "bert", "roberta").stdout in page.read_text()


def test_emitted_code_runs_alone(folder: Path) -> None:
    args = ["emit", "bert", "--task", "masked_lm", "--size", "tiny", "--inputs", "input_ids,labels", "--standalone"]
    assert call(*args, "-o", "bert.py").exit_code == 0
    assert call(*args).stdout == Path("bert.py").read_text()
    program = (
        "import sys, torch\nsys.modules['archwright'] = None\nimport bert\n"
        f"model = bert.{root_name('bert', 'masked_lm')}()\nids = torch.ones(2, 5, dtype=torch.long)\n"
        "print(*model(input_ids=ids, labels=ids))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=folder)
    assert done.stdout.strip() == "loss logits", done.stderr


def test_emit_takes_flags(folder: Path) -> None:
    assert "attention_mask" in call("emit", "bert", "--size", "tiny", "-o", "-").stdout
    assert '"attentions"' in call("emit", "bert", "--size", "tiny", "--flags", "output_attentions").stdout


def test_new_checks_and_runs(folder: Path) -> None:
    assert call("new", "mine").exit_code == 0
    text = Path("mine.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=")
    assert "\nmodel: mine\n" in text
    checked = data("check", "mine.yaml")
    assert checked["specs"][0]["tasks"] == ["base", "token_classification", "sequence_classification"]
    assert data("run", "mine.yaml")["outputs"][0]["name"] == "last_hidden_state"
    refused = call("new", "mine")
    assert refused.exit_code == 1
    assert Path("mine.yaml").read_text() == text
    assert call("new", "mine", "--from", "bert", "--force").exit_code == 0
    assert Path("mine.yaml").read_text() != text
    assert aw.check("mine.yaml", task="base").name == "mine"


def test_run(folder: Path) -> None:
    found = data("run", "bert", "--size", "tiny", "--task", "masked_lm", "--length", "5", "--inputs", "labels")
    assert found["inputs"]["labels"] == [2, 5]
    assert [one["name"] for one in found["outputs"]] == ["loss", "logits"]
    assert found["seconds"] > 0
    Path("x.json").write_text(json.dumps({"input_ids": [[1, 2, 3]]}))
    text = call("run", "bert", "--size", "tiny", "--input", "x.json").stdout
    assert "last_hidden_state  float32  [1, 3, 32]" in text
    assert "parameters" in text


def test_what_has_no_weights_runs(folder: Path) -> None:
    (folder / "bare.yaml").write_text(
        "model: bare\ninputs: {x: 'float[batch, 4]'}\ngraph: {twice: {expr: x * 2}}\noutputs: {y: twice}\n"
    )
    assert data("run", "bare.yaml")["parameters"] == 0
    assert data("export", "bare.yaml", "-o", "bare.pt2", "--dynamic")["difference"] == 0


def test_numbers_that_json_has_not_are_texts(folder: Path) -> None:
    (folder / "endless.yaml").write_text(
        "model: endless\nparams: {most: .inf}\ninputs: {x: 'float[batch, 4]'}\n"
        "graph: {far: {expr: exp(x * 0 + 999)}}\noutputs: {y: far}\n"
    )
    (told,) = data("run", "endless.yaml")["outputs"]
    assert (told["greatest"], told["std"], told["finite"]) == ("inf", "nan", False)
    assert data("show", "endless.yaml", "--resolved")["parameters"][0]["value"] == "inf"


def test_run_takes_a_checkpoint(folder: Path) -> None:
    aw.compile("bert", task="masked_lm", size="tiny", backend="eager").save_pretrained("saved")
    assert [one["name"] for one in data("run", "saved")["outputs"]] == ["logits"]
    assert data("show", "saved", "--params")["task"] == "masked_lm"


def test_schema() -> None:
    assert data("schema")["title"] == "Archwright"
    assert json.loads(call("schema").stdout) == data("schema")


def test_bench() -> None:
    args = ["bench", "bert", "--size", "tiny", "--backend", "eager", "--runs", "2", "--no-reference"]
    assert [row["name"] for row in data(*args)["rows"]] == ["archwright eager"]
    assert "speedup over archwright eager" in call(*args).stdout


@pytest.mark.parametrize("option", ["--lookup", "--new-tokens"])
def test_bench_looks_up_in_what_is_written(option: str) -> None:
    result = call("bench", "bert", "--size", "tiny", option, "3")
    assert result.exit_code == 2
    assert "give --generate too" in result.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["show", "bert", "--shapes", "--params"], "`--params` means nothing with `--shapes`"),
        (["show", "bert", "--resolved", "--depth", "1"], "`--depth` means nothing with `--resolved`"),
        (["run", "bert", "--size", "tiny", "--input", "ids.json", "--batch", "2"], "`--batch` means nothing"),
        (["run", "bert", "--size", "tiny", "--input", "ids.json", "--inputs", "labels"], "`--inputs` means nothing"),
        (["bench", "gpt2", "--task", "causal_lm", "--generate", "--packed"], "`--packed` means nothing"),
        (["bench", "gpt2", "--task", "causal_lm", "--generate", "--cold"], "`--cold` means nothing"),
    ],
)
def test_an_option_that_means_nothing_beside_another(args: list[str], said: str, folder: Path) -> None:
    Path("ids.json").write_text('{"input_ids": [[1, 2]]}')
    result = call(*args)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_folder_is_read_by_a_spec_of_one_s_own(folder: Path) -> None:
    Path("mine.yaml").write_text("model: mine\nextends: bert\ncheckpoint: {class: Mine}\n")
    aw.compile("mine.yaml", task="masked_lm", size="tiny", backend="eager").save_pretrained("saved")
    assert "one of your own is given as `spec`" in call("run", "saved").stderr
    assert data("run", "saved", "--spec", "mine.yaml")["task"] == "masked_lm"
    assert "differs by" in call("export", "saved", "--spec", "mine.yaml", "-o", "mine.pt2").stdout
    assert data("check", "saved", "--spec", "mine.yaml")["specs"][0]["tasks"] == ["masked_lm"]
    assert data("show", "saved", "--spec", "mine.yaml")["task"] == "masked_lm"
    assert "class MineForMaskedLm" in call("emit", "saved", "--spec", "mine.yaml").stdout
    assert call("draw", "saved", "--spec", "mine.yaml", "-o", "mine.svg").exit_code == 0
    assert call("diff", "saved", "saved", "--spec", "mine.yaml").stdout.startswith("no difference")
    beside = ("diff", "bert@tiny", "saved", "--task", "masked_lm", "--spec", "mine.yaml")
    assert [data(*beside)[one]["model"] for one in ("a", "b")] == ["bert", "mine"]
    refused = call("diff", "bert", "mine.yaml", "--spec", "mine.yaml")
    assert refused.exit_code == 2 and "what reads a checkpoint, and bert and mine.yaml are none" in refused.stderr
    for command in ("check", "show", "emit"):
        refused = call(command, "bert", "--spec", "mine.yaml")
        assert refused.exit_code == 2 and "what reads a checkpoint, and bert is none" in refused.stderr
    refused = call("run", "bert", "--size", "tiny", "--spec", "mine.yaml")
    assert refused.exit_code == 2
    assert "`spec` is what reads a checkpoint, and bert is none" in refused.stderr


def test_a_warning_is_a_line(folder: Path) -> None:
    aw.compile("bert", size="tiny", backend="eager").save_pretrained("saved")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = call("run", "saved", "--set", "num_layers=1")
    assert result.stderr.startswith("warning: weights of rounds that `bert` has not are left in the file: 16 such as")
    assert result.stderr.count("\n") == 1


def test_bench_of_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    from archwright.backends.torch import memory

    monkeypatch.setattr(memory, "READ_BYTES", 2**20)
    args = ["bench", "gpt2", "--task", "causal_lm", "--size", "tiny", "--backend", "eager", "--runs", "1",
            "--no-reference", "--generate", "--new-tokens", "3"]  # fmt: skip
    assert data(*args)["new_tokens"] == 3
    told = call(*args).stdout
    assert "the same" in told
    assert "64.0 KiB are held from step to step; by arithmetic 64.0 KiB" in told


def test_a_device_is_written_as_it_is(folder: Path) -> None:
    assert call("emit", "bert", "--size", "tiny", "-o", "/dev/null").exit_code == 0
    assert Path("/dev/null").is_char_device()
