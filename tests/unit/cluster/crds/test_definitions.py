"""The custom resource definitions: written where the chart has them, structural, and of one mind with fleet.yaml."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camslice.cluster.crds.case import camel, snake
from camslice.cluster.crds.definitions import definitions
from camslice.cluster.crds.keys import CameraSpecKeys, FleetSpecKeys, shared_keys
from camslice.cluster.crds.structural import structural
from camslice.fleet.spec_keys import CameraKeys, ModelKeys, ObjectiveKeys

ROOT = Path(__file__).parents[4]
PLURALS = ("camerafleets", "cameras")


@pytest.mark.parametrize("plural", PLURALS)
def test_the_chart_holds_what_the_code_says(plural: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import crds

    name = f"{plural}.yaml"
    assert (crds.FOLDER / name).read_text() == crds.files()[name], "run `make crds`"
    sys.modules.pop("crds")


@pytest.mark.parametrize("plural", PLURALS)
def test_everything_is_typed_and_bounded(plural: str) -> None:
    schema = definitions()[plural]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path, each in _schemas(schema):
        assert each.get("type"), path
        assert not {"$ref", "anyOf", "oneOf", "prefixItems", "title"} & each.keys(), path
        if each["type"] == "array":
            assert each["maxItems"] <= 10_000, path
        if each["type"] == "string" and path.startswith("/spec") and "enum" not in each:
            assert each["maxLength"] <= 4096, path


def test_keys_are_those_of_fleet_yaml() -> None:
    fleet = structural(FleetSpecKeys.model_json_schema())["properties"]
    camera = structural(CameraSpecKeys.model_json_schema())["properties"]
    assert {snake(key) for key in fleet["objective"]["properties"]} == set(ObjectiveKeys.model_fields)
    assert {snake(key) for key in fleet["models"]["items"]["properties"]} == {*ModelKeys.model_fields, "name", "sha256"}
    assert {"source", "fps", "models", "stream", "freshness"} <= shared_keys()
    original = structural(CameraKeys.model_json_schema())["properties"]
    for key in shared_keys() - {"name", "source", "models"}:
        assert camera[camel(key)].get("type") == original[camel(key)].get("type"), key


@pytest.mark.parametrize("key", ["latency_ms", "usd_per_camera_month", "nms_iou", "fps"])
def test_keys_come_back_as_they_were(key: str) -> None:
    assert snake(camel(key)) == key


def _schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from _schemas(inner, f"{path}/{key}")
    if "items" in schema:
        yield from _schemas(schema["items"], f"{path}[]")
