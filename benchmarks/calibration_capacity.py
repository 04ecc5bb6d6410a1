"""Plan this machine itself, then see: 10 % below the capacity that the plan predicts the objective holds, 10 % above it breaks.

Each round begins with a profile: closed loops, no capacity. From it, with a catalogue that has this machine as its only type
and a fleet of more and more cameras at 5 frames/s, comes what `camslice plan` puts on one node. A plan keeps back what
Kubernetes takes of a node (3.5 % of two processors), and here is none: so the capacity that is put to the test is the most
streams that hold the objective when the same node is simulated. `camslice bench` then runs 10 % less and 10 % more of them in
an open loop. A trial must be long: at an overload e latency passes the objective L after L / e seconds, and frames are dropped
from then on.

    python -m benchmarks.calibration_capacity --clip vtest.avi --model yolox-nano --journal trials.json
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.calibration import profile_from, subject_of
from benchmarks.record import write_result
from camslice.fleet.profile import Profile
from camslice.fleet.profile_json import load_profile, profile_text
from camslice.fleet.types import Objective, Topology
from camslice.measure.profile.costs import measured_costs
from camslice.measure.profile.identity import available_memory_mb
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.observe import ThisMachine
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.shared import measured_sharing
from camslice.measure.profile.subject import Subject
from camslice.plan.simulation.load import NodeLoad, NodeShape, PodLoad, StreamLoad
from camslice.plan.simulation.simulate import simulate
from camslice.plan.simulation.translate import node_of

FPS = 5.0
TOPOLOGIES = ("pooled", "sliced")
OBJECTIVE = {"latency_ms": 500, "percentile": 95, "drop_rate": 0.01}
MACHINE = "this-machine"
MARGIN = 0.1
MOST = 1000
SIMULATED_S = 40.0
SEEDS = 5
CLOSED_LOOP_S = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", default="yolox-nano")
    parser.add_argument("--journal", type=Path, required=True, help="keeps each step; the same call goes on from there")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trial", type=float, default=40.0, help="seconds of a trial")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many; exit code 3 while trials are left")
    given = parser.parse_args()
    until_s = time.monotonic() + given.seconds
    done: dict[str, Any] = json.loads(given.journal.read_text()) if given.journal.exists() else {}
    subject = subject_of(given.model, given.model, given.clip)

    def step(name: str, work: Callable[[], Any]) -> Any:
        if name not in done:
            if time.monotonic() > until_s:
                sys.exit(3)
            done[name] = work()
            print(name, "done", file=sys.stderr, flush=True)
            given.journal.write_text(json.dumps(done))
        return done[name]

    for turn in range(given.rounds):
        said = step(f"{turn}/profile", partial(measured_profile, subject, given.journal, turn))
        for topology in TOPOLOGIES:
            capacity = step(f"{turn}/{topology}", partial(planned, topology, said, given.model))["streams"]
            for streams in loads(capacity):
                work = partial(trial, topology, streams, turn, given.clip, given.model, given.trial)
                found = step(f"{turn}/{topology}/{streams}", work)
                print(topology, streams, "of", capacity, found, file=sys.stderr, flush=True)
    rounds = [each for turn in range(given.rounds) for each in checks(turn, done)]
    result = {
        "model": given.model,
        "fps_per_stream": FPS,
        "objective": OBJECTIVE,
        "margin": MARGIN,
        "trial_s": given.trial,
        "rounds": rounds,
        "met": all(each["below"]["met"] and not each["above"]["met"] for each in rounds),
    }
    print(json.dumps(rounds, indent=1))
    print(write_result("calibration-capacity", result))


def loads(capacity: int) -> tuple[int, int]:
    """So many per cent below and above it, in whole streams away from it."""
    return math.floor((1 - MARGIN) * capacity), math.ceil((1 + MARGIN) * capacity)


def measured(subject: Subject, journal: Path, turn: int) -> Profile:
    """All that `camslice profile` measures but the capacity, which is an open loop."""
    settings = Settings(objective=Objective(**OBJECTIVE), codecs=(), batch_sizes=(1,), closed_loop_s=CLOSED_LOOP_S)
    steps = Journal(journal.with_name(f"{journal.name}.{turn}"), {})
    # Closed loops first: until this process computes the model itself, it is but a supervisor.
    shared = measured_sharing(settings, ThisMachine(subject, settings), steps, _nobody, available_memory_mb())
    costs = measured_costs(subject, settings, steps, _nobody)
    steps.remove()
    return profile_from(subject, costs, shared)


def measured_profile(subject: Subject, journal: Path, turn: int) -> dict[str, Any]:
    """As it stands in a file."""
    return dict(json.loads(profile_text(measured(subject, journal, turn))))


def _nobody(_words: str, _seconds: float) -> None:
    """Nobody is told what is measured."""


def planned(topology: str, said: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The most streams that `camslice plan` puts on this machine alone, the most that hold in a simulation, and what that says
    of them."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "profile.json"
        where.write_text(json.dumps(said))
        profile = load_profile(str(where))
        catalogue = Path(folder) / "catalogue.yaml"
        catalogue.write_text(yaml.safe_dump(catalogue_of(profile)))

        def on_one_node(streams: int) -> dict[str, Any] | None:
            plan = plan_of(Path(folder), catalogue, fleet_of(streams, topology, profile, model), where)
            nodes = [] if plan is None else plan["nodes"]
            return dict(nodes[0]) if [node["count"] for node in nodes] == [1] else None

        plan_streams, node = most(on_one_node)
    streams, found = most(lambda streams: simulated(streams, topology, profile))
    return {
        "planned_streams": plan_streams,
        "binding_constraint": node["binding_constraint"],
        "streams": streams,
        **found,
    }


def most(holds: Callable[[int], dict[str, Any] | None]) -> tuple[int, dict[str, Any]]:
    """The largest number for which there is an answer, and that answer."""
    low, high, best = 0, 1, None
    while high <= MOST and (found := holds(high)) is not None:
        low, high, best = high, 2 * high, found
    while high - low > 1:
        streams = (low + high) // 2
        if (found := holds(streams)) is None:
            high = streams
        else:
            low, best = streams, found
    assert best is not None, "not even one stream fits"
    return low, best


def simulated(streams: int, topology: str, profile: Profile) -> dict[str, Any] | None:
    """What is simulated of so many streams, for as long as a trial lasts; None if the objective does not hold in most sets of
    phases."""
    machine, video = profile.machine, profile.video
    assert video is not None
    assert machine.vcpu is not None
    shape = NodeShape(machine.vcpu, machine.physical_cores or machine.vcpu)
    stream = StreamLoad(FPS, video.width * video.height / 1e6, video.codec, FPS)
    pooled = (PodLoad("m", (stream,) * streams, machine.vcpu),)
    pods = pooled if topology == "pooled" else (PodLoad("m", (stream,)),) * streams
    objective = Objective(**OBJECTIVE)
    node = node_of(NodeLoad(shape, Topology(topology), pods, objective), {"m": profile})
    runs = [simulate(node, SIMULATED_S, seed) for seed in range(SEEDS)]
    p95_ms = [math.inf if run.node.p_all_ms is None else run.node.p_all_ms for run in runs]
    held = [
        ms <= objective.latency_ms and run.node.frames.drop_rate <= objective.drop_rate
        for ms, run in zip(p95_ms, runs, strict=True)
    ]
    if 2 * sum(held) <= SEEDS:
        return None
    return {"p95_all_ms": round(median(p95_ms), 2), "utilisation": median(run.utilisation["cpu"] for run in runs)}


def catalogue_of(profile: Profile) -> dict[str, Any]:
    machine = profile.machine
    row = {
        "type": MACHINE,
        "vcpu": machine.vcpu,
        "cores": machine.physical_cores or machine.vcpu,
        "memory_mb": round(machine.memory_mb or 0.0),
        "cpu_family": machine.cpu_family,
        "architecture": machine.architecture,
        "on_demand@here": 0.1,
    }
    today = profile.date
    return {
        "date": today,
        "sources": {"none": "a price to compare with nothing"},
        "prices": {"on_demand@here": f"{today} none"},
        "instance_types": [row],
    }


def fleet_of(streams: int, topology: str, profile: Profile, model: str) -> dict[str, Any]:
    video = profile.video
    assert video is not None
    # The bench plays the clip at just the rate of the load, so that is what these cameras send.
    sends = {"width": video.width, "height": video.height, "fps": FPS, "codec": video.codec, "kbps": video.kbps or 1000.0}
    camera = {"name": "camera", "source": "rtsp://camera.example/stream", "fps": FPS, "model": "m", "count": streams}
    return {
        "objective": OBJECTIVE,
        "models": {"m": {"weights": model}},
        "cameras": [{**camera, "stream": sends}],
        "planning": {"topologies": [topology], "regions": ["here"], "system_pods": "none"},
    }


def plan_of(folder: Path, catalogue: Path, fleet: Mapping[str, Any], profile: Path) -> dict[str, Any] | None:
    """None: there is no plan."""
    (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    found = camslice(
        "plan", str(folder / "fleet.yaml"), "--profile", str(profile), "--catalogue", str(catalogue), "--nodes-only",
        "--out", str(folder / "plan.yaml"), "--json",
    )  # fmt: skip
    return found if found.get("feasible") else None


def trial(topology: str, streams: int, turn: int, clip: Path, model: str, seconds: float) -> dict[str, Any]:
    """One open loop, with phases of its own."""
    found = camslice(
        "bench", "--topology", topology, "--pods", str(streams), "--model", model, "--clip", str(clip), "--fps", f"{FPS:g}",
        "--seconds", f"{seconds:g}", "--seed", str(turn + 1), "--json",
    )  # fmt: skip
    row = found["rows"][0]
    return {
        "p95_all_ms": row["p95_all_ms"],
        "drop_rate": round(row["rounds"][0]["drop_rate"], 5),
        "fps": round(row["fps"], 2),
        "cpu_cores": round(row["cpu_cores"], 3),
        "met": row["objective"]["met"],
    }


def checks(turn: int, done: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What one round predicted of each topology, and what then happened."""
    found = []
    for topology in TOPOLOGIES:
        said = done[f"{turn}/{topology}"]
        below, above = loads(said["streams"])
        found.append(
            {
                "topology": topology,
                "predicted": said,
                "below": {"streams": below, **done[f"{turn}/{topology}/{below}"]},
                "above": {"streams": above, **done[f"{turn}/{topology}/{above}"]},
            }
        )
    return found


def camslice(*arguments: str) -> dict[str, Any]:
    """What a command prints with --json; code 1 means an objective that is not met."""
    command = [str(Path(sys.executable).parent / "camslice"), *arguments]
    found = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if found.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {found.returncode}")
    return dict(json.loads(found.stdout))


if __name__ == "__main__":
    main()
