"""Live figures against a plan: where they part by more than the tolerance, and for each the cause, worked out. Pure.

Only what is worse than planned is drift: later, dearer, more, less of what was promised. A latency is drift when it is later
than planned by more than the tolerance, as a share of what was planned and of what fitted figures leave open, and by more than
2 % of the latency objective: below that nobody would notice. Where only buckets are known, the lower edge of the percentile's
own is judged: what lies within a bucket is no proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from camslice.cluster.verify.buckets import Buckets
from camslice.cluster.verify.causes import LatePart, cause_of_latency, cause_of_stage
from camslice.cluster.verify.figures import Drift, Frames, Group, Live, LiveNode, Planned, Predicted
from camslice.cluster.verify.looking import looked_at, recall_of
from camslice.fleet.stages import STAGES
from camslice.fleet.types import Objective

TOLERANCE = 0.25
NOTICEABLE = 0.02
"""As a share of the latency objective."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """`objective_met`: by what is live, dollars and recall included where they are known. `p_all_ms` None: infinite, or no
    frame."""

    objective_met: bool
    p_all_ms: float | None
    drop_rate: float
    usd_per_month: float | None
    usd_per_camera_month: float | None
    recall: float | None
    drift: tuple[Drift, ...]

    @property
    def met(self) -> bool:
        """The objective is met, and nothing has drifted."""
        return self.objective_met and not self.drift


def compare(planned: Planned, live: Live, objective: Objective, tolerance: float = TOLERANCE) -> Verdict:
    """Work it out."""
    frames = sum((group.frames for group in live.groups), Frames())
    total = Buckets.merged(group.stages.get("total", Buckets()) for group in live.groups)
    p_all_ms = total.percentile(objective.percentile, frames.dropped)
    usd, usd_per_camera = dollars(planned, live)
    in_time = p_all_ms is not None and p_all_ms <= objective.latency_ms and frames.drop_rate <= objective.drop_rate
    budget = objective.usd_per_camera_month
    affordable = budget is None or usd_per_camera is None or usd_per_camera <= budget * (1 + 1e-9)
    recall = recall_of(live)
    enough = recall is None or recall >= objective.recall
    drift = [
        *_streams(planned, live),
        *_states(live),
        *_formats(planned, live),
        *_rates(planned, live, tolerance),
        *_nodes(planned, live),
        *_latencies(planned, live, objective, tolerance),
        *_drops(planned, live, objective),
        *looked_at(planned, live, tolerance),
        *_dollars(planned, live, usd_per_camera, tolerance),
    ]
    met = in_time and affordable and enough
    return Verdict(met, p_all_ms, frames.drop_rate, usd, usd_per_camera, recall, tuple(drift))


def dollars(planned: Planned, live: Live) -> tuple[float | None, float | None]:
    """Of a month, in all and per live camera, from the nodes that are there; else as the fleet says it; None: nobody knows."""
    cameras = live_cameras(live)
    if live.nodes is not None and cameras and all(node.usd_per_hour is not None for node in live.nodes):
        hourly = sum(node.usd_per_hour or 0.0 for node in live.nodes)
        total = hourly * planned.hours_per_month + planned.other_usd_per_month
        return total, total / cameras
    each = live.usd_per_camera_month
    return (None if each is None else each * cameras), each


def live_cameras(live: Live) -> int:
    """Cameras that are being analysed."""
    return len({stream.camera for stream in live.streams})


def _streams(planned: Planned, live: Live) -> Iterator[Drift]:
    running = {f"{stream.camera}/{stream.model}" for stream in live.streams}
    missing = sorted(planned.streams.keys() - running)
    more = sorted(running - planned.streams.keys())
    if more:
        cause = f"{_named(more)} {'runs' if len(more) == 1 else 'run'} and stand in no plan; plan again with them"
        yield Drift("streams", len(planned.streams), len(running), cause)
    elif missing:
        cause = f"{_named(missing)} {'is' if len(missing) == 1 else 'are'} not analysed"
        if live.states.get("refused"):
            cause += f"; {live.states['refused']} cameras are refused: there is no free place of theirs"
        yield Drift("streams", len(planned.streams), len(running), cause)


def _states(live: Live) -> Iterator[Drift]:
    """Cameras that have no place, or bring no frames."""
    reasons = {
        "refused": "no pod has a free place for them; plan again, or let them run slower with degrade",
        "failed": "their sources cannot be opened; `camslice probe` says why",
        "down": "their sources bring no frames; `camslice probe` says why",
        "reconnecting": "their sources bring no frames just now",
    }
    for state, cause in reasons.items():
        if live.states.get(state):
            yield Drift(f"cameras {state}", 0, live.states[state], cause)


def _formats(planned: Planned, live: Live) -> Iterator[Drift]:
    odd = []
    for stream in live.streams:
        known = planned.streams.get(f"{stream.camera}/{stream.model}")
        if known is None or stream.format is None:
            continue
        if stream.format[0] * stream.format[1] > known[1].width * known[1].height:
            odd.append((stream, known[1]))
    if odd:
        stream, format_ = odd[0]
        cause = f"{len(odd)} cameras send larger pictures than planned, such as {stream.camera}; probe them and plan again"
        live_size = f"{stream.format[0]}x{stream.format[1]}" if stream.format else None
        yield Drift("picture size", f"{format_.width}x{format_.height}", live_size, cause)


def _rates(planned: Planned, live: Live, tolerance: float) -> Iterator[Drift]:
    """Streams that are analysed faster than planned, or slower: then something drops or gates their frames."""
    for model in sorted({group.model for group in live.groups}):
        pairs = [
            (planned.streams[key][0], stream.fps)
            for stream in live.streams
            if stream.model == model and (key := f"{stream.camera}/{stream.model}") in planned.streams
        ]
        due, analysed = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
        if not due:
            continue
        frames = sum((group.frames for group in live.groups if group.model == model), Frames())
        if any(planned.policies.get(model, {}).values()):  # that they need no analysis was planned
            analysed += (frames.gated + frames.predicted) / live.seconds
        if analysed > due * (1 + tolerance):
            cause = "cameras are analysed more often than planned: `fps` was raised; plan again"
            yield Drift(f"frames per second of {model}", round(due, 2), round(analysed, 2), cause)
        elif analysed < due * (1 - tolerance):
            yield Drift(f"frames per second of {model}", round(due, 2), round(analysed, 2), _why_slower(frames, due, live))


def _why_slower(frames: Frames, due: float, live: Live) -> str:
    if frames.drop_rate > 0.01:
        return f"{frames.drop_rate:.1%} of the frames are dropped: the machine does not keep up"
    spared = frames.gated + frames.predicted
    if frames.captured and spared / frames.captured > 0.05:
        return f"{spared / frames.captured:.0%} of the frames need no analysis (gated or predicted)"
    if live.seconds and frames.captured / live.seconds < 0.9 * due:
        return "fewer frames fall due than planned: cameras send fewer, were down for a while, or began within the window"
    return "frames are analysed in part: look at the cameras' states"


def _nodes(planned: Planned, live: Live) -> Iterator[Drift]:
    if live.nodes is None:
        return
    found = Counter((node.instance_type, node.purchase) for node in live.nodes)
    more = {key: count - planned.nodes.get(key, 0) for key, count in found.items() if count > planned.nodes.get(key, 0)}
    if more:
        (type_, purchase), _ = max(more.items(), key=lambda each: each[1])
        elsewhere = {each for each, _ in planned.nodes}
        cause = f"more nodes stand there than planned ({sum(more.values())} more)"
        if type_ not in elsewhere:
            cause = f"{type_} stands in for {', '.join(sorted(elsewhere))}: there was no capacity, or the pool was changed"
        elif (type_, purchase) not in planned.nodes:
            cause = f"{type_} was bought {purchase.replace('_', ' ')} and planned otherwise"
        yield Drift("nodes", _counted(planned.nodes), _counted(found), cause)


def _latencies(planned: Planned, live: Live, objective: Objective, tolerance: float) -> Iterator[Drift]:
    floor_ms = NOTICEABLE * objective.latency_ms
    for group, predicted in matched(planned, live):
        late_ms = group.p_all_ms(objective.percentile)
        total = group.stages.get("total", Buckets())
        surely_ms = total.at_least(objective.percentile, group.frames.dropped)
        promised = predicted.p_all_ms
        parts = late_parts(group, predicted, tolerance, floor_ms)
        name = group.model if group.shape is None else f"{group.model} on {group.shape}"
        limit = None if promised is None else max(promised * (1 + tolerance), predicted.high_ms or 0.0, promised + floor_ms)
        if limit is not None and (surely_ms is None or surely_ms > limit):
            cause = cause_of_latency(parts, group, predicted, planned, live)
            yield Drift(f"p{objective.percentile:g} of {name}", _rounded(promised), _rounded(late_ms), cause)
        for part in parts:
            if part.beyond:
                cause = cause_of_stage(part.stage, group, predicted, planned, live)
                yield Drift(f"{part.stage} of {name}", _rounded(part.plan_ms), _rounded(part.live_ms), cause)


def matched(planned: Planned, live: Live) -> list[tuple[Group, Predicted]]:
    """Live groups with what was predicted of them: of their shape, else of the fullest node with that model."""
    pairs = []
    for group in live.groups:
        of_model = [each for each in planned.groups if each.model == group.model]
        same = [each for each in of_model if group.shape is not None and group.shape.endswith(f".{each.shape}")]
        if of_model:
            pairs.append((group, same[0] if same else max(of_model, key=lambda each: each.streams)))
    return pairs


def late_parts(group: Group, predicted: Predicted, tolerance: float, floor_ms: float) -> list[LatePart]:
    """The stages with what was predicted and what is, those first that add most to the delay."""
    parts = []
    for stage in STAGES:
        live_ms = group.stages[stage].mean if stage in group.stages else None
        if not predicted.stage_ms or live_ms is None:
            continue
        plan_ms = predicted.stage_ms.get(stage, 0.0)
        excess_ms = live_ms - plan_ms
        parts.append(LatePart(stage, plan_ms, live_ms, excess_ms > max(tolerance * plan_ms, floor_ms)))
    return sorted(parts, key=lambda part: part.plan_ms - part.live_ms)


def _drops(planned: Planned, live: Live, objective: Objective) -> Iterator[Drift]:
    for group, predicted in matched(planned, live):
        rate = group.frames.drop_rate
        if rate > max(objective.drop_rate, predicted.drop_rate):
            cause = "frames wait longer than the objective allows; see the latency's causes"
            total = group.stages.get("total")
            if total is not None and total.mean is not None and total.mean < objective.latency_ms / 2:
                cause = "those that are analysed are in time, so frames come in bursts or the machine stops now and then"
            yield Drift(f"frames dropped of {group.model}", round(predicted.drop_rate, 4), round(rate, 4), cause)


def _dollars(planned: Planned, live: Live, usd: float | None, tolerance: float) -> Iterator[Drift]:
    if usd is None or usd <= planned.usd_per_camera_month * (1 + min(tolerance, 0.05)):
        return
    cameras = live_cameras(live)
    causes = []
    if cameras < planned.cameras:
        causes.append(f"{planned.cameras - cameras} of {planned.cameras} cameras are not analysed, and share no cost")
    if live.nodes is not None:
        causes += _dearer(planned, live.nodes)
    cause = "; ".join(causes) or "the price of the machine is another than the plan's"
    yield Drift("usd per camera and month", round(planned.usd_per_camera_month, 2), round(usd, 2), cause)


def _dearer(planned: Planned, nodes: Sequence[LiveNode]) -> Iterator[str]:
    number = sum(planned.nodes.values())
    if len(nodes) > number:
        yield f"{len(nodes)} nodes stand there, and {number} were planned"
    other = sorted({node.instance_type for node in nodes} - {each for each, _ in planned.nodes})
    if other:
        yield f"{', '.join(other)} was not planned"
    purchases = {node.purchase for node in nodes} - {purchase for _, purchase in planned.nodes}
    if purchases:
        yield f"nodes were bought {', '.join(sorted(each.replace('_', ' ') for each in purchases))}"


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _counted(nodes: Mapping[tuple[str, str], int]) -> str:
    return (
        ", ".join(f"{count} {type_} {purchase.replace('_', ' ')}" for (type_, purchase), count in sorted(nodes.items()))
        or "none"
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
