"""What a profile says of one frame's way, as steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camslice.fleet.errors import PlanError
from camslice.fleet.figures import Figure
from camslice.fleet.histogram import Histogram
from camslice.fleet.profile import CPU, Profile, SharingPoint, StageCost
from camslice.fleet.types import Topology
from camslice.plan.simulation.node import Step, Where

_MEASURED_LONGEST_CV = 1.0


@dataclass(frozen=True, slots=True)
class PodWork:
    """A frame's way through a pod, see `SimulatedPod`."""

    before: tuple[Step, ...]
    batches: tuple[tuple[Step, ...], ...]
    after: tuple[Step, ...]
    background_ms: float = 0.0
    cv: float = 0.0


@dataclass(frozen=True, slots=True)
class RemoteWork:
    """A frame's way through a worker and its engine server."""

    before: tuple[Step, ...]
    network_ms: float
    batches: tuple[tuple[Step, ...], ...]
    after: tuple[Step, ...]


def figure(value: Figure | None, profile: Profile, name: str) -> float:
    """The figure of that name, or a PlanError that names it."""
    if value is None:
        raise PlanError(f"profile {profile.name} has no {name}, which this simulation needs; measure it or write it in.")
    return value.value


def in_pod_batches(profile: Profile) -> bool:
    """Whether the profile is of an engine of ours, which fills one batch while another computes."""
    return bool(profile.batches)


def pod_work(profile: Profile, accelerator_share: float, pods_per_vcpu: float = 0.0) -> PodWork:
    """Of a pod that has its own engine, on this share of an accelerator (1: all of it). `pods_per_vcpu`: it and those beside
    it, where the processor is the accelerator."""
    if profile.machine.accelerator == CPU:
        return _on_cpu(profile, crowding(profile, pods_per_vcpu), _crowded_cv(profile, pods_per_vcpu))
    stages = {cost.stage: cost for cost in profile.stages}
    before = _visits(stages, "preprocess", profile, accelerator_share)
    after = _visits(stages, "postprocess", profile, accelerator_share)
    if in_pod_batches(profile):
        batches = tuple(
            (Step("inference", Where.ACCELERATOR, cost / accelerator_share),) for cost in _batch_ms(profile, saturated=False)
        )
        inference = stages.get("inference")
        cpu_ms = 0.0 if inference is None or inference.cpu_ms is None else inference.cpu_ms.value
        return PodWork(before, batches, after, cpu_ms + _other_ms(profile), _cv(profile))
    return PodWork(before, (_visits(stages, "inference", profile, accelerator_share),), after, cv=_cv(profile))


def remote_work(profile: Profile) -> RemoteWork:
    """Of a worker and its server, from a point of one pod in topology `remote` whose stages are known.

    What of its inference is not time on the accelerator is the server's own on the processor.
    """
    point = next((each for each in profile.sharing if each.topology is Topology.REMOTE and each.stage_ms), None)
    if point is None:
        raise PlanError(
            f"profile {profile.name} has no point of topology remote with its stages; measure one, or plan without it."
        )
    inference_ms = _of_point(point, "inference", profile)
    on_cpu = profile.machine.accelerator == CPU
    accelerator_ms = 0.0
    if not on_cpu:
        stage = next((cost for cost in profile.stages if cost.stage == "inference"), None)
        known = None if stage is None else stage.accelerator_ms
        accelerator_ms = min(inference_ms, figure(known, profile, "stages.inference.accelerator_ms"))
    steps = (
        Step("inference", Where.CPU, inference_ms - accelerator_ms),
        Step("inference", Where.ACCELERATOR, accelerator_ms),
    )
    return RemoteWork(
        (Step("preprocess", Where.CPU, _of_point(point, "preprocess", profile)),),
        _of_point(point, "network", profile),
        (steps,),
        (Step("postprocess", Where.CPU, _of_point(point, "postprocess", profile)),),
    )


def whole_frame_ms(profile: Profile) -> float:
    """CPU ms of one frame of the profile's own video, decoding included."""
    return _frame_cpu_ms(profile) + _own_decode_ms(profile)


def _own_decode_ms(profile: Profile) -> float:
    video = profile.video
    if video is None:
        return 0.0
    cost = next((each for each in profile.decode if each.codec == video.codec), None)
    return 0.0 if cost is None else cost.cpu_ms_per_megapixel.value * video.width * video.height / 1e6


def crowding(profile: Profile, pods_per_vcpu: float) -> float:
    """How many times as much CPU time a frame takes where so many pods take turns on each processor as in the closed loop, of
    pods or of pooled cameras, in which busy processors did most: every pod finds the caches emptied by the others, whether they
    were busy just now or a while ago.

    From the closed loops of pods with one stream, at least one for each processor; one pod alone is no crowd. On a straight
    line between two of them, and beyond the largest no more than there, for what nobody measured is not guessed.
    """
    vcpu = profile.machine.usable_cores or profile.machine.vcpu
    if vcpu is None:
        return 1.0
    full = [
        point
        for point in profile.sharing
        if point.fps is not None and point.pods * point.streams_per_pod >= vcpu and point.topology is not Topology.REMOTE
    ]
    side_by_side = {
        point.pods / vcpu: point.fps.value
        for point in full
        if point.fps is not None and point.pods >= vcpu and (point.topology, point.streams_per_pod) == (Topology.SLICED, 1)
    }
    most = max((point.fps.value for point in full if point.fps is not None), default=0.0)
    pods, factors = [1.0 / vcpu], [1.0]
    for each in sorted(side_by_side):
        if each > pods[-1] and side_by_side[each] > 0.0:
            pods.append(each)
            factors.append(max(factors[-1], most / side_by_side[each]))
    return float(np.interp(pods_per_vcpu, pods, factors))


def decode_overhead_ms(profile: Profile) -> float:
    """CPU ms of handing a decoded frame on: what a pod that was measured alone took in that stage beyond decoding its video."""
    alone = _alone(profile)
    if alone is None or "decode" not in alone.stage_ms or profile.machine.accelerator != CPU:
        return 0.0
    return max(0.0, alone.stage_ms["decode"].value - _own_decode_ms(profile))


def _of_point(point: SharingPoint, stage: str, profile: Profile) -> float:
    return figure(point.stage_ms.get(stage), profile, f"stage {stage} at topology {point.topology}")


def _visits(stages: dict[str, StageCost], name: str, profile: Profile, share: float) -> tuple[Step, ...]:
    """A stage that goes to the accelerator so many times, its CPU time spread evenly before the visits."""
    if name not in stages:
        raise PlanError(f"profile {profile.name} says nothing of stage {name}, which this simulation needs; write it in.")
    cost = stages[name]
    cpu_ms = figure(cost.cpu_ms, profile, f"stages.{name}.cpu_ms")
    visits = round(figure(cost.visits, profile, f"stages.{name}.visits"))
    if visits < 1:
        return (Step(name, Where.CPU, cpu_ms),)
    accelerator_ms = figure(cost.accelerator_ms, profile, f"stages.{name}.accelerator_ms") / share
    return (
        Step(name, Where.CPU, cpu_ms / visits),
        Step(name, Where.ACCELERATOR, accelerator_ms / visits),
    ) * visits


def _batch_ms(profile: Profile, *, saturated: bool) -> list[float]:
    """Ms of a batch of 1, 2, ... frames up to the largest that the engine takes, on a straight line between those measured."""
    known = {
        cost.size: (cost.saturated_ms if saturated and cost.saturated_ms is not None else cost.accelerator_ms).value
        for cost in profile.batches
    }
    sizes = sorted(known)
    most = min(profile.model.max_batch or 1, sizes[-1])
    batches: list[float] = []
    for size in range(1, most + 1):
        below = max((each for each in sizes if each <= size), default=sizes[0])
        above = min((each for each in sizes if each >= size), default=sizes[-1])
        part = 0.0 if above == below else (size - below) / (above - below)
        batches.append(known[below] + part * (known[above] - known[below]))
    return batches


def _on_cpu(profile: Profile, crowded: float, cv: float) -> PodWork:
    """The processor is the accelerator: a lane of the engine is a thread. From a pod that was measured alone, if one was: that
    includes what threads cost that wake each other."""
    stages = {cost.stage: cost for cost in profile.stages}
    alone = _alone(profile)

    def stage_ms(name: str) -> float:
        if alone is not None and name in alone.stage_ms:
            return alone.stage_ms[name].value
        cost = stages.get(name)
        return figure(None if cost is None else cost.cpu_ms, profile, f"stages.{name}.cpu_ms")

    inference_ms = crowded * stage_ms("inference")
    batches_ms = _batch_ms(profile, saturated=False) if profile.batches else [inference_ms]
    batches = tuple((Step("inference", Where.CPU, inference_ms * each / batches_ms[0]),) for each in batches_ms)
    before, after = (Step(name, Where.CPU, crowded * stage_ms(name)) for name in ("preprocess", "postprocess"))
    seen_ms = before.ms + inference_ms + after.ms + decode_overhead_ms(profile)
    return PodWork((before,), batches, (after,), max(0.0, crowded * _frame_cpu_ms(profile) - seen_ms), cv)


def _frame_cpu_ms(profile: Profile) -> float:
    """CPU ms of one frame in all but decoding."""
    return sum(cost.cpu_ms.value for cost in profile.stages if cost.cpu_ms is not None) + _other_ms(profile)


def _other_ms(profile: Profile) -> float:
    return 0.0 if profile.other_cpu_ms is None else profile.other_cpu_ms.value


def _alone(profile: Profile) -> SharingPoint | None:
    """One pod with one stream and nothing else beside it, its stages known."""
    points = (each for each in profile.sharing if each.pods * each.streams_per_pod == 1)
    return next((each for each in points if each.stage_ms and each.topology is not Topology.REMOTE), None)


def _cv(profile: Profile) -> float:
    """How much frames differ: as the profile says, or as those of a pod alone did."""
    if profile.work_cv is not None:
        return profile.work_cv.value
    alone = _alone(profile)
    return 0.0 if alone is None else _spread(alone) or 0.0


def _crowded_cv(profile: Profile, pods_per_vcpu: float) -> float:
    """How much frames differ where so many pods take turns on each processor, to which turns add that are not equally long: as
    in the closed loops of pods with one stream, on a straight line between two of them, and beyond the largest as there."""
    vcpu = profile.machine.usable_cores or profile.machine.vcpu
    if profile.work_cv is not None or vcpu is None:
        return _cv(profile)
    seen = {
        point.pods / vcpu: cv
        for point in profile.sharing
        if (point.topology, point.streams_per_pod) == (Topology.SLICED, 1) and (cv := _spread(point)) is not None
    }
    if not seen:
        return _cv(profile)
    return float(np.interp(pods_per_vcpu, sorted(seen), [seen[pods] for pods in sorted(seen)]))


def _spread(point: SharingPoint) -> float | None:
    """Standard deviation over mean of its latencies, from the middle nine tenths of them: the rest is the machine's hiccups.
    None where they are not known."""
    if "total" not in point.histograms:
        return None
    total: Histogram = point.histograms["total"].histogram()
    low, middle, high = (total.percentile(percentile) for percentile in (5.0, 50.0, 95.0))
    if low is None or middle is None or high is None or middle <= 0.0:
        return None
    return min(_MEASURED_LONGEST_CV, (high - low) / 3.29 / middle)
