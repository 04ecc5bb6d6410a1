"""The page and the HTTP API of a cluster's fleet: the routes of one machine's, but nothing is changed through them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from fastapi import FastAPI, Response, WebSocket
from fastapi.responses import PlainTextResponse

import camslice
from camslice.fleet.errors import StoreError
from camslice.web.answers import RefusedError, answer, on_errors_answer_in_json
from camslice.web.app import serve_page
from camslice.web.cluster.fleet import OWNED, ClusterFleet
from camslice.web.cluster.metrics import render
from camslice.web.cluster.pod_client import Ask, PodError, camera_path
from camslice.web.cluster.stored import Stored
from camslice.web.guard import Guard, Token
from camslice.web.live import Live
from camslice.web.observer import Observer
from camslice.web.status_json import camera_json, status_json

_FORBIDDEN = 403


def create_cluster_app(fleet: ClusterFleet, *, token: Token, ask: Ask, stored: Stored | None) -> FastAPI:
    """Serve a cluster's fleet. With a `token` every route but /healthz demands it.

    `ask` reaches a pod for what it alone knows of a camera; `stored` reads the fleet's store, if the page was given one.
    """
    observer = Observer(fleet)
    live = Live(fleet, observer)
    app = FastAPI(title="camslice", version=camslice.__version__, openapi_url=None, lifespan=live.lifespan)
    on_errors_answer_in_json(app)
    serve_page(app, observer)
    _serve_api(app, fleet, observer)
    _serve_cameras(app, fleet, observer, ask, stored)

    @app.websocket("/ws")
    async def watch(socket: WebSocket) -> None:
        await live.serve(socket)

    app.add_middleware(Guard, token=token)
    return app


def _serve_api(app: FastAPI, fleet: ClusterFleet, observer: Observer) -> None:
    @app.get("/healthz")
    def healthy() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/metrics")
    def metrics() -> Response:
        body, media_type = render(fleet.status())
        return Response(body, media_type=media_type)

    @app.get("/api/status")
    def status() -> Response:
        return answer(status_json(observer.look()))

    @app.get("/api/report")
    def report() -> Response:
        return answer(fleet.report())


def _serve_cameras(app: FastAPI, fleet: ClusterFleet, observer: Observer, ask: Ask, stored: Stored | None) -> None:
    @app.get("/api/cameras/{name}")
    def camera(name: str) -> Response:
        try:
            shown = camera_json(observer.look(), name)
        except KeyError:
            raise RefusedError(404, f"there is no camera {name!r}") from None
        return answer({**shown, **_of_pod(fleet, ask, name), **_of_store(stored, name)})

    @app.post("/api/cameras")
    @app.put("/api/cameras/{name}")
    @app.delete("/api/cameras/{name}")
    def refuse(name: str = "") -> Response:
        raise RefusedError(_FORBIDDEN, OWNED)


def _of_pod(fleet: ClusterFleet, ask: Ask, name: str) -> Mapping[str, object]:
    """The streams with their stages and labels, since the pod's start. Without an answer the page has what it has."""
    pod = fleet.pod_of(name)
    if pod is None:
        return {}
    try:
        told = json.loads(ask(pod.address, camera_path(name)))
        return {"streams": list(told["streams"])}
    except (PodError, ValueError, KeyError, TypeError):
        return {}


def _of_store(stored: Stored | None, name: str) -> Mapping[str, object]:
    """What the store holds of the last hour."""
    if stored is None:
        return {}
    try:
        return {"stored": stored.last_hour(name, time.time())}
    except StoreError as error:
        return {"stored": {"problem": str(error)}}
