"""The JSON Schema: it is one, every file that ships fits it, and common slips do not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from archwright.blocks.base import all_blocks
from archwright.compiler.reading.document import SHIPPED
from archwright.compiler.reading.json_schema import language_schema
from archwright.compiler.reading.source import load, load_file
from archwright.compiler.reading.tree import plain

jsonschema = pytest.importorskip("jsonschema")
FILES = sorted(SHIPPED.glob("**/*.yaml"))


@cache
def validator() -> Any:
    return jsonschema.Draft7Validator(language_schema())


def slips(text: str) -> list[str]:
    """Where a text does not fit, `/` between the keys."""
    return ["/".join(map(str, error.absolute_path)) for error in validator().iter_errors(plain(load(text, name="x")))]


def test_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(language_schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SHIPPED)))
def test_what_ships_fits(file: Path) -> None:
    errors = [
        f"{list(error.absolute_path)}: {error.message}" for error in validator().iter_errors(plain(load_file(file)))
    ]
    assert not errors


def test_the_starter_fits() -> None:
    starter = SHIPPED.parent / "backends" / "commands" / "starter.yaml"
    assert not list(validator().iter_errors(plain(load_file(starter))))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("model: m\ngraf: {}", ""),
        ("model: 3", "model"),
        ("model: m\ninputs: {x: {typ: a}}", "inputs/x"),
        ("model: m\ngraph: {a: {block: linaer, in: x}}", "graph/a/block"),
        ("model: m\ngraph: {a: {block: linear, in: x, d_out: 3, bais: true}}", "graph/a"),
        ("model: m\ngraph: {a: {block: linear, in: x, d_out: wide}}", "graph/a/d_out"),
        ("model: m\ngraph: {a: {block: linear, in: x}}", "graph/a"),
        ("model: m\ngraph: {a: {block: linear, part: classifier, d_out: 3}}", "graph/a"),
        ("model: m\ngraph: {a: {block: attention, in: {q: x, key: x}, num_heads: 2}}", "graph/a/in"),
        ("model: m\ngraph: {a: {part: classifier, num_labels: true}}", "graph/a/num_labels"),
        ("model: m\ngraph: {a: {part: x, repeat: {i: 2, j: 3}}}", "graph/a/repeat"),
        ("model: m\ngraph: {a: {expr: x, repeat: {i: 2}}}", "graph/a"),
        ("part: p\nsizes: {}", ""),
        ("map: m", ""),
    ],
)
def test_slips_are_found(text: str, place: str) -> None:
    assert place in slips(text)


def test_expressions_and_choices_fit() -> None:
    text = """\
model: m
graph:
  a: {block: linear, in: x + 1, d_out: $d_model // 2, bias: {choose: $kind, a: true, b: false}}
  b: {block: {choose: $norm, layer_norm: layer_norm, rms_norm: rms_norm}, eps: 1e-5, when: true}
  c: {block: parameter, shape: [1, $d_model]}
  d: {expr: 2}
"""
    assert not slips(text)


def test_every_block_has_its_options() -> None:
    definitions = language_schema()["$defs"]
    for name, contract in all_blocks().items():
        assert set(contract.model_fields) <= set(definitions[f"block.{name}"]["properties"])
