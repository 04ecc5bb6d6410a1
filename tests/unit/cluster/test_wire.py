"""Objects of a cluster and the values they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from camslice.cluster.objects import CameraObject, FleetObject, ModelObject, NodeShape, PodShape, Slot, WeightsFrom
from camslice.cluster.wire import camera_manifest, camera_of, fleet_manifest, fleet_of, object_name
from camslice.fleet.errors import ClusterError
from camslice.fleet.types import Objective, StreamFormat, Topology

HD = StreamFormat(1920, 1080, 25.0, "h264", 4000.0)


@some.composite
def fleets(draw: some.DrawFn) -> FleetObject:
    slots = tuple(
        Slot("people", float(draw(some.integers(1, 30))), draw(some.integers(1, 54)), draw(some.sampled_from([None, HD])))
        for _ in range(draw(some.integers(0, 3)))
    )
    pods = (PodShape("people-0", draw(some.integers(1, 54)), 500, 800.0, draw(some.integers(0, 48)), slots),)
    return FleetObject(
        name="street",
        namespace=draw(some.sampled_from(["default", "cameras"])),
        uid="",
        generation=0,
        objective=Objective(
            draw(some.floats(1, 5000)),
            95.0,
            0.01,
            draw(some.none() | some.floats(1, 500)),
            draw(some.sampled_from([1.0, 0.97])),
        ),
        policy=draw(some.sampled_from(["auto", "carry-1"])),
        models=(ModelObject("people", {"weights": "yolox-nano", "max_batch": 4}, draw(some.sampled_from([None, "ab" * 32]))),),
        shapes=(
            NodeShape(
                "g4dn-1", "g4dn.2xlarge", "us-east-1", "on_demand", 3, Topology.SLICED, 0.752, pods, 108.0, None, ("g5.xlarge",)
            ),
        ),
        image="camslice:1",
        camera_cidrs=draw(some.sampled_from([(), ("10.0.0.0/8",)])),
        store_secret=draw(some.sampled_from([None, ("store", "url")])),
        weights=draw(some.sampled_from([WeightsFrom(), WeightsFrom(claim="models"), WeightsFrom(url="s3://b", fetcher="aws")])),
        usd_per_month=draw(some.none() | some.floats(0, 1e6)),
        spare_nodes=draw(some.integers(0, 2)),
        cameras_per_node=draw(some.none() | some.integers(1, 9)),
        degrade=draw(some.booleans()),
        grace_s=draw(some.sampled_from([60, 30])),
    )


@given(fleets())
def test_a_fleet_survives_the_way_to_the_cluster_and_back(fleet: FleetObject) -> None:
    assert fleet_of(fleet_manifest(fleet)) == fleet


@given(
    some.builds(
        CameraObject,
        name=some.sampled_from(["gate", "Gate_1", "yard.2"]),
        uid=some.just(""),
        fleet=some.just("street"),
        source=some.just("rtsp://${USER}:${PASSWORD}@10.0.0.7/1"),
        fps=some.floats(0.1, 240),
        models=some.sampled_from([("people",), ("people", "cars")]),
        namespace=some.just("cameras"),
        secret=some.sampled_from([None, "gate"]),
        stream=some.sampled_from([None, HD]),
        keys=some.sampled_from(
            [
                {},
                {"freshness": "latest"},
                {"playback_fps": 12.5, "loop": False},
                {"decode": "all", "decoder": "cuda"},
                {"masks": [[[0.0, 0.0], [0.25, 0.0], [0.25, 1.0]], [[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]]]},
            ]
        ),
    )
)
def test_a_camera_survives_the_way_to_the_cluster_and_back(camera: CameraObject) -> None:
    back = camera_of(camera_manifest(camera))
    assert back.object_name == object_name(camera.name)
    assert back == CameraObject(**{**_fields(camera), "object_name": back.object_name})


def test_a_camera_knows_where_its_streams_were_placed() -> None:
    manifest = camera_manifest(CameraObject("gate", "", "street", "rtsp://10.0.0.7/1", 5.0, ("people",)))
    manifest["status"] = {"streams": [{"model": "people", "shard": "g4dn-1-0", "epoch": 7}]}
    assert camera_of(manifest).placement == {"people": ("g4dn-1-0", 7)}


def test_what_is_wrong_with_an_object_is_told_with_its_name_and_key() -> None:
    manifest = camera_manifest(CameraObject("gate", "", "street", "rtsp://10.0.0.7/1", 5.0, ("people",)))
    manifest["spec"]["playbackFps"] = "fast"
    with pytest.raises(ClusterError, match=r"Camera gate: spec.playbackFps: .*not a number.*"):
        camera_of(manifest)


@pytest.mark.parametrize("masks", [[[[0, 0], [1, 0]]], [[[0, 0], [1, 0], [1, 1.5]]], [[[0, 0], [1, 0], [1, 1, 1]]]])
def test_a_mask_that_is_no_polygon_within_the_picture_is_told_with_its_place(masks: list[object]) -> None:
    manifest = camera_manifest(CameraObject("gate", "", "street", "rtsp://10.0.0.7/1", 5.0, ("people",)))
    manifest["spec"]["masks"] = masks
    with pytest.raises(ClusterError, match=r"Camera gate: spec\.masks\.0.*; correct the object\."):
        camera_of(manifest)


def test_a_camera_without_masks_says_nothing_of_them() -> None:
    manifest = camera_manifest(CameraObject("gate", "", "street", "rtsp://10.0.0.7/1", 5.0, ("people",)))
    assert "masks" not in manifest["spec"]
    manifest["spec"]["masks"] = []
    assert camera_of(manifest).keys == {}


def test_names_that_differ_stay_apart_in_a_cluster() -> None:
    assert len({object_name(name) for name in ("Gate", "gate", "gate_", "GATE", "g" * 80, "g" * 81)}) == 6


def _fields(camera: CameraObject) -> dict[str, object]:
    return {name: getattr(camera, name) for name in CameraObject.__dataclass_fields__}
