"""Alerts and the dashboard ask for nothing that nobody tells; the real promtool tries them in tests/cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from camslice.cluster.client import Cluster
from camslice.cluster.operator.operate import Operator, OperatorSettings
from camslice.cluster.operator.page import metrics_text
from camslice.fleet.accounting import Fate, Looked
from camslice.stream.watching.steward import PolicyState
from camslice.video.camera_state import CameraState
from camslice.web.cluster import metrics as cluster_metrics
from camslice.web.metrics import render
from camslice.web.view import ClusterFacts, Condition, PlacementState
from tests.docs_blocks import ROOT
from tests.fake_fleet import FakeFleet

MONITORING = ROOT / "deploy" / "monitoring"
OF_THE_SCRAPE = {"namespace", "pod", "fleet", "shard", "shape"}
"""Labels that Prometheus adds: the chart's PodMonitor says how."""


def told() -> dict[str, set[str]]:
    """Every series that camslice tells, with its labels: of a camera pod, of the page of a cluster, of the operator."""
    fleet = FakeFleet(["gate"])
    fleet.policy = PolicyState("regions", "recall 0.990 leaves room", 0.98, 40, False, 1)
    status = fleet.status()
    facts = ClusterFacts("shop", "yard", (Condition("Ready", True, "", "", False),), 20.0, 1, 1, 0)
    pages = [
        render(replace(status, dropped_results={"store: full": 1}))[0],
        cluster_metrics.render(replace(status, cluster=facts))[0],
    ]
    pages.append(operators())
    series: dict[str, set[str]] = {}
    for page in pages:
        for family in text_string_to_metric_families(page.decode()):
            for sample in family.samples:
                series.setdefault(sample.name, set()).update(sample.labels)
    return series


def operators() -> bytes:
    """What an operator tells that has not begun yet."""
    settings = OperatorSettings("shop", poll_s=5.0, compact_after_s=120.0, lost_after_s=40.0, prometheus=None)
    operator = Operator(Cluster(httpx.Client(base_url="http://127.0.0.1:9"), "shop"), settings, lambda: None)
    return metrics_text(operator, None).encode()


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    found: list[dict[str, Any]] = dashboard["panels"]
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def kept_labels(expression: str) -> set[str]:
    """What an expression sums by."""
    (by,) = set(re.findall(r"\bby \(([^)]*)\)", expression))
    return set(by.split(", "))


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_series_asked_for_is_told_with_the_labels_asked_for(where: str, expression: str) -> None:
    known = told() | {rule["record"]: kept_labels(rule["expr"]) for rule in rules() if "record" in rule}
    asked = re.findall(r"(camslice[a-z0-9_:]*)(?:\{([^}]*)\})?", expression)
    assert asked, f"{where} asks for nothing of ours"
    for name, matchers in asked:
        assert name in known, f"{where}: nobody tells {name}"
        for label in re.findall(r"(\w+)\s*[=!]~?", matchers):
            assert label in known[name] | OF_THE_SCRAPE, f"{where}: {name} has no label {label}"


def test_values_of_labels_asked_for_are_ones_that_there_are() -> None:
    allowed = {
        "state": {state.value for state in (*CameraState, *PlacementState)},
        "fate": {fate.value for fate in Fate},
        "policy": {looked.value for looked in Looked},
        "stage": {"total"},
        "type": {"Ready", "WithinObjective", "Degraded", "Infeasible", "NoCapacity"},
    }
    for where, expression in expressions():
        for label, values in re.findall(r'\b(state|fate|policy|stage|type)\s*[=!]~?\s*"([^"]+)"', expression):
            assert set(values.split("|")) <= allowed[label], f"{where}: {label}={values}"


def test_every_alert_says_how_bad_it_is_what_is_wrong_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({alert["alert"] for alert in alerts}) == len(alerts) > 10
    for alert in alerts:
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert set(alert["annotations"]) == {"summary", "description"}
        assert alert["alert"].startswith("Camslice")


def test_every_alert_is_tried_and_told_in_the_page() -> None:
    tried = {
        test["alertname"]
        for part in yaml.safe_load((MONITORING / "alerts.test.yaml").read_text())["tests"]
        for test in part["alert_rule_test"]
        if test["exp_alerts"]
    }
    page = (ROOT / "docs" / "how-to" / "watch-a-cluster.md").read_text()
    described = dict(re.findall(r"^\| `(Camslice\w+)` \| (\w+) \|", page, re.MULTILINE))
    alerts = {rule["alert"]: rule["labels"]["severity"] for rule in rules() if "alert" in rule}
    assert tried == set(alerts)
    assert described == alerts


def test_panels_lie_side_by_side_and_none_upon_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_the_dashboard_shows_what_matters() -> None:
    titles = {panel["title"] for panel in panels()}
    assert {
        "Cameras live",
        "Latency against the objective",
        "What became of the frames",
        "$ per camera and month",
        "Accelerator time by pod",
        "Recall against the objective",
        "Policies in force, by pods",
        "Inferences per frame",
        "Frames that were not analysed in full",
    } <= titles


def test_files_for_those_without_helm_are_the_charts_own() -> None:
    for name in ("alerts.yaml", "dashboard.json"):
        assert (MONITORING / name).resolve() == ROOT / "deploy" / "helm" / "camslice" / "files" / name
