"""Every object passes the strict schema of each Kubernetes that is supported, and ours the schemas of our own definitions."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft4Validator

from camslice.cluster.crds.definitions import definitions
from camslice.cluster.names import GROUP
from camslice.cluster.objects import WeightsFrom
from camslice.cluster.pods import preview
from camslice.cluster.rendering import RenderSettings, rendered
from camslice.fleet.types import Topology
from tests.strict_schemas import validate
from tests.unit.cluster import made_plan as made

MINORS = ("1.33", "1.34", "1.35", "1.36")
WEIGHTS = [
    WeightsFrom(),
    WeightsFrom(claim="models"),
    WeightsFrom(image="models:1"),
    WeightsFrom(url="s3://b", fetcher="aws:1"),
]
PLANS = {
    "sliced": made.plan(made.node(Topology.SLICED, 20)),
    "mps": made.plan(made.node(Topology.MPS, 5, streams_per_pod=4)),
    "mig": made.plan(made.node(Topology.MIG, 4, streams_per_pod=5, instance_type="p4d.24xlarge", partition="1g.5gb")),
    "pooled": made.plan(made.node(Topology.POOLED, 1, streams_per_pod=20), spares=1),
    "remote": made.plan(made.node(Topology.REMOTE, 10, streams_per_pod=2, shares=0)),
    "dedicated": made.plan(made.node(Topology.DEDICATED, 1, count=20)),
}


@pytest.mark.parametrize("weights", WEIGHTS, ids=["in the image", "claim", "image", "url"])
@pytest.mark.parametrize("topology", PLANS)
def test_what_the_operator_makes_passes_the_strict_schema_of_every_minor(topology: str, weights: WeightsFrom) -> None:
    fleet = made.declared(20, "store: postgresql://db/camslice\n")
    found = rendered(PLANS[topology], fleet, made.CATALOGUE, RenderSettings("street", weights=weights))
    objects = preview(found.fleet, found.cameras)
    assert {"Pod", "ConfigMap", "Secret", "NetworkPolicy", "PodDisruptionBudget"} <= {each["kind"] for each in objects}
    for minor in MINORS:
        for each in objects:
            validate(each, minor)


@pytest.mark.parametrize("topology", PLANS)
def test_our_own_objects_pass_the_schemas_of_their_definitions(topology: str) -> None:
    found = rendered(PLANS[topology], made.declared(20), made.CATALOGUE, RenderSettings("street"))
    ours = [each for each in found.objects if each["apiVersion"].startswith(f"{GROUP}/")]
    assert len(ours) == 21
    for each in ours:
        assert faults(each) == []


def test_a_schema_finds_what_is_wrong() -> None:
    found = rendered(PLANS["sliced"], made.declared(20), made.CATALOGUE, RenderSettings("street"))
    fleet, camera = (next(each for each in found.objects if each["kind"] == kind) for kind in ("CameraFleet", "Camera"))
    camera["spec"]["fps"] = 0
    assert faults(camera) == ["fps"]
    fleet["spec"]["shapes"][0]["topology"] = "shared"
    fleet["spec"]["objective"]["latencyMs"] = "fast"
    assert faults(fleet) == ["latencyMs", "topology"]


@pytest.mark.parametrize(
    ("masks", "wrong"),
    [
        ([], []),
        ([[[0, 0], [0.3, 0], [0.3, 1]]], []),
        ([[[0, 0], [0.3, 0]]], [0]),
        ([[[0, 0], [0.3, 0], [0.3, 1.5]]], [1]),
        ([[[0, 0], [0.3, 0], [-0.1, 1]]], [0]),
        ([[[0, 0], [0.3, 0], [0.3]]], [2]),
        ([[[0, 0], [0.3, 0], [0.3, 1, 1]]], [2]),
        ([[[0, 0], [0.3, 0], ["a", 1]]], [0]),
        ([[0, 0, 0.3]], [0, 1, 2]),
        ([[[0, 0], [0.3, 0], [0.3, 1]]] * 33, ["masks"]),
        ([[[0, 0]] * 101], [0]),
    ],
)
def test_masks_are_polygons_within_the_picture(masks: list[Any], wrong: list[Any]) -> None:
    found = rendered(PLANS["sliced"], made.declared(20), made.CATALOGUE, RenderSettings("street"))
    camera = next(each for each in found.objects if each["kind"] == "Camera")
    camera["spec"]["masks"] = masks
    assert faults(camera) == [str(each) for each in wrong]


def faults(manifest: dict[str, Any]) -> list[str]:
    """The keys at which an object does not fit its definition. OpenAPI 3.0 writes bounds as draft 4 of JSON Schema does; what
    stands nowhere in it is a fault, as with the API server's strict validation."""
    [definition] = [each for each in definitions().values() if each["spec"]["names"]["kind"] == manifest["kind"]]
    schema = closed(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    del schema["properties"]["metadata"]["additionalProperties"]
    return sorted(str(error.absolute_path[-1]) for error in Draft4Validator(schema).iter_errors(manifest))


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    made_of_it = dict(schema)
    if schema.get("type") == "object":
        made_of_it["properties"] = {key: closed(inner) for key, inner in schema.get("properties", {}).items()}
        made_of_it["additionalProperties"] = False
    if "items" in schema:
        made_of_it["items"] = closed(schema["items"])
    return made_of_it
