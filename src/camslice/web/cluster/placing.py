"""Which pod analyses which stream at one instant, and what that makes of a camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import StreamKey
from camslice.video.camera_state import CameraState
from camslice.web.cluster.pod_watch import STATE_EVERY_S, Answer
from camslice.web.cluster.seen import CameraSeen, PodSeen
from camslice.web.cluster.sums import Sums
from camslice.web.view import CameraStatus, PlacementState, StreamStatus

SILENT_S = 5 * STATE_EVERY_S
"""A pod that has not answered for so long is told as silent, and so are its cameras."""
_WORST_FIRST = (
    CameraState.FAILED,
    PlacementState.UNKNOWN,
    CameraState.RECONNECTING,
    PlacementState.PENDING,
    CameraState.STARTING,
    CameraState.ENDED,
    CameraState.LIVE,
)


class Placing:
    """Which pod analyses what, at one instant."""

    def __init__(self, pods: Mapping[str, PodSeen], answers: Mapping[str, Answer], now_s: float) -> None:
        self._pods = pods
        self._answers = answers
        self._now_s = now_s
        self.shown: dict[str, frozenset[StreamKey]] = {}
        """By pod, the streams that were taken from it."""
        self._by_stream: dict[StreamKey, list[tuple[str, StreamStatus]]] = {}
        for name, answer in answers.items():
            for stream in answer.state.streams if answer.state is not None else ():
                self._by_stream.setdefault(stream.key, []).append((name, stream))

    def status(self, camera: CameraSeen) -> CameraStatus:
        """What a camera is doing: the worst of what its streams' pods say, else why no pod has it."""
        found = [self._one(camera, model) for model in camera.models]
        pods = tuple(dict.fromkeys(pod for pod, _, _ in found if pod))
        state, reason = min(((state, reason) for _, state, reason in found), key=lambda one: _WORST_FIRST.index(one[0]))
        if camera.state == PlacementState.REFUSED:
            state, reason = PlacementState.REFUSED, camera.reason or "there is no room for it in which the objective holds"
        if camera.state == "degraded" and state is CameraState.LIVE:
            reason = camera.reason or "it is analysed at a lower rate than asked for"
        return CameraStatus(camera.name, camera.source, camera.fps, camera.models, state, reason, pods)

    def streams(self, camera: CameraSeen, sums: Sums) -> list[StreamStatus]:
        """Its streams, each from one pod, counted since the page looks."""
        streams = []
        for model in camera.models:
            key = StreamKey(camera.name, model)
            pod, stream = self._best(camera, key)
            if stream is not None:
                self.shown[pod] = self.shown.get(pod, frozenset()) | {key}
                # An answer is up to one interval old, and meanwhile frames were analysed; more than that is silence.
                unknown_s = max(0.0, self._silence_s(pod) - STATE_EVERY_S)
                age_ms = None if stream.age_ms is None else stream.age_ms + 1000 * unknown_s
                streams.append(replace(stream, frames=sums.streams(pod).get(key, FrameCounts()), age_ms=age_ms, process=pod))
        return streams

    def answering(self) -> int:
        """How many pods answer."""
        return sum(not self._is_silent(name) for name in self._answers)

    def _one(self, camera: CameraSeen, model: str) -> tuple[str, CameraState | PlacementState, str]:
        pod, stream = self._best(camera, StreamKey(camera.name, model))
        if stream is None:
            return "", PlacementState.PENDING, camera.reason or "it waits for a pod"
        answer = self._answers[pod]
        if self._is_silent(pod) or answer.state is None:
            return pod, PlacementState.UNKNOWN, f"pod {pod} {answer.problem or 'does not answer'}"
        return (pod, *answer.state.cameras.get(camera.name, (CameraState.STARTING, "")))

    def _best(self, camera: CameraSeen, key: StreamKey) -> tuple[str, StreamStatus | None]:
        """The pod that its status names, else the one that analysed it last."""
        candidates = self._by_stream.get(key, [])
        if not candidates:
            return "", None
        shard = camera.shards.get(key.model)
        return min(
            candidates,
            key=lambda one: (
                self._pods[one[0]].shard != shard,
                self._is_silent(one[0]),
                float("inf") if one[1].age_ms is None else one[1].age_ms,
                one[0],
            ),
        )

    def _is_silent(self, pod: str) -> bool:
        answer = self._answers[pod]
        return answer.state is None or self._silence_s(pod) > SILENT_S

    def _silence_s(self, pod: str) -> float:
        return max(0.0, self._now_s - self._answers[pod].at_s)
