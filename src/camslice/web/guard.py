"""Who may come in: the token, and the checks that keep other web sites' scripts out of a browser's open session.

- With a token, every route but probes (and /metrics, where it is open) demands it: as `Authorization: Bearer`, as a cookie, or
  once as `?token=`, which is answered with that cookie and a redirect to the clean address, so that the token stays in no
  history and no log.
- Without a token camslice listens on loopback only, and answers only to loopback names: a foreign name in `Host` means
  that some web site had its own name resolved to this machine (DNS rebinding).
- A request that changes something, and every WebSocket, must come from our own page or from no browser at all.
- Every answer carries headers that let a browser load nothing from elsewhere and show the page inside no other.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Set
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from camslice.fleet.address import is_loopback
from camslice.web.answers import answer

PROBES = frozenset({"/healthz", "/healthz/started", "/healthz/ready", "/healthz/live"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_COOKIE_LIFE_S = 30 * 24 * 3600
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FORM = (Path(__file__).parent / "templates" / "token.html").read_text()


Token = str | Callable[[], str] | None
"""The token, or what tells it each time, since it may change."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, token: Token, open_paths: Set[str] = PROBES) -> None:
        """`open_paths` are read without the token, by whatever name they are asked for."""
        self._app = app
        self._given = token
        self._open_paths = open_paths

    @property
    def _token(self) -> str | None:
        return self._given() if callable(self._given) else self._given

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through or answer it here."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        refusal = self._refusal(request)
        if scope["type"] == "http":
            send = _with_headers(send, self._renewed_cookie(request) if refusal is None else None)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def _refusal(self, request: HTTPConnection) -> Response | None:
        if request.scope["path"] in self._open_paths and not _changes_something(request):
            return None
        if self._token is None and not is_loopback(_host_name(request.headers.get("host", ""))):
            return _refuse(421, "camslice without a token answers to loopback names only, such as 127.0.0.1 or localhost")
        if _changes_something(request) and not _is_own_page_or_no_browser(request.headers):
            return _refuse(403, "this request comes from another web site")
        return None if self._token is None else self._token_refusal(request, self._token)

    def _token_refusal(self, request: HTTPConnection, token: str) -> Response | None:
        offered = request.query_params.get("token")
        if offered is not None and request.scope["type"] == "http" and request.scope["method"] == "GET":
            return _first_visit(request, token) if _same(offered, token) else _demand_token(request)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(bearer.strip(), token):
            return None
        return None if _has_cookie(request, token) else _demand_token(request)

    def _renewed_cookie(self, request: HTTPConnection) -> str | None:
        """Who opens the page again stays in: the cookie's life begins anew."""
        if self._token is None or request.scope["path"] != "/" or not _has_cookie(request, self._token):
            return None
        return _cookie(request, self._token)


def cookie_of(token: str) -> str:
    """What a program sends in `Cookie` where a proxy keeps `Authorization` for itself, as that of an API server does."""
    return f"{_cookie_name(token)}={_cookie_value(token)}"


def _with_headers(send: Send, cookie: str | None) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-cache")
            if cookie is not None:
                headers.append("Set-Cookie", cookie)
        await send(message)

    return send_with_headers


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _changes_something(request: HTTPConnection) -> bool:
    return request.scope["type"] == "websocket" or request.scope["method"] not in _SAFE_METHODS


def _is_own_page_or_no_browser(headers: Headers) -> bool:
    """Browsers send `Origin` with every WebSocket and every POST or DELETE; other programs send none."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""


def _first_visit(request: HTTPConnection, token: str) -> Response:
    """To the same address without the token. `request.url` is of no use here: it is built from `Host`, which anybody writes."""
    query = request.scope["query_string"].decode("latin-1")
    rest = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key != "token"]
    path = "/" + request.scope["path"].lstrip("/")
    response = RedirectResponse(path + (f"?{urlencode(rest)}" if rest else ""), 303)
    response.headers["Set-Cookie"] = _cookie(request, token)
    response.headers["Cache-Control"] = "no-store"
    return response


def _has_cookie(request: HTTPConnection, token: str) -> bool:
    return _same(request.cookies.get(_cookie_name(token), ""), _cookie_value(token))


def _cookie(request: HTTPConnection, token: str) -> str:
    """The value of `Set-Cookie`."""
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    return f"{cookie_of(token)}; HttpOnly; Max-Age={_COOKIE_LIFE_S}; Path=/; SameSite=Strict{secure}"


def _cookie_name(token: str) -> str:
    """Cookies do not know ports: two fleets on one host must not overwrite each other's."""
    return "camslice_" + hmac.digest(token.encode(), b"cookie name", "sha256").hex()[:8]


def _cookie_value(token: str) -> str:
    return hmac.digest(token.encode(), b"cookie value", "sha256").hex()


def _same(offered: str, expected: str) -> bool:
    return hmac.compare_digest(offered.encode(), expected.encode())


def _demand_token(request: HTTPConnection) -> Response:
    """A form for a person, a sentence for a program."""
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_FORM, 401)
    response = _refuse(
        401, "this needs the token: send it in the header Authorization, after the word Bearer, or type it in on the page"
    )
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _refuse(status_code: int, sentence: str) -> Response:
    return answer({"error": sentence}, status_code)
