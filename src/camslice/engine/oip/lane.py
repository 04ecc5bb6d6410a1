"""One engine of a served model, and the batcher in front of it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Executor

from camslice.engine.oip.batch_sizes import BatchSizes, load_engine
from camslice.engine.oip.batcher import Batcher
from camslice.engine.oip.counters import Counters
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.model_source import ModelSource
from camslice.engine.oip.work import Work
from camslice.engine.protocol import Engine
from camslice.engine.slots import Layout
from camslice.fleet.errors import CamsliceError

log = logging.getLogger(__name__)


class Lane:
    """Requests whose pictures need slots of one layout. Owns its engine, and the thread that loads it, until `close`.

    Requests may come before the engine is there: they wait in the batcher as for a busy one.
    """

    def __init__(self, source: ModelSource, layout: Layout, limits: Limits, counters: Counters, preparers: Executor) -> None:
        self._source = source
        self._layout = layout
        self._batcher = Batcher(limits, counters, preparers)
        self._engine: Engine | None = None
        self._loader: threading.Thread | None = None
        self.sizes = BatchSizes()

    def load(self) -> None:
        """Load the engine and measure which batches it gains from. Blocks. Raises CamsliceError."""
        source = self._source
        try:
            engine, sizes = load_engine(lambda max_batch: source.make(self._layout, max_batch), source.max_batch)
        except Exception as error:
            self._batcher.close(_not_loaded(source, error))
            raise
        self._engine, self.sizes = engine, sizes
        log.info("model %s, %s: batches of %s", source.info.name, self._layout, ", ".join(map(str, sizes.sizes)))
        self._batcher.use(engine, sizes)

    def load_in_background(self) -> None:
        """Load the engine in a thread; if that fails, requests get to know why."""
        self._loader = threading.Thread(target=self._load_or_say, name="oip-loader", daemon=True)
        self._loader.start()

    def submit(self, work: Work) -> None:
        """See `Batcher.submit`."""
        self._batcher.submit(work)

    def look_after(self) -> None:
        """See `Batcher.look_after`."""
        self._batcher.look_after()

    def close(self, patience_s: float) -> None:
        """Finish what was taken on within `patience_s`, then free the engine. Blocks."""
        if self._loader is not None:
            self._loader.join()
        self._batcher.close(_unloaded(self._source), patience_s)
        if self._engine is not None:
            self._engine.close()

    def _load_or_say(self) -> None:
        try:
            self.load()
        except CamsliceError as error:
            log.warning("model %s cannot take inputs in layout %s: %s", self._source.info.name, self._layout, error)
        except Exception:
            log.exception("model %s cannot take inputs in layout %s", self._source.info.name, self._layout)


def _not_loaded(source: ModelSource, error: Exception) -> OipError:
    reason = error if isinstance(error, CamsliceError) else "the server's log says why"
    return OipError(Status.UNAVAILABLE, f"model {source.info.name!r} could not be loaded for this input: {reason}")


def _unloaded(source: ModelSource) -> OipError:
    return OipError(Status.UNAVAILABLE, f"model {source.info.name!r} is being unloaded")
