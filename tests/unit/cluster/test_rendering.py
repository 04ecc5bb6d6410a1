"""A plan as objects of a cluster."""

from __future__ import annotations

import random

import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from camslice.cluster.manifest_yaml import manifest_text
from camslice.cluster.names import FLEET_FILE
from camslice.cluster.objects import WeightsFrom
from camslice.cluster.pods import preview
from camslice.cluster.rendering import Rendered, RenderSettings, rendered
from camslice.cluster.wire import camera_of, fleet_manifest, fleet_of
from camslice.fleet.policy import Evaluated
from camslice.fleet.types import Fleet, Topology
from camslice.plan.plan import PlannedNode
from tests.unit.cluster import made_plan as made

TWENTY = made.node(Topology.SLICED, 20)


def render(fleet: Fleet, *nodes: PlannedNode, weights: WeightsFrom | None = None) -> Rendered:
    return rendered(made.plan(*nodes), fleet, made.CATALOGUE, RenderSettings("street", weights=weights or WeightsFrom()))


def test_objects_are_what_the_operator_will_read() -> None:
    found = render(made.declared(20), TWENTY)
    [fleet] = [fleet_of(each) for each in found.objects if each["kind"] == "CameraFleet"]
    cameras = [camera_of(each) for each in found.objects if each["kind"] == "Camera"]
    assert fleet == found.fleet
    assert tuple(cameras) == found.cameras
    assert len({each.object_name for each in cameras}) == 20


def test_credentials_stay_templates_and_the_secret_to_make_is_told() -> None:
    found = render(made.declared(20), TWENTY)
    assert "open-sesame" not in yaml.safe_dump(found.objects)
    assert found.cameras[0].source == "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.20.0.7/1"
    assert found.cameras[0].secret == "street-cameras"
    assert any("create secret generic street-cameras --from-literal=CAM_PASSWORD=... " in each for each in found.warnings)


def test_pods_get_the_substream_and_how_it_is_decoded() -> None:
    keys = 'decode: all, decoder: cuda, substream: "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.20.0.7/2", '
    text = made.FLEET.replace("{name:", "{" + keys + "name:").replace("COUNT", "20")
    fleet = made.parse_fleet(text, made.Path("/fleets"), {"CAM_USER": "a", "CAM_PASSWORD": "open-sesame"}, "fleet.yaml")
    found = render(fleet, TWENTY)
    assert found.cameras[0].source == "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.20.0.7/2"
    assert found.cameras[0].keys == {"decode": "all", "decoder": "cuda"}
    assert "open-sesame" not in yaml.safe_dump(found.objects)


def test_masks_reach_the_pod_that_analyses_the_camera() -> None:
    text = made.FLEET.replace("{name:", "{masks: [[[0, 0], [0.3, 0], [0.3, 1]]], name:").replace("COUNT", "2")
    text = text.replace("rtsp://${CAM_USER}:${CAM_PASSWORD}@10.20.0.7/1", "scene://people")
    found = render(made.parse_fleet(text, made.Path("/fleets"), {}, "fleet.yaml"), made.node(Topology.SLICED, 2))
    cameras = [camera_of(each) for each in found.objects if each["kind"] == "Camera"]
    configs = [each["data"] for each in preview(fleet_of(fleet_manifest(found.fleet)), cameras) if each["kind"] == "ConfigMap"]
    fleets = [made.parse_fleet(data[FLEET_FILE], made.Path("/"), {}, FLEET_FILE) for data in configs]
    there = sorted((camera for each in fleets for camera in each.cameras), key=lambda camera: camera.name)
    assert [each.name for each in there] == ["gate-1", "gate-2"]
    assert {each.masks for each in there} == {(((0.0, 0.0), (0.3, 0.0), (0.3, 1.0)),)}


def test_pods_know_what_was_evaluated_and_look_at_regions_in_the_one_process_that_was_planned() -> None:
    known = "evaluated: [{policy: carry-1, recall: 0.98, low: 0.97, cost: 0.4, frames: 240}]"
    text = made.FLEET.replace("weights: yolox-nano", f"weights: yolox-nano, {known}").replace("COUNT", "2")
    text = text.replace("latency_ms:", "recall: 0.9, latency_ms:")
    text = text.replace("rtsp://${CAM_USER}:${CAM_PASSWORD}@10.20.0.7/1", "scene://people")
    found = render(made.parse_fleet(text, made.Path("/fleets"), {}, "fleet.yaml"), made.node(Topology.SLICED, 2))
    cameras = [camera_of(each) for each in found.objects if each["kind"] == "Camera"]
    configs = [each["data"] for each in preview(fleet_of(fleet_manifest(found.fleet)), cameras) if each["kind"] == "ConfigMap"]
    assert configs
    for data in configs:
        there = made.parse_fleet(data[FLEET_FILE], made.Path("/"), {}, FLEET_FILE)
        assert there.objective.recall == 0.9
        assert there.workers == 0
        assert [model.evaluated for model in there.models.values()] == [(Evaluated("carry-1", 0.98, 0.97, 0.4, 240),)]


def test_the_store_is_read_from_a_secret() -> None:
    found = render(made.declared(20, "store: postgresql://camslice:${CAM_PASSWORD}@db/camslice\n"), TWENTY)
    assert found.fleet.store_secret == ("street-store", "url")
    assert "open-sesame" not in yaml.safe_dump(found.objects)
    assert any("street-store" in each for each in found.warnings)


def test_weights_that_are_files_are_named_as_pods_have_them() -> None:
    text = made.FLEET.replace("yolox-nano", "./mine.onnx").replace("COUNT", "20")
    fleet = made.parse_fleet(text, made.Path("/fleets"), {"CAM_USER": "a", "CAM_PASSWORD": "b"}, "fleet.yaml")
    found = render(fleet, TWENTY, weights=WeightsFrom(claim="models"))
    assert found.fleet.models[0].keys["weights"] == "/var/lib/camslice/models/mine.onnx"


@settings(max_examples=20)
@given(some.randoms(use_true_random=False))
def test_the_same_plan_and_fleet_give_the_same_files(chance: random.Random) -> None:
    first = render(made.declared(20), TWENTY)
    chance.random()
    again = render(made.declared(20), TWENTY)
    assert {name: [manifest_text(each) for each in objects] for name, objects in first.files.items()} == {
        name: [manifest_text(each) for each in objects] for name, objects in again.files.items()
    }
    assert (first.values, first.warnings) == (again.values, again.warnings)


@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.text(),
        lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_objects_come_back_from_their_text(value: object) -> None:
    assert yaml.safe_load(manifest_text({"value": value})) == {"value": value}


def test_text_has_no_anchors_and_configurations_can_be_read() -> None:
    same = ["a"]
    text = manifest_text({"one": same, "two": same, "config": "a: 1\nb: 2\n"})
    assert "&id" not in text
    assert "config: |\n  a: 1\n  b: 2\n" in text
