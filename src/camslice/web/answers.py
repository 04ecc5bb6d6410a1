"""What leaves the API: JSON without credentials and without numbers that JSON does not have, and errors as one sentence."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from camslice.fleet.errors import CamsliceError
from camslice.fleet.secrets import redact

_logger = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request that cannot be granted: an HTTP status and one sentence that says why."""

    def __init__(self, status_code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status_code = status_code


def answer(value: object, status_code: int = 200) -> Response:
    """`value` as a JSON response."""
    headers = {"Cache-Control": "no-store"}
    return Response(as_json(value), status_code, headers=headers, media_type="application/json")


def as_json(value: object) -> str:
    """`value` as JSON text, `shown`: sources arrive here redacted, but masking once more also covers libraries' sentences."""
    return json.dumps(shown(value), ensure_ascii=False, separators=(",", ":"))


def shown(value: object) -> object:
    """`value` as anyone may see it: credentials inside any URL masked, infinite numbers and NaN None, all containers plain."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


def on_errors_answer_in_json(app: FastAPI) -> None:
    """Have every error of `app` answered as `{"error": sentence}`, never with a traceback."""

    @app.exception_handler(RefusedError)
    async def refuse(request: Request, error: RefusedError) -> Response:
        return answer({"error": str(error)}, error.status_code)

    @app.exception_handler(CamsliceError)
    async def refuse_user(request: Request, error: CamsliceError) -> Response:
        return answer({"error": str(error)}, 400)

    @app.exception_handler(HTTPException)
    async def refuse_http(request: Request, error: HTTPException) -> Response:
        sentence = f"there is no {request.method} {request.scope['path']}" if error.status_code in {404, 405} else error.detail
        return answer({"error": sentence}, error.status_code)

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        _logger.error("%s %s failed: %s", request.method, request.scope["path"], redact(repr(error)))
        return answer({"error": "camslice failed to answer; its log says why"}, 500)
