"""The JSON Schema of the language, for editors: the constructs, and for each block and shipped part its options.

It is draft-07, which editors know best. It says less than `check`: expressions are any text with a ``$``, and a part of
one's own may bear the name of a shipped one, so a part's parameters are offered and not enforced.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...blocks.base import Block, all_blocks
from . import schema
from .document import SHIPPED, library
from .layers import SECTIONS
from .span import Source

Json = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"
_EXPRESSION: Json = {"type": "string", "pattern": r"\$", "description": "an expression, such as `$d_model // 2`"}
_CHOICE: Json = {"type": "object", "required": ["choose"], "description": "{choose: $parameter, value: result, ...}"}
_EDGE: Json = {"type": ["string", "number", "boolean"]}
_TYPES: dict[str, Json] = {
    "int": {"type": "integer"}, "float": {"type": "number"}, "bool": {"type": "boolean"}, "text": {"type": "string"},
    "list": {"type": "array"}, "any": {},
}  # fmt: skip


def language_schema() -> Json:
    """The schema of specs, parts and weight maps; which of them a file is, its first keys say."""
    definitions: Json = {}
    for model in (schema.Spec, schema.Part, schema.WeightMap):
        made = model.model_json_schema(by_alias=True)
        definitions.update(made.pop("$defs", {}))
        definitions[model.__name__] = made
    for name, definition in definitions.items():
        definitions[name] = _tidy(definition)
    _shape_constructs(definitions)
    _add_nodes(definitions)
    names = [{"required": [key]} for key in ("map", "model", "frame")]
    is_part = {"required": ["graph"], "not": {"anyOf": names}}
    is_map = {"anyOf": [names[0], {"required": ["weights"], "not": {"anyOf": [*names, {"required": ["extends"]}]}}]}
    return {
        "$schema": DRAFT,
        "title": "Archwright",
        "description": "A spec of a model architecture, or what specs share: a frame, a part, or a piece of a map.",
        "type": "object",
        "allOf": [
            {"if": is_part, "then": {"$ref": "#/$defs/Part"}},
            {"if": is_map, "then": {"$ref": "#/$defs/WeightMap"}},
            {"if": {"not": {"anyOf": [is_part, is_map]}}, "then": {"$ref": "#/$defs/Spec"}},
        ],
        "$defs": definitions,
    }


def _tidy(value: Any) -> Any:
    """A generated schema without what says nothing: titles, null as a default, null where a key may be left out."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if not (key == "title" and isinstance(item, str))}
    if kept.get("default", 0) is None:
        del kept["default"]
    choices = kept.get("anyOf")
    if isinstance(choices, list):
        left = [choice for choice in choices if choice != {"type": "null"}]
        kept = {**({} if len(left) > 1 else left[0]), **kept}
        kept.pop("anyOf")
        if len(left) > 1:
            kept["anyOf"] = left
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return {key: _tidy(item) for key, item in kept.items()}


def _shape_constructs(definitions: Json) -> None:
    """What validators know and the generated schema does not."""
    del definitions["Input"]["required"]  # one without a type changes that of its name
    definitions["Input"] = {"anyOf": [{"type": "string"}, definitions["Input"]]}
    for name in ("Repeat", "Law"):
        definitions[name].update(minProperties=1, maxProperties=1)
    for hidden in ("<previous>", "<replaced>"):
        del definitions["Node"]["properties"][hidden]
    spec = definitions["Spec"]
    del spec["required"]
    spec["properties"]["frame"] = spec["properties"]["model"]
    spec["anyOf"] = [{"required": [key]} for key in ("model", "extends", "frame")]
    # Where a spec extends another, `null` takes away what that brought. It is a type of the construct rather than an
    # alternative to it: editors tell the place of a mistake in a construct, and of alternatives only that none fits.
    definitions["Input"]["anyOf"].append({"type": "null"})
    for name in ("InlinePart", "Mount", "Node", "Task"):
        definitions[name]["type"] = ["object", "null"]
    for key in ("when", "else"):  # which a change takes away
        definitions["Node"]["properties"][key]["type"].append("null")
    for table in ("architectures", "config", "also"):
        entry = definitions["Checkpoint"]["properties"][table]
        entry["additionalProperties"] = {"anyOf": [entry["additionalProperties"], {"type": "null"}]}
    for section in SECTIONS:
        for entries in (patterns := spec["properties"][section].get("patternProperties", {})).values():
            if isinstance(entries.get("type"), str):
                entries["type"] = [entries["type"], "null"]
        if patterns:
            patterns[r"^<[^<>]+\|[^<>]+>$"] = {"type": "null"}
    spec["properties"]["init"]["additionalProperties"] = {"anyOf": [{"$ref": "#/$defs/Law"}, {"type": "null"}]}


def _add_nodes(definitions: Json) -> None:
    """Conditions for each block and shipped part: its options where a node is one."""
    blocks, parts = all_blocks(), sorted(file.stem for file in (SHIPPED / "parts").glob("*.yaml"))
    definitions.update({f"block.{name}": _block(cls) for name, cls in sorted(blocks.items())})
    definitions.update({f"part.{name}": _part(name) for name in parts})
    of_parts = [_when("part", name) for name in parts]
    node, task = definitions["Node"], definitions["Task"]
    node["properties"]["block"] = {"anyOf": [{"enum": sorted(blocks)}, _CHOICE, _EXPRESSION]}
    for holder in (node, task):
        holder["properties"]["part"] = {"anyOf": [{"enum": parts}, {"type": "string"}, _CHOICE]}
    kinds = [{"required": [kind]} for kind in schema.NODE_KINDS]  # or none, in the change of a node of that name
    node.update({"if": {"type": "object"}, "then": {"oneOf": [*kinds, {"not": {"anyOf": kinds}}]}})
    bare = [
        {"if": {"required": [kind]}, "then": {"propertyNames": {"enum": sorted(_taken(kind))}}}
        for kind in ("expr", "first", "reuse")  # these have no options
    ]
    node["allOf"] = [_when("block", name) for name in sorted(blocks)] + of_parts + bare
    task["allOf"] = of_parts


def _taken(kind: str) -> set[str]:
    """The keys that a node of a kind takes beside its options."""
    return {key for key, name in schema.Node.written_keys().items() if name in schema.TAKEN[kind]}


def _when(key: str, name: str) -> Json:
    return {
        "if": {"properties": {key: {"const": name}}, "required": [key]},
        "then": {"$ref": f"#/$defs/{key}.{name}"},
    }


def _block(cls: type[Block]) -> Json:
    own = cls.model_json_schema()
    fields = own.get("properties", {})
    made: Json = {
        "description": (cls.__doc__ or "").strip().split("\n\n")[0],
        "properties": {**{name: _option(_tidy(field)) for name, field in fields.items()}, "in": _ports(cls.ports())},
    }
    if own.get("required"):
        made["anyOf"] = [{"required": own["required"]}, {"required": ["pass"]}]
    if cls.model_config.get("extra") != "allow":
        made["propertyNames"] = {"enum": sorted({*fields, *_taken("block")})}
    return made


def _part(name: str) -> Json:
    place = Source(f"parts/{name}.yaml", "").span(0, 0)
    part = library().part(name, near=SHIPPED, at=place).model
    return {
        "description": part.title,
        "properties": {
            **{param: _param(declared) for param, declared in part.params.items()},
            "in": _ports(part.inputs),
        },
    }


def _param(declared: schema.Parameter) -> Json:
    """A parameter of a part, by its declared type, its default described."""
    made = dict(_TYPES[declared.word or "any"])
    if declared.word is not None and declared.admits_null:
        made["type"] = [made["type"], "null"]
    default = declared.default
    if default is not None and not (isinstance(default, str) and "$" in default):
        made["default"] = default
    return _option(made)


def _option(field: Json) -> Json:
    """What an option may be: a literal of its type, an expression, or a choice; in lists, element by element."""
    field = dict(field)
    if isinstance(field.get("items"), dict):
        field["items"] = _option(field["items"])
    described = {key: field.pop(key) for key in ("default", "description") if key in field}
    return {"anyOf": [field, _EXPRESSION, _CHOICE], **described} if field else {**described}


def _ports(names: Iterable[str]) -> Json:
    """What ``in`` may be: one edge, or an edge for each port."""
    many = {"type": "array", "items": _EDGE}
    ports = {name: {"anyOf": [_EDGE, many, _CHOICE]} for name in names}
    return {"anyOf": [_EDGE, many, {"type": "object", "properties": ports, "additionalProperties": False}]}
