"""What a cluster cannot do, each in one sentence that says what to do instead."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from camslice.cluster.objects import NodeShape
from camslice.cluster.sharing.protocol import Sharing
from camslice.fleet.errors import ClusterError
from camslice.fleet.types import Backend, CameraSpec, Fleet, Topology
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.plan import Plan

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_REMOTE = re.compile(r"^(rtsp|rtsps|http|https|scene)://", re.IGNORECASE)
PLAIN_PASSWORD = re.compile(r"^[a-z]+://[^/@]*:[^/@$]+@|[?&;][^=&;?/]*(pass|pwd|token|secret)[^=&;?/]*=[^&$]", re.IGNORECASE)
"""The same as the rule of Camera objects says."""


def refusals(
    plan: Plan, declared: Fleet, shapes: Sequence[NodeShape], catalogue: Catalogue, sharing: Sharing, *, files_found: bool
) -> Iterator[str]:
    """Sentences; none where the cluster can do all of it. `files_found`: pods are told where weights that are files lie."""
    if not plan.nodes:
        yield "the plan holds no nodes: nothing was feasible; plan again with what its output says would have to give."
        return
    planned = {name for node in plan.nodes for held in node.placements for name in held}
    declared_streams = {f"{camera.name}/{model}" for camera in declared.cameras for model in camera.models}
    if planned != declared_streams:
        odd = sorted(planned ^ declared_streams)[0]
        yield f"the plan and the fleet do not hold the same streams (such as {odd}); plan again."
    for camera in declared.cameras:
        yield from _of_camera(camera, declared)
    for name, model in declared.models.items():
        if model.backend in (Backend.OIP, Backend.ULTRALYTICS):
            engine = model.backend.value
            yield f"model {name}: engine {engine} is not deployed to a cluster; name weights for openvino or onnxruntime."
        elif "/" in model.weights and not files_found:
            yield (
                f"model {name}: no pod can see the file {model.weights}; say where pods find it with --weights-claim, "
                "--weights-image or --weights-url, or name a model of the model list."
            )
    yield from _of_files(declared)
    if any(shape.topology is Topology.REMOTE for shape in shapes):
        yield from _of_engine_servers(declared)
    for shape in shapes:
        yield from _of_shape(shape, declared, catalogue, sharing)
    if declared.store is not None and declared.store.url.startswith("sqlite"):
        yield "store: a SQLite file ends with its pod; write a postgresql:// address, or no store."


def source_variables(template: str) -> tuple[str, ...]:
    """The `${NAME}` of a source."""
    return tuple(dict.fromkeys(VARIABLE.findall(template)))


def _of_camera(camera: CameraSpec, declared: Fleet) -> Iterator[str]:
    template = camera.watched.template
    if not _REMOTE.match(template) and not template.startswith("${"):
        yield (
            f"camera {camera.name}: no pod can see {camera.watched.redacted}; a camera in a cluster is an rtsp://, http(s):// "
            "or scene:// address."
        )
        return
    if PLAIN_PASSWORD.search(template):
        yield (
            f"camera {camera.name}: its password is written in the fleet file; write ${{NAME}} instead, and keep the password "
            "in a Secret."
        )
    if not template.startswith("scene://") and not declared.camera_networks and (host := _hidden_host(template)) is not None:
        yield (
            f"camera {camera.name}: {host}, which a network policy cannot let through; write its address, or the cameras' "
            "network as network: {cameras: [10.20.0.0/16]}."
        )


def _hidden_host(template: str) -> str | None:
    """What of a source keeps a network policy from naming its address; None where the address stands in it."""
    if template.startswith("${") or "${" in template.partition("://")[2].partition("/")[0].rpartition("@")[2]:
        return "its host is known to a variable alone"
    host = urlsplit(VARIABLE.sub("x", template)).hostname or "no host"
    return None if _is_address(host) else f"{host} is a host name"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _of_files(declared: Fleet) -> Iterator[str]:
    """Pods find files by their names alone, in one folder."""
    paths = {path for model in declared.models.values() for path in (model.weights, model.labels) if path and "/" in path}
    names = Counter(PurePosixPath(path).name for path in paths)
    for name, count in names.items():
        if count > 1:
            yield f"models: {count} files are called {name}, and pods find them by that name in one folder; rename one."


def _of_engine_servers(declared: Fleet) -> Iterator[str]:
    """One program serves all models of a fleet, and its command line says one thing for all of them."""
    used = {name for camera in declared.cameras for name in camera.models}
    models = [model for name, model in declared.models.items() if name in used]
    for model in models:
        for key, way_out in (
            ("labels", "put the names beside the weights, in a .txt file called as they are"),
            ("decoder", "leave it out"),
            ("input_size", "leave it out"),
        ):
            if getattr(model, key) is not None:
                yield (
                    f"model {model.name}: an engine server of topology remote cannot be told {key}; {way_out}, or plan "
                    "without remote."
                )
    for key, word in (("backend", "engine"), ("precision", "precision"), ("device", "device"), ("max_batch", "max_batch")):
        if len({getattr(model, key) for model in models}) > 1:
            names = ", ".join(model.name for model in models[:4])
            yield (
                f"models {names}: they differ in {word}, and an engine server of topology remote computes all alike; "
                "make them alike, or plan without remote."
            )


def _of_shape(shape: NodeShape, declared: Fleet, catalogue: Catalogue, sharing: Sharing) -> Iterator[str]:
    machine = catalogue.find(shape.instance_type)
    accelerator = machine.accelerator
    if shape.topology is Topology.MIG and not (accelerator and accelerator.mig_profiles):
        card = "no accelerator" if accelerator is None else accelerator.name
        yield f"shape {shape.name}: {shape.instance_type} has {card}, which MIG cannot cut; plan with sliced or pooled."
    try:
        sharing.node(shape, 0 if accelerator is None else accelerator.count)
    except ClusterError as error:
        yield str(error)
    limit = machine.pod_limit_prefix if declared.planning.prefix_delegation else machine.pod_limit
    if limit is not None:
        system = catalogue.pods_of_system(declared.planning.system_pods).count_on(machine)
        system += shape.topology is Topology.MPS  # the device plugin's MPS daemon
        pods = sum(pod.count for pod in shape.pods)
        if pods + system > limit:
            way_out = "" if declared.planning.prefix_delegation else ", or with planning: {prefix_delegation: true}"
            yield (
                f"shape {shape.name}: {pods} pods and {system} of the system are more than the {limit} that a "
                f"{shape.instance_type} may hold; plan again{way_out}."
            )
    if shape.purchase == "owned":
        yield f"shape {shape.name}: {shape.instance_type} is your own, which Karpenter cannot buy; plan with rented types."
