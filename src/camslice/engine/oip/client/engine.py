"""The engine `oip`: a model that a server runs, ours or any that speaks the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from camslice.engine.fitting import fitted
from camslice.engine.oip.client.batch import OipBatch
from camslice.engine.oip.client.link import Link
from camslice.engine.oip.client.session import Session
from camslice.engine.oip.client.wanted import Wanted
from camslice.engine.protocol import EngineInfo
from camslice.engine.slots import Layout
from camslice.fleet.errors import EngineError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import ModelSpec
from camslice.models.model import ModelInfo

BATCHES = 4
"""Requests on their way at once: two that the server computes and two that travel or are being filled."""
START_PATIENCE_S = 5.0
CLOSE_PATIENCE_S = 5.0


class OipEngine:
    """A model at a server. Owns the connection and the thread that looks for the way back, until `close`.

    While the server is away `acquire` lends nothing, so frames wait in their mailboxes and grow stale there; what was on its
    way has failed with EngineAwayError. Answers come from a thread of the session's. Thread-safe.
    """

    def __init__(
        self,
        info: ModelInfo,
        spec: ModelSpec,
        *,
        layout: Layout = Layout.I420,
        threads: int = 1,
        batches: int = BATCHES,
        patience_s: float = START_PATIENCE_S,
        stream: bool = True,
    ) -> None:
        """`spec.device` and `spec.precision` are the server's affair. `stream`: requests go over one where there is one.

        Raises EngineError when no server is named or it cannot be used, MachineError when shared memory lacks.
        """
        if spec.server is None:
            raise EngineError(f"model {spec.name}: engine oip needs a server; set `server: {{url: grpc://HOST:PORT}}`.")
        if layout is Layout.TENSOR:
            raise EngineError(f"model {spec.name}: engine oip takes pictures only; tensors are made on their way.")
        wanted = Wanted(info, spec, spec.server, layout, spec.max_batch or 1, batches, stream)
        self._wake: Callable[[], None] = _nobody
        self._link = Link(wanted, self._wake_up, patience_s)
        session = self._described = self._link.latest
        self._input = info.input
        self._even = wanted.slots_for(session.offer) is Layout.I420
        self._info = EngineInfo(
            backend="oip (foreign)" if session.offer.foreign else "oip",
            device=_place(session),
            precision="as served",
            input_width=info.input.width,
            input_height=info.input.height,
            max_batch=wanted.max_batch,
            batches=batches,
            threads=threads,
            model_sha256=info.sha256,
            ready_boxes=session.offer.ready_boxes,
        )

    @property
    def info(self) -> EngineInfo:
        """What is running; `device` says where, and how pictures get there, which may change when the server comes back."""
        session = self._link.latest
        if session is not self._described:
            self._info = replace(self._info, device=_place(session))
            self._described = session
        return self._info

    def fit(self, region: Region) -> Letterbox:
        """Scaled to the input's size; to whole chroma samples where slots hold planes."""
        spec = self._input
        return fitted(region, spec.width, spec.height, centred=spec.centred, even=self._even)

    def acquire(self) -> OipBatch | None:
        """Lend a free batch, or None when all are out or the server is away."""
        session = self._link.session
        return session.pool.lend() if session else None

    def on_free(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever a batch comes back, and when the server does."""
        self._wake = wake

    def close(self) -> None:
        """Wait for what is on its way, then hang up."""
        self._wake = _nobody
        session = self._link.session
        if session is not None:
            session.pool.wait_until_all_are_back(CLOSE_PATIENCE_S)
        self._link.close()

    def _wake_up(self) -> None:
        self._wake()


def _place(session: Session) -> str:
    way = session.way.transport.replace("_", " ")
    return f"{session.server} at {session.url} ({way}{'' if session.streams else ', single calls'})"


def _nobody() -> None:
    """Nobody waits for a free batch."""
