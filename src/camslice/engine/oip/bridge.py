"""From the transports' event loop to the service and back: nothing here blocks the loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from camslice.engine.oip.messages import InferRequest, InferResponse, OipError, Status
from camslice.engine.oip.service import Service

log = logging.getLogger(__name__)


async def inferred(service: Service, request: InferRequest) -> InferResponse:
    """The answer to `request`. Raises OipError.

    A caller that is cancelled, because its client went away, leaves the request to be computed and its answer to nobody.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[InferResponse] = loop.create_future()

    def settle(outcome: InferResponse | OipError) -> None:
        if answer.done():
            return
        if isinstance(outcome, OipError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    service.infer(request, lambda outcome: _on_loop(loop, lambda: settle(outcome)))
    return await answer


class Changes:
    """Models being loaded and unloaded, one change of a model at a time. Lives on the event loop.

    Each has a thread of its own, which ends with it, and which no end of the process waits for. A client that goes away ends
    no change, so without a bound per model whoever asks and leaves again could fill the process with threads.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, tuple[str, asyncio.Future[None]]] = {}

    async def make(self, model: str, change: str, work: Callable[[], None]) -> None:
        """Have `work` done, or wait for the same `change` ("loaded" or "unloaded") that is under way. Raises what it raises.

        Raises OipError (UNAVAILABLE) when another change of the model is under way.
        """
        under_way, done = self._under_way.get(model, (change, None))
        if under_way != change:
            raise OipError(Status.UNAVAILABLE, f"model {model!r} is just being {under_way}; come back when it is")
        if done is None:
            done = _in_a_thread(work)
            self._under_way[model] = change, done
            done.add_done_callback(lambda ended: self._ended(model, ended))
        await asyncio.shield(done)

    def _ended(self, model: str, change: asyncio.Future[None]) -> None:
        del self._under_way[model]
        if not change.cancelled() and (error := change.exception()) is not None:
            log.debug("a change of model %s failed: %s", model, error)


def _in_a_thread(work: Callable[[], None]) -> asyncio.Future[None]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits
            failure = error
            _on_loop(loop, lambda: settle(failure))
        else:
            _on_loop(loop, lambda: settle(None))

    threading.Thread(target=run, name="oip-control", daemon=True).start()
    return done


def _on_loop(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(work)
    except RuntimeError:
        # The loop is closed: the server stopped without waiting for this answer, and its clients are gone.
        log.debug("an answer came after the server had stopped")
