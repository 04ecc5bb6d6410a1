"""Who says how many engine servers there are, request by request; tests/cluster/test_keda.py sees it with the real KEDA."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx2 as httpx
import pytest

from camslice.cluster.client import Cluster
from camslice.cluster.manifests.engine import engine_objects
from camslice.cluster.manifests.scaled import Scaling
from camslice.cluster.names import OPERATOR
from camslice.cluster.operator.engines import HANDED_OVER, EngineServers
from camslice.cluster.operator.writing import Writing
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.fleet.errors import ClusterError
from tests.unit.cluster.manifests.test_scaled import fleet
from tests.unit.cluster.operator.world import a_fleet

FLEET = fleet()
SCALING = Scaling("http://prometheus:9090")


class Server:
    """Answers what a test put there, and writes down who applied which number (None: without one) and what was deleted."""

    def __init__(self, scaling: Scaling | None = SCALING, *, keda: int = 200) -> None:
        self.keda = keda
        self.there: dict[str, Mapping[str, Any]] = {}
        self.written: list[tuple[str, object]] = []
        self.asked_for_keda = 0
        http = httpx.Client(transport=httpx.MockTransport(self._answer), base_url="https://api.test")
        cluster = Cluster(http, "video")
        self.engines = EngineServers(cluster, Writing(cluster, _nothing, _nothing, lambda: True), scaling)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/apis/keda.sh/v1alpha1":
            self.asked_for_keda += 1
            return httpx.Response(self.keda, json={"resources": [{"name": "scaledobjects"}]})
        plural = path.split("/")[-2]
        if request.method == "GET":
            found = self.there.get(plural)
            return httpx.Response(404 if found is None else 200, json=found or {})
        if request.method == "DELETE":
            self.written.append(("delete", plural))
            return httpx.Response(200, json={})
        self.written.append((request.url.params["fieldManager"], json.loads(request.content)["spec"].get("replicas")))
        return httpx.Response(200, json={})


def _nothing(_: object) -> None:
    pass


def deployment(scaling: Scaling | None = SCALING) -> dict[str, Any]:
    return next(each for each in engine_objects(FLEET, DevicePlugin(), scaling) if each["kind"] == "Deployment")


def there(replicas: int, *owners: str) -> Mapping[str, Any]:
    managed = [{"manager": each, "fieldsV1": {"f:spec": {"f:replicas": {}}}} for each in owners]
    return {"metadata": {"managedFields": managed}, "spec": {"replicas": replicas}}


def test_a_new_deployment_begins_with_the_planned_servers_and_is_handed_over() -> None:
    server = Server()
    assert server.engines.apply(FLEET, deployment())
    assert server.written == [(OPERATOR, 2), (HANDED_OVER, 2), (OPERATOR, None)]


def test_a_number_of_ours_is_handed_over_as_it_is() -> None:
    server = Server()
    server.there["deployments"] = there(7, OPERATOR)
    assert server.engines.apply(FLEET, deployment())
    assert server.written == [(HANDED_OVER, 7), (OPERATOR, None)]


@pytest.mark.parametrize("owner", [HANDED_OVER, "kube-controller-manager"])
def test_a_number_of_somebody_elses_is_left_alone(owner: str) -> None:
    server = Server()
    server.there["deployments"] = there(3, owner)
    assert server.engines.apply(FLEET, deployment())
    assert server.written == [(OPERATOR, None)]


def test_without_scaling_the_number_is_ours_once_keda_has_let_go() -> None:
    server = Server(None)
    server.there |= {"deployments": there(3, "kube-controller-manager"), "scaledobjects": {"metadata": {}}}
    assert not server.engines.apply(FLEET, deployment(None))
    assert server.written == [("delete", "scaledobjects"), (OPERATOR, None)]
    server.there["scaledobjects"] = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert not server.engines.apply(FLEET, deployment(None))
    del server.there["scaledobjects"]
    server.written.clear()
    assert server.engines.apply(FLEET, deployment(None))
    assert server.written == [(OPERATOR, 2)]


def test_a_cluster_without_keda_is_said_once_and_counted_each_time(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(keda=404)
    with caplog.at_level(logging.WARNING):
        assert [server.engines.scaling(FLEET) for _ in range(3)] == [None, None, None]
    assert server.engines.unscaled == 3
    assert server.asked_for_keda == 1
    assert [record.getMessage().count("no KEDA") for record in caplog.records] == [1]


def test_a_server_that_is_away_is_not_taken_for_one_without_keda() -> None:
    server = Server(keda=403)
    with pytest.raises(ClusterError):
        server.engines.scaling(FLEET)
    server.keda = 200
    assert server.engines.scaling(FLEET) == SCALING
    assert server.engines.unscaled == 0


def test_keda_is_not_asked_for_where_nobody_needs_it() -> None:
    server = Server()
    assert server.engines.scaling(a_fleet()) is None
    assert Server(None).engines.scaling(FLEET) is None
    assert server.asked_for_keda == 0
    assert server.engines.unscaled == 0


def test_engine_servers_of_a_fleet_that_has_none_any_more_go_once() -> None:
    server = Server()
    for _ in range(2):
        server.engines.take_away(a_fleet())
    assert server.written == [("delete", "scaledobjects"), ("delete", "deployments"), ("delete", "services")]
