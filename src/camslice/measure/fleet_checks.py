"""What doctor says of a declared fleet on this machine: what it will take, and what of it is missing."""

from __future__ import annotations

from collections import Counter

from camslice.engine.memory import available_memory_bytes
from camslice.engine.openvino_core import openvino_core
from camslice.engine.precision import decide
from camslice.fleet.errors import CamsliceError
from camslice.fleet.types import Backend, CameraSpec, Decoder, Fleet, ModelSpec, mailbox_depth
from camslice.measure.checks import Check
from camslice.models.catalogue import load_catalogue
from camslice.models.fetch import find
from camslice.models.resolve import is_path, own_file, resolve
from camslice.stream.memory import SMALLEST_POD_MB
from camslice.stream.topologies.make import make_sharing
from camslice.video.check import check_source
from camslice.video.sources.hardware import hardware

ASSUMED_WIDTH, ASSUMED_HEIGHT = 1920, 1080
BYTES_PER_PIXEL = 1.5
"""Of a decoded frame in 4:2:0: one byte of luma, a quarter each of the two chroma planes."""

_SHOWN = 5


def load(fleet: Fleet) -> Check:
    """How much is to be analysed."""
    streams = [(camera, model) for camera in fleet.cameras for model in camera.models]
    due_fps = sum(camera.fps for camera, _ in streams)
    detail = f"{len(fleet.cameras)} cameras, {len(streams)} streams, {due_fps:g} frames per second due for analysis"
    return Check.of("load", detail, fix=None)


def topology(fleet: Fleet) -> Check:
    """The pods that the topology makes of this fleet here, and whether memory holds even the smallest of that kind."""
    try:
        sharing = make_sharing(fleet)
        pods = len(sharing.place(fleet.cameras, {}).pods)
    except CamsliceError as error:
        return Check.of("topology", str(error), fix="Choose another topology for this machine, or other hardware for it.")
    beside = f" beside an engine process on {sharing.engine.threads} threads" if sharing.engine is not None else ""
    threads = sharing.pod(0, pods).threads
    detail = (
        f"{fleet.topology}: {pods} pod{'s' if pods != 1 else ''}{beside}, {threads} engine thread{'s' if threads != 1 else ''} "
        f"each; a pod takes at least {SMALLEST_POD_MB:.0f} MB, together {pods * SMALLEST_POD_MB:,.0f} MB"
    )
    too_much = pods * SMALLEST_POD_MB * 1e6 > available_memory_bytes()
    fix = "Write a higher streams_per_pod or topology: pooled, or take a machine with more memory."
    return Check.of("topology", detail, fix=fix if too_much else None)


def mailboxes(fleet: Fleet) -> Check:
    """The most memory that waiting frames can take. Their size is known only once they arrive, so 1920 x 1080 is assumed."""
    frames = sum(
        mailbox_depth(fleet.objective, fleet.pace, camera.fps, camera.freshness) * len(camera.models)
        for camera in fleet.cameras
    )
    bound = frames * BYTES_PER_PIXEL * ASSUMED_WIDTH * ASSUMED_HEIGHT
    formula = f"{frames} frames x {BYTES_PER_PIXEL} bytes x {ASSUMED_WIDTH} x {ASSUMED_HEIGHT} pixels, a size assumed"
    detail = f"waiting frames take at most {bound / 1e6:,.0f} MB ({formula}); depths follow latency_ms, fps and freshness"
    too_much = bound > available_memory_bytes()
    fix = "Write freshness: latest, fewer frames per second or a shorter latency_ms, or take a machine with more memory."
    return Check.of("mailboxes", detail, fix=fix if too_much else None)


def sources(fleet: Fleet) -> Check:
    """Whether files can be read; what is on a network or a device may come up later and is not opened."""
    different: dict[str, CameraSpec] = {}
    for camera in fleet.cameras:
        different.setdefault(camera.watched.reveal(), camera)
    problems = [problem for camera in different.values() if (problem := _problem_of(camera))]
    if not problems:
        return Check.of("sources", f"{len(different)} different; no file is missing", fix=None)
    more = f" (and {len(problems) - _SHOWN} more)" if len(problems) > _SHOWN else ""
    detail = "; ".join(problems[:_SHOWN]) + more
    return Check.of("sources", detail, fix="Correct these sources in the fleet file, or put the files there.")


def decoders(fleet: Fleet) -> Check:
    """What decodes the cameras here, and whether the devices that are asked for are there."""
    asked = Counter(camera.decoder for camera in fleet.cameras)
    found = {decoder: hardware(decoder) for decoder in sorted(asked)}
    detail = "; ".join(
        f"{decoder} for {asked[decoder]}: {here.lacking or f'decoded by {here.device or Decoder.SOFTWARE}'}"
        for decoder, here in found.items()
    )
    lacks = any(here.lacking for here in found.values())
    fix = "Give this process the device and its driver, or write decoder: software for these cameras."
    return Check.of("camera decoders", detail or "no camera", fix=fix if lacks else None)


def models(fleet: Fleet) -> Check:
    """Whether the weights that cameras use are here."""
    used = _used(fleet)
    missing = [spec for spec in used if not _is_here(spec)]
    if not missing:
        return Check.of("models", f"{', '.join(spec.name for spec in used)}: the weights are here", fix=None)
    detail = ", ".join(f"{spec.name} ({spec.weights})" for spec in missing) + ": the weights are not here"
    return Check.of("models", detail, fix=" ".join(_how_to_get(spec) for spec in missing))


def precisions(fleet: Fleet) -> Check:
    """In which arithmetic each model will compute here, and why in that one."""
    core = openvino_core()
    decided = []
    for spec in _used(fleet):
        if spec.backend is not Backend.OPENVINO:
            decided.append(f"{spec.name}: as {spec.backend} decides")
        elif not _is_here(spec):
            decided.append(f"{spec.name}: not known before the weights are here")
        else:
            device = spec.device or "CPU"
            has_bf16 = "BF16" in core.get_property(device, "OPTIMIZATION_CAPABILITIES")
            decision = decide(resolve(spec), spec.precision, device, has_bf16=has_bf16)
            decided.append(f"{spec.name}: {decision.precision.upper()} ({decision.why})")
    return Check.of("precision", "; ".join(decided) or "no model", fix=None)


def _used(fleet: Fleet) -> list[ModelSpec]:
    used = {name for camera in fleet.cameras for name in camera.models} or set(fleet.models)
    return [fleet.models[name] for name in sorted(used)]


def _problem_of(camera: CameraSpec) -> str | None:
    try:
        check_source(camera)
    except CamsliceError as error:
        return f"{camera.name}: {str(error).rstrip('.')}"
    return None


def _is_here(spec: ModelSpec) -> bool:
    known = load_catalogue()
    own = own_file(spec.weights, known)
    return own.is_file() if own is not None else find(known.entry(spec.weights)) is not None


def _how_to_get(spec: ModelSpec) -> str:
    return f"Put a file at {spec.weights}." if is_path(spec.weights) else f"camslice models pull {spec.weights}"
