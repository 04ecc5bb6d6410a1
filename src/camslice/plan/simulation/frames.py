"""The frames of a simulation: each with its stage clock and its fate, and the table that they become."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from camslice.fleet.stages import STAGES
from camslice.plan.simulation.result import IN_FLIGHT, Trace

STAGE_INDEX = {name: index for index, name in enumerate(STAGES)}
QUEUE = STAGE_INDEX["queue"]
DECODE = STAGE_INDEX["decode"]
NETWORK = STAGE_INDEX["network"]


@dataclass(slots=True, eq=False)
class SimulatedFrame:
    """One frame on its way. `since_ms`: when the stage began that it is in."""

    captured_ms: float
    pod: int
    stream: int
    factor: float = 1.0
    fate: int = IN_FLIGHT
    since_ms: float = 0.0
    stage_ms: list[float] = field(default_factory=lambda: [0.0] * len(STAGES))

    def end_stage(self, stage: int, now_ms: float) -> None:
        """What passed since the last stage ended was this one."""
        self.stage_ms[stage] += now_ms - self.since_ms
        self.since_ms = now_ms


def trace_of(frames: list[SimulatedFrame]) -> Trace:
    """The table of these frames, in the order in which they were captured."""
    ordered = sorted(frames, key=lambda frame: frame.captured_ms)
    return Trace(
        np.array([frame.captured_ms for frame in ordered], np.float64),
        np.array([frame.pod for frame in ordered], np.int64),
        np.array([frame.stream for frame in ordered], np.int64),
        np.array([frame.fate for frame in ordered], np.int64),
        np.array([frame.stage_ms for frame in ordered], np.float64).reshape(len(ordered), len(STAGES)),
    )
