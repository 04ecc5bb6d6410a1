"""The page and the HTTP API of one running fleet, as an ASGI application.

Routes are thin: `observer` looks at the fleet, `status_json` says it in JSON, `cameras` changes it, `live` pushes it to
browsers, and `guard` decides who may come in at all. docs/reference/http-api.md describes every answer.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

import camslice
from camslice.web.answers import answer, on_errors_answer_in_json, shown
from camslice.web.cameras import CameraDesk, ParseCamera
from camslice.web.guard import PROBES, Guard, Token
from camslice.web.health import Health
from camslice.web.live import Live
from camslice.web.observer import Observer
from camslice.web.pictures import serve_pictures
from camslice.web.placements import PlacementBook
from camslice.web.probes import serve_probes, serve_released
from camslice.web.snapshots import serve_snapshots
from camslice.web.state_json import state_json
from camslice.web.status_json import camera_json, status_json
from camslice.web.view import RunningFleet

_HERE = Path(__file__).parent


def create_app(
    fleet: RunningFleet,
    *,
    token: Token,
    parse_camera: ParseCamera,
    health: Health | None = None,
    placements: PlacementBook | None = None,
    open_metrics: bool = False,
) -> FastAPI:
    """Serve `fleet`. With a `token` every route but probes (and with `open_metrics` but /metrics) demands it; without one only
    loopback names are answered. Probes are those of `health`; an operator may release streams in `placements`.

    `parse_camera` turns an entry of `cameras` in fleet.yaml, the body of a request to add or change a camera, into cameras,
    several when it has a `count`. It also gets the name of the camera to be replaced, or None, and raises FleetError.
    """
    observer = Observer(fleet)
    live = Live(fleet, observer)
    app = FastAPI(title="camslice", version=camslice.__version__, openapi_url=None, lifespan=live.lifespan)
    on_errors_answer_in_json(app)
    serve_page(app, observer)
    serve_probes(app, health)
    _serve_api(app, fleet, observer, CameraDesk(fleet, parse_camera))
    serve_pictures(app, fleet)
    serve_snapshots(app, fleet)
    if placements is not None:
        serve_released(app, placements)

    @app.websocket("/ws")
    async def watch(socket: WebSocket) -> None:
        await live.serve(socket)

    app.add_middleware(Guard, token=token, open_paths=PROBES | ({"/metrics"} if open_metrics else set()))
    return app


def serve_page(app: FastAPI, observer: Observer) -> None:
    """Answer / with the page, and what it is made of under /static."""
    templates = Jinja2Templates(_HERE / "templates")
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")

    @app.get("/", response_class=HTMLResponse)
    def page(request: Request) -> Response:
        context = {"status": shown(status_json(observer.look())), "version": camslice.__version__}
        return templates.TemplateResponse(request, "page.html", context)


def _serve_api(app: FastAPI, fleet: RunningFleet, observer: Observer, desk: CameraDesk) -> None:
    @app.get("/metrics")
    def metrics() -> Response:
        from camslice.web.metrics import render

        body, media_type = render(fleet.status())
        return Response(body, media_type=media_type)

    @app.get("/api/status")
    def status() -> Response:
        return answer(status_json(observer.look()))

    @app.get("/api/state")
    def state() -> Response:
        return answer(state_json(fleet.status()))

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
