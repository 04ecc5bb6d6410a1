"""What a cluster lacks is one sentence with what to do; what a deploy cannot do without ends it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from camslice.cluster.checks import Finding, Needs, examine_cluster, missing, operator_image
from camslice.cluster.crds.definitions import definitions
from tests.unit.cluster.kept_cluster import KeptCluster

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def kept() -> KeptCluster:
    """A cluster with everything that matters."""
    made = KeptCluster()
    made.put("/api/v1/namespaces/video", {"metadata": {"name": "video"}})
    for plural, definition in definitions().items():
        made.put(f"{CRDS}/{plural}.camslice.dev", copy.deepcopy(definition))
    for plural, group, version in (
        ("nodepools", "karpenter.sh", "v1"),
        ("nodeoverlays", "karpenter.sh", "v1alpha1"),
        ("ec2nodeclasses", "karpenter.k8s.aws", "v1"),
        ("kwoknodeclasses", "karpenter.kwok.sh", "v1alpha1"),
    ):
        made.put(f"{CRDS}/{plural}.{group}", {"spec": {"versions": [{"name": version, "served": True}]}})
    labels = {"app.kubernetes.io/name": "camslice", "app.kubernetes.io/component": "operator"}
    operator = {"metadata": {"name": "operator", "labels": labels}, "status": {"availableReplicas": 1}}
    made.put("/apis/apps/v1/namespaces/video/deployments/operator", operator)
    return made


NEEDS = Needs(overlays=True)


def found(kept: KeptCluster, needs: Needs = NEEDS) -> dict[str, Finding]:
    return {each.check.name: each for each in examine_cluster(kept.cluster, "video", needs)}


def test_a_cluster_with_everything_has_nothing_to_be_put_right(kept: KeptCluster) -> None:
    assert [name for name, each in found(kept).items() if not each.check.ok] == []


@pytest.mark.parametrize(
    ("path", "check", "words"),
    [
        (f"{CRDS}/cameras.camslice.dev", "custom resources", "helm upgrade --install camslice-crds"),
        (f"{CRDS}/nodeoverlays.karpenter.sh", "karpenter", "Install Karpenter"),
        ("/api/v1/namespaces/video", "namespace", "kubectl create namespace video"),
    ],
)
def test_what_is_not_there_blocks_and_says_how_to_get_it(kept: KeptCluster, path: str, check: str, words: str) -> None:
    del kept.objects[path]
    finding = found(kept)[check]
    assert finding.blocks
    assert not finding.check.ok
    assert words in finding.check.fix


def test_a_missing_operator_is_told_and_does_not_block(kept: KeptCluster) -> None:
    del kept.objects["/apis/apps/v1/namespaces/video/deployments/operator"]
    finding = found(kept)["operator"]
    assert (finding.check.ok, finding.blocks) == (False, False)
    assert "nothing makes pods" in finding.sentence


def test_the_operators_image_is_that_of_its_deployment(kept: KeptCluster) -> None:
    assert operator_image(kept.cluster, "elsewhere") is None
    deployment = kept.objects["/apis/apps/v1/namespaces/video/deployments/operator"]
    deployment["spec"] = {"template": {"spec": {"containers": [{"image": "registry.example/camslice:1"}]}}}
    assert operator_image(kept.cluster, "video") == "registry.example/camslice:1"


def test_kinds_of_an_older_camslice_are_told_by_the_key_they_lack(kept: KeptCluster) -> None:
    schema = kept.objects[f"{CRDS}/camerafleets.camslice.dev"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["spec"]["properties"]["spareNodes"]
    finding = found(kept)["custom resources"]
    assert finding.blocks
    assert "spec.spareNodes" in finding.check.detail


@pytest.mark.parametrize(
    ("gates", "ok", "blocks"), [("NodeOverlay=true,SpotToSpot=false", True, False), ("SpotToSpot=false", False, True)]
)
def test_karpenters_gate_is_read_from_its_deployment(kept: KeptCluster, gates: str, ok: bool, blocks: bool) -> None:
    container = {"env": [{"name": "FEATURE_GATES", "value": gates}]}
    deployment = {
        "metadata": {"name": "karpenter", "labels": {"app.kubernetes.io/name": "karpenter"}},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    kept.put("/apis/apps/v1/namespaces/kube-system/deployments/karpenter", deployment)
    finding = found(kept)["node overlays"]
    assert (finding.check.ok, finding.blocks) == (ok, blocks)


def test_an_overlay_that_was_judged_shows_that_the_gate_is_on(kept: KeptCluster) -> None:
    judged = {"metadata": {"name": "o"}, "status": {"conditions": [{"type": "ValidationSucceeded", "status": "True"}]}}
    kept.put("/apis/karpenter.sh/v1alpha1/nodeoverlays/o", judged)
    assert "is on" in found(kept)["node overlays"].check.detail


def test_a_node_with_too_few_places_for_pods_blocks(kept: KeptCluster) -> None:
    node = {"metadata": {"name": "n", "labels": {"camslice.dev/shape": "street.a"}}, "status": {"allocatable": {"pods": "29"}}}
    kept.put("/api/v1/nodes/n", node)
    assert "pod limit" not in found(kept, Needs(overlays=True, pods_per_node={"street.a": 29}))
    finding = found(kept, Needs(overlays=True, pods_per_node={"street.a": 54}))["pod limit"]
    assert finding.blocks
    assert "29" in finding.check.detail


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"properties": {"a": {}}}, {"properties": {"a": {}, "b": {}}}, None),
        ({"properties": {"a": {}, "b": {}}}, {"properties": {"a": {}}}, "b"),
        (
            {"properties": {"a": {"items": {"properties": {"c": {}}}}}},
            {"properties": {"a": {"items": {"properties": {}}}}},
            "a[].c",
        ),
    ],
)
def test_the_first_key_that_a_schema_lacks_is_named(ours: dict[str, Any], theirs: dict[str, Any], expected: str | None) -> None:
    assert missing(ours, theirs) == expected
