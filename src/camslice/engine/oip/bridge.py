"""From the transports' event loop to the service and back: nothing here blocks the loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from camslice.engine.oip.messages import InferRequest, InferResponse, OipError
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


async def off_loop(work: Callable[[], None]) -> None:
    """Have `work` done by a thread of its own, which no end of the process waits for. Raises what it raises."""
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
    await done


def _on_loop(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(work)
    except RuntimeError:
        # The loop is closed: the server stopped without waiting for this answer, and its clients are gone.
        log.debug("an answer came after the server had stopped")
