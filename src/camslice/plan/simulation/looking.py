"""What a pod costs that looks at less than full frames, in terms of the simulator.

Work is spread evenly: each frame takes its share of an inference, as measured, where in truth many lie on one canvas and now
and then a frame is analysed in full. So bursts of full frames are not simulated. What a frame waits is taken from above: it
waits for company as long as it may at the most, and as long as a whole canvas is being computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from camslice.fleet.policy import PATIENCE
from camslice.plan.simulation.load import Looking
from camslice.plan.simulation.node import SimulatedPod, Step, Where


def looking_less(pod: SimulatedPod, looking: Looking, latency_ms: float, inference: Sequence[Step]) -> SimulatedPod:
    """The pod, which is one that looks at full frames, under this policy; `latency_ms` is its objective's, `inference` what one
    picture takes in its engine."""
    share = looking.inferences_per_frame
    whole_ms = sum(step.ms for step in (*pod.before, *inference, *pod.after))
    company_ms = PATIENCE * latency_ms + max(0.0, 1.0 - share) * whole_ms
    streams = tuple(
        replace(
            stream,
            decode_ms=stream.decode_ms + looking.gate_cpu_ms,
            company_ms=0.0 if stream.interval_ms is None else company_ms,
        )
        for stream in pod.streams
    )
    return replace(
        pod,
        streams=streams,
        before=(Step("preprocess", Where.CPU, looking.own_cpu_ms), *steps_less(pod.before, share)),
        batches=tuple(steps_less(batch, share) for batch in pod.batches),
        after=steps_less(pod.after, share),
    )


def steps_less(steps: Sequence[Step], share: float) -> tuple[Step, ...]:
    """A frame's share of these steps."""
    return tuple(replace(step, ms=step.ms * share) for step in steps)
