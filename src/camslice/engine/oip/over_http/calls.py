"""Every call of the protocol over HTTP: a request in, the service asked, a response out. Errors are `OipError`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from camslice.engine.oip import described
from camslice.engine.oip.access import require_this_host
from camslice.engine.oip.bridge import Changes, inferred
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.over_http.answers import answer
from camslice.engine.oip.over_http.body import read_body
from camslice.engine.oip.over_http.held import HeldResponse
from camslice.engine.oip.over_http.infer import json_elements_bytes, read_request, response_body, sentence_of
from camslice.engine.oip.service import Service
from camslice.engine.oip.unwritten import Unwritten
from camslice.engine.oip.wire_limits import WireLimits

_JSON_BYTES = "Inference-Header-Content-Length"
_NOT_YET = 503
_SMALL_BYTES = 100_000
"""JSON of so much is read and written within a millisecond or so; more of it is left to a thread."""

Result = TypeVar("Result")
Body = TypeVar("Body", bound=BaseModel)


class HttpCalls:
    """The calls of one server. Lives on the transports' event loop."""

    def __init__(self, service: Service, limits: WireLimits, *, trusted: bool) -> None:
        """`trusted`: clients that come here have shown a token."""
        self._service = service
        self._limits = limits
        self._trusted = trusted
        self._changes = Changes()
        self._unwritten = Unwritten(limits.unwritten_bytes)

    async def server_live(self, _: Request) -> Response:
        """GET v2/health/live."""
        return _yes_or_no(self._service.live())

    async def server_ready(self, _: Request) -> Response:
        """GET v2/health/ready."""
        return _yes_or_no(self._service.ready())

    async def server_metadata(self, _: Request) -> Response:
        """GET v2."""
        return answer(described.server_metadata(self._service.metadata()))

    async def model_ready(self, request: Request) -> Response:
        """GET v2/models/NAME/ready."""
        return _yes_or_no(self._service.model_ready(*_model(request)))

    async def model_metadata(self, request: Request) -> Response:
        """GET v2/models/NAME."""
        return answer(described.model_metadata(self._service.model_metadata(*_model(request))))

    async def model_config(self, request: Request) -> Response:
        """GET v2/models/NAME/config."""
        return answer(dict(self._service.model_config(*_model(request))))

    async def model_statistics(self, request: Request) -> Response:
        """GET v2/models/stats, v2/models/NAME/stats."""
        return answer(described.model_statistics(self._service.statistics(*_model(request))))

    async def metrics(self, _: Request) -> Response:
        """GET /metrics: the statistics of all models for Prometheus."""
        from camslice.engine.oip.over_http.metrics import render

        text, media_type = render(self._service.repository_index(), self._service.statistics())
        return Response(text, media_type=media_type)

    async def infer(self, request: Request) -> Response:
        """POST v2/models/NAME/infer."""
        body = await read_body(request, self._limits.message_bytes, self._limits.read_s)
        of, json_bytes = _model(request), _json_bytes(request)
        large = (len(body) if json_bytes is None else json_bytes) > _SMALL_BYTES
        asked = await _perhaps_in_a_thread(large, partial(read_request, *of, body, json_bytes, self._limits))
        del body
        response = await inferred(self._service, asked.request)
        told = json_elements_bytes(asked, response)
        large = _SMALL_BYTES < told <= self._limits.json_elements_bytes
        on_read = self._unwritten.hold(response)
        try:
            header, binary = await _perhaps_in_a_thread(large, partial(response_body, asked, response, self._limits))
        except BaseException:
            on_read()
            raise
        media_type = "application/octet-stream" if binary else "application/json"
        return HeldResponse(b"".join([header, *binary]), media_type, {_JSON_BYTES: str(len(header))} if binary else {}, on_read)

    async def repository_index(self, request: Request) -> Response:
        """POST v2/repository/index."""
        asked = await self._body(request, _Index)
        return answer(described.repository_index(self._service.repository_index(asked.ready)))

    async def load(self, request: Request) -> Response:
        """POST v2/repository/models/NAME/load."""
        if (await self._body(request, _Change)).parameters:
            raise OipError(Status.UNSUPPORTED, "a model is loaded as it was declared: parameters are not supported.")
        return await self._change(request, "loaded", self._service.load)

    async def unload(self, request: Request) -> Response:
        """POST v2/repository/models/NAME/unload."""
        await self._body(request, _Change)
        return await self._change(request, "unloaded", self._service.unload)

    async def regions(self, request: Request) -> Response:
        """GET v2/systemsharedmemory/status, v2/systemsharedmemory/region/NAME/status."""
        found = self._service.shared_memory.status(request.path_params.get("region", ""))
        return answer([described.region(each) for each in found])

    async def register(self, request: Request) -> Response:
        """POST v2/systemsharedmemory/region/NAME/register."""
        asked = await self._body(request, _Region)
        require_this_host(request.client.host if request.client else "")
        name = request.path_params["region"]
        self._service.shared_memory.register(name, asked.key, asked.byte_size, asked.offset, trusted=self._trusted)
        return answer({})

    async def unregister(self, request: Request) -> Response:
        """POST v2/systemsharedmemory/unregister, v2/systemsharedmemory/region/NAME/unregister."""
        if "region" in request.path_params:
            self._service.shared_memory.unregister(request.path_params["region"])
        else:
            self._service.shared_memory.unregister_all()
        return answer({})

    async def unsupported(self, request: Request) -> Response:
        """What clients know and this server does not do."""
        raise OipError(Status.UNSUPPORTED, f"{request.url.path} is not supported.")

    async def _change(self, request: Request, change: str, work: Callable[[str], None]) -> Response:
        model = request.path_params["model"]
        await self._changes.make(model, change, partial(work, model))
        return answer({})

    async def _body(self, request: Request, kind: type[Body]) -> Body:
        body = await read_body(request, self._limits.control_bytes, self._limits.read_s)
        try:
            return kind.model_validate_json(bytes(body) or b"{}")
        except ValidationError as error:
            raise OipError(Status.INVALID_ARGUMENT, sentence_of(error)) from None


class _Index(BaseModel):
    ready: bool = False


class _Change(BaseModel):
    parameters: dict[str, object] = Field(default_factory=dict)


class _Region(BaseModel):
    key: str
    byte_size: int
    offset: int = 0


async def _perhaps_in_a_thread(large: bool, work: Callable[[], Result]) -> Result:
    """Have `work` done where it holds nobody up."""
    return await asyncio.to_thread(work) if large else work()


def _model(request: Request) -> tuple[str, str]:
    """Name and version; empty where the address names none."""
    return request.path_params.get("model", ""), request.path_params.get("version", "")


def _json_bytes(request: Request) -> int | None:
    header = request.headers.get(_JSON_BYTES)
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) < _LONGEST_NUMBER):
        raise OipError(Status.INVALID_ARGUMENT, f"the header {_JSON_BYTES} must be a number of bytes.")
    return int(header)


_LONGEST_NUMBER = 20


def _yes_or_no(yes: bool) -> Response:
    return Response(status_code=200 if yes else _NOT_YET)
