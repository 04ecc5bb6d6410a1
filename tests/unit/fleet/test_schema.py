"""The published schema says what is really taken."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from camslice.fleet.schema import fleet_schema
from camslice.fleet.spec_allowed import allowed_at, known_keys
from camslice.fleet.spec_keys import FleetKeys
from camslice.fleet.yaml_lines import KeyPath

MAPPINGS: list[KeyPath] = [
    (), ("objective",), ("models", "any"), ("cameras", 0), ("machine",), ("store",), ("sinks", 0), ("planning",),
    ("planning", "scale", 0), ("cameras", 0, "stream"), ("cameras", 0, "objective"),
]  # fmt: skip
LATER = ("zones", "rules")


def properties(schema: object) -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from properties(inner)


def test_it_is_json_and_says_which_dialect() -> None:
    schema = json.loads(json.dumps(fleet_schema()))
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["title"] == "camslice fleet.yaml"
    assert schema["required"] == ["models", "cameras"]


def test_every_key_is_titled_and_described() -> None:
    schema = fleet_schema()
    for name, key in properties(schema):
        reference = key.get("$ref") or next((choice["$ref"] for choice in key.get("anyOf", []) if "$ref" in choice), None)
        described = key if reference is None else schema["$defs"][reference.rpartition("/")[2]]
        assert described.get("description"), name
        assert described.get("title"), name


def test_unknown_keys_are_forbidden_everywhere() -> None:
    schema = fleet_schema()
    for mapping in (schema, *schema["$defs"].values(), schema["properties"]["models"]):
        assert mapping["additionalProperties"] is False


def test_keys_of_features_to_come_are_absent() -> None:
    assert not {name for name, _ in properties(fleet_schema())} & set(LATER)


def test_bounds_are_those_of_json_schema() -> None:
    fps = fleet_schema()["$defs"]["CameraKeys"]["properties"]["fps"]
    assert (fps["exclusiveMinimum"], fps["maximum"], fps["type"]) == (0, 240, "number")


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_errors_can_say_what_is_allowed_at_every_key(mapping: KeyPath) -> None:
    keys = known_keys(FleetKeys, mapping)
    assert keys
    for key in keys:
        assert not allowed_at(FleetKeys, (*mapping, key)).startswith("a mapping of"), key
