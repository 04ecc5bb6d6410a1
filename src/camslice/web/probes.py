"""The routes of probes and of an operator: tiny answers, at once."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from camslice.fleet.placement import stream_key, stream_name
from camslice.web.answers import RefusedError, answer
from camslice.web.body import json_object
from camslice.web.health import Health, Verdict
from camslice.web.placements import PlacementBook

_UNAVAILABLE = 503


def serve_probes(app: FastAPI, health: Health | None) -> None:
    """`/healthz`, and with `health` the three probes. 200 or 503, and why in JSON."""

    @app.get("/healthz")
    async def healthy() -> Response:
        return PlainTextResponse("ok\n")

    if health is not None:
        for name, ask in (("started", health.started), ("ready", health.ready), ("live", health.live)):
            app.get(f"/healthz/{name}")(_probe(ask))


def serve_released(app: FastAPI, placements: PlacementBook) -> None:
    """`POST /api/released`: an operator says which streams other pods have by now."""

    @app.post("/api/released")
    async def released(request: Request) -> Response:
        body = await json_object(request, "the streams")
        names = body.get("streams")
        if not isinstance(names, list):
            raise RefusedError(400, 'the body must be {"streams": ["CAMERA/MODEL"]}')
        keys = {name: stream_key(name) if isinstance(name, str) else None for name in map(_text, names)}
        if wrong := next((name for name, key in keys.items() if key is None), None):
            raise RefusedError(400, f"{wrong!r} is no stream; write CAMERA/MODEL")
        taken = placements.release([key for key in keys.values() if key is not None])
        left = sorted(placements.waits_for)
        return answer({"released": [stream_name(key) for key in taken], "waits_for": [stream_name(key) for key in left]})


def _text(name: object) -> str:
    return name if isinstance(name, str) else "?"


def _probe(ask: Callable[[], Verdict]) -> Callable[[], Response]:
    def probe() -> Response:
        verdict = ask()
        body: dict[str, object] = {"ok": verdict.ok}
        if verdict.reason:
            body["reason"] = verdict.reason
        if verdict.revisions is not None:
            body |= {"revision": verdict.revisions.applied, "mounted": verdict.revisions.mounted}
        return answer(body, 200 if verdict.ok else _UNAVAILABLE)

    return probe
