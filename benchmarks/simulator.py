"""How long a simulated hour of the case study takes: 54 pods at 4 frames/s on one time-sliced GPU, 777,600 frames.

The same source runs in CPython and compiled by numba; compiling is not counted. Both must come to the same result, to the bit.

    python -m benchmarks.simulator
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.record import spread, write_result
from camslice.fleet.profile_json import load_profile
from camslice.fleet.types import Objective, Topology
from camslice.plan.simulation.compiled import can_compile
from camslice.plan.simulation.load import NodeLoad, NodeShape, PodLoad, StreamLoad
from camslice.plan.simulation.node import SimulatedPod, Step, Where
from camslice.plan.simulation.result import Simulated
from camslice.plan.simulation.simulate import Way, simulate
from camslice.plan.simulation.translate import node_of

GOALS_S = {Way.PURE: 60.0, Way.COMPILED: 10.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    load = NodeLoad(NodeShape(32, 16, 1), Topology.SLICED, (PodLoad("yolov8", (StreamLoad(4.0),)),) * 54, Objective())
    node = node_of(load, {"yolov8": load_profile("t4-case-study")})
    ways = [way for way in GOALS_S if way is Way.PURE or can_compile()]
    if Way.COMPILED in ways:
        simulate(node, 1.0, 1, way=Way.COMPILED)
    found: dict[Way, list[Simulated]] = {way: [] for way in ways}
    for _ in range(asked.rounds):
        for way in ways:
            found[way].append(simulate(node, asked.seconds, 1, way=way))
    first = found[ways[0]][0]
    same = all(np.array_equal(first.trace.stage_ms, each.trace.stage_ms) for runs in found.values() for each in runs)
    result = {
        "node": {"profile": "t4-case-study", "pods": 54, "fps": 4.0, "topology": "sliced", "instance_type": "g4dn.8xlarge"},
        "simulated_s": asked.seconds,
        "frames": first.node.frames.captured,
        "events": first.events,
        "visits_per_frame": sum(step.where is Where.ACCELERATOR for step in _steps(node.pods[0])),
        "wall_s": {way.value: spread([each.wall_s for each in runs]) for way, runs in found.items()},
        "goals_s": {way.value: goal for way, goal in GOALS_S.items()},
        "same_to_the_bit": same,
    }
    print(result)
    write_result("simulator", result)


def _steps(pod: SimulatedPod) -> tuple[Step, ...]:
    return (*pod.before, *pod.batches[0], *pod.after)


if __name__ == "__main__":
    main()
