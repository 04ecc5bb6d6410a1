"""Reading a request's body: never more of it than is allowed, and not for ever."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from camslice.engine.oip.messages import OipError, Status


async def read_body(request: Request, most_bytes: int, within_s: float) -> bytearray:
    """The body. Raises OipError when it is too long, compressed, or too slow in coming, and ClientDisconnect."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        # A compressed body of a few bytes can stand for gigabytes, and pictures do not shrink.
        raise OipError(Status.UNSUPPORTED, f"Content-Encoding {encoding!r} is not supported: send the body as it is.")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > most_bytes:
        raise _too_large(most_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                if len(body) + len(chunk) > most_bytes:
                    raise _too_large(most_bytes)
                body += chunk
    except TimeoutError:
        raise OipError(Status.TOO_LATE, f"the request's body did not come within {within_s:g} s.") from None
    return body


def _too_large(most_bytes: int) -> OipError:
    return OipError(Status.TOO_LARGE, f"a request's body may have {most_bytes} bytes here.")
