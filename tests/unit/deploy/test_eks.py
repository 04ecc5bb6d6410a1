"""`deploy/eks`: what is installed there is what plans count with, and what its page shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from camslice.cluster.names import TAINT
from camslice.plan.catalogue.system_pods import packaged_system_pods

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "eks"
ORDER: list[dict[str, Any]] = yaml.safe_load((FOLDER / "order.yaml").read_text())
PAGE = (ROOT / "docs" / "how-to" / "eks.md").read_text()


def test_the_pods_on_every_node_are_those_that_plans_count() -> None:
    installed = [pod for each in ORDER for pod in each.get("pods_per_node", [])]
    counted = packaged_system_pods()["eks"].pods
    assert {(pod["name"], pod.get("accelerator_nodes", False)) for pod in installed} == {
        (pod.name, pod.accelerator_nodes) for pod in counted
    }
    assert len(installed) == len(counted)
    assert all(f"| {pod['name']} | " in PAGE for pod in installed)


@pytest.mark.parametrize("step", [each for each in ORDER if each["by"] == "helm"], ids=lambda each: each["name"])
def test_the_page_installs_each_chart_in_the_version_that_is_pinned(step: dict[str, Any]) -> None:
    [line] = [line for line in PAGE.splitlines() if f"helm upgrade --install {step['name']} " in line]
    assert f"--version {step['version']} " in line
    assert f"--namespace {step['namespace']}" in line
    assert step["chart"] in line
    if str(step.get("values", "")).endswith(".yaml"):
        assert f"--values deploy/eks/values/{step['values']}" in line
        assert yaml.safe_load((FOLDER / "values" / step["values"]).read_text())


def test_charts_are_installed_in_the_order_that_is_written_down() -> None:
    shown = re.findall(r"helm upgrade --install (\S+) ", PAGE)
    assert shown == [each["name"] for each in ORDER if each["by"] == "helm"]


def test_the_cluster_has_what_plans_and_policies_need() -> None:
    cluster = yaml.safe_load(re.sub(r"\$\{(\w+)\}", r"\1", (FOLDER / "cluster.yaml").read_text()))
    cni = json.loads(next(each for each in cluster["addons"] if each["name"] == "vpc-cni")["configurationValues"])
    assert cni["enableNetworkPolicy"] == "true"
    assert cni["env"]["ENABLE_PREFIX_DELEGATION"] == "true"
    assert cluster["metadata"]["tags"] == {"karpenter.sh/discovery": "CLUSTER_NAME"}
    assert {each["name"] for each in cluster["addons"]} >= {each["name"] for each in ORDER if each["by"] == "eksctl"}
    assert "eks-pod-identity-agent" not in {each["name"] for each in cluster["addons"]}, "it would be a pod on every node"


def test_the_gate_for_shares_is_open_and_gpu_pods_tolerate_the_plans_taints() -> None:
    karpenter = yaml.safe_load((FOLDER / "values" / "karpenter.yaml").read_text())
    assert karpenter["settings"]["featureGates"]["nodeOverlay"] is True
    dcgm = yaml.safe_load((FOLDER / "values" / "dcgm-exporter.yaml").read_text())
    assert {TAINT, "nvidia.com/gpu"} <= {each["key"] for each in dcgm["tolerations"]}
