"""The two ways in which cameras are spread over pods: so many streams in each, or evenly over so many pods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

from camslice.fleet.types import CameraSpec


def filled(cameras: Sequence[CameraSpec], before: Mapping[str, int], streams_per_pod: int) -> dict[str, int]:
    """The pod of each camera, at most `streams_per_pod` streams in each; a camera of more streams has a pod for itself.

    A camera keeps its pod while it fits there; the others take the first pod with room.
    """
    pod_of: dict[str, int] = {}
    streams: Counter[int] = Counter()

    def fits(camera: CameraSpec, pod: int) -> bool:
        return streams[pod] + len(camera.models) <= streams_per_pod or not streams[pod]

    def put(camera: CameraSpec, pod: int) -> None:
        pod_of[camera.name] = pod
        streams[pod] += len(camera.models)

    newcomers = []
    for camera in cameras:
        pod = before.get(camera.name)
        if pod is not None and fits(camera, pod):
            put(camera, pod)
        else:
            newcomers.append(camera)
    first = 0
    for camera in newcomers:
        while streams[first] >= streams_per_pod:
            first += 1
        put(camera, next(pod for pod in count(first) if fits(camera, pod)))
    return pod_of


def balanced(cameras: Sequence[CameraSpec], before: Mapping[str, int], pods: int) -> dict[str, int]:
    """The pod of each camera, frames per second spread evenly over `pods`; a camera that has a pod keeps it."""
    pod_of = {camera.name: before[camera.name] for camera in cameras if before.get(camera.name, pods) < pods}
    load = dict.fromkeys(range(pods), 0.0)
    for camera in cameras:
        if camera.name in pod_of:
            load[pod_of[camera.name]] += _frames_per_s(camera)
    for camera in sorted((camera for camera in cameras if camera.name not in pod_of), key=_frames_per_s, reverse=True):
        pod = min(load, key=load.__getitem__)
        pod_of[camera.name] = pod
        load[pod] += _frames_per_s(camera)
    return pod_of


def _frames_per_s(camera: CameraSpec) -> float:
    return camera.fps * len(camera.models)
