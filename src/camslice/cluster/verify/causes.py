"""Why frames are later than planned, from what else is known: never a guess without a figure behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from camslice.cluster.verify.figures import Group, Live, Planned, Predicted

_WORK = ("decode", "preprocess", "inference", "postprocess")
_MORE = 1.1


@dataclass(frozen=True, slots=True)
class LatePart:
    """A stage: what was predicted and what is, on average; `beyond` the tolerance or not."""

    stage: str
    plan_ms: float
    live_ms: float
    beyond: bool


def cause_of_latency(parts: Sequence[LatePart], group: Group, predicted: Predicted, planned: Planned, live: Live) -> str:
    """`parts`: the latest first."""
    later = [part for part in parts if part.live_ms > part.plan_ms]
    if not later:
        if not parts:
            return "the plan's profiles are not at hand, so it cannot be said which stage; keep them where the plan names them"
        return "on average no stage is slower than planned: single frames are, so bursts or pauses of the machine delay them"
    whole_ms = sum(part.live_ms - part.plan_ms for part in later)
    worst = later[0]
    share = (worst.live_ms - worst.plan_ms) / whole_ms
    why = cause_of_stage(worst.stage, group, predicted, planned, live)
    return f"{worst.stage} makes {share:.0%} of it ({worst.live_ms:.1f} for {worst.plan_ms:.1f} ms): {why}"


def cause_of_stage(stage: str, group: Group, predicted: Predicted, planned: Planned, live: Live) -> str:
    """What a stage is slow by."""
    causes = [*_other_load(group, planned, live), *_other_machine(group, predicted, live)]
    if stage == "decode":
        larger = _larger_pictures(planned, live)
        causes = [*([larger] if larger else []), *causes]
        if not causes:
            if all(stream.format is None for stream in live.streams):
                return "cameras send another format than planned, or decoding is slower than the profile says; probe them"
            return "cameras send pictures of the planned size, so decoding is slower than the profile says"
    elif stage == "queue":
        slower = _slower_work(group, predicted)
        causes += [f"{slower}, so frames wait for each other"] if slower else []
        if not causes:
            return "the work itself is as planned, so others use the machine, or frames come in bursts (a noisy neighbour)"
    elif stage == "network":
        causes += [] if causes else ["the way to the engine server takes longer than the profile says"]
    elif not causes:
        machine = planned.profiles.get(group.model)
        named = f", which was made on {machine}" if machine else ""
        return f"{stage} is slower than the profile says{named}, with the streams and nodes that were planned; --refit it"
    return "; ".join(causes)


def _other_load(group: Group, planned: Planned, live: Live) -> Iterator[str]:
    """More streams than planned, or faster ones."""
    running = [stream for stream in live.streams if stream.model == group.model]
    due = [fps for key, (fps, _) in planned.streams.items() if key.rpartition("/")[2] == group.model]
    if len(running) > len(due):
        yield f"{len(running)} streams run where {len(due)} were planned"
    elif live.seconds and due:
        captured = sum(each.frames.captured for each in live.groups if each.model == group.model) / live.seconds
        if captured > _MORE * sum(due):
            yield f"{captured:.1f} frames/s fall due where {sum(due):.1f} were planned"


def _other_machine(group: Group, predicted: Predicted, live: Live) -> Iterator[str]:
    types = {node.instance_type for node in live.nodes or () if group.shape is None or node.shape == group.shape}
    other = sorted(types - {predicted.instance_type})
    if other:
        yield f"it runs on {', '.join(other)} instead of {predicted.instance_type}"


def _larger_pictures(planned: Planned, live: Live) -> str | None:
    odd = [
        stream.camera
        for stream in live.streams
        if stream.format is not None
        and (known := planned.streams.get(f"{stream.camera}/{stream.model}")) is not None
        and stream.format[0] * stream.format[1] > known[1].width * known[1].height
    ]
    return f"{len(odd)} cameras send larger pictures than planned, such as {odd[0]}" if odd else None


def _slower_work(group: Group, predicted: Predicted) -> str | None:
    """The stage of work that has grown most, if one has by a tenth."""
    grown = {
        stage: mean / predicted.stage_ms[stage]
        for stage in _WORK
        if predicted.stage_ms.get(stage) and stage in group.stages and (mean := group.stages[stage].mean) is not None
    }
    if not grown or max(grown.values()) < _MORE:
        return None
    worst = max(grown, key=lambda stage: grown[stage])
    return f"{worst} takes {grown[worst]:.1f} times as long as planned"
