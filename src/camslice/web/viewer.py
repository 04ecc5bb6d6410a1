"""One browser at the other end of a WebSocket.

A browser says which cameras it can see (`{"watch": [...]}`), and after drawing a picture that it has (`{"seen": name}`). A
picture is fetched only when it can be sent, and a camera's next one only after the last was seen: a slow browser skips
pictures, it never gets old ones, and no queue builds up anywhere between the camera and the screen.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from fastapi import WebSocket, WebSocketDisconnect
from starlette.concurrency import run_in_threadpool

from camslice.web.view import Preview, RunningFleet

_PICTURES_EVERY_S = 0.1
_SEEN_WITHIN_S = 5.0
"""A browser that never says what it saw still gets a picture this often."""
_BEGAN_ANEW_S = 3.0
"""After so long without a new picture the camera may have begun to count anew."""
_AT_ONCE = 8
"""Pictures fetched together: few enough to be fresh when they are sent, enough to change threads seldom."""
_POLICY_VIOLATION = 1008


@dataclass(slots=True)
class _Shown:
    """The last picture of one camera that was sent."""

    sequence: int = -1
    captured_at_s: float = -1.0
    sent_at_s: float = -1e9
    seen: bool = True


class Viewer:
    """Sends to one browser and listens to it. Lives in the event loop of its socket."""

    def __init__(self, socket: WebSocket, fleet: RunningFleet, on_watch: Callable[[], Awaitable[None]]) -> None:
        self._socket = socket
        self._fleet = fleet
        self._on_watch = on_watch
        self._shown: dict[str, _Shown] = {}
        self._status: str | None = None
        self._wake = asyncio.Event()

    @property
    def watched(self) -> Iterable[str]:
        """The cameras that this browser can see."""
        return self._shown.keys()

    def tell(self, status: str) -> None:
        """Have a status message sent, instead of an older one that was not sent yet."""
        self._status = status
        self._wake.set()

    async def serve(self) -> None:
        """Send and listen until the browser leaves or says something that nobody understands."""
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send())
                await self._listen()
                sending.cancel()
        except* WebSocketDisconnect:
            pass

    async def _listen(self) -> None:
        while True:
            message = _understood(await self._received())
            if message is None:
                await self._socket.close(_POLICY_VIOLATION, 'say {"watch": [names]} or {"seen": name}')
                return
            if isinstance(message, str):
                if message in self._shown:
                    self._shown[message].seen = True
            else:
                self._shown = {name: self._shown.get(name, _Shown()) for name in message}
                await self._on_watch()
            self._wake.set()

    async def _received(self) -> str:
        """The next message; what is binary counts as empty, which nobody understands."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        return message.get("text") or ""

    async def _send(self) -> None:
        while True:
            self._wake.clear()
            await self._send_status()
            await self._send_pictures()
            pause_s = _PICTURES_EVERY_S if self._shown else None
            try:
                await asyncio.wait_for(self._wake.wait(), pause_s)
            except TimeoutError:
                continue

    async def _send_status(self) -> None:
        if self._status is not None:
            status, self._status = self._status, None
            await self._socket.send_text(status)

    async def _send_pictures(self) -> None:
        now_s = time.monotonic()
        due = [name for name, shown in self._shown.items() if shown.seen or now_s - shown.sent_at_s > _SEEN_WITHIN_S]
        for start in range(0, len(due), _AT_ONCE):
            wanted = {name: self._shown[name] for name in due[start : start + _AT_ONCE] if name in self._shown}
            for preview in await run_in_threadpool(self._fetch, wanted, now_s):
                await self._socket.send_bytes(packed(preview))
                shown = self._shown.get(preview.camera)
                if shown is not None:
                    shown.sequence, shown.captured_at_s = preview.sequence, preview.captured_at_s
                    shown.sent_at_s, shown.seen = time.monotonic(), False
                await self._send_status()

    def _fetch(self, wanted: Mapping[str, _Shown], now_s: float) -> list[Preview]:
        previews = []
        for name, shown in wanted.items():
            anew = now_s - shown.sent_at_s > _BEGAN_ANEW_S
            preview = self._fleet.preview(name, -1 if anew else shown.sequence)
            if preview is not None and preview.captured_at_s != shown.captured_at_s:
                previews.append(preview)
        return previews


def packed(preview: Preview) -> bytes:
    """A picture as one binary message: length of the header (uint32, big endian), the header in JSON, the JPEG."""
    header = json.dumps(
        {
            "camera": preview.camera,
            "sequence": preview.sequence,
            "captured_at_s": preview.captured_at_s,
            "detections": len(preview.detections),
        }
    ).encode()
    return struct.pack(">I", len(header)) + header + preview.jpeg


def _understood(text: str) -> list[str] | str | None:
    """The cameras to watch, or the one whose picture was seen; None when it is neither."""
    try:
        message = json.loads(text)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    match message:
        case {"watch": [*names]} if all(isinstance(name, str) for name in names):
            return [str(name) for name in names]
        case {"seen": str(name)}:
            return name
    return None
