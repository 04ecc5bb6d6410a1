"""The page and the HTTP API of one running fleet, as an ASGI application.

Routes are thin: `observer` looks at the fleet, `status_json` says it in JSON, `cameras` changes it, `live` pushes it to
browsers, and `guard` decides who may come in at all. docs/reference/http-api.md describes every answer.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

import camslice
from camslice.web.answers import answer, on_errors_answer_in_json, shown
from camslice.web.cameras import CameraDesk, ParseCamera
from camslice.web.guard import Guard
from camslice.web.live import Live
from camslice.web.observer import Observer
from camslice.web.status_json import camera_json, status_json
from camslice.web.view import RunningFleet

_HERE = Path(__file__).parent


def create_app(
    fleet: RunningFleet,
    *,
    token: str | None,
    parse_camera: ParseCamera,
) -> FastAPI:
    """Serve `fleet`. With a `token` every route but /healthz demands it; without one only loopback names are answered.

    `parse_camera` turns an entry of `cameras` in fleet.yaml, the body of a request to add or change a camera, into cameras,
    several when it has a `count`. It also gets the name of the camera to be replaced, or None, and raises FleetError.
    """
    observer = Observer(fleet)
    live = Live(fleet, observer)
    app = FastAPI(title="camslice", version=camslice.__version__, openapi_url=None, lifespan=live.lifespan)
    on_errors_answer_in_json(app)
    _serve_page(app, observer)
    _serve_api(app, fleet, observer, CameraDesk(fleet, parse_camera))

    @app.websocket("/ws")
    async def watch(socket: WebSocket) -> None:
        await live.serve(socket)

    app.add_middleware(Guard, token=token)
    return app


def _serve_page(app: FastAPI, observer: Observer) -> None:
    templates = Jinja2Templates(_HERE / "templates")
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")

    @app.get("/", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        context = {"status": shown(status_json(observer.look())), "version": camslice.__version__}
        return templates.TemplateResponse(request, "page.html", context)


def _serve_api(app: FastAPI, fleet: RunningFleet, observer: Observer, desk: CameraDesk) -> None:
    @app.get("/healthz")
    def healthy() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/metrics")
    def metrics() -> Response:
        from camslice.web.metrics import render

        body, media_type = render(fleet.status())
        return Response(body, media_type=media_type)

    @app.get("/api/status")
    def status() -> Response:
        return answer(status_json(observer.look()))

    @app.get("/api/report")
    def report() -> Response:
        return answer(fleet.report())

    @app.get("/api/cameras/{name}")
    def camera(name: str) -> Response:
        desk.must_exist(name)
        return answer(camera_json(observer.look(), name))

    @app.post("/api/cameras")
    async def add(request: Request) -> Response:
        added = await desk.add(request)
        return answer({"added": [camera.name for camera in added]}, status_code=201)

    @app.put("/api/cameras/{name}")
    async def change(name: str, request: Request) -> Response:
        await desk.change(name, request)
        return answer({"changed": name})

    @app.delete("/api/cameras/{name}")
    def remove(name: str) -> Response:
        desk.remove(name)
        return answer({"removed": name})
