"""What a cluster cannot do is refused in one sentence."""

from __future__ import annotations

import pytest

from camslice.cluster.crds.definitions import definitions
from camslice.cluster.objects import WeightsFrom
from camslice.cluster.refusals import PLAIN_PASSWORD, refusals, source_variables
from camslice.cluster.rendering import RenderSettings, rendered
from camslice.cluster.shapes import node_shapes
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.fleet.errors import ClusterError
from camslice.fleet.types import Fleet, Topology
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.plan import PlannedNode
from tests.unit.cluster import made_plan as made


def refusal(fleet: Fleet, *nodes: PlannedNode, weights: WeightsFrom | None = None) -> str:
    """The sentence; empty where it is rendered."""
    try:
        rendered(made.plan(*nodes), fleet, made.CATALOGUE, RenderSettings("street", weights=weights or WeightsFrom()))
    except ClusterError as error:
        return str(error)
    return ""


def with_source(source: str, more: str = "") -> Fleet:
    text = made.FLEET.replace('"rtsp://${CAM_USER}:${CAM_PASSWORD}@10.20.0.7/1"', f'"{source}"')
    variables = {"CAM_USER": "viewer", "CAM_PASSWORD": "open-sesame", "CAM": "rtsp://10.0.0.1/1", "HOST": "10.0.0.2"}
    return made.parse_fleet(text.replace("COUNT", "1") + more, made.Path("/fleets"), variables, "fleet.yaml")


ONE = made.node(Topology.SLICED, 1)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("clips/gate.mp4", "no pod can see /fleets/clips/gate.mp4"),
        ("/dev/video0", "no pod can see /dev/video0"),
        ("usb:0", "no pod can see usb:0"),
        ("rtsp://viewer:hunter2@10.0.0.7/1", "its password is written in the fleet file"),
        ("rtsp://${CAM_USER}:hunter2@10.0.0.7/1", "its password is written in the fleet file"),
        ("http://10.0.0.7/video?user=a&password=hunter2", "its password is written in the fleet file"),
        ("rtsp://camera.example/1", "camera.example is a host name"),
        ("rtsp://${HOST}/1", "its host is known to a variable alone"),
        ("${CAM}", "its host is known to a variable alone"),
    ],
)
def test_sources_that_pods_cannot_reach_or_that_hold_a_password_are_refused(source: str, said: str) -> None:
    sentence = refusal(with_source(source), ONE)
    assert said in sentence
    assert sentence.startswith("camera gate")
    assert "hunter2" not in sentence


@pytest.mark.parametrize(
    "source",
    [
        "rtsp://10.0.0.7/1",
        "rtsp://${CAM_USER}:${CAM_PASSWORD}@10.0.0.7/1",
        "rtsps://viewer:${CAM_PASSWORD}@[fd00::7]:322/1",
        "http://10.0.0.7/video?keyframe=1&password=${CAM_PASSWORD}",
        "scene://people?seed=1",
    ],
)
def test_addresses_that_stand_in_the_source_are_taken(source: str) -> None:
    assert refusal(with_source(source), ONE) == ""


@pytest.mark.parametrize("source", ["rtsp://camera.example/1", "rtsp://${HOST}/1", "${CAM}"])
def test_hidden_hosts_are_taken_where_the_fleet_says_where_its_cameras_are(source: str) -> None:
    assert refusal(with_source(source, "network: {cameras: [10.20.0.0/16]}\n"), ONE) == ""


def test_weights_that_are_files_need_a_place_where_pods_find_them() -> None:
    text = made.FLEET.replace("yolox-nano", "./mine.onnx").replace("COUNT", "1")
    fleet = made.parse_fleet(text, made.Path("/fleets"), {"CAM_USER": "a", "CAM_PASSWORD": "b"}, "fleet.yaml")
    assert "no pod can see the file /fleets/mine.onnx; say where pods find it with --weights-claim" in refusal(fleet, ONE)
    assert refusal(fleet, ONE, weights=WeightsFrom(claim="models")) == ""


def with_models(*models: str) -> Fleet:
    """A fleet whose one camera is analysed by all of these."""
    names = [each.partition(":")[0] for each in models]
    text = made.FLEET.replace("COUNT", "1").replace("model: people", f"models: [{', '.join(names)}]")
    text = text.replace("  people: {weights: yolox-nano, confidence: 0.25}", "\n".join(f"  {each}" for each in models))
    return made.parse_fleet(text, made.Path("/fleets"), {"CAM_USER": "viewer", "CAM_PASSWORD": "open-sesame"}, "fleet.yaml")


WORKER = made.node(Topology.REMOTE, 1, shares=0)
PLAIN = "people: {weights: yolox-nano}"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            "people: {weights: yolox-nano, labels: ./names.txt}",
            "an engine server of topology remote cannot be told labels",
        ),
        ("people: {weights: yolox-nano, decoder: yolox}", "cannot be told decoder; leave it out"),
        ("people: {weights: yolox-nano, input_size: [320, 320]}", "cannot be told input_size; leave it out"),
    ],
)
def test_what_an_engine_server_cannot_be_told_is_refused_for_remote_alone(model: str, said: str) -> None:
    claim = WeightsFrom(claim="models")
    assert said in refusal(with_models(model), WORKER, weights=claim)
    assert "engine server" not in refusal(with_models(model), ONE, weights=claim)


@pytest.mark.parametrize("other", ["precision: fp32", "engine: onnxruntime", "device: gpu", "max_batch: 4"])
def test_models_that_are_computed_in_two_ways_are_refused_for_remote(other: str) -> None:
    cars = f"cars: {{weights: yolox-nano, {other}}}"
    assert f"they differ in {other.partition(':')[0]}" in _remote_refusals(with_models(PLAIN, cars))
    assert _remote_refusals(with_models(PLAIN, "cars: {weights: yolox-nano, confidence: 0.6}")) == ""


def _remote_refusals(fleet: Fleet) -> str:
    """What is said of the fleet's models together; that the plan holds other streams is beside the point."""
    planned = made.plan(WORKER)
    shapes = node_shapes(planned, made.CATALOGUE)
    found = refusals(planned, fleet, shapes, made.CATALOGUE, DevicePlugin(), files_found=True)
    return " ".join(each for each in found if each.startswith("models "))


def test_two_files_of_one_name_are_refused() -> None:
    fleet = with_models("people: {weights: ./a/best.onnx}", "cars: {weights: ./b/best.onnx}")
    found = refusals(made.plan(ONE), fleet, (), made.CATALOGUE, DevicePlugin(), files_found=True)
    assert "models: 2 files are called best.onnx, and pods find them by that name in one folder; rename one." in list(found)


def test_a_plan_of_other_streams_is_refused() -> None:
    assert "do not hold the same streams (such as gate-2/people); plan again" in refusal(made.declared(2), ONE)


def test_a_plan_without_nodes_is_refused() -> None:
    assert "holds no nodes" in refusal(made.declared(1))


def test_mig_on_a_card_that_cannot_be_cut_is_refused() -> None:
    planned = made.node(Topology.MIG, 1, partition="1g.5gb")
    assert "g4dn.xlarge has T4, which MIG cannot cut" in refusal(made.declared(1), planned)
    able = made.node(Topology.MIG, 1, instance_type="p4d.24xlarge", partition="1g.5gb")
    assert refusal(made.declared(1), able) == ""


def test_more_mps_clients_than_a_gpu_takes_are_refused() -> None:
    planned = made.node(Topology.MPS, 54, instance_type="g4dn.8xlarge")
    assert "MPS takes at most 48 clients of a GPU, and 54 are planned" in refusal(
        made.declared(54, "planning: {system_pods: case-study}\n"), planned
    )


def test_more_pods_than_a_node_has_addresses_for_are_refused() -> None:
    planned = made.node(Topology.SLICED, 54, instance_type="g4dn.2xlarge")
    sentence = refusal(made.declared(54), planned)
    assert "54 pods and 6 of the system are more than the 29 that a g4dn.2xlarge may hold" in sentence
    assert refusal(made.declared(54, "planning: {prefix_delegation: true}\n"), planned) == ""


def test_machines_that_nobody_can_buy_are_refused() -> None:
    planned = made.node(Topology.SLICED, 1, purchase=Purchase.OWNED)
    assert "is your own, which Karpenter cannot buy" in refusal(made.declared(1), planned)


def test_a_store_that_ends_with_its_pod_is_refused() -> None:
    assert "a SQLite file ends with its pod" in refusal(made.declared(1, "store: sqlite:///events.db\n"), ONE)


def test_variables_of_a_source_are_named_once() -> None:
    assert source_variables("rtsp://${A}:${B}@10.0.0.1/${A}") == ("A", "B")


def test_the_rule_of_camera_objects_and_render_see_the_same_passwords() -> None:
    rules = definitions()["cameras"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    [rule] = [each["rule"] for each in rules["x-kubernetes-validations"] if "password" in each["message"]]
    assert rule == f"!self.source.matches('(?i){PLAIN_PASSWORD.pattern}')"
