"""Is the simulator right about this machine? Closed loops measure a profile, and it predicts what those are not.

Rounds take turns through everything, in an order of their own: the closed loops of 1, 2, 4 and 8 pods for two models, and the
cases to be predicted. The profile is made of the medians of the closed loops alone; no case sets any parameter. Beside the
simulator's errors stand those of a straight line through the closed loops, read off at the number of streams (closed loop) or
at the mean number of frames on their way (open loop).

    python -m benchmarks.calibration --clip vtest.avi --light yolox-nano --heavy yolov8n.onnx --journal trials.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.calibration_cases import CASES, HEAVY, LIGHT, POINTS, Case, node_load, rates_of
from benchmarks.calibration_trials import SETTINGS, Measuring, Round, TimeIsUpError, most_fps_of
from benchmarks.record import PICTURES, spread, write_result
from camslice.fleet.figures import Provenance, RawHistogram
from camslice.fleet.histogram import Histogram
from camslice.fleet.profile import Coverage, Profile, SharingPoint
from camslice.fleet.types import ModelSpec, Topology
from camslice.measure.machine import fingerprint
from camslice.measure.profile.costs import Costs
from camslice.measure.profile.decoding import video_of
from camslice.measure.profile.identity import this_machine
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.shared import Shared
from camslice.measure.profile.stage_costs import SOURCES
from camslice.measure.profile.subject import Subject
from camslice.models.resolve import resolve
from camslice.plan.simulation.load import NodeShape
from camslice.plan.simulation.simulate import simulate
from camslice.plan.simulation.translate import node_of

GOAL = 0.15
SEEDS = 3
SIMULATED_S = 20.0
PERCENTILES = (50.0, 95.0)


@dataclass(frozen=True, slots=True)
class Compared:
    """One model of one case: each round's measurement, what was predicted, what two straight lines say; (p50, p95) in ms."""

    case: Case
    model: str
    rate: float | None
    rounds: tuple[tuple[float | None, float | None], ...]
    predicted: tuple[float, float]
    line: tuple[float, float]
    line_by_streams: tuple[float, float]

    @property
    def measured(self) -> tuple[float, float]:
        """Medians of the rounds; a lost percentile is infinite."""
        columns = zip(*[[np.inf if value is None else value for value in pair] for pair in self.rounds], strict=True)
        p50, p95 = (float(median(column)) for column in columns)
        return p50, p95

    def errors(self, of: tuple[float, float]) -> list[float]:
        """Relative errors at p50 and p95."""
        return [abs(said / seen - 1) if np.isfinite(seen) else np.inf for said, seen in zip(of, self.measured, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--light", default="yolox-nano", help="weights of the model that most cases run")
    parser.add_argument("--heavy", required=True, help="weights of the other model, a slower one")
    parser.add_argument("--journal", type=Path, required=True, help="keeps each trial; the same call goes on from there")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="number of the first round: phases and order go with the number")
    parser.add_argument("--window", type=float, default=8.0, help="seconds of a trial")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many; exit code 3 while trials are left")
    parser.add_argument("--so-far", action="store_true", help="report the rounds that are done when time is up")
    parser.add_argument("--profiles", type=Path, help="a folder for the profiles that came out")
    given = parser.parse_args()
    subjects = {name: subject_of(name, weights, given.clip) for name, weights in ((LIGHT, given.light), (HEAVY, given.heavy))}
    circumstances = {"machine": fingerprint(), "models": [each.info.sha256 for each in subjects.values()], "s": given.window}
    measuring = Measuring(subjects, Journal(given.journal, circumstances), given.window, given.seconds)
    rounds: list[Round] = []
    try:
        for number in range(given.first, given.first + given.rounds):
            rounds.append(measuring.round(number, most_fps_of(rounds[0].points) if rounds else None))
    except TimeIsUpError:
        print(f"{len(rounds)} rounds are done; the same call goes on", file=sys.stderr)
        if not (rounds and given.so_far):
            sys.exit(3)
    report(subjects, rounds, given.first, given.window, given.profiles)


def report(subjects: Mapping[str, Subject], rounds: Sequence[Round], first: int, window_s: float, folder: Path | None) -> None:
    """Predict, compare, print, write down, draw."""
    profiles = {
        model: middle_profile([profile_of(subject, each, model) for each in rounds]) for model, subject in subjects.items()
    }
    if folder is not None:
        from camslice.fleet.profile_json import profile_text

        for profile in profiles.values():
            (folder / f"{profile.model.name}.json").write_text(profile_text(profile))
    most_fps = most_fps_of(rounds[0].points)
    compared = [each for case in CASES for each in compare(case, rates_of(case, most_fps), profiles, rounds, first)]
    summary = errors_of(compared)
    others = [seen.others for each in rounds for seen in each.cases.values()]
    rows = [row_of(each, profiles) for each in compared]
    result = {
        "models": {model: profile.model.name for model, profile in profiles.items()},
        "model_sha256": {model: profile.model.sha256 for model, profile in profiles.items()},
        "rounds": len(rounds),
        "first_round": first,
        "window_s": window_s,
        "priority": os.nice(0),
        "share_of_the_machine_used_by_others": spread(others),
        "goal": GOAL,
        "errors": summary,
        "errors_in_closed_loops": errors_of([each for each in compared if each.rate is None]),
        "errors_in_open_loops": errors_of([each for each in compared if each.rate is not None]),
        "met": summary["simulator"]["median"] <= min(GOAL, summary["straight_line"]["median"]),
        "closed_loops": [point for model, profile in profiles.items() for point in points_of(model, profile, rounds)],
        "cases": rows,
    }
    for row in rows:
        print(in_words(row))
    print(json.dumps({name: each for name, each in result.items() if name.startswith("errors")}, indent=1))
    print(write_result("calibration", result))
    draw(rows)


def errors_of(compared: Sequence[Compared]) -> dict[str, dict[str, float]]:
    """Of p50 and p95 alike: the simulator's, and those of both straight lines."""
    return {
        "simulator": spread([error for each in compared for error in each.errors(each.predicted)]),
        "straight_line": spread([error for each in compared for error in each.errors(each.line)]),
        "straight_line_by_streams": spread([error for each in compared for error in each.errors(each.line_by_streams)]),
    }


def subject_of(name: str, weights: str, clip: Path) -> Subject:
    """The model as a profile of it is measured."""
    spec = ModelSpec(name, weights)
    return Subject(spec, resolve(spec), clip, video_of(clip).fps)


def profile_of(subject: Subject, seen: Round, model: str) -> Profile:
    """What one round says of a model."""
    return profile_from(subject, seen.costs[model], Shared(seen.points[model]))


def profile_from(subject: Subject, costs: Costs, shared: Shared) -> Profile:
    """As `camslice profile` puts it, without a capacity, which open loops show."""
    machine = this_machine(costs.model.device or "")
    return Profile(
        name=f"{subject.info.name} on {machine.name}",
        about="closed loops and costs, for the calibration of the simulator",
        date=datetime.now(UTC).date().isoformat(),
        provenance=Provenance.MEASURED,
        machine=machine,
        model=costs.model,
        covers=Coverage((Topology.DEDICATED, Topology.SLICED, Topology.POOLED)),
        video=costs.video,
        decode=costs.decode,
        stages=costs.stages,
        other_cpu_ms=shared.other_cpu_ms(costs),
        batches=costs.batches,
        memory=shared.memory,
        sharing=shared.points,
        settings={"closed_loop_s": SETTINGS.closed_loop_s, "frames": SETTINGS.frames},
        sources=SOURCES,
    )


def middle_profile(profiles: Sequence[Profile]) -> Profile:
    """The medians of all figures, and the histograms of all rounds together."""
    by_path = [dict(profile.figures()) for profile in profiles]
    middle = {path: median(each[path].value for each in by_path) for path in by_path[0]}
    profile = replace(profiles[0], fits=(middle,)).alternatives[0]
    points = tuple(merged(point, [each.sharing[k] for each in profiles]) for k, point in enumerate(profile.sharing))
    return replace(profile, fits=(), sharing=points)


def merged(point: SharingPoint, of_rounds: Sequence[SharingPoint]) -> SharingPoint:
    histograms = {}
    for name in point.histograms:
        total = Histogram()
        for each in of_rounds:
            if name in each.histograms:
                total.merge(each.histograms[name].histogram())
        histograms[name] = RawHistogram.of(total)
    return replace(point, histograms=histograms)


def compare(
    case: Case, rates: Mapping[str, float], profiles: Mapping[str, Profile], rounds: Sequence[Round], first: int
) -> list[Compared]:
    """Each model of a case."""
    machine = profiles[LIGHT].machine
    shape = NodeShape(machine.vcpu or 1, machine.physical_cores or machine.vcpu or 1)
    turns = quiet_turns(case, rounds)
    seen_quietly = [rounds[turn].cases[case.name] for turn in turns]
    loads = [node_load(case, rates, first + turn, profiles, shape) for turn in turns]
    runs = [simulate(node_of(load, profiles), SIMULATED_S, seed) for load in loads for seed in range(1, SEEDS + 1)]
    found = []
    for model, _ in case.streams:
        totals = [run.models[model].stages["total"] for run in runs]
        p50, p95 = (median(total.percentile(percentile) or np.inf for total in totals) for percentile in PERCENTILES)
        found.append(
            Compared(
                case,
                model,
                rates.get(model),
                tuple((seen.p50_ms[model], seen.p95_ms[model]) for seen in seen_quietly),
                (p50, p95),
                line_at(profiles[model], on_their_way(case, rates, profiles)),
                line_at(profiles[model], case.count),
            )
        )
    return found


def quiet_turns(case: Case, rounds: Sequence[Round]) -> list[int]:
    """The rounds that count: the half (rounded up) in which other programs took least of the machine. Chosen by what they did,
    not by what came out."""
    by_others = sorted(range(len(rounds)), key=lambda turn: rounds[turn].cases[case.name].others)
    return sorted(by_others[: (len(rounds) + 1) // 2])


def on_their_way(case: Case, rates: Mapping[str, float], profiles: Mapping[str, Profile]) -> float:
    """Frames at once: all streams in a closed loop; in an open one by Little's law, with what a frame takes that is alone."""
    if not rates:
        return case.count
    alone_ms = {model: profiles[model].sharing[0].total_ms for model in profiles}
    busy = sum(count * rates[model] * figure.value / 1000 for model, count in case.streams if (figure := alone_ms[model]))
    return max(1.0, busy)


def line_at(profile: Profile, streams: float) -> tuple[float, float]:
    """p50 and p95 of the straight lines through the closed loops (least squares)."""
    said = []
    for percentile in PERCENTILES:
        seen = [point.histograms["total"].histogram().percentile(percentile) or np.inf for point in profile.sharing]
        slope, first = np.polyfit(POINTS, seen, 1)
        said.append(float(first + slope * streams))
    return said[0], said[1]


def in_words(row: Mapping[str, Any]) -> str:
    """A line of the table."""
    words = [f"{row['case']:32} {row['model']:11}"]
    for index, name in enumerate(("p50", "p95")):
        seen, said = row["measured_ms"][index], row["predicted_ms"][index]
        words.append(f"{name} {seen:7.1f} {said:7.1f} {row['errors'][index]:+7.1%} (line {row['line_errors'][index]:+7.0%})")
    return "  ".join(words)


def row_of(each: Compared, profiles: Mapping[str, Profile]) -> dict[str, Any]:
    def rounded(values: Sequence[float]) -> list[float]:
        return [round(value, 3) for value in values]

    def signed(of: tuple[float, float]) -> list[float]:
        return [round(said / seen - 1, 4) for said, seen in zip(of, each.measured, strict=True)]

    return {
        "case": each.case.name,
        "topology": each.case.topology.value,
        "model": profiles[each.model].model.name,
        "fps_per_stream": each.rate,
        "measured_ms": rounded(each.measured),
        "rounds_ms": [[None if value is None else round(value, 3) for value in pair] for pair in each.rounds],
        "predicted_ms": rounded(each.predicted),
        "line_ms": rounded(each.line),
        "line_by_streams_ms": rounded(each.line_by_streams),
        "errors": signed(each.predicted),
        "line_errors": signed(each.line),
    }


def points_of(model: str, profile: Profile, rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """The closed loops that the profile is made of, with the spread of the rounds."""
    return [
        {
            "model": profile.model.name,
            "pods": pods,
            "fps": spread([each.points[model][k].point.fps.value for each in rounds]),  # type: ignore[union-attr]
            "mean_ms": spread([each.points[model][k].point.total_ms.value for each in rounds]),  # type: ignore[union-attr]
        }
        for k, pods in enumerate(POINTS)
    ]


def draw(rows: Sequence[Mapping[str, Any]]) -> Path:
    """Predicted against measured, with the straight line's beside."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    path = PICTURES / "calibration.svg"
    mpl.rcParams["svg.hashsalt"] = "calibration"  # the same figures give the same file
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 4.2), layout="constrained")
    for index, (axes, name) in enumerate(zip(panels, ("p50", "p95"), strict=True)):
        seen = [row["measured_ms"][index] for row in rows]
        ends = [0.7 * min(seen), 1.4 * max(seen)]
        axes.fill_between(ends, [0.85 * end for end in ends], [1.15 * end for end in ends], color="#2f7f86", alpha=0.12, lw=0)
        axes.plot(ends, ends, color="#888888", lw=0.8)
        axes.scatter(seen, [row["line_ms"][index] for row in rows], s=16, marker="x", color="#c0763b", label="straight line")
        axes.scatter(seen, [row["predicted_ms"][index] for row in rows], s=18, color="#2f7f86", label="simulator")
        axes.set(xscale="log", yscale="log", xlabel=f"{name} measured, ms", ylabel=f"{name} predicted, ms", xlim=ends)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


if __name__ == "__main__":
    main()
