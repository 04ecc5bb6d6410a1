"""Sources with an end, played one after another and maybe again: files, globs, videos that a web server holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from av.error import FFmpegError

from camslice.fleet.errors import SourceError
from camslice.fleet.secrets import Source
from camslice.video.feed import ConnectionLostError, Decoded, DueFrame, PacketTime, SourceEndedError
from camslice.video.selection import Selector
from camslice.video.sources.av_reader import AvReader, NoVideoError
from camslice.video.sources.faults import reason

log = logging.getLogger(__name__)


class PlayedFeed:
    """Plays `openers` in order, each giving an open reader; with `loop` again from the first.

    `shown` names the source in messages. The first is opened at once, so what `openers` raise is raised here too. With
    `network`, a source that cannot be read further is a lost connection; without, it is a file that ends there.
    """

    live = False

    def __init__(
        self, openers: Sequence[Callable[[], AvReader]], *, loop: bool, shown: str, network: Source | None = None
    ) -> None:
        self._openers = openers
        self._loop = loop
        self._shown = shown
        self._network = network
        self._index = 0
        self._frames_in_round = 0
        self._starts_pass = True
        self._reader: AvReader = openers[0]()

    @property
    def nominal_fps(self) -> float | None:
        """The rate of the file that is played now."""
        return self._reader.nominal_fps

    @property
    def remark(self) -> str:
        """Why it is not decoded as it was asked for."""
        return self._reader.remark

    def advance(self) -> PacketTime:
        """Read the next packet, of the next file or round when need be."""
        while True:
            packet = self._read()
            if packet is not None:
                self._starts_pass = False
                return packet
            self._turn()

    def decode(self) -> list[Decoded]:
        """The frames that the packet completes. Raises CorruptPacketError."""
        return self._reader.decode()

    def decode_due(self, selector: Selector) -> list[DueFrame]:
        """The due frames that the packet completes. Raises CorruptPacketError before the first frame."""
        return self._reader.decode_due(selector)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _read(self) -> PacketTime | None:
        try:
            return self._reader.advance(starts_pass=self._starts_pass)
        except FFmpegError as error:
            if self._network is not None:
                raise ConnectionLostError(reason(error, self._network)) from None
            log.warning("%s: cannot be read further: %s", self._shown, error.strerror)
            return None

    def _turn(self) -> None:
        """The file is at its end: go on to the next, or begin again."""
        self._frames_in_round += self._reader.frames
        self._index += 1
        if self._index == len(self._openers):
            self._end_round()
        self._starts_pass = True
        if len(self._openers) == 1:
            self._rewind()
        else:
            self._open_next()

    def _end_round(self) -> None:
        if not self._loop and self._frames_in_round:
            raise SourceEndedError
        if not self._frames_in_round:
            raise SourceError(f"{self._shown} holds no frame that can be decoded; check the file with a video player")
        self._index = 0
        self._frames_in_round = 0

    def _rewind(self) -> None:
        try:
            self._reader.rewind()
        except (FFmpegError, NoVideoError) as error:
            if self._network is not None:
                raise ConnectionLostError(reason(error, self._network)) from None
            raise SourceError(f"{self._shown} cannot be played again: it was removed or changed") from None

    def _open_next(self) -> None:
        """A file in the row that cannot be opened is skipped; the round fails only when none could be played."""
        self._reader.close()
        while True:
            try:
                self._reader = self._openers[self._index]()
            except SourceError as error:
                log.warning("%s; skipped", error)
                self._index += 1
                if self._index == len(self._openers):
                    self._end_round()
            else:
                return
