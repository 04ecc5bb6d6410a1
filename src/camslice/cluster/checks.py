"""What a cluster has and lacks for a fleet, each in one sentence with what to do: for `doctor`, and before a `deploy`.

Looks only. What the cloud lets an account rent is in `cloud/`; what can only be seen once nodes are bought (a zone that has
run out of machines) is in Karpenter's events, which `deploy` shows while it waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from camslice.cluster.client import (
    APPLIED,
    CAMERA,
    CAMERA_FLEET,
    CONFIG_MAP,
    CRD,
    DAEMON_SET,
    DEPLOYMENT,
    EVENT,
    NAMESPACE,
    NODE,
    NODE_OVERLAY,
    NODE_POOL,
    POD,
    Cluster,
    Kind,
    Manifest,
    RequestError,
)
from camslice.cluster.crds.definitions import definitions
from camslice.cluster.names import GROUP, SHAPE, VERSION
from camslice.cluster.nodes.node_pool import pool_name
from camslice.cluster.wire import fleet_of
from camslice.measure.checks import Check

OLDEST, NEWEST = 33, 36
"""Minor versions of Kubernetes 1 that every object was checked against."""
_OPERATOR = "app.kubernetes.io/name=camslice,app.kubernetes.io/component=operator"
_LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
_LEASE_S = 60.0
_OVERLAY_WORDS = ("ValidationSucceeded", "Ready")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a fleet needs of a cluster. `pods_per_node`: the most pods of ours that a node of a shape (its label) holds. Which
    node class it needs, only a fleet says."""

    shares_accelerators: bool = False
    overlays: bool = False
    kinds: tuple[Kind, ...] = (NODE_POOL, NODE_OVERLAY, CAMERA_FLEET, CAMERA)
    pods_per_node: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A check, and whether a deploy can do without: one that `blocks` and is not in order ends it before anything is done."""

    check: Check
    blocks: bool = False

    @property
    def sentence(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.check.detail}; {self.check.fix[:1].lower()}{self.check.fix[1:]}"


def needs_of(objects: Sequence[Mapping[str, Any]]) -> Needs:
    """Of what a plan renders to."""
    overlays = any(each["kind"] == NODE_OVERLAY.kind for each in objects)
    tainted = [
        taint.get("key")
        for each in objects
        if each["kind"] == "NodePool"
        for taint in each["spec"]["template"]["spec"].get("taints", ())
    ]
    kinds = {each["kind"] for each in objects}
    used = tuple(kind for kind in APPLIED if kind.kind in kinds)
    fleet = fleet_of(next(each for each in objects if each["kind"] == CAMERA_FLEET.kind))
    pods_per_node = {pool_name(fleet, shape): sum(pod.count for pod in shape.pods) for shape in fleet.shapes}
    return Needs("nvidia.com/gpu" in tainted, overlays, used, pods_per_node)


def examine_cluster(cluster: Cluster, namespace: str, needs: Needs | None = None) -> list[Finding]:
    """Every check, in the order in which a cluster is set up. Raises ClusterError when it does not answer at all."""
    wanted = needs or Needs()
    version = cluster.json("GET", "/version")
    found = [Finding(_version(version, cluster))]
    for probe in (
        _namespace,
        _definitions,
        _operator,
        _rights,
        _karpenter,
        _overlay_gate,
        _device_plugin,
        _pod_limits,
        _policies,
    ):
        try:
            found += list(probe(cluster, namespace, wanted))
        except RequestError as error:
            name = probe.__name__.strip("_").replace("_", " ")
            wrong, _, remedy = str(error).rstrip(".").rpartition("; ")
            found.append(Finding(Check(name, False, wrong or remedy, f"{remedy[:1].upper()}{remedy[1:]}.")))
    return found


def _version(answer: Manifest, cluster: Cluster) -> Check:
    told = str(answer.get("gitVersion") or "")
    match = re.match(r"v?(\d+)\.(\d+)", told)
    if match and match[1] == "1" and OLDEST <= int(match[2]) <= NEWEST:
        return Check("cluster", True, f"Kubernetes {told} at {cluster.server}")
    return Check(
        "cluster",
        False,
        f"{cluster.server} is Kubernetes {told or 'of unknown version'}, and camslice is made for 1.{OLDEST} to 1.{NEWEST}",
        f"Upgrade the cluster to one of 1.{OLDEST} to 1.{NEWEST}.",
    )


def _namespace(cluster: Cluster, namespace: str, _needs: Needs) -> Iterator[Finding]:
    try:
        there = cluster.get(NAMESPACE, namespace) is not None
    except RequestError as error:
        if error.code != 403:
            raise
        return  # whoever may not read namespaces may still use one
    fix = None if there else f"Create it: kubectl create namespace {namespace}."
    yield Finding(Check.of("namespace", f"namespace {namespace}{'' if there else ' does not exist'}", fix=fix), blocks=True)


def _definitions(cluster: Cluster, _namespace: str, _needs: Needs) -> Iterator[Finding]:
    install = (
        "Install the chart camslice-crds of this camslice: helm upgrade --install camslice-crds deploy/helm/camslice-crds."
    )
    for plural, ours in definitions().items():
        name = f"{plural}.{GROUP}"
        found = cluster.get(CRD, name)
        if found is None:
            yield Finding(Check("custom resources", False, f"the cluster does not know {name}", install), blocks=True)
            return
        theirs = {each["name"]: each for each in found["spec"]["versions"] if each.get("served")}
        if VERSION not in theirs:
            detail = f"the cluster has {name} in version {', '.join(theirs) or 'none'}, not {VERSION}"
            yield Finding(Check("custom resources", False, detail, install), blocks=True)
            return
        lacking = missing(_schema(ours["spec"]["versions"][0]), _schema(theirs[VERSION]))
        if lacking is not None:
            detail = f"the cluster's {name} is of another camslice: it has no {lacking}"
            yield Finding(Check("custom resources", False, detail, install), blocks=True)
            return
    yield Finding(Check("custom resources", True, f"{GROUP}/{VERSION} as this camslice has it"))


def missing(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str = "") -> str | None:
    """The first property of one schema that another one lacks, as its path; None where it has all."""
    known = theirs.get("properties") or {}
    for name, inner in sorted((ours.get("properties") or {}).items()):
        here = f"{path}.{name}".lstrip(".")
        if name not in known:
            return here
        if (deeper := missing(inner, known[name], here)) is not None:
            return deeper
    items = ours.get("items")
    return missing(items, theirs.get("items") or {}, f"{path}[]") if isinstance(items, Mapping) else None


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def operator_image(cluster: Cluster, namespace: str) -> str | None:
    """The image of the operator that the chart installed there: camera pods have the same unless somebody says otherwise. None
    where none is seen. Raises ClusterError."""
    for each in cluster.list(DEPLOYMENT, namespace, labels=_OPERATOR):
        for container in each["spec"]["template"]["spec"]["containers"]:
            return str(container["image"])
    return None


def _operator(cluster: Cluster, namespace: str, _needs: Needs) -> Iterator[Finding]:
    deployed = list(cluster.list(DEPLOYMENT, namespace, labels=_OPERATOR))
    if any((each.get("status") or {}).get("availableReplicas") for each in deployed):
        yield Finding(Check("operator", True, f"runs in namespace {namespace}"))
        return
    if any(_is_held(each) for each in cluster.list(_LEASE, namespace) if "camslice" in each["metadata"]["name"]):
        yield Finding(Check("operator", True, f"holds its Lease in namespace {namespace}"))
        return
    if deployed:
        fix = f"See why: kubectl -n {namespace} describe deployment {deployed[0]['metadata']['name']}."
        yield Finding(Check("operator", False, f"the operator in namespace {namespace} is not available", fix))
        return
    fix = f"Install the chart: helm upgrade --install camslice deploy/helm/camslice --namespace {namespace}."
    yield Finding(Check("operator", False, f"no operator runs in namespace {namespace}, so nothing makes pods", fix))


def _is_held(lease: Manifest) -> bool:
    spec = lease.get("spec") or {}
    renewed = spec.get("renewTime")
    if not spec.get("holderIdentity") or not renewed:
        return False
    at = datetime.fromisoformat(str(renewed).replace("Z", "+00:00"))
    return (datetime.now(UTC) - at).total_seconds() < _LEASE_S


def _rights(cluster: Cluster, namespace: str, needs: Needs) -> Iterator[Finding]:
    wanted = [(verb, kind) for kind in (*needs.kinds, CONFIG_MAP) for verb in ("create", "patch", "delete")]
    wanted += [("list", kind) for kind in (NODE, POD, EVENT)]
    lacking = [f"{verb} {kind.plural}" for verb, kind in wanted if not cluster.may(verb, kind, namespace)]
    if not lacking:
        yield Finding(Check("rights", True, "to do and to see everything that a deploy does"))
        return
    named = ", ".join(lacking[:4]) + (f" and {len(lacking) - 4} more" if len(lacking) > 4 else "")
    fix = "Ask for a role with these verbs, or use another context."
    yield Finding(Check("rights", False, f"we may not {named} in namespace {namespace}", fix), blocks=True)


def _karpenter(cluster: Cluster, _namespace: str, needs: Needs) -> Iterator[Finding]:
    for kind in needs.kinds:
        if kind in (CAMERA_FLEET, CAMERA):
            continue
        group, _, version = kind.api_version.rpartition("/")
        name = f"{kind.plural}.{group}"
        found = cluster.get(CRD, name)
        if found is None or not any(each["name"] == version and each.get("served") for each in found["spec"]["versions"]):
            fix = "Install Karpenter 1.14 or later with its custom resources."
            yield Finding(Check("karpenter", False, f"the cluster does not know {name} in {version}", fix), blocks=True)
            return
    yield Finding(Check("karpenter", True, "its custom resources are there"))


def _overlay_gate(cluster: Cluster, _namespace: str, needs: Needs) -> Iterator[Finding]:
    """Whether Karpenter heeds NodeOverlays, an alpha feature: seen from those that it has judged, or from its own settings."""
    if not needs.overlays:
        return
    judged = {
        each.get("type")
        for overlay in cluster.list(NODE_OVERLAY)
        for each in (overlay.get("status") or {}).get("conditions") or ()
    }
    if judged.intersection(_OVERLAY_WORDS):
        yield Finding(Check("node overlays", True, "Karpenter judges them: its feature gate NodeOverlay is on"))
        return
    gates = _gates(cluster)
    if gates is not None and "nodeoverlay=true" in gates.lower().replace(" ", ""):
        yield Finding(Check("node overlays", True, f"Karpenter's feature gates are {gates}"))
        return
    told = (
        "nothing shows that Karpenter heeds NodeOverlays"
        if gates is None
        else f"Karpenter's feature gates are {gates or 'none'}"
    )
    fix = "Set settings.featureGates.nodeOverlay=true in Karpenter's chart: without it, it knows no shares and buys no node."
    yield Finding(Check("node overlays", gates is None, told, fix), blocks=gates is not None)


def _gates(cluster: Cluster) -> str | None:
    """Karpenter's FEATURE_GATES where its Deployment can be seen."""
    for each in cluster.list(DEPLOYMENT, labels="app.kubernetes.io/name=karpenter"):
        for container in each["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env") or ():
                if variable.get("name") == "FEATURE_GATES":
                    return str(variable.get("value") or "")
    return None


def _device_plugin(cluster: Cluster, _namespace: str, needs: Needs) -> Iterator[Finding]:
    if not needs.shares_accelerators:
        return
    there = [each["metadata"] for each in cluster.list(DAEMON_SET) if _is_device_plugin(each)]
    if there:
        yield Finding(Check("device plugin", True, f"{there[0]['namespace']}/{there[0]['name']}"))
        return
    fix = "Install NVIDIA's chart nvidia-device-plugin with the values that `camslice render` writes, or the GPU operator."
    detail = "no DaemonSet of a device plugin is there, so nodes will have no GPUs to share"
    yield Finding(Check("device plugin", False, detail, fix))


def _is_device_plugin(found: Manifest) -> bool:
    return "device-plugin" in found["metadata"]["name"] or any(
        "device-plugin" in str(each.get("image")) for each in found["spec"]["template"]["spec"].get("containers") or ()
    )


def _pod_limits(cluster: Cluster, _namespace: str, needs: Needs) -> Iterator[Finding]:
    """Nodes of the plan that are there already, and may hold fewer pods than the plan puts on them."""
    for shape, pods in (needs.pods_per_node or {}).items():
        for node in cluster.list(NODE, labels=f"{SHAPE}={shape}"):
            limit = int(((node.get("status") or {}).get("allocatable") or {}).get("pods") or 0)
            if limit and limit < pods:
                detail = (
                    f"node {node['metadata']['name']} may hold {limit} pods, and the plan puts {pods} of cameras on it alone"
                )
                fix = "Give nodes prefix delegation (maxPods of the node class), or plan again for nodes with that limit."
                yield Finding(Check("pod limit", False, detail, fix), blocks=True)
                return


def _policies(cluster: Cluster, _namespace: str, _needs: Needs) -> Iterator[Finding]:
    """Whether network policies are enforced cannot be seen by asking; the programs that do it can."""
    names = [each["metadata"]["name"] for each in cluster.list(DAEMON_SET)]
    known = next((name for name in names if name in ("cilium", "calico-node", "antrea-agent", "kube-router")), None)
    if known is not None:
        yield Finding(Check("network policies", True, f"enforced by {known}"))
        return
    agent = "aws-node" in names
    detail = (
        "whether network policies are enforced cannot be seen: aws-node does so only with enableNetworkPolicy"
        if agent
        else "whether network policies are enforced cannot be seen: no network known for it is installed"
    )
    yield Finding(Check("network policies", True, detail, "See that the network does, for pods' egress rests on it."))
