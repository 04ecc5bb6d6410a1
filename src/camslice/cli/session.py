"""Everything that runs while a fleet is analysed: supervisor, statistics, sinks, page. Shared by `run` and `demo`."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from camslice.events.jsonl import JsonlSink
from camslice.events.sink import Sink
from camslice.events.store.sink import StoreSink
from camslice.events.store.spool.place import spool_place
from camslice.fleet.errors import EngineError
from camslice.fleet.placement import Placed
from camslice.fleet.spec import parse_camera
from camslice.fleet.spec_sources import NO_VARIABLES
from camslice.fleet.types import CameraSpec, Fleet
from camslice.models.model import ModelInfo
from camslice.stream.results import FrameResult
from camslice.stream.statistics import Statistics
from camslice.stream.supervisor import Supervisor
from camslice.video.camera_state import CameraState
from camslice.web.app import create_app
from camslice.web.guard import Token
from camslice.web.running import SupervisedFleet
from camslice.web.server import WebServer

COUNTS_EVERY_S = 1.0
_OVER = (CameraState.ENDED, CameraState.FAILED)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the page is served, and the token it asks for, if any."""

    host: str
    port: int
    token: Token = None


class Session:
    """A running fleet, as a context manager: entered, cameras run; left, everything is drained, written and stopped.

    Owns the supervisor, the sinks, the page's server and one thread that hands running counts to the sinks.
    """

    def __init__(
        self,
        fleet: Fleet,
        models: Mapping[str, ModelInfo],
        resolve: Callable[[Fleet], Mapping[str, ModelInfo]],
        base: Path,
        listen: Listen | None,
        placed: Placed | None = None,
    ) -> None:
        """`resolve` finds weights for a fleet that changed. Relative paths of cameras added by hand start at `base`.

        A fleet that an operator `placed` here waits for cameras that are down or still to come: it is never over, and has every
        model ready.
        """
        self._ticking = threading.Event()
        self._store_url = "" if fleet.store is None else fleet.store.url
        self._sinks = _sinks(fleet, lambda: self._store_url)
        self._statistics = Statistics()
        self._waits_for_cameras = placed is not None
        self._supervisor = Supervisor(fleet, models, self._take, hold=True, every_model=placed is not None)
        self.running = SupervisedFleet(self._supervisor, self._statistics, self._sinks, resolve)
        self._ticker = threading.Thread(target=self._tick, name="counts", daemon=True)
        self.running.place(placed)
        self._server = None if listen is None else _server(self.running, base, listen, open_metrics=placed is not None)

    def __enter__(self) -> Session:
        try:
            if self._server is not None:
                self._server.start()
            self._supervisor.start()
            self._refuse_if_no_model_works()
        except BaseException:
            self.close()
            raise
        # All cameras begin now, whichever pod was ready first: rates and cores are counted from here.
        self._supervisor.release(time.monotonic_ns())
        self.running.begin()
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def url(self) -> str | None:
        """Where the page is, if it is served."""
        return None if self._server is None else self._server.url

    def close(self) -> None:
        """Drain and stop. The report stays readable."""
        self.running.end()
        self._supervisor.stop()
        self._ticking.set()
        if self._ticker.is_alive():
            self._ticker.join()
        self._hand_over_counts()
        last = [sink.close for sink in self._sinks] + ([self._server.stop] if self._server is not None else [])
        with ThreadPoolExecutor(max(1, len(last))) as together:
            for done in [together.submit(work) for work in last]:
                done.result()

    def log_in_as(self, store_url: str) -> None:
        """The store is where it was, and asks for this user and password from its next connection on."""
        self._store_url = store_url

    def over(self) -> bool:
        """Whether no camera will bring another frame, and all they brought were analysed."""
        if self._waits_for_cameras:
            return False
        cameras = self._supervisor.cameras()
        if not cameras or any(life.state not in _OVER for life in cameras.values()):
            return False
        return not any(counts.in_flight for counts in self._supervisor.counts().values())

    def _take(self, results: Sequence[FrameResult]) -> None:
        self._statistics.add(results)
        self.running.take(results)
        for sink in self._sinks:
            sink.offer(results)

    def _tick(self) -> None:
        while not self._ticking.wait(COUNTS_EVERY_S):
            self._hand_over_counts()

    def _hand_over_counts(self) -> None:
        counts = self._supervisor.counts()
        for sink in self._sinks:
            sink.counts(counts, time.time())

    def _refuse_if_no_model_works(self) -> None:
        problems = {name: life.problem for name, life in self._supervisor.models().items()}
        if problems and all(problems.values()):
            raise EngineError("no model could be loaded: " + "; ".join(f"{problem}" for problem in problems.values()))


def _server(running: SupervisedFleet, base: Path, listen: Listen, *, open_metrics: bool) -> WebServer:
    def parsed(data: Mapping[str, object], replacing: str | None) -> Sequence[CameraSpec]:
        fleet = running.fleet
        others = replace(fleet, cameras=tuple(camera for camera in fleet.cameras if camera.name != replacing))
        # No variables: whoever may add a camera could otherwise have our secrets sent to an address of theirs.
        return parse_camera(data, others, base, NO_VARIABLES)

    app = create_app(
        running,
        token=listen.token,
        parse_camera=parsed,
        health=running,
        placements=running.placements,
        open_metrics=open_metrics,
    )
    return WebServer(app, listen.host, listen.port)


def _sinks(fleet: Fleet, url_now: Callable[[], str]) -> list[Sink]:
    sinks: list[Sink] = []
    if fleet.store is not None:
        run_id = uuid.uuid4().hex[:12]
        store, spool = fleet.store, spool_place(os.environ)
        sinks.append(StoreSink(store.url, store.keep_days, store.keep_mb, run_id, spool=spool, url_now=url_now))
    try:
        sinks += [JsonlSink(sink.path) for sink in fleet.sinks]
    except BaseException:
        for sink in sinks:
            sink.close()
        raise
    return sinks
