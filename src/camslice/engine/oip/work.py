"""A request as the batcher sees it."""

from __future__ import annotations

import logging
from typing import Protocol

from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.stage_clock import StageClock
from camslice.engine.protocol import Batch, Engine, Outputs
from camslice.fleet.errors import EngineAwayError, TooLateError

log = logging.getLogger(__name__)


class Work(Protocol):
    """`count` pictures, each to be put into a slot and read back, due at `deadline_ns` (monotonic, None: at leisure).

    Every picture is put and read at most once, `answer` or `fail` is called once, and `release` once after everything else.
    `held_bytes` is the memory that it needs until then; `slow` says that putting takes long (some ms).
    """

    count: int
    held_bytes: int
    deadline_ns: int | None
    slow: bool
    clock: StageClock

    def put(self, picture: int, engine: Engine, batch: Batch, index: int) -> None:
        """Write a picture into slot `index`. Raises OipError when it cannot be read."""
        ...

    def read(self, picture: int, outputs: Outputs, index: int) -> None:
        """Take what the engine found in a picture."""
        ...

    def answer(self) -> None:
        """All pictures are read."""
        ...

    def fail(self, error: OipError) -> None:
        """There will be no answer."""
        ...

    def release(self) -> None:
        """Let go of what the request holds."""
        ...


def too_late() -> OipError:
    """What a request is told that could not make it."""
    return OipError(Status.TOO_LATE, "the answer could not be there by the request's deadline")


def as_oip_error(error: Exception) -> OipError:
    """What a client is told of an error within the server; the log keeps the rest."""
    if isinstance(error, OipError):
        return error
    if isinstance(error, TooLateError):
        return too_late()
    if isinstance(error, EngineAwayError):
        return OipError(Status.UNAVAILABLE, "the model's engine is out of reach")
    log.warning("a request failed: %s", error, exc_info=log.isEnabledFor(logging.DEBUG))
    return OipError(Status.INTERNAL, "the model failed on this request; the server's log says why")
