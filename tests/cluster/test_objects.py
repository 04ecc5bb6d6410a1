"""What is rendered and what the operator makes, judged by the real API server and the real kinds."""

from __future__ import annotations

from typing import Any

import pytest

from camslice.cluster.manifests.engine import engine_objects
from camslice.cluster.manifests.scaled import Scaling
from camslice.cluster.objects import CameraObject, FleetObject, ModelObject, NodeShape, PodShape, Slot, WeightsFrom
from camslice.cluster.pods import preview
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.cluster.wire import camera_manifest, fleet_manifest
from camslice.fleet.types import Objective, StreamFormat, Topology
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import KubectlError, until

HD = StreamFormat(1920, 1080, 25.0, "h264", 4000.0)


def fleet(topology: Topology = Topology.SLICED, **further: Any) -> FleetObject:
    pods = [PodShape("people-0", 2, 500, 300.0, 1, (Slot("people", 5.0, 2, HD),))]
    if topology is Topology.REMOTE:
        pods = [
            PodShape("people-0", 2, 500, 300.0, 0, (Slot("people", 5.0, 2, HD),)),
            PodShape("engine", 1, 500, 900.0, 1, (), "engine"),
        ]
    shape = NodeShape("a", "g4dn.xlarge", "us-east-1", "on_demand", 2, topology, 0.526, tuple(pods), partition="1g.5gb")
    given = {"namespace": "default", "uid": "", "generation": 0} | further
    return FleetObject(
        "street",
        objective=Objective(),
        models=(ModelObject("people", {"weights": "yolox-nano"}),),
        shapes=(shape,),
        image="camslice:1",
        **given,
    )


def cameras(number: int = 4) -> list[CameraObject]:
    return [
        CameraObject(
            f"cam-{index}",
            "",
            "street",
            "rtsp://${USER}:${PASSWORD}@10.0.0.7:8554/1",
            5.0,
            ("people",),
            secret="cams",
            stream=HD,
            keys={"masks": [[[0.0, 0.0], [0.3, 0.0], [0.3, 1.0]]]} if index == 0 else {},
        )
        for index in range(number)
    ]


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize(
    "weights",
    [WeightsFrom(), WeightsFrom(claim="models"), WeightsFrom(image="weights:1"), WeightsFrom(url="s3://b/m", fetcher="aws:1")],
)
def test_what_the_operator_makes_is_taken_strictly(plane: Plane, topology: Topology, weights: WeightsFrom) -> None:
    made = preview(fleet(topology, weights=weights, store_secret=("store", "url")), cameras())
    assert {each["kind"] for each in made} >= {"Pod", "ConfigMap", "Secret", "NetworkPolicy", "PodDisruptionBudget"}
    plane.apply(made, "--dry-run=server")


def test_fleets_and_cameras_are_taken_and_bad_ones_refused(plane: Plane) -> None:
    plane.apply([fleet_manifest(fleet()), *map(camera_manifest, cameras())], "--dry-run=server")
    good = camera_manifest(cameras(1)[0])

    def refusal(**spec: Any) -> str:
        changed = {**good, "spec": {**good["spec"], **spec}}
        changed["spec"] = {key: value for key, value in changed["spec"].items() if value is not None}
        with pytest.raises(KubectlError) as refused:
            plane.apply([changed], "--dry-run=server")
        return str(refused.value)

    assert "must not hold a password" in refusal(source="rtsp://bob:hunter2@10.0.0.7/1")
    assert "rtsp://" in refusal(source="/dev/video0")
    assert "needs secretRef" in refusal(secretRef=None)
    assert "fps" in refusal(fps=0)
    assert "models" in refusal(models=[])
    assert "masks[0]" in refusal(masks=[[[0, 0], [0.3, 0]]])
    assert "masks[0][2][1]" in refusal(masks=[[[0, 0], [0.3, 0], [0.3, 1.5]]])
    assert "masks[0][2]" in refusal(masks=[[[0, 0], [0.3, 0], [0.3, 1, 1]]])
    assert "colour: field not declared" in refusal(colour="red")


def test_a_fleet_that_cannot_be_is_refused(plane: Plane) -> None:
    manifest = fleet_manifest(fleet(Topology.MPS))
    manifest["spec"]["shapes"][0]["pods"][0]["shares"] = 54
    with pytest.raises(KubectlError, match="at most 48"):
        plane.apply([manifest], "--dry-run=server")
    manifest = fleet_manifest(fleet(weights=WeightsFrom(claim="a", image="b")))
    with pytest.raises(KubectlError, match="one place"):
        plane.apply([manifest], "--dry-run=server")


def test_keda_takes_what_scales_engine_servers(plane: Plane) -> None:
    plane.define("keda")
    made = engine_objects(fleet(Topology.REMOTE), DevicePlugin(), Scaling("http://prometheus.monitoring:9090"))
    assert [each["kind"] for each in made] == ["Service", "Deployment", "ScaledObject"]
    until(lambda: plane.apply(made, "--dry-run=server"), "KEDA's kinds to be served", 30)
    made[2]["spec"]["triggers"] = "often"
    with pytest.raises(KubectlError, match="triggers"):
        plane.apply(made, "--dry-run=server")
