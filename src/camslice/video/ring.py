"""The last few seconds of a camera's compressed packets, for recordings that begin before their cause."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol


class CompressedPacket(Protocol):
    """What the ring needs to know of a packet; PyAV's packets are such. The ring shares their memory and copies nothing."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def is_keyframe(self) -> bool:
        """Whether decoding can begin here."""
        ...


class PacketRing:
    """Holds at most `max_bytes` and about `seconds` of packets, always beginning at a keyframe.

    One thread adds, any thread takes a `snapshot`. What is dropped goes in whole groups of pictures, so up to one group
    more than `seconds` is held while memory allows.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._span_ns = round(seconds * 1e9)
        self._max_bytes = max_bytes
        self._groups: deque[_Group] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, packet: CompressedPacket, arrived_ns: int) -> None:
        """Add a packet; those before the first keyframe are of no use and are let go."""
        with self._lock:
            if packet.is_keyframe:
                self._groups.append(_Group(arrived_ns))
            elif not self._groups:
                return
            self._groups[-1].add(packet)
            self._bytes += packet.size
            self._shrink(arrived_ns)

    def snapshot(self) -> list[CompressedPacket]:
        """The packets held now, oldest first, beginning at a keyframe."""
        with self._lock:
            return [packet for group in self._groups for packet in group.packets]

    def clear(self) -> None:
        """Forget everything: after a reconnect, old packets do not go with new ones."""
        with self._lock:
            self._groups.clear()
            self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of compressed video held now."""
        return self._bytes

    def _shrink(self, now_ns: int) -> None:
        while len(self._groups) > 1 and (self._bytes > self._max_bytes or self._groups[1].began_ns <= now_ns - self._span_ns):
            self._bytes -= self._groups.popleft().size
        if self._bytes > self._max_bytes:
            self._groups.clear()
            self._bytes = 0


class _Group:
    """A keyframe and the packets that build on it."""

    __slots__ = ("began_ns", "packets", "size")

    def __init__(self, began_ns: int) -> None:
        self.began_ns = began_ns
        self.packets: list[CompressedPacket] = []
        self.size = 0

    def add(self, packet: CompressedPacket) -> None:
        self.packets.append(packet)
        self.size += packet.size
