"""Several policies on the same frames, beside the full-precision model on every full frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from camslice.fleet.policy import Policy
from camslice.fleet.types import Backend, CameraSpec, ModelSpec, Precision
from camslice.measure.policy.clips import Due, PlayedCamera, cameras_of
from camslice.measure.policy.looker import Looker
from camslice.measure.policy.trial import FullFrames, Trial, look_in_full
from camslice.models.model import ModelInfo
from camslice.stream.watching.look import Look
from camslice.stream.watching.seen import DOUBTFUL
from camslice.video.gate.gate import Gate
from camslice.video.gate.sight import Sight

_BOOTSTRAPS = 400


@dataclass(frozen=True, slots=True)
class Judged:
    """One policy. `recall` and `precision` are against the full-precision model's full frames, None where that shows nothing;
    `recall_low` is the 5th percentile of the recall when frames are drawn anew (bootstrap). `cpu_ms_per_frame` counts decoding,
    the gate, all of camslice's own work (`own_cpu_ms_per_frame`) and inference. `region_pixels_per_frame`: on canvases, at the
    model's scale. `looks`: shares of the frames by how they were looked at.
    """

    policy: Policy
    recall: float | None
    recall_low: float | None
    precision: float | None
    inferences_per_frame: float
    region_pixels_per_frame: float
    cpu_ms_per_frame: float
    own_cpu_ms_per_frame: float
    first_detection_delay_ms: float
    looks: Mapping[Look, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`precision` is the model's own arithmetic and `device` its engine's; `frames` were judged, of `cameras`, each at `fps`.

    `moving_share`: of the picture, in which the gate saw something move, on average over frames that it understood.
    `detections_per_frame` are those of the full-precision model on full frames.
    """

    model: str
    precision: str
    device: str
    cameras: int
    frames: int
    fps: float
    gate_cpu_ms_per_frame: float
    moving_share: float
    detections_per_frame: float
    policies: tuple[Judged, ...]


def evaluate_policies(
    info: ModelInfo,
    spec: ModelSpec,
    policies: Sequence[Policy],
    clips: Sequence[CameraSpec],
    cameras: int,
    frames_each: int,
    advance: Callable[[], None],
) -> Evaluation:
    """Play `clips` as so many cameras, `frames_each` frames of each, and judge every policy on them. `advance` is called after
    each frame. Raises SourceError, EngineError."""
    played = cameras_of(clips, cameras, frames_each)
    looker = Looker(info, replace(spec, confidence=spec.confidence * DOUBTFUL))
    try:
        exact = looker if looker.info.precision == "fp32" else Looker(info, _full_precision(spec))
        try:
            return _evaluate(info, spec, policies, played, frames_each, looker, exact, advance)
        finally:
            if exact is not looker:
                exact.close()
    finally:
        looker.close()
        for camera in played:
            camera.close()


def _evaluate(
    info: ModelInfo,
    spec: ModelSpec,
    policies: Sequence[Policy],
    played: Sequence[PlayedCamera],
    frames_each: int,
    looker: Looker,
    exact: Looker,
    advance: Callable[[], None],
) -> Evaluation:
    trials = [Trial(policy, looker, len(played), spec.confidence) for policy in policies]
    gates = [Gate(camera.masks) for camera in played]
    reference: FullFrames = {}
    full_frames: FullFrames = {} if exact is not looker else reference
    gate_s, wanted = 0.0, 0
    moving: list[float] = []
    for _ in range(frames_each):
        frames = [camera.next() for camera in played]
        started_s = time.thread_time()
        sights = [_look(gate, frame) for gate, frame in zip(gates, frames, strict=True)]
        gate_s += time.thread_time() - started_s
        moving += [float(sight.cells.mean()) for sight in sights if sight.disturbance is None]
        look_in_full(exact, frames, reference, spec.confidence)
        wanted += sum(len(reference[frame.key]) for frame in frames)
        for trial in trials:
            trial.step(frames, sights, reference, full_frames)
        for _ in frames:
            advance()
    count = frames_each * len(played)
    gate_ms = 1000 * gate_s / count
    before_ms = gate_ms + 1000 * sum(camera.cpu_s for camera in played) / count
    inference_ms = 1000 * looker.cpu_s / max(1, looker.inferences)
    fps = played[0].fps
    judged = tuple(_judged(trial, count, before_ms, inference_ms, fps) for trial in trials)
    share = float(np.mean(moving)) if moving else 1.0
    told = looker.info
    return Evaluation(info.name, told.precision, told.device, len(played), count, fps, gate_ms, share, wanted / count, judged)


def _look(gate: Gate, frame: Due) -> Sight:
    if frame.starts:
        gate.reset()
    return gate.look(frame.picture, frame.at_s)


def _judged(trial: Trial, frames: int, before_ms: float, inference_ms: float, fps: float) -> Judged:
    spent, kept = trial.spent, trial.kept
    per_frame = spent.inferences / frames
    own_ms = 1000 * spent.own_cpu_s / frames
    delays = [delay for seen in trial.first_seen for delay in seen.delays]
    return Judged(
        trial.policy,
        kept.recall,
        kept.recall_low(_BOOTSTRAPS),
        kept.precision,
        per_frame,
        spent.region_pixels / frames,
        before_ms + own_ms + per_frame * inference_ms,
        own_ms,
        1000 / fps * float(np.mean(delays)) if delays else 0.0,
        {look: count / frames for look, count in spent.looks.items()},
    )


def _full_precision(spec: ModelSpec) -> ModelSpec:
    """The same model as exactly as its backend computes."""
    return spec if spec.backend is Backend.OIP else replace(spec, precision=Precision.FP32)
