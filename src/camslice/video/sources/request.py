"""What a source is to be opened with."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.fleet.types import CameraSpec, Pace
from camslice.video.ring import PacketRing


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
        return self.spec.source.reveal()

    @property
    def shown(self) -> str:
        """The address as it may be shown."""
        return self.spec.source.redacted
