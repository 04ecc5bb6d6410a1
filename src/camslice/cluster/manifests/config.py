"""The ConfigMap of one pod: the fleet file that it runs, and the placement of its streams."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import yaml

from camslice.cluster.manifests.assigned import Assigned
from camslice.cluster.manifests.common import Manifest, digest, metadata
from camslice.cluster.manifests.credentials import credentials_revision, source_in_pod
from camslice.cluster.manifests.weights import in_pod, served_name
from camslice.cluster.names import FLEET_FILE, GRPC_PORT, PLACEMENT_FILE, SHARD
from camslice.cluster.objects import FleetObject, ModelObject, NodeShape, PodShape
from camslice.fleet.placement import joined
from camslice.fleet.types import StreamFormat, Topology

STORE_VARIABLE = "CAMSLICE_STORE_URL"
"""The file among a pod's secrets that holds the store's URL."""
ENGINE_TOKEN = "CAMSLICE_ENGINE_TOKEN"  # noqa: S105 - a variable's name
"""The file among a pod's secrets that holds what engine servers ask for."""


def engine_address(fleet: FleetObject) -> str:
    """Of the headless Service of a fleet's engine servers: a name that stands for all of them."""
    return f"grpc://{engine_name(fleet)}.{fleet.namespace}:{GRPC_PORT}"


def engine_name(fleet: FleetObject) -> str:
    """Of the Deployment and the Service of engine servers."""
    return f"{fleet.name}-engine"


def config_map(
    fleet: FleetObject, shape: NodeShape, pod: PodShape, shard: str, name: str, streams: Sequence[Assigned]
) -> Manifest:
    """The `revision` in its placement names what it says: another configuration has another one, the same has the same."""
    texts = _texts(fleet, shape, pod, streams)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(fleet, name, {SHARD: shard}),
        "data": texts,
    }


def revision_of(config: Manifest, credentials: Manifest) -> str:
    """Of a pod with this ConfigMap and Secret: what it reports once it runs both. Written onto the pod, it makes the
    kubelet look at the mounts at once."""
    revision = str(json.loads(config["data"][PLACEMENT_FILE])["revision"])
    return joined(revision, credentials_revision(credentials))


def _texts(fleet: FleetObject, shape: NodeShape, pod: PodShape, streams: Sequence[Assigned]) -> dict[str, str]:
    ordered = sorted(streams, key=lambda each: each.name)
    epochs = {each.name: each.epoch for each in ordered}
    declared = _fleet(fleet, shape, pod, ordered)
    text = yaml.safe_dump(declared, sort_keys=False, allow_unicode=True, width=120)
    placement = json.dumps({"revision": digest([declared, epochs]), "epochs": epochs}, indent=1)
    return {FLEET_FILE: text, PLACEMENT_FILE: placement}


def _fleet(fleet: FleetObject, shape: NodeShape, pod: PodShape, streams: Sequence[Assigned]) -> Mapping[str, object]:
    objective = fleet.objective
    wanted = {slot.model for slot in pod.slots} | {each.model for each in streams}
    declared: dict[str, object] = {
        "objective": {
            "latency_ms": objective.latency_ms,
            "percentile": objective.percentile,
            "drop_rate": objective.drop_rate,
            **({"recall": objective.recall} if objective.recall < 1 else {}),
        },
        "models": {model.name: _model(fleet, shape, model) for model in fleet.models if model.name in wanted},
        "cameras": [_camera(streams, name) for name in dict.fromkeys(each.camera.name for each in streams)],
        "topology": "pooled",
    }
    if objective.recall < 1:
        declared["workers"] = 0  # its memory was planned for one process, however many streams it begins with
    if fleet.policy != "auto":
        declared["policy"] = fleet.policy
    if fleet.store_secret is not None:
        declared["store"] = f"${{{STORE_VARIABLE}}}"
    return declared


def _model(fleet: FleetObject, shape: NodeShape, model: ModelObject) -> Mapping[str, object]:
    """In topology remote an engine server of the fleet has it, and is told how to compute."""
    keys = {key: in_pod(str(value)) if key in ("weights", "labels") else value for key, value in model.keys.items()}
    if shape.topology is not Topology.REMOTE:
        return keys
    server = {"url": engine_address(fleet), "model": served_name(str(model.keys["weights"])), "token": f"${{{ENGINE_TOKEN}}}"}
    here = {key: value for key, value in keys.items() if key not in ("device", "precision")}
    return {**here, "engine": "oip", "server": server}


def _camera(streams: Sequence[Assigned], name: str) -> Mapping[str, object]:
    mine = [each for each in streams if each.camera.name == name]
    camera = mine[0].camera
    entry: dict[str, object] = {
        "name": camera.name,
        "source": source_in_pod(camera),
        "fps": min(each.fps for each in mine),
        "models": [each.model for each in mine],
        **camera.keys,
    }
    if camera.stream is not None:
        entry["stream"] = _format(camera.stream)
    return entry


def _format(stream: StreamFormat) -> Mapping[str, object]:
    return {
        "width": stream.width,
        "height": stream.height,
        "fps": stream.fps,
        "codec": stream.codec,
        "kbps": stream.kbps,
    }
