"""Which address of the protocol's HTTP interface (`/v2/...`) leads to which call; `/metrics` beside it is for Prometheus."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from camslice.engine.oip.over_http.answers import Endpoint, answer, answered
from camslice.engine.oip.over_http.calls import HttpCalls
from camslice.engine.oip.over_http.guard import METRICS_PATH, HttpGuard
from camslice.engine.oip.service import Service
from camslice.engine.oip.wire_limits import WireLimits


def http_app(service: Service, limits: WireLimits, token: str | None, *, open_metrics: bool = False) -> ASGIApp:
    """The application. Without a token it is for programs on this machine only. `open_metrics`: they are told without it."""
    calls = HttpCalls(service, limits, trusted=token is not None)
    routes = [
        _get("/v2", calls.server_metadata),
        _get("/v2/health/live", calls.server_live),
        _get("/v2/health/ready", calls.server_ready),
        _get("/v2/models/stats", calls.model_statistics),
        _get(METRICS_PATH, calls.metrics),
        *(each for model in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}") for each in _model(model, calls)),
        _post("/v2/repository/index", calls.repository_index),
        _post("/v2/repository/models/{model}/load", calls.load),
        _post("/v2/repository/models/{model}/unload", calls.unload),
        _get("/v2/systemsharedmemory/status", calls.regions),
        _get("/v2/systemsharedmemory/region/{region}/status", calls.regions),
        _post("/v2/systemsharedmemory/region/{region}/register", calls.register),
        _post("/v2/systemsharedmemory/region/{region}/unregister", calls.unregister),
        _post("/v2/systemsharedmemory/unregister", calls.unregister),
        *(
            Route(path, answered(calls.unsupported), methods=["GET", "POST"])
            for path in ("/v2/cudasharedmemory/{rest:path}", "/v2/trace/setting", "/v2/logging")
        ),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_address})
    app.router.redirect_slashes = False
    return HttpGuard(app, token, limits.requests_at_once, open_metrics=open_metrics)


def _model(path: str, calls: HttpCalls) -> list[Route]:
    return [
        _get(path, calls.model_metadata),
        _get(f"{path}/ready", calls.model_ready),
        _get(f"{path}/config", calls.model_config),
        _get(f"{path}/stats", calls.model_statistics),
        _post(f"{path}/infer", calls.infer),
    ]


def _get(path: str, endpoint: Endpoint) -> Route:
    return Route(path, answered(endpoint), methods=["GET"])


def _post(path: str, endpoint: Endpoint) -> Route:
    return Route(path, answered(endpoint), methods=["POST"])


async def _no_such_address(request: Request, error: Exception) -> Response:
    status_code = error.status_code if isinstance(error, HTTPException) else 404
    return answer({"error": f"there is no {request.method} {request.scope['path']}"}, status_code)
