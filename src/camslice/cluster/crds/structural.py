"""JSON Schema as pydantic writes it, made structural as Kubernetes wants it: no references, no null, every length bounded."""

from __future__ import annotations

from typing import Any

from camslice.cluster.crds.case import camel
from camslice.fleet.spec_values import LONGEST_NAME, NAME_PATTERN

_MOST_TEXT, _MOST_ITEMS = 4096, 1024
_DROPPED = {"title", "default", "$defs", "exclusiveMinimum", "exclusiveMaximum", "additionalProperties", "oneOf", "const"}


def structural(schema: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI schema of an object, with keys in the form of Kubernetes."""
    return _of(schema, schema.get("$defs", {}))


def _of(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        inner = definitions[schema["$ref"].rpartition("/")[2]]
        return _of({**inner, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions)
    if "anyOf" in schema:
        return _of({**_chosen(schema["anyOf"]), **{key: value for key, value in schema.items() if key != "anyOf"}}, definitions)
    made = {key: value for key, value in schema.items() if key not in _DROPPED}
    for bound, name in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if bound in schema:
            made[name], made[bound] = schema[bound], True
    if "const" in schema:
        made["enum"] = [schema["const"]]
    if "default" in schema and schema["default"] is not None and not isinstance(schema["default"], dict | list):
        made["default"] = schema["default"]
    if schema.get("type") == "object":
        made["properties"] = {camel(key): _of(inner, definitions) for key, inner in schema.get("properties", {}).items()}
        if "required" in schema:
            made["required"] = [camel(key) for key in schema["required"]]
    elif schema.get("type") == "array":
        first = schema.get("prefixItems", [{}])[0]
        made.pop("prefixItems", None)
        made["items"] = _of(schema.get("items") or first, definitions)
        made.setdefault("maxItems", _MOST_ITEMS)
    elif schema.get("type") == "string" and "enum" not in schema:
        made.setdefault("maxLength", LONGEST_NAME if schema.get("pattern") == NAME_PATTERN else _MOST_TEXT)
    return made


def _chosen(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """The one form that is not null; of a short and a full form the full one, which stands last."""
    return [each for each in choices if each.get("type") != "null"][-1]
