"""Decoders in hardware, and why one could not be had. Frames come back into memory (NV12), as if decoded in software.

A device is opened once per process and kept: whether it is there is known before a camera is connected to. FFmpeg then opens
it again for each stream, of CUDA the one context that all share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import FFmpegError

from camslice.fleet.types import Decoder

_IN_ORDER = (Decoder.CUDA, Decoder.VAAPI)
"""What `auto` tries."""
_OPTIONS: Mapping[Decoder, dict[str, object]] = {Decoder.CUDA: {"primary_ctx": "1"}}


@dataclass(frozen=True, slots=True)
class Hardware:
    """A device to decode on, or None for software; `lacking` says why it is not what was asked for ('' when it is)."""

    device: Decoder | None = None
    lacking: str = ""

    def accelerator(self) -> HWAccel | None:
        """For FFmpeg, anew for each container; software takes over for streams that the device cannot decode."""
        return None if self.device is None else HWAccel(self.device.value, options=_OPTIONS.get(self.device))

    def failed(self, error: FFmpegError) -> str:
        """Why the device was not used although it is there."""
        return f"decoded in software: the {self.device} device failed ({(error.strerror or 'no reason given').lower()})"

    def refused(self, codec: str) -> str:
        """Why a stream is decoded in software although the device is there."""
        return f"decoded in software: the {self.device} device here does not decode this {codec} stream"


SOFTWARE = Hardware()


def hardware(wanted: Decoder) -> Hardware:
    """What there is for `decoder: wanted`. Without a device `auto` is software, and nothing lacks."""
    if wanted is Decoder.SOFTWARE:
        return Hardware()
    if wanted is Decoder.AUTO:
        return next((Hardware(kind) for kind in _IN_ORDER if not why_not(kind)), Hardware())
    lacking = why_not(wanted)
    return Hardware(lacking=f"decoded in software: {lacking}") if lacking else Hardware(wanted)


@lru_cache
def why_not(kind: Decoder) -> str:
    """Why this process cannot decode on such a device; '' if it can."""
    built: Sequence[str] = hwdevices_available()
    if kind.value not in built:
        return f"FFmpeg here was built without {kind} (it has {', '.join(built) or 'no hardware'})"
    try:
        HWAccel(kind.value, options=_OPTIONS.get(kind)).create(Codec("h264", "r"))
    except (FFmpegError, NotImplementedError) as error:
        reason = error.strerror if isinstance(error, FFmpegError) else "it decodes no H.264"
        return f"there is no {kind} device ({(reason or 'no reason given').lower()})"
    return ""
