"""The Secret of one pod: a key for each `${NAME}` in its cameras' sources, and of no other camera.

One key more says which revision these are, for the pod to report. A revision stands on the pod, too, where people read it who
may read no Secret, so it is made with a key that only those know who may: the UID of the Secret that a value is from. Without
it, a password that is in some list of passwords could be found by trying.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from camslice.cluster.manifests.assigned import Assigned
from camslice.cluster.manifests.common import Manifest, digest, metadata
from camslice.cluster.names import SHARD
from camslice.cluster.objects import CameraObject, FleetObject
from camslice.cluster.refusals import source_variables
from camslice.fleet.placement import CREDENTIALS_FILE


@dataclass(frozen=True, slots=True)
class HeldSecret:
    """A Secret that cameras name: its data, base64 as the API server has it. Neither field is ever printed."""

    uid: str = field(repr=False)
    data: Mapping[str, str] = field(repr=False)


SecretData = Mapping[str, HeldSecret]
"""The Secrets of the namespace by name."""


def credentials(fleet: FleetObject, shard: str, name: str, streams: Sequence[Assigned], known: SecretData) -> Manifest:
    """What a camera's own Secret lacks is left out: the pod then says which variable is missing."""
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for stream in streams:
        camera = stream.camera
        if camera.secret is not None and camera.secret in known:
            held = known[camera.secret].data
            taken[camera.secret] |= {key: held[key] for key in source_variables(camera.source) if key in held}
    data = {pods_variable(secret, key): value for secret, values in taken.items() for key, value in values.items()}
    if data:
        revision = _revision({known[secret].uid: values for secret, values in taken.items()})
        data[CREDENTIALS_FILE] = base64.b64encode(revision.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(fleet, name, {SHARD: shard}),
        "type": "Opaque",
        "data": dict(sorted(data.items())),
    }


def credentials_revision(secret: Manifest) -> str:
    """What a pod that has this Secret mounted reports of it; empty where it holds none."""
    return base64.b64decode(secret.get("data", {}).get(CREDENTIALS_FILE, "")).decode()


def source_in_pod(camera: CameraObject) -> str:
    """The camera's source with its variables named as the pod's Secret has them."""
    if camera.secret is None:
        return camera.source
    source = camera.source
    for name in source_variables(source):
        source = source.replace(f"${{{name}}}", f"${{{pods_variable(camera.secret, name)}}}")
    return source


def pods_variable(secret: str, name: str) -> str:
    """Cameras of one pod may have Secrets of their own with the same keys, so a pod's file tells whose a value is."""
    return f"{name}__{digest(secret)[:8]}"


def _revision(values: Mapping[str, Mapping[str, str]]) -> str:
    """Of values by the UID of their Secret."""
    found = hashlib.sha256()
    for uid, of_secret in sorted(values.items()):
        text = json.dumps(of_secret, sort_keys=True)
        found.update(hmac.digest(uid.encode(), text.encode(), "sha256"))
    return found.hexdigest()[:12]
