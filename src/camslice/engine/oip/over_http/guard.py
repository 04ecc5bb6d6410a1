"""Who may use the server over HTTP: who knows the token; without one, programs on this machine but no web site's script.

A server without a token listens on loopback only, where any page open in a browser could still send it requests: those name
a foreign host (DNS rebinding) or carry their site in `Origin`, which other programs do not send.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from camslice.engine.oip.access import DEMAND, admits
from camslice.engine.oip.gate import Gate
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.over_http.answers import answer, refuse
from camslice.fleet.address import is_loopback

METRICS_PATH = "/metrics"
_HEALTH_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})


class HttpGuard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, token: str | None, most: int, *, open_metrics: bool = False) -> None:
        """`most` requests may be under way; questions for the server's health, and for its metrics, find room at any time.
        `open_metrics`: whoever reaches the server may read them.
        """
        self._app = app
        self._token = token
        self._open = _HEALTH_PATHS | ({METRICS_PATH} if open_metrics else set())
        self._gate = Gate(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through or answer it here."""
        headers = Headers(scope=scope)
        path = scope["path"]
        if path not in self._open and not admits(self._token, headers.get("authorization")):
            await refuse(OipError(Status.UNAUTHENTICATED, DEMAND))(scope, receive, send)
        elif self._token is None and (fault := _from_a_web_site(headers)):
            await answer({"error": fault}, 403)(scope, receive, send)
        elif path in _HEALTH_PATHS or path == METRICS_PATH:
            await self._app(scope, receive, send)
        else:
            await self._within_bounds(scope, receive, send)

    async def _within_bounds(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._gate.passed():
                await self._app(scope, receive, send)
        except OipError as error:
            await refuse(error)(scope, receive, send)


def _from_a_web_site(headers: Headers) -> str | None:
    if not is_loopback(_host_name(headers.get("host", ""))):
        return "a server without a token answers to loopback names only, such as 127.0.0.1 or localhost"
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        return "a server without a token does not answer to web pages"
    return None


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
