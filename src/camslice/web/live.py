"""What is pushed to every browser: the status once a second, and who watches which camera."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI, WebSocket
from starlette.concurrency import run_in_threadpool

from camslice.web.answers import as_json
from camslice.web.observer import Observer
from camslice.web.status_json import history_json, status_json
from camslice.web.view import RunningFleet
from camslice.web.viewer import Viewer

_EVERY_S = 1.0
_REST, _LONGEST_REST_S = 4.0, 4.0
"""After a look that took long (thousands of cameras) rest so many times as long; a page takes 6 s of silence for the end."""

_logger = logging.getLogger(__name__)


class Live:
    """Owns the task that looks at the fleet once a second, and the set of browsers."""

    def __init__(self, fleet: RunningFleet, observer: Observer) -> None:
        self._fleet = fleet
        self._observer = observer
        self._viewers: set[Viewer] = set()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Look at the fleet while the application runs."""
        looking = asyncio.create_task(self._look_for_ever())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def serve(self, socket: WebSocket) -> None:
        """Serve one browser until it leaves."""
        await socket.accept()
        history = history_json(await run_in_threadpool(self._observer.history))
        await socket.send_text(as_json({"type": "history", "points": history}))
        viewer = Viewer(socket, self._fleet, self._keep_watching)
        viewer.tell(await run_in_threadpool(self._status_message))
        self._viewers.add(viewer)
        try:
            await viewer.serve()
        finally:
            self._viewers.discard(viewer)

    async def _look_for_ever(self) -> None:
        while True:
            began_s = time.monotonic()
            try:
                await self._look()
            except Exception:  # whatever one look stumbles over, the next one may work, and the page says that it is old
                _logger.exception("cannot look at the fleet; trying again")
            await asyncio.sleep(min(max(_EVERY_S, _REST * (time.monotonic() - began_s)), _LONGEST_REST_S))

    async def _look(self) -> None:
        if not self._viewers:
            await run_in_threadpool(self._observer.look)
            return
        message = await run_in_threadpool(self._status_message)
        for viewer in self._viewers:
            viewer.tell(message)
        await self._keep_watching()

    def _status_message(self) -> str:
        return as_json({"type": "status", "status": status_json(self._observer.look())})

    async def _keep_watching(self) -> None:
        watched = sorted(set[str]().union(*(viewer.watched for viewer in self._viewers)))
        if watched:
            await run_in_threadpool(self._fleet.watch, watched)
