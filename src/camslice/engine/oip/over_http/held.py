"""A response that says when its client has read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_PART_BYTES = 1 << 18
"""So much is handed to the connection before it has to have been read: the client has its time for each part."""


class HeldResponse(Response):
    """Sends its body in parts, and calls `on_read` when the last one is on its way or the client has gone."""

    def __init__(self, body: bytes, media_type: str, headers: Mapping[str, str], on_read: Callable[[], None]) -> None:
        super().__init__(body, headers=dict(headers), media_type=media_type)
        self._on_read = on_read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for at in range(0, len(self.body), _PART_BYTES):
                part = bytes(self.body[at : at + _PART_BYTES])
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._on_read()
