"""A batch on its way to a server and back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from google.protobuf.message import Message

from camslice.engine.oip.client.answer import Spent, outputs_of, spent_by
from camslice.engine.oip.client.connection import OnAnswer
from camslice.engine.oip.client.request import Form, Letterhead, Request
from camslice.engine.oip.client.transports.cargo import Cargo
from camslice.engine.protocol import InferenceTimes, OnDone, Outputs
from camslice.fleet.errors import EngineError, TooLateError
from camslice.fleet.geometry import Letterbox
from camslice.video.slot import Slot

log = logging.getLogger(__name__)

UNHURRIED_PATIENCE_S = 30.0
"""How long an answer to a request without a deadline may take before its server counts as out of reach."""
_GRACE_S = 0.1
"""A request is given up so much later than the server is to: its refusal says why, and is worth waiting for."""


class Send(Protocol):
    """Puts a request on the wire."""

    def __call__(self, request: Request, patience_s: float, on_answer: OnAnswer, *, hurried: bool) -> None:
        """Raises EngineAwayError when there is no wire any more."""
        ...


class OipBatch:
    """One request's worth of pictures. Used by one borrower at a time; the answer comes on a thread of its session's."""

    def __init__(
        self,
        cargo: Cargo,
        letterhead: Letterhead,
        outputs: Sequence[str],
        send: Send,
        give_back: Callable[[OipBatch], None],
    ) -> None:
        self._cargo = cargo
        self._letterhead = letterhead
        self._outputs = outputs
        self._send = send
        self._give_back = give_back
        self._forms: dict[int, Form] = {}

    def slot_for(self, index: int, letterbox: Letterbox) -> Slot:
        """A slot of this batch, padded for `letterbox`."""
        return self._cargo.arrays.slot_for(index, letterbox)

    def start(self, count: int, on_done: OnDone, deadline_ns: int | None = None) -> None:
        """Send the first `count` pictures. Raises TooLateError after the deadline, EngineAwayError without a connection."""
        began_ns = time.monotonic_ns()
        inputs = self._cargo.inputs(count)
        ready_ns = time.monotonic_ns()
        left_us = None if deadline_ns is None else (deadline_ns - ready_ns) // 1000
        if left_us is not None and left_us <= 0:
            raise TooLateError("there is no time left for a round trip")
        form = self._forms.get(count)
        if form is None:
            form = self._forms[count] = self._letterhead.form(inputs)
        request = form.request(inputs, left_us)
        patience_s = UNHURRIED_PATIENCE_S if left_us is None else left_us / 1e6 + _GRACE_S

        def answered(answer: Message | EngineError) -> None:
            self._deliver(answer, count, on_done, began_ns, ready_ns)

        self._send(request, patience_s, answered, hurried=left_us is not None)

    def release(self) -> None:
        """Back to the engine."""
        self._give_back(self)

    def _deliver(self, answer: Message | EngineError, count: int, on_done: OnDone, began_ns: int, ready_ns: int) -> None:
        ended_ns = time.monotonic_ns()
        outputs: Outputs = []
        spent = Spent()
        error = answer if isinstance(answer, EngineError) else None
        if not isinstance(answer, EngineError):
            try:
                outputs, spent = outputs_of(answer, self._outputs, count), spent_by(answer)
            except EngineError as malformed:
                error = malformed
        try:
            on_done(self, outputs, times_of(began_ns, ready_ns, ended_ns, spent), error)
        except Exception:
            log.exception("a result could not be taken")


def times_of(began_ns: int, ready_ns: int, ended_ns: int, spent: Spent) -> InferenceTimes:
    """The parts of a round trip: what the server says it spent is its own, all the rest of the way is the network's.

    Pictures are coded or converted from `began_ns` to `ready_ns`. Only durations come from the server, whose clock is
    not ours; where it says nothing its queue and its inference stay in the network's part. A server that says that it spent
    more than the whole trip has not measured this trip, and is taken to have said nothing.
    """
    if spent.total_ns > ended_ns - ready_ns:
        spent = Spent()
    return InferenceTimes(
        began_ns,
        ended_ns,
        network_ns=ended_ns - ready_ns - spent.total_ns,
        queue_ns=spent.queue_ns,
        preprocess_ns=ready_ns - began_ns + spent.preprocess_ns,
        postprocess_ns=spent.postprocess_ns,
    )
