"""What scales engine servers asks only for what camera pods tell, and never for how busy a GPU is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from camslice.cluster.manifests.engine import engine_objects, planned_servers
from camslice.cluster.manifests.scaled import Scaling
from camslice.cluster.objects import FleetObject, ModelObject, NodeShape, PodShape, Slot
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.fleet.accounting import Fate
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import Objective, Topology
from tests.unit.deploy.test_monitoring import OF_THE_SCRAPE, told

SCALING = Scaling("http://prometheus:9090", down_after_s=90.0)


def fleet(objective: Objective = Objective(), nodes: int = 2, engines: int = 1) -> FleetObject:  # noqa: B008 - a frozen value
    camera = PodShape("people-0", 2, 500, 300.0, 0, (Slot("people", 5.0, 2),))
    engine = PodShape("engine", engines, 500, 900.0, 1, (), "engine")
    shape = NodeShape("a", "g4dn.xlarge", "us-east-1", "on_demand", nodes, Topology.REMOTE, 0.526, (camera, engine))
    model = ModelObject("people", {"weights": "yolox-nano"})
    return FleetObject("street", "video", "u", 1, objective, (model,), (shape,), "camslice:1")


def scaled(of: FleetObject) -> dict[str, Any]:
    spec: dict[str, Any] = engine_objects(of, DevicePlugin(), SCALING)[-1]["spec"]
    return spec


def test_every_series_asked_for_is_told_with_the_labels_asked_for() -> None:
    known = told()
    for trigger in scaled(fleet())["triggers"]:
        query = trigger["metadata"]["query"]
        asked = re.findall(r"(camslice\w*)\{([^}]*)\}", query)
        assert len(asked) == 2, query
        for name, matchers in asked:
            assert name in known, f"nobody tells {name}"
            labels = set(re.findall(r"(\w+)=~?", matchers))
            assert {"namespace", "fleet"} <= labels <= known[name] | OF_THE_SCRAPE
        for label, values in re.findall(r'(fate|stage)=~?"([^"]+)"', query):
            allowed = {fate.value for fate in Fate} if label == "fate" else {*StageTimes._fields}
            assert set(values.split("|")) <= allowed


def test_it_goes_by_missed_deadlines_and_waiting_and_not_by_utilisation() -> None:
    queries = {each["name"]: each["metadata"]["query"] for each in scaled(fleet())["triggers"]}
    assert set(queries) == {"missed", "waited"}
    assert 'fate=~"stale|superseded"' in queries["missed"]
    assert 'stage="queue"' in queries["waited"]
    assert not re.search("util|occupancy|DCGM|busy", " ".join(queries.values()))


@pytest.mark.parametrize(
    ("objective", "missed", "waited"),
    [
        (Objective(latency_ms=500.0, drop_rate=0.01), "5", "50"),
        (Objective(latency_ms=80.0, drop_rate=0.2), "100", "8"),
        (Objective(latency_ms=100.0, drop_rate=0.0), "1", "10"),
    ],
)
def test_half_of_the_allowed_drops_or_a_tenth_of_the_objective_asks_for_more(
    objective: Objective, missed: str, waited: str
) -> None:
    found = {each["name"]: each["metadata"]["threshold"] for each in scaled(fleet(objective))["triggers"]}
    assert found == {"missed": missed, "waited": waited}


def test_one_server_comes_or_goes_at_a_time_between_the_planned_ones_and_twice_as_many() -> None:
    spec = scaled(fleet(nodes=3, engines=2))
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (6, 12)
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    for each in behaviour.values():
        assert each["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 120}]
    assert behaviour["scaleDown"]["stabilizationWindowSeconds"] == 90


def test_who_says_how_many_there_are() -> None:
    of = fleet()
    (deployment,) = [each for each in engine_objects(of, DevicePlugin()) if each["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == planned_servers(of) == 2
    (deployment,) = [each for each in engine_objects(of, DevicePlugin(), SCALING) if each["kind"] == "Deployment"]
    assert "replicas" not in deployment["spec"]


def test_engine_servers_tell_prometheus_what_they_do_at_the_port_that_is_scraped() -> None:
    (deployment,) = [each for each in engine_objects(fleet(), DevicePlugin()) if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "--open-metrics" in container["args"]
    port = {each["name"]: each["containerPort"] for each in container["ports"]}["http"]
    assert container["args"][container["args"].index("--http") + 1] == f"0.0.0.0:{port}"


def test_a_fleet_without_engine_servers_has_nothing_to_scale() -> None:
    of = fleet()
    (shape,) = of.shapes
    without = replace(of, shapes=(replace(shape, pods=shape.pods[:1]),))
    assert engine_objects(without, DevicePlugin(), SCALING) == []
