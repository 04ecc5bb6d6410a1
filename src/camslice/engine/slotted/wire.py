"""What a worker and an engine process say to each other: one packet per message, in the order given here.

A worker says `Hello`; when the model it names is loaded, the engine process answers `Welcome` with the descriptor of the memory
they share. From then on the worker says `Start` and hears `Done`, once for each batch. `MOVE` asks it to come in anew when
its batches are done: another engine serves its model. Pictures and answers never go this way. There is no refusal: who breaks
the rules is hung up on.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum

from camslice.engine.protocol import EngineInfo, InferenceTimes
from camslice.engine.slotted.memory import MemoryPlan

MAX_MESSAGE_BYTES = 4096
MAX_BATCHES = 64
"""Batches that one worker may have."""
MOVE = b"move"
_MAGIC = b"slots-1\0"
_HELLO = struct.Struct("<8sIII64s")
_START = struct.Struct("<IIq")
_DONE = struct.Struct("<II7q")
_LONGEST_REASON = 400
_NO_DEADLINE = 0


class WireError(Exception):
    """The other end said something that is no message."""


@dataclass(frozen=True, slots=True)
class Hello:
    """From the worker, first: the model it wants, exactly, and how many batches (0: as many as the engine itself has)."""

    model: str
    sha256: str
    width: int
    height: int
    batches: int

    def packed(self) -> bytes:
        """As a packet."""
        head = _HELLO.pack(_MAGIC, self.width, self.height, self.batches, self.sha256.encode("ascii"))
        return head + self.model.encode()

    @classmethod
    def unpacked(cls, packet: bytes) -> Hello:
        """Raises WireError."""
        try:
            magic, width, height, batches, sha256 = _HELLO.unpack_from(packet)
            hello = cls(packet[_HELLO.size :].decode(), sha256.rstrip(b"\0").decode("ascii"), width, height, batches)
        except (struct.error, UnicodeDecodeError) as error:
            raise WireError("no greeting") from error
        if magic != _MAGIC or batches > MAX_BATCHES:
            raise WireError("a greeting of another kind")
        return hello


@dataclass(frozen=True, slots=True)
class Welcome:
    """To the worker, with the memory's descriptor: the engine it speaks to, and what lies where."""

    info: EngineInfo
    plan: MemoryPlan

    def packed(self) -> bytes:
        """As a packet."""
        return json.dumps({"info": asdict(self.info), "plan": asdict(self.plan)}).encode()

    @classmethod
    def unpacked(cls, packet: bytes) -> Welcome:
        """Raises WireError."""
        try:
            values = json.loads(packet)
            outputs = tuple(tuple(shape) for shape in values["plan"].pop("outputs"))
            return cls(EngineInfo(**values["info"]), MemoryPlan(**values["plan"], outputs=outputs))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WireError("no welcome") from error


@dataclass(frozen=True, slots=True)
class Start:
    """From the worker: run the first `count` slots of a batch. `deadline_ns` is on the monotonic clock, which all share."""

    batch: int
    count: int
    deadline_ns: int | None

    def packed(self) -> bytes:
        """As a packet."""
        return _START.pack(self.batch, self.count, _NO_DEADLINE if self.deadline_ns is None else self.deadline_ns)

    @classmethod
    def unpacked(cls, packet: bytes) -> Start:
        """Raises WireError."""
        try:
            batch, count, deadline_ns = _START.unpack(packet)
        except struct.error as error:
            raise WireError("no start of a batch") from error
        return cls(batch, count, None if deadline_ns == _NO_DEADLINE else deadline_ns)


class Outcome(IntEnum):
    """What became of a batch."""

    ANSWERED = 0
    FAILED = 1
    TOO_LATE = 2


@dataclass(frozen=True, slots=True)
class Done:
    """To the worker: the answers of a batch lie in memory, or why they do not."""

    batch: int
    outcome: Outcome
    times: InferenceTimes
    reason: str = ""

    def packed(self) -> bytes:
        """As a packet."""
        times = self.times
        parts = (times.network_ns, times.queue_ns, times.preprocess_ns, times.postprocess_ns, times.others_ns)
        head = _DONE.pack(self.batch, self.outcome, times.began_ns, times.ended_ns, *parts)
        return head + self.reason[:_LONGEST_REASON].encode()

    @classmethod
    def unpacked(cls, packet: bytes) -> Done:
        """Raises WireError."""
        try:
            batch, outcome, *times = _DONE.unpack_from(packet)
            return cls(batch, Outcome(outcome), InferenceTimes(*times), packet[_DONE.size :].decode())
        except (struct.error, ValueError) as error:
            raise WireError("no end of a batch") from error
