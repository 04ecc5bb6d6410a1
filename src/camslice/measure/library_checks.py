"""What doctor looks at in the libraries below camslice: decoders, OpenCV, engines, model files, usage reports."""

from __future__ import annotations

import os
from importlib.metadata import distributions, version
from pathlib import Path

from camslice.engine.openvino_core import openvino_core
from camslice.engine.telemetry import ONNXRUNTIME_SWITCH, switch_off_telemetry
from camslice.measure.checks import Check
from camslice.measure.machine import nvidia_devices
from camslice.models.catalogue import Kind, load_catalogue
from camslice.models.fetch import find

DECODERS = {"H.264": "h264", "HEVC": "hevc", "MJPEG": "mjpeg", "MPEG-4": "mpeg4", "AV1": "libdav1d"}
"""What cameras and clips are coded in, and the decoder in software that reads it."""
_REINSTALL_AV = "Install PyAV from its wheel: pip install --force-reinstall --only-binary=:all: av"


def decoders() -> Check:
    """Whether FFmpeg, as PyAV brings it, can read the usual video."""
    import av

    missing = [name for name, decoder in DECODERS.items() if not _decodes(decoder)]
    reads = ", ".join(name for name in DECODERS if name not in missing)
    lacks = f"; not {', '.join(missing)}" if missing else ""
    detail = f"PyAV {av.__version__} with libavcodec {_libavcodec()} reads {reads}{lacks}"
    return Check.of("decoders", detail, fix=_REINSTALL_AV if missing else None)


def network_cameras() -> Check:
    """Whether FFmpeg can open the addresses that cameras have. No ffmpeg program is needed."""
    import av

    missing = [form for form in ("rtsp", "hls", "mpjpeg") if form not in av.formats_available]
    detail = (
        f"{', '.join(missing)} cannot be read" if missing else "RTSP, HLS and MJPEG can be read; no ffmpeg program is needed"
    )
    return Check.of("network cameras", detail, fix=_REINSTALL_AV if missing else None)


def hardware_decoders() -> Check:
    """Decoders in hardware: FFmpeg must know them, and the device must be there."""
    from av.codec.hwaccel import hwdevices_available

    devices = [*(path.name for path in sorted(Path("/dev/dri").glob("renderD*"))), *nvidia_devices()]
    known = ", ".join(hwdevices_available()) or "none"
    present = ", ".join(devices) or "no such device here"
    detail = f"FFmpeg knows {known}; {present}; video is decoded on the processor unless a camera has a `decoder`"
    return Check.of("hardware decoders", detail, fix=None)


def opencv() -> Check:
    """Exactly one OpenCV wheel, the headless one: two overwrite each other's files, the others need libGL."""
    wheels = sorted(
        {name for one in distributions() if (name := (one.name or "").lower().replace("_", "-")).startswith("opencv-")}
    )
    if len(wheels) == 1 and "headless" in wheels[0]:
        return Check.of("opencv", f"{wheels[0]} {version(wheels[0])}", fix=None)
    fix = "pip uninstall every opencv wheel, then pip install --force-reinstall opencv-python-headless"
    return Check.of("opencv", f"found {', '.join(wheels) or 'no wheel'} where only opencv-python-headless should be", fix=fix)


def openvino() -> Check:
    """The default engine and the devices it sees."""
    devices = list(openvino_core().available_devices)
    fix = None if devices else "Reinstall openvino: pip install --force-reinstall openvino"
    return Check.of("openvino", f"{version('openvino')} on {', '.join(devices) or 'no device'}", fix=fix)


def onnxruntime() -> Check:
    """The other engine and what it can run on."""
    switch_off_telemetry()
    import onnxruntime as ort

    providers = [name.removesuffix("ExecutionProvider") for name in ort.get_available_providers()]
    lacks = bool(nvidia_devices()) and "CUDA" not in providers
    fix = "To use the GPU: pip uninstall onnxruntime, then pip install onnxruntime-gpu" if lacks else None
    detail = f"{ort.__version__} on {', '.join(providers)}" + ("; it cannot use the GPU that is here" if lacks else "")
    return Check.of("onnxruntime", detail, fix=fix)


def model_files(needed: bool) -> Check:
    """Which models of the list lie on this machine. Not `needed` when a fleet says itself which weights it uses."""
    models = [entry for entry in load_catalogue().entries if entry.kind is Kind.MODEL]
    found = [entry.name for entry in models if find(entry) is not None]
    remedy = f"camslice models pull {models[0].name}, or name a folder of models in CAMSLICE_MODELS"
    fix = remedy if needed and not found else None
    detail = f"{', '.join(found)} found" if found else "none of the model list is here"
    return Check.of("model files", f"{detail} ({len(found)} of {len(models)})", fix=fix)


def telemetry() -> Check:
    """Whether the libraries' usage reports are off."""
    switch_off_telemetry()
    setting = os.environ[ONNXRUNTIME_SWITCH]
    if setting == "1":
        return Check.of("telemetry", "off: OpenVINO and ONNX Runtime report nothing", fix=None)
    return Check.of("telemetry", f"{ONNXRUNTIME_SWITCH}={setting} lets ONNX Runtime report", fix=f"Unset {ONNXRUNTIME_SWITCH}.")


def _decodes(name: str) -> bool:
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        return Codec(name, "r").is_decoder
    except UnknownCodecError:
        return False


def _libavcodec() -> str:
    from av import library_versions

    return ".".join(str(part) for part in library_versions["libavcodec"])
