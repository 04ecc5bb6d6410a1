"""One HTTP connection: it has to say what it wants, and to read what it gets, within some time.

uvicorn alone would wait for both for ever, and count a connection that says nothing as much as one that is served.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from camslice.engine.oip.wire_limits import WireLimits


def connections(limits: WireLimits) -> type[H11Protocol]:
    """The protocol of connections within `limits`, for uvicorn's configuration."""

    class Connection(_Connection):
        _limits = limits

    return Connection


class _Connection(H11Protocol):
    """Lives on the event loop; its timer ends with it. One that was silent for longest makes room for a new one."""

    _limits: WireLimits

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timer: asyncio.TimerHandle | None = None
        self._silent_since_s: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Somebody has come."""
        if len(self.connections) >= self._limits.requests_at_once:
            self._close_the_most_silent()
        super().connection_made(transport)
        self._listen()

    def handle_events(self) -> None:
        """Something has come."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._silent_since_s = None
            self._stop_timer()

    def on_response_complete(self) -> None:
        """An answer is out, and the next request may come."""
        self._listen()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client is slow to read."""
        super().pause_writing()
        self._start_timer(self._limits.read_s)

    def resume_writing(self) -> None:
        """It has read most of it."""
        super().resume_writing()
        self._stop_timer()
        if self._silent_since_s is not None:
            self._listen()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_timer()
        super().connection_lost(exc)

    def _listen(self) -> None:
        self._silent_since_s = self.loop.time()
        if not self.flow.write_paused:  # else it is still given the time to read
            self._start_timer(self._limits.head_s)

    def _close_the_most_silent(self) -> None:
        silent = [each for each in self.connections if isinstance(each, _Connection) and each._silent_since_s is not None]
        if silent:
            min(silent, key=lambda each: each._silent_since_s or 0.0).transport.abort()

    def _start_timer(self, after_s: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(after_s, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
