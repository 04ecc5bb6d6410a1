"""What is told of a frame at its end: its detections, and the stage clock, from stamps taken on its way."""

from __future__ import annotations

from dataclasses import replace

from camslice.engine.protocol import InferenceTimes
from camslice.fleet.stages import StageTimes
from camslice.models.detections import Detections
from camslice.stream.outbox import Record
from camslice.stream.request import Request
from camslice.stream.watching.look import Decision


def analysed_record(
    request: Request,
    detections: Detections,
    model: int,
    stamps: tuple[int, int],
    times: InferenceTimes,
    finished_ns: int,
) -> Record:
    """The stage clock. `queue` is the mailbox (from the gate on) and the engine's own waiting."""
    stamp = request.frame.stamp
    taken_ns, scaled_ns = stamps
    waited_ns = (taken_ns - stamp.decoded_ns - request.gate_ns) + (times.began_ns - scaled_ns) + times.queue_ns
    stages = StageTimes(
        decode=(stamp.decoded_ns - stamp.captured_ns) / 1e6,
        gate=request.gate_ns / 1e6,
        preprocess=(scaled_ns - taken_ns + times.preprocess_ns) / 1e6,
        queue=waited_ns / 1e6,
        network=times.network_ns / 1e6,
        inference=times.inference_ns / 1e6,
        postprocess=(finished_ns - times.ended_ns + times.postprocess_ns) / 1e6,
        total=(finished_ns - stamp.captured_ns) / 1e6,
    )
    return _record_of(request, model, stages, detections)


def carried_record(request: Request, decision: Decision, model: int, now_ns: int) -> Record:
    """A frame whose boxes were carried on: what is no decoding is the gate's."""
    stamp = request.frame.stamp
    decode_ms, total_ms = (stamp.decoded_ns - stamp.captured_ns) / 1e6, (now_ns - stamp.captured_ns) / 1e6
    stages = StageTimes(decode_ms, total_ms - decode_ms, 0.0, 0.0, 0.0, 0.0, 0.0, total_ms)
    expected = Detections.none() if decision.glance is None else decision.glance.expected
    return _record_of(request, model, stages, expected)


def delayed(record: Record, waited_ns: int) -> Record:
    """With the wait for earlier frames in its `queue`."""
    stages, waited_ms = record.stages, waited_ns / 1e6
    return replace(record, stages=stages._replace(queue=stages.queue + waited_ms, total=stages.total + waited_ms))


def _record_of(request: Request, model: int, stages: StageTimes, detections: Detections) -> Record:
    stamp, picture = request.frame.stamp, request.frame.picture
    return Record(
        request.row,
        stamp.sequence,
        stamp.captured_at_s,
        stamp.pts_s,
        picture.width,
        picture.height,
        request.generation,
        model,
        stages,
        detections,
        request.look,
    )
