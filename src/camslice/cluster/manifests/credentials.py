"""The Secret of one pod: a key for each `${NAME}` in its cameras' sources, and of no other camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from camslice.cluster.manifests.assigned import Assigned
from camslice.cluster.manifests.common import Manifest, digest, metadata
from camslice.cluster.names import SHARD
from camslice.cluster.objects import CameraObject, FleetObject
from camslice.cluster.refusals import source_variables

SecretData = Mapping[str, Mapping[str, str]]
"""Of each Secret of the namespace that cameras name: its data, base64 as the API server has it."""


def credentials(fleet: FleetObject, shard: str, name: str, streams: Sequence[Assigned], known: SecretData) -> Manifest:
    """What a camera's own Secret lacks is left out: the pod then says which variable is missing."""
    data: dict[str, str] = {}
    for stream in sorted(streams, key=lambda each: each.name):
        camera = stream.camera
        if camera.secret is not None:
            of_camera = known.get(camera.secret, {})
            data |= {
                pods_variable(camera.secret, key): of_camera[key] for key in source_variables(camera.source) if key in of_camera
            }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(fleet, name, {SHARD: shard}),
        "type": "Opaque",
        "data": dict(sorted(data.items())),
    }


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
