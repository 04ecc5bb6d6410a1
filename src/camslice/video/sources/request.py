"""What a source is to be opened with."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Decoding, Pace
from camslice.video.ring import PacketRing
from camslice.video.sources.av_reader import AvReader, OpenContainer
from camslice.video.sources.hardware import hardware


@dataclass(frozen=True, slots=True)
class Timeouts:
    """After how many seconds a peer that does not answer is given up: while connecting, and between two packets."""

    open_s: float = 5.0
    read_s: float = 5.0


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """A camera to open. `ring`, when given, gets every compressed packet."""

    spec: CameraSpec
    pace: Pace
    timeouts: Timeouts = Timeouts()
    ring: PacketRing | None = None

    @property
    def loop(self) -> bool:
        """Whether a source with an end is played again: as declared, else at pace `live` and not at `lossless`."""
        return self.spec.loop if self.spec.loop is not None else self.pace is Pace.LIVE

    @property
    def address(self) -> str:
        """The address with its credentials: for opening a connection and for nothing else."""
        return self.spec.watched.reveal()

    @property
    def shown(self) -> str:
        """The address as it may be shown."""
        return self.spec.watched.redacted

    @property
    def source(self) -> Source:
        """The stream to open: the camera's substream where it has one."""
        return self.spec.watched

    def reader(self, open_container: OpenContainer) -> AvReader:
        """A reader as this camera is to be decoded. Raises FFmpegError, or NoVideoError."""
        return AvReader(
            open_container,
            self.ring,
            patient=self.pace is not Pace.LIVE,
            key_frames=self.spec.decode is Decoding.KEY_FRAMES,
            device=hardware(self.spec.decoder),
        )
