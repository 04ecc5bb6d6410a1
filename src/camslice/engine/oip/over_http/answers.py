"""Answers over HTTP: JSON always, a refusal as `{"error": sentence}`."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.service import Json

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

_CODES = {
    Status.INVALID_ARGUMENT: 400,
    Status.UNAUTHENTICATED: 401,
    Status.NOT_FOUND: 404,
    Status.ALREADY_EXISTS: 409,
    Status.TOO_LARGE: 413,
    Status.OVERLOADED: 429,
    Status.TOO_LATE: 504,
    Status.UNAVAILABLE: 503,
    Status.UNSUPPORTED: 501,
    Status.INTERNAL: 500,
}
_CLIENT_WENT_AWAY = 499


def answer(value: Json, status_code: int = 200) -> Response:
    """`value` as a JSON response."""
    return Response(json.dumps(value, separators=(",", ":")), status_code, media_type="application/json")


def refuse(error: OipError) -> Response:
    """What a client gets instead of an answer."""
    response = answer({"error": str(error)}, _CODES[error.status])
    if error.status is Status.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def answered(endpoint: Endpoint) -> Endpoint:
    """`endpoint` with its errors answered: no request ends with a traceback."""

    async def call(request: Request) -> Response:
        try:
            return await endpoint(request)
        except OipError as error:
            return refuse(error)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_WENT_AWAY)
        except Exception as error:  # noqa: BLE001 - a defect of ours ends one request, not the server
            log.error("%s %s failed: %r", request.method, request.scope["path"], error)
            return refuse(OipError(Status.INTERNAL, "the server failed to answer; its log says why."))

    return call
