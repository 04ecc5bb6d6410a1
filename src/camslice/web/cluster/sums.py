"""Counts of many pods as one, since the page began to look.

A pod counts since its own start, and starts again from zero; pods come and go. Sums must not fall, and must not jump when the
page sees an old pod for the first time. So of each pod only what it counted since it was first seen is taken, and what a pod
that is gone had counted stays in the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import StreamKey
from camslice.web.state_json import PodState, Stages

_NEW_S = 10.0
"""A pod that is younger when it is first seen is counted from its start."""


@dataclass(slots=True)
class _Pod:
    state: PodState
    before: dict[StreamKey, FrameCounts] = field(default_factory=dict)
    before_removed: FrameCounts = field(default_factory=FrameCounts)
    before_stages: dict[str, dict[str, Histogram]] = field(default_factory=dict)


class Sums:
    """Owns what each pod counted before it was seen. For one thread. Its memory is bounded by pods and models."""

    def __init__(self) -> None:
        self._pods: dict[str, _Pod] = {}
        self._gone = FrameCounts()
        self._gone_stages: dict[str, dict[str, Histogram]] = {}

    def take(self, pod: str, state: PodState) -> None:
        """A pod said this."""
        known = self._pods.get(pod)
        if known is not None and state.instance == known.state.instance:
            known.state = state
            return
        if known is not None:
            self.drop(pod)
            self._pods[pod] = _Pod(state)
        else:
            self._pods[pod] = _Pod(state) if state.uptime_s < _NEW_S else _from_now_on(state)

    def drop(self, pod: str) -> None:
        """A pod is gone: what it counted stays."""
        known = self._pods.pop(pod, None)
        if known is None:
            return
        frames = total_of(self._since(known).values()) + (known.state.removed - known.before_removed)
        # What it held when it went is nobody's any more, and was captured by no fate.
        self._gone = self._gone + replace(frames, captured=frames.captured - frames.in_flight, in_flight=0)
        _merge(self._gone_stages, _stages_since(known))

    def keep_only(self, pods: Iterable[str]) -> None:
        """Drop all others."""
        for pod in set(self._pods) - set(pods):
            self.drop(pod)

    def streams(self, pod: str) -> Mapping[StreamKey, FrameCounts]:
        """What a pod counted of each of its streams; nothing for one that never said anything."""
        return self._since(self._pods[pod]) if pod in self._pods else {}

    def rest(self, pods: Mapping[str, frozenset[StreamKey]]) -> FrameCounts:
        """Everything but the streams that are named, by pod."""
        others = [
            frames
            for name, pod in self._pods.items()
            for key, frames in self._since(pod).items()
            if key not in pods.get(name, frozenset())
        ]
        removed = [pod.state.removed - pod.before_removed for pod in self._pods.values()]
        return total_of([*others, *removed, self._gone])

    def stages(self) -> Stages:
        """All stages by model."""
        merged: dict[str, dict[str, Histogram]] = {}
        _merge(merged, self._gone_stages)
        for pod in self._pods.values():
            _merge(merged, _stages_since(pod))
        return merged

    def _since(self, pod: _Pod) -> dict[StreamKey, FrameCounts]:
        since = {}
        for stream in pod.state.streams:
            before = pod.before.get(stream.key)
            if before is not None and stream.frames.captured < before.captured:
                del pod.before[stream.key]  # the camera was removed and added again
                before = None
            since[stream.key] = stream.frames if before is None else stream.frames - before
        return since


def _from_now_on(state: PodState) -> _Pod:
    """A pod that has counted for long: what it holds right now is counted when it ends."""
    before = {
        stream.key: replace(stream.frames, captured=stream.frames.captured - stream.frames.in_flight, in_flight=0)
        for stream in state.streams
    }
    stages = {model: {stage: histogram.copy() for stage, histogram in of.items()} for model, of in state.stages.items()}
    return _Pod(state, before, state.removed, stages)


def _stages_since(pod: _Pod) -> Stages:
    since: dict[str, dict[str, Histogram]] = {}
    for model, stages in pod.state.stages.items():
        for stage, now in stages.items():
            before = pod.before_stages.get(model, {}).get(stage, Histogram())
            grown = Histogram(now.counts - before.counts, now.sum_ms - before.sum_ms, now.max_ms)
            since.setdefault(model, {})[stage] = grown
    return since


def _merge(into: dict[str, dict[str, Histogram]], more: Stages) -> None:
    for model, stages in more.items():
        of_model = into.setdefault(model, {})
        for stage, histogram in stages.items():
            of_model.setdefault(stage, Histogram()).merge(histogram)
