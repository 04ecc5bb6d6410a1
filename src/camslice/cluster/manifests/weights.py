"""How weights get into a pod: from a claim, an image, or an object store; checked by their hash before anything runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from camslice.cluster.names import MODELS_DIR
from camslice.cluster.objects import FleetObject

_FILES = (".onnx", ".xml", ".txt")
SERVED_WITH = {"engine": "--engine", "precision": "--precision", "device": "--device", "max_batch": "--max-batch"}
"""Keys of a model that are for its engine server, and their options; classes and confidence come with each request."""
_CHECKED = "CAMSLICE_WEIGHTS_SHA256"


@dataclass(frozen=True, slots=True)
class WeightsMount:
    """What a pod's manifest gets for them."""

    volumes: list[dict[str, Any]] = field(default_factory=list)
    mounts: list[dict[str, Any]] = field(default_factory=list)
    init_containers: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


def weights_mount(fleet: FleetObject) -> WeightsMount:
    """Nothing for a fleet whose weights are in its image or come from the model list."""
    weights = fleet.weights
    hashes = {str(model.keys["weights"]): model.sha256 for model in fleet.models if model.sha256 is not None}
    environment = {"CAMSLICE_MODELS": MODELS_DIR}
    if hashes:
        environment[_CHECKED] = ",".join(f"{name}={sha256}" for name, sha256 in sorted(hashes.items()))
    mount = {"name": "models", "mountPath": MODELS_DIR, "readOnly": True}
    if weights.claim is not None:
        volume: dict[str, Any] = {
            "name": "models",
            "persistentVolumeClaim": {"claimName": weights.claim, "readOnly": True},
        }
        return WeightsMount([volume], [mount], [], environment)
    if weights.image is not None:
        volume = {"name": "models", "image": {"reference": weights.image, "pullPolicy": "IfNotPresent"}}
        return WeightsMount([volume], [mount], [], environment)
    if weights.url is not None and weights.fetcher is not None:
        fetch = {
            "name": "weights",
            "image": weights.fetcher,
            "args": ["s3", "cp", "--recursive", weights.url, MODELS_DIR],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "models", "mountPath": MODELS_DIR}],
        }
        return WeightsMount([{"name": "models", "emptyDir": {"sizeLimit": "4Gi"}}], [mount], [fetch], environment)
    return WeightsMount(environment={} if not hashes else {_CHECKED: environment[_CHECKED]})


def in_pod(name: str) -> str:
    """Weights and labels as a pod finds them: files in its folder of models, names of the model list as they are."""
    return f"{MODELS_DIR}/{name}" if name.lower().endswith(_FILES) and "/" not in name else name


def served(weights: str) -> str:
    """The argument of `camslice serve`. The name is said, for it calls a copy of a file of the model list as the list does."""
    return f"{served_name(weights)}={in_pod(weights)}"


def served_name(weights: str) -> str:
    """What camera pods call a model of their engine servers: a file without its ending, in letters that a name may have."""
    name = PurePosixPath(weights).stem if weights.lower().endswith(_FILES) else weights
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip("._-") or "model"
