"""What `eval --policy` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from camslice.cli.eval_into import add_policies, profile_to_add_to
from camslice.cli.eval_into_fleet import ENDINGS, add_evaluated, fleet_to_add_to
from camslice.cli.eval_plot import check_ending, draw_frontier
from camslice.cli.fetching import FetchBars, asking
from camslice.cli.options import model_on_pictures
from camslice.cli.output import print_json, progress, stdout
from camslice.fleet.errors import CamsliceError
from camslice.fleet.policy import LADDER, Policy
from camslice.fleet.secrets import Source
from camslice.fleet.spec import load_fleet
from camslice.fleet.types import HOURS_PER_MONTH, CameraSpec, Fleet, ModelSpec
from camslice.measure.policy.evaluate import Evaluation, Judged, evaluate_policies
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve

_DEFAULT_MODEL = "yolox-nano"
_DEFAULT_FPS = 5.0
_DEFAULT_CONFIDENCE = 0.35
_DEFAULT_NMS_IOU = 0.5
_BUSY = 0.9
"""The share of a machine's cores that cameras may take: a prediction, for `profile` measures what a machine carries."""
_MOST_FRAMES = 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice eval --help`."""

    policy: str
    clips: tuple[str, ...]
    model: str | None
    cameras: int
    fps: float | None
    seconds: float
    plot: Path | None
    into: Path | None
    confidence: float | None
    nms_iou: float | None
    engine: str
    precision: str


def evaluate_policy(asked: Asked, licences: Sequence[str], *, as_json: bool) -> None:
    """Judge and print. Raises CamsliceError."""
    if asked.plot is not None:
        check_ending(asked.plot)
    fleet = None if asked.policy == "all" or asked.policy in _names() else _fleet(asked.policy)
    policies = _policies(asked, fleet)
    spec, clips = _model(asked, fleet), _clips(asked, fleet)
    frames = max(2, round(asked.seconds * clips[0].fps))
    if frames * asked.cameras > _MOST_FRAMES:
        raise CamsliceError(f"--seconds {asked.seconds:g}: that is {frames * asked.cameras} frames; ask for less.")
    info = resolve(spec, accept=asking(licences), progress=FetchBars())
    add = None if asked.into is None else _adding(asked.into, info, spec, clips)
    cameras = max(asked.cameras, len(clips))
    with progress(f"{len(policies)} policies on {cameras} cameras", frames * cameras) as advance:
        evaluation = evaluate_policies(info, spec, policies, clips, cameras, frames, advance)
    if asked.plot is not None:
        draw_frontier(evaluation, asked.plot)
    if add is not None:
        add(evaluation)
    usd_per_hour = None if fleet is None or fleet.machine is None else fleet.machine.usd_per_hour
    said = [_said(judged, evaluation.fps, usd_per_hour) for judged in evaluation.policies]
    if as_json:
        by_name = asked.policy if asked.policy in _names() else None
        print_json(_json(evaluation, said, by_name, None if fleet is None else fleet.objective.recall))
        return
    _print_table(evaluation, said)


def _adding(into: Path, info: ModelInfo, spec: ModelSpec, clips: Sequence[CameraSpec]) -> Callable[[Evaluation], None]:
    """Writes what was measured into a fleet file or a profile. Raises CamsliceError, before anything is measured."""
    if into.suffix in ENDINGS:
        fleet = fleet_to_add_to(into, spec)
        return lambda evaluation: add_evaluated(into, fleet, spec.name, evaluation)
    profile = profile_to_add_to(into, info)
    return lambda evaluation: add_policies(into, profile, evaluation, clips)


def _policies(asked: Asked, fleet: Fleet | None) -> list[Policy]:
    if asked.policy in _names():
        return [policy for policy in LADDER if policy.name in ("full", asked.policy)]
    if fleet is not None and fleet.policy != "auto":
        return [policy for policy in LADDER if policy.name in ("full", fleet.policy)]
    return list(LADDER)


def _fleet(text: str) -> Fleet:
    path = Path(text)
    if not path.is_file():
        raise CamsliceError(
            f"--policy {text}: that is neither a file nor a policy; give a fleet file, `all`, or one of {', '.join(_names())}."
        )
    return load_fleet(path)


def _model(asked: Asked, fleet: Fleet | None) -> ModelSpec:
    if fleet is None or (asked.model is not None and asked.model not in fleet.models):
        confidence = _DEFAULT_CONFIDENCE if asked.confidence is None else asked.confidence
        nms_iou = _DEFAULT_NMS_IOU if asked.nms_iou is None else asked.nms_iou
        return model_on_pictures(asked.model or _DEFAULT_MODEL, confidence, nms_iou, asked.engine, asked.precision)
    spec = fleet.models[asked.model or next(iter(fleet.models))]
    confidence = spec.confidence if asked.confidence is None else asked.confidence
    return replace(spec, confidence=confidence, nms_iou=spec.nms_iou if asked.nms_iou is None else asked.nms_iou)


def _clips(asked: Asked, fleet: Fleet | None) -> list[CameraSpec]:
    fps = asked.fps or (max(camera.fps for camera in fleet.cameras) if fleet and fleet.cameras else _DEFAULT_FPS)
    if asked.clips:
        return [CameraSpec(f"clip-{i}", Source(clip, clip), fps, ("model",), loop=False) for i, clip in enumerate(asked.clips)]
    if fleet is None or not fleet.cameras:
        raise CamsliceError("eval --policy needs clips: give video files, or a fleet file whose cameras are files or scenes.")
    played = [camera for camera in fleet.cameras if _has_end(camera.watched.reveal())]
    if not played:
        raise CamsliceError(
            f"{asked.policy}: none of its cameras is a file or a scene that can be played again; record clips and give them."
        )
    return [replace(camera, fps=fps, loop=False) for camera in played]


def _has_end(address: str) -> bool:
    return address.startswith("scene://") or ("://" not in address and Path(address).is_file())


def _names() -> list[str]:
    return [policy.name for policy in LADDER]


def _said(judged: Judged, fps: float, usd_per_hour: float | None) -> dict[str, object]:
    cores = len(os.sched_getaffinity(0))
    carried = int(_BUSY * 1000 * cores / (judged.cpu_ms_per_frame * fps))
    usd = usd_per_hour * HOURS_PER_MONTH / carried if usd_per_hour is not None and carried else None
    return {
        "policy": judged.policy.name,
        "recall": _rounded(judged.recall),
        "recall_low": _rounded(judged.recall_low),
        "precision": _rounded(judged.precision),
        "inferences_per_frame": round(judged.inferences_per_frame, 4),
        "cpu_ms_per_frame": round(judged.cpu_ms_per_frame, 3),
        "first_detection_delay_ms": round(judged.first_detection_delay_ms, 1),
        "looks": {look.name.lower(): round(share, 4) for look, share in judged.looks.items()},
        "predicted_cameras": carried,
        "usd_per_camera_month": _rounded(usd),
    }


def _json(
    evaluation: Evaluation, said: Sequence[dict[str, object]], by_name: str | None, demanded: float | None
) -> dict[str, object]:
    """The keys of the policy that was asked for by name, else of the cheapest that keeps what is demanded, else of the
    cheapest; and those of all."""
    keeps = [each for each in said if isinstance(each["recall"], float) and each["recall"] >= (demanded or 0.0)]
    named = [each for each in said if each["policy"] == by_name]
    chosen = min(named or keeps or said, key=lambda each: float(str(each["cpu_ms_per_frame"])))
    return {
        **chosen,
        "model": evaluation.model,
        "model_precision": evaluation.precision,
        "cameras": evaluation.cameras,
        "frames": evaluation.frames,
        "fps": evaluation.fps,
        "provenance": "measured",
        "policies": list(said),
    }


def _print_table(evaluation: Evaluation, said: Sequence[dict[str, object]]) -> None:
    from rich.table import Table

    title = f"{evaluation.model} ({evaluation.precision}), {evaluation.cameras} cameras at {evaluation.fps:g} frames/s"
    table = Table(title=f"{title}, {evaluation.frames} frames")
    names = ("policy", "recall", "precision", "inferences/frame", "CPU ms/frame", "first seen later by (ms)", "cameras here")
    for name in names:
        table.add_column(name, justify="left" if name == "policy" else "right")
    keys = ("policy", "recall", "precision", "inferences_per_frame", "cpu_ms_per_frame", "first_detection_delay_ms")
    for each in said:
        table.add_row(*("-" if each[key] is None else str(each[key]) for key in keys), f"~{each['predicted_cameras']}")
    stdout().print(table)
    stdout().print(
        "Recall and precision: against the model in full precision on every full frame, confidence and class alike, IoU 0.5. "
        "Cameras: predicted from the CPU time alone; `camslice profile` measures them.",
        highlight=False,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
