"""The body of a request: one JSON object, not too long."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastapi import Request

from camslice.web.answers import RefusedError

MOST_BYTES = 64 * 1024


async def json_object(request: Request, what: str, example: str = "") -> Mapping[str, object]:
    """The object that `request` carries. `what` it describes and an `example` stand in the RefusedError if it does not."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, f"send {what} as JSON with the header Content-Type: application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise RefusedError(413, f"{what}: at most {MOST_BYTES // 1024} kB of JSON are read")
    try:
        entry = json.loads(body)
    except ValueError:
        raise RefusedError(400, "the body is not JSON") from None
    if not isinstance(entry, dict):
        raise RefusedError(400, f"the body must be one JSON object{', such as ' if example else ''}{example}")
    return entry
