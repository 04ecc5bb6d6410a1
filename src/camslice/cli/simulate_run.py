"""What `simulate` does: build the node, simulate it, print; and again with other values of what is only fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camslice.cli.output import print_json, stage_table, stderr, stdout
from camslice.cli.simulate_load import Described, Machine, Streams, described_by_plan, described_by_profile, unevenness
from camslice.fleet.figures import Provenance
from camslice.fleet.profile import Profile
from camslice.fleet.types import Objective
from camslice.plan.policies import recall_of
from camslice.plan.simulation.enough import Enough, percentile_interval, simulate_enough
from camslice.plan.simulation.result import Simulated
from camslice.plan.simulation.simulate import simulate
from camslice.plan.simulation.translate import node_of

_RANGE_S = 10.0
"""How long a node is simulated with each of the other sets of fitted values."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice simulate --help`."""

    plan: Path | None
    shape: str | None
    profile: str | None
    instance_type: str | None
    vcpu: int | None
    physical_cores: int | None
    accelerators: int | None
    topology: str
    pods: int
    streams_per_pod: int
    threads: int | None
    mig_profile: str | None
    fps: float | None
    jitter_ms: float
    keyframe_delay_ms: float
    keyframe_interval_s: float
    latency_ms: float
    percentile: float
    drop_rate: float
    seconds: float | None
    warm_up_s: float
    seed: int
    catalogue: Path | None


@dataclass(frozen=True, slots=True)
class Ranges:
    """Over the other sets of values that explain a fitted profile's figures as well, in ms; None is infinite."""

    sets: int
    mean_ms: tuple[float | None, float | None]
    p_all_ms: tuple[float | None, float | None]


def run_simulate(asked: Asked, *, as_json: bool) -> bool:
    """Simulate and print. Returns whether the objective is met (a closed loop has none). Raises CamsliceError."""
    described = _described(asked)
    seed = asked.seed if described.seed is None else described.seed
    seconds = described.seconds if asked.seconds is None else asked.seconds
    node = node_of(described.load, described.profiles)
    if seconds is None:
        found = simulate_enough(node, seed, Enough(), asked.warm_up_s)
    else:
        found = simulate(node, seconds, seed, asked.warm_up_s)
    ranges = _ranges(described, found.seconds, seed, asked.warm_up_s)
    said = simulated_object(described, found, ranges, seed)
    if as_json:
        print_json(said)
    else:
        _print(described, found, ranges, said)
    return _met(described, found) is not False


def simulated_object(described: Described, found: Simulated, ranges: Ranges | None, seed: int) -> dict[str, object]:
    """The object of `--json`."""
    load, objective, outcome = described.load, described.load.objective, found.node
    interval = percentile_interval(found.trace, 99.0)
    frames = outcome.frames
    said: dict[str, object] = {
        "instance_type": described.instance_type,
        "topology": load.topology.value,
        "pods": len(load.pods),
        "cameras": sum(len(pod.streams) for pod in load.pods),
        "loop": "closed" if _is_closed(described) else "open",
        "stages": {name: histogram.as_latency() for name, histogram in found.stages.items()},
        "fps": round(found.fps, 3),
        "utilisation": {name: round(share, 4) for name, share in found.utilisation.items()},
        "drops": dict(found.drops),
        "frames": {
            "captured": frames.captured,
            "analysed": frames.analysed,
            "superseded": frames.superseded,
            "stale": frames.stale,
            "in_flight": frames.in_flight,
            "drop_rate": round(frames.drop_rate, 6),
        },
        "objective": {
            "latency_ms": objective.latency_ms,
            "percentile": objective.percentile,
            "p_all_ms": None if outcome.p_all_ms is None else round(outcome.p_all_ms, 3),
            "drop_rate": objective.drop_rate,
            "recall": _recall(described),
            "met": _met(described, found),
        },
        "p99_interval_ms": None if interval is None else [round(interval.low_ms, 3), round(interval.high_ms, 3)],
        "profiles": [
            {"model": model, "name": profile.name, "provenance": _provenance(profile)}
            for model, profile in described.profiles.items()
        ],
        "ranges": None
        if ranges is None
        else {"sets": ranges.sets, "mean_ms": list(ranges.mean_ms), "p_all_ms": list(ranges.p_all_ms)},
        "seconds": found.seconds,
        "seed": seed,
        "events": found.events,
        "wall_s": round(found.wall_s, 4),
    }
    if len(found.models) > 1:
        said["models"] = {
            model: {"stages": {name: each.as_latency() for name, each in one.stages.items()}, "fps": round(one.fps, 3)}
            for model, one in found.models.items()
        }
    if described.predicted is not None:
        planned = described.predicted.predicted
        said["shape"] = described.shape
        said["predicted"] = {"p95": planned.latency.p95, "p_all_ms": planned.p_all_ms, "drop_rate": planned.drop_rate}
    return said


def _described(asked: Asked) -> Described:
    if asked.plan is not None:
        return described_by_plan(asked.plan, asked.shape, asked.fps, asked.catalogue)
    arrivals = unevenness(asked.jitter_ms, asked.keyframe_interval_s, asked.keyframe_delay_ms)
    objective = Objective(asked.latency_ms, asked.percentile, asked.drop_rate)
    return described_by_profile(
        asked.profile,
        Machine(asked.instance_type, asked.vcpu, asked.physical_cores, asked.accelerators, asked.mig_profile, asked.catalogue),
        Streams(asked.topology, asked.pods, asked.streams_per_pod, asked.threads, asked.fps, arrivals, objective),
    )


def _ranges(described: Described, seconds: float, seed: int, warm_up_s: float) -> Ranges | None:
    """The same load with each other set of fitted values; None where nothing is fitted by sets."""
    alternatives: list[Mapping[str, Profile]] = [
        {**described.profiles, model: other}
        for model, profile in described.profiles.items()
        for other in profile.alternatives
    ]  # fmt: skip
    if not alternatives:
        return None
    found = [
        simulate(node_of(described.load, profiles), min(seconds, _RANGE_S), seed, warm_up_s).node for profiles in alternatives
    ]
    means = [outcome.total.mean for outcome in found]
    return Ranges(len(found), _ends(means), _ends([outcome.p_all_ms for outcome in found]))


def _ends(values: list[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if value is not None]
    low = round(min(known), 3) if known else None
    return low, (round(max(known), 3) if known and len(known) == len(values) else None)


def _is_closed(described: Described) -> bool:
    return all(stream.fps is None for pod in described.load.pods for stream in pod.streams)


def _met(described: Described, found: Simulated) -> bool | None:
    if _is_closed(described):
        return None
    objective, outcome = described.load.objective, found.node
    in_time = outcome.p_all_ms is not None and outcome.p_all_ms <= objective.latency_ms
    return in_time and outcome.frames.drop_rate <= objective.drop_rate


def _recall(described: Described) -> float | None:
    """Of a plan what its profiles measured, of the worst model: a simulation knows nothing of what pictures show."""
    if described.predicted is None:
        return None
    policies = described.predicted.policies
    models = {pod.model for pod in described.load.pods}
    return min((round(recall_of(described.profiles[model], policies.get(model)), 4) for model in models), default=None)


def _provenance(profile: Profile) -> str:
    return max((profile.provenance, *profile.provenances), key=lambda each: each.rank).value


def _print(described: Described, found: Simulated, ranges: Ranges | None, said: Mapping[str, object]) -> None:
    out = stdout()
    out.print(stage_table({name: histogram.as_latency() for name, histogram in found.stages.items()}))
    out.print(
        f"{found.fps:.1f} frames/s; processor {found.utilisation['cpu']:.0%}, accelerator "
        f"{found.utilisation['accelerator']:.0%} in use; {found.node.frames.dropped} of {found.node.frames.captured} frames "
        f"dropped; {found.seconds:g} s simulated in {found.wall_s:.2f} s"
    )
    objective, p_all_ms = described.load.objective, found.node.p_all_ms
    if (met := _met(described, found)) is not None:
        late = "infinite" if p_all_ms is None else f"{p_all_ms:.1f} ms"
        drop_rate = found.node.frames.drop_rate
        out.print(
            f"p{objective.percentile:g} of all frames {late}, {drop_rate:.1%} dropped: the objective "
            f"({objective.latency_ms:g} ms, {objective.drop_rate:.1%}) is {'met' if met else 'not met'}"
        )
    if described.predicted is not None and described.predicted.policies:
        named = ", ".join(f"{model} by policy {policy}" for model, policy in described.predicted.policies.items())
        out.print(f"recall {_recall(described):.3f}, as the profiles measured it and not simulated ({named})", soft_wrap=True)
    if ranges is not None:
        low, high = ("infinite" if end is None else f"{end:.1f}" for end in ranges.mean_ms)
        out.print(f"over {ranges.sets} other sets of fitted values the mean is {low} to {high} ms")
    for profile in described.profiles.values():
        if _provenance(profile) != Provenance.MEASURED:
            stderr().print(f"rests on {_provenance(profile)} figures ({profile.name})")
