"""The constructs of the language, one pydantic model each. What is written is kept as written; meaning comes later."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .class_names import class_ending

NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
SIZE_NAME = r"^[A-Za-z0-9_]+$"
RESERVED = frozenset({"true", "false", "null", "None", "and", "or", "not", "in", "if", "else"})
COUNT = r"[0-9]+(\.[0-9]+)?[kMB]"
PARAMETER_TYPES = ("int", "float", "bool", "text", "list", "any")


def _no_word(name: str) -> str:
    if name in RESERVED:
        raise PydanticCustomError("reserved_name", "expected a name that is no word of the language")
    return name


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as declared: a default, a type such as ``int`` or ``int?``, or ``{type: int, default: 3}``.

    Attributes:
        word: its type, that of its default where no other is said; None where none is known.
        admits_null: null is one of its values, which it is where nothing is given.
    """

    word: str | None
    admits_null: bool
    has_default: bool
    default: Any = None

    @property
    def is_required(self) -> bool:
        """Whether something has to give it a value."""
        return not (self.has_default or self.admits_null)


def declared(raw: Any) -> Parameter:
    """What the declaration of a parameter says."""
    table: dict[str, Any] = raw if isinstance(raw, dict) and "type" in raw else {"type": raw}
    word = str(table["type"])
    base = word.removesuffix("?")
    if table is raw or (isinstance(raw, str) and base in PARAMETER_TYPES):
        return Parameter(base, word.endswith("?"), "default" in table, table.get("default"))
    return Parameter({bool: "bool", int: "int", float: "float"}.get(type(raw)), raw is None, True, raw)


def has_param(raw: Any) -> bool:
    """Whether there is a ``$`` in a value, or in what it holds."""
    if isinstance(raw, (list, dict)):
        return any(has_param(value) for value in (raw.values() if isinstance(raw, dict) else raw))
    return isinstance(raw, str) and "$" in raw


def _computed(raw: Any) -> Any:
    if isinstance(raw, (list, dict)) and has_param(raw):
        raise PydanticCustomError("not_one_expression", "one expression")
    return raw


def _parameter(raw: Any) -> Parameter:
    if isinstance(raw, dict) and "type" in raw:
        word = as_choice(raw["type"])
        if word.removesuffix("?") not in PARAMETER_TYPES:
            raise PydanticCustomError(
                "bad_parameter_type", "expected a type", {"word": word, "words": " ".join(PARAMETER_TYPES)}
            )
        for key in raw:
            if key not in ("type", "default"):
                raise PydanticCustomError("parameter_key", "expected type and default", {"key": str(key)})
    found = declared(raw)
    _computed(found.default)
    return found


def _version(raw: Any) -> Any:
    if type(raw) is not int or raw != 1:  # `true` and `1.0` are equal to 1
        raise PydanticCustomError("bad_version", "1, the version of the language")
    return raw


Identifier = Annotated[str, StringConstraints(pattern=NAME), AfterValidator(_no_word)]
Declared = Annotated[Parameter, BeforeValidator(_parameter), WithJsonSchema({})]
Computed = Annotated[Any, AfterValidator(_computed)]
SizeName = Annotated[str, StringConstraints(pattern=SIZE_NAME)]
"""The name of a published size, which may begin with a digit (``11b``): no expression reads it."""


def as_text(value: Any) -> Any:
    """An edge or condition may be written as a bare number or truth value."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def as_choice(value: Any) -> str:
    """How a choice names a parameter's value: ``post``, ``true``, ``2``, ``null``."""
    return "null" if value is None else str(as_text(value))


Text = Annotated[str, BeforeValidator(as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Edge = Text
"""An edge expression: a name, a port, or arithmetic over them."""
Condition = Text
CAPTURES = {"hidden_states": "$output_hidden_states", "attentions": "$output_attentions"}
"""How an output's name ends, and the flag that asks for it."""


def captured(outputs: Any) -> Any:
    """Outputs, those that a flag asks for with their condition."""
    if not isinstance(outputs, dict):
        return outputs
    return {name: _captured(str(name), raw) for name, raw in outputs.items()}


def _captured(name: str, raw: Any) -> Any:
    flag = next((flag for end, flag in CAPTURES.items() if name.endswith(end)), None)
    if isinstance(raw, dict) and not {"from", "when", "each"} & set(raw):
        return captured(raw)
    if isinstance(raw, list) or (flag and isinstance(raw, str)):
        raw = {"from": raw}
    return {**raw, "when": flag} if flag and isinstance(raw, dict) and "from" in raw and "when" not in raw else raw


Choice = dict[str, Any]
"""A choice by a parameter: ``{choose: $kind, pre: a, post: b}``."""


Outputs = Annotated[dict[Identifier, Any], BeforeValidator(captured)]


def choices(raw: Any) -> dict[str, str]:
    """The texts that a name may be, by the choice, which is empty where it is no choice."""
    entries = raw.items() if isinstance(raw, dict) else [("", raw)]
    return {choice: word for choice, word in entries if choice != "choose" and isinstance(word, str)}


class Construct(BaseModel):
    """Base of every construct: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @classmethod
    def written_keys(cls) -> dict[str, str]:
        """Its fields by the keys that a file has for them."""
        keys = {info.alias or name: name for name, info in cls.model_fields.items()}
        return {key: name for key, name in keys.items() if not key.startswith("<")}


class OpenConstruct(Construct):
    """Base of those that take keys of the user's own beside theirs."""

    model_config = ConfigDict(extra="allow")

    @property
    def options(self) -> dict[str, Any]:
        """What stands under the user's own keys: options of a block, parameters of a part."""
        return self.model_extra or {}


STANDING_IN = ("zeros", "ones", "range")
"""What may be an input's default beside literals and edges: made as large as the input would be."""


class Input(Construct):
    """An input of a spec or part; one whose type ends in `?`, or that has a default, is optional."""

    type: str
    optional: bool = False
    default: Any = None
    many: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        given = {"type": value} if isinstance(value, str) else value
        if not isinstance(given, dict):
            return given
        if given.get("default") is not None:
            given = {**given, "optional": given.get("optional") or True}
        if not str(given.get("type")).endswith("?"):
            return given
        return {**given, "type": given["type"].removesuffix("?"), "optional": True}


class Tie(OpenConstruct):
    """Two parameters that are one: own leaf or path to another node's, and when."""

    when: Condition | None = None

    @property
    def pairs(self) -> dict[str, str]:
        """Own path, relative to the node, to the other's path from the root of the spec."""
        return {key: as_choice(value) for key, value in self.options.items()}


class Repeat(OpenConstruct):
    """``repeat: {i: $num_layers}``: the index's name and the number of rounds."""

    @model_validator(mode="after")
    def _one_index(self) -> Repeat:
        if len(self.options) != 1 or not re.match(NAME, self.index):
            raise PydanticCustomError("bad_repeat", "expected one index and its count")
        return self

    @property
    def index(self) -> str:
        """The name of the index."""
        return next(iter(self.options))

    @property
    def count(self) -> Any:
        """The number of rounds, as written."""
        return next(iter(self.options.values()))


class Node(OpenConstruct):
    """A node of a graph: exactly one of `block`, `part`, `mount`, `reuse`, `expr`, `first`; the rest are options."""

    block: str | Choice | None = None
    part: str | Choice | None = None
    mount: str | None = None
    reuse: str | None = None
    expr: Edge | None = None
    first: list[Edge] | None = None
    source: Edge | list[Edge] | dict[str, Any] | None = Field(default=None, alias="in")
    when: Condition | None = None
    otherwise: Edge | None = Field(default=None, alias="else")
    repeat: Repeat | None = None
    each: dict[str, Edge] | None = None
    layer_drop: Any = None
    share: Any = None
    tie: Tie | None = None
    passed: list[Identifier] = Field(default=[], alias="pass")
    previous: str | None = Field(default=None, alias="<previous>", json_schema_extra={"deprecated": True})
    replaced: dict[str, Any] = Field(default={}, alias="<replaced>", json_schema_extra={"deprecated": True})

    @property
    def kind(self) -> str:
        """Which of the six it is; `Node` is checked to have exactly one."""
        return next(kind for kind in NODE_KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Node:
        _check_kind({name: getattr(self, name) for name in self.model_fields_set - self.options.keys()})
        return self


NODE_KINDS = ("block", "part", "mount", "reuse", "expr", "first")
_ALL = {"when", "otherwise", "previous", "replaced"}
_CALL = _ALL | {"source", "each"}
TAKEN: dict[str, set[str]] = {
    "block": _CALL | {"block", "passed", "tie"},
    "part": _CALL | {"part", "repeat", "layer_drop", "share", "passed", "tie"},
    "mount": _CALL | {"mount", "repeat", "tie"}, "reuse": _CALL | {"reuse"},
    "expr": _ALL | {"expr"}, "first": _ALL | {"first"},
}  # fmt: skip
"""The fields that mean something for a node of each kind; its options stand beside them."""


def taken(kind: str, given: Collection[str]) -> set[str]:
    """The fields that mean something beside those given: what is said of rounds needs some."""
    return TAKEN[kind] - (set() if {"repeat", "each"} & set(given) else {"layer_drop", "share"})


def _check_kind(given: dict[str, Any]) -> None:
    """Refuse fields that say nothing or twice what a node is, and such as mean nothing beside that."""
    kinds = [kind for kind in NODE_KINDS if given.get(kind) is not None]
    if len(kinds) != 1:
        raise PydanticCustomError("bad_node", "expected exactly one kind")
    if not given.keys() <= taken(kinds[0], given):
        raise PydanticCustomError("misplaced_key", "expected keys that this kind takes")


class Mount(Construct):
    """Another spec mounted under a name, with the place of its fields in the config."""

    spec: str | Choice
    task: str | None = None
    size: str | None = None
    params: dict[str, Any] = {}
    config: str | list[str] | None = None


class Blank(Construct):
    """A token after the text that no token sees, and that alone is predicted: how a bidirectional model writes."""

    token: int = 0
    hidden_by: Identifier
    asked_by: Identifier
    memory: Identifier | None = None
    again: int = 0


PROMPTS = ("started", "given", "told")
"""How a decoder begins: with the start token before what is given, as given, or with what a checkpoint puts there."""


class Generate(Construct):
    """What writing has to know of a model beyond its config."""

    prompt: Text = "started"
    returns: Literal["all", "new"] = "all"
    ignores: list[Identifier] = []
    blank: Blank | None = None


class Task(OpenConstruct):
    """A fragment laid over the base: a part with its inputs, or nodes and outputs of its own."""

    part: str | Choice | None = None
    source: Edge | list[Edge] | dict[str, Any] | None = Field(default=None, alias="in")
    tie: Tie | None = None
    passed: list[Identifier] = Field(default=[], alias="pass")
    extends: str | None = None
    params: dict[str, Any] = {}
    flags: dict[str, bool] = {}
    inputs: dict[Identifier, Input] = {}
    graph: dict[Identifier, Node] = {}
    outputs: Outputs = {}
    keep: list[str] | Literal["all"] = []
    weights: list[str] = []
    fold: Identifier | dict[str, list[str]] = {}
    drop: list[str] = []
    generate: Generate | None = None

    @property
    def axes(self) -> list[str]:
        """The axes that it folds."""
        return [self.fold] if isinstance(self.fold, str) else list(self.fold)

    @model_validator(mode="after")
    def _options_of_a_part(self) -> Task:
        if self.part is None and self.options:
            raise PydanticCustomError("task_key", "expected options beside a part alone")
        if self.part is not None:  # which becomes a node, whose other fields stand beside it
            names = Node.written_keys()
            beside = {names[key]: value for key, value in self.options.items() if key in names}
            _check_kind({"part": self.part, **beside})
        return self


class Checkpoint(Construct):
    """How Hugging Face's files map to the spec, in both directions."""

    kind: str | None = Field(default=None, alias="class")
    architectures: dict[str, str | None] = {}
    model_type: str | None = None
    match: dict[str, Any] = {}
    config: dict[str, str | list[str]] = {}
    prefix: str | dict[str, str] = ""
    weights: dict[str, Any] = {}
    also: dict[str, str] = {}
    ignore: list[str] = []
    optional: list[str] = []


Number = Annotated[Any, WithJsonSchema({"type": ["number", "string"]})]
Fan = Annotated[Any, WithJsonSchema({"enum": ["fan_in", "fan_out"]})]


class Law(Construct):
    """What fresh weights are drawn from: one of these, with its number or an expression for it."""

    normal: Number = None
    truncated_normal: Number = None
    uniform: Annotated[Any, WithJsonSchema({"type": ["number", "string", "array"]})] = None
    constant: Number = None
    kaiming_normal: Fan = None
    kaiming_uniform: Fan = None
    xavier_normal: Number = None
    xavier_uniform: Number = None

    @model_validator(mode="after")
    def _one_law(self) -> Law:
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("bad_law", "one law, such as `{normal: 0.02}`")
        return self

    @property
    def name(self) -> str:
        """Which of the laws it is."""
        return next(iter(self.model_fields_set))


def _count(raw: Any) -> Any:
    if not (isinstance(raw, str) and re.fullmatch(COUNT, raw)):
        raise PydanticCustomError("bad_count", "a count such as `110M`, with k, M or B")
    return raw


class Published(Construct):
    """How many parameters are published for the sizes: of the base model or a task, with parameters for all of them."""

    task: str | None = None
    params: dict[str, Any] = {}
    sizes: dict[SizeName, Annotated[str, BeforeValidator(_count)]] = {}


class InlinePart(Construct):
    """A sub-graph that one spec uses, written in its `parts:`."""

    title: str = ""
    paper: str = ""
    params: dict[Identifier, Declared] = {}
    inherited: dict[Identifier, Declared] = {}
    let: dict[Identifier, Computed] = {}
    inputs: dict[Identifier, Input] = {}
    graph: dict[Identifier, Node] = {}
    outputs: dict[Identifier, Any] = {}


class Spec(Construct):
    """A model: what it takes, the graph, what it gives, its tasks and its checkpoints."""

    archwright: Annotated[Literal[1], BeforeValidator(_version)] = 1
    model: Identifier
    title: str = ""
    paper: str = ""
    extends: str | list[str] | None = None
    params: dict[Identifier, Declared] = {}
    let: dict[Identifier, Computed] = {}
    sizes: dict[SizeName, dict[str, Computed]] = {}
    published: Published = Published()
    flags: dict[Identifier, bool | str] = {}
    inputs: dict[Identifier, Input] = {}
    mounts: dict[Identifier, Mount] = {}
    parts: dict[Identifier, InlinePart] = {}
    graph: dict[Identifier, Node] = {}
    outputs: Outputs = {}
    weights: list[str] = []
    tasks: dict[Identifier, Task] = {}
    checkpoint: Checkpoint = Checkpoint()
    generate: Generate | None = None
    example: dict[Identifier, Any] = {}
    init: dict[str, Law] = {}
    freeze: list[str | dict[str, Condition]] = []

    @property
    def architectures(self) -> dict[str, str]:
        """The task that each class of Hugging Face is: those listed, else named after `class` and the task."""
        kind, listed = self.checkpoint.kind, self.checkpoint.architectures
        told = {kind + class_ending(task): task for task in ("base", *self.tasks)} if kind else {}
        own = {name: task for name, task in told.items() if task not in listed.values() and name not in listed}
        return {**own, **{name: task for name, task in listed.items() if task is not None}}

    def chain(self, task: str | None) -> list[str]:
        """A task and those that it extends, up to one that there is not or that stands there already."""
        names: list[str] = []
        while task in self.tasks and task not in names:
            names.append(str(task))
            task = self.tasks[names[-1]].extends
        return names

    @property
    def readable(self) -> dict[str, str]:
        """The task of each class that a folder may name: `architectures`, and what classes were called before."""
        return {**self.architectures, **self.checkpoint.also}

    @property
    def frozen(self) -> list[tuple[int, str, Condition | None]]:
        """What `freeze` lists: its place there, a path, and where it is written when."""
        pairs = (({one: None} if isinstance(one, str) else one) for one in self.freeze)
        return [(number, path, when) for number, table in enumerate(pairs) for path, when in table.items()]


class Part(InlinePart):
    """A sub-graph that specs share, in a file of its own, which gives it its name."""

    part: Identifier | None = None


class WeightMap(Construct):
    """A piece of checkpoint map, relative on both sides, in a file of its own, which gives it its name."""

    map: Identifier | None = None
    weights: dict[str, Any]
