"""Which arithmetic is the fastest for a model on this machine: engines of each precision, timed in turns.

Turns, because a machine's speed drifts by more than the precisions differ; forwards and backwards, so that a steady drift
falls on all alike; each turn against the mean of its round, because other programs come and go; then medians, because a burst
of theirs falls on one turn.
"""

from __future__ import annotations

import logging
import pickle
import queue
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime

from camslice.engine.make import make_engine
from camslice.engine.openvino_core import openvino_core
from camslice.engine.precision import Timed, remember, remembered
from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs
from camslice.engine.threads import inference_threads
from camslice.fleet.errors import CamsliceError
from camslice.fleet.geometry import Region
from camslice.fleet.types import Backend, ModelSpec, Precision
from camslice.models.model import ModelInfo
from camslice.models.quantised import Quantised, find_quantised

log = logging.getLogger(__name__)

TURNS = 8
TURNS_AT_START = 4
"""Of what waits for a fleet to start."""
TURN_S = 0.4
_PATIENCE_S = 300.0


def time_precisions(
    info: ModelInfo, spec: ModelSpec, int8: ModelInfo, turned: Callable[[], None] = lambda: None, rounds: int = TURNS
) -> Timed:
    """Time FP32, BF16 where the CPU has it, and the INT8 version, in so many rounds; `turned` is called after each.

    Raises EngineError when one of them cannot be loaded or fails.
    """
    with ExitStack() as loaded:
        engines = {
            precision: loaded.enter_context(
                closing(
                    make_engine(
                        of, replace(spec, precision=asked, device=None), threads=inference_threads(), keep_compiled=False
                    )
                )
            )
            for precision, (of, asked) in _candidates(info, int8).items()
        }
        for engine in engines.values():
            _pictures_per_s(engine, TURN_S / 4)
        turns: Mapping[Precision, list[float]] = {precision: [] for precision in engines}
        for number in range(rounds):
            order = list(engines)
            for precision in order if number % 2 == 0 else reversed(order):
                turns[precision].append(_pictures_per_s(engines[precision], TURN_S))
            turned()
    return Timed(steadied(turns), int8.sha256, datetime.now(UTC).isoformat(timespec="seconds"))


def steadied(turns: Mapping[Precision, Sequence[float]]) -> dict[str, float]:
    """One rate per precision from those of its turns: the median share of its round's mean, times the mean of all rounds.

    >>> steadied({Precision.FP32: [10.0, 5.0, 10.0], Precision.INT8: [20.0, 10.0, 5.0]})
    {'fp32': 6.67, 'int8': 13.33}
    """
    rounds = [statistics.fmean(rates) for rates in zip(*turns.values(), strict=True)]
    mean = statistics.fmean(rounds)
    return {
        str(precision): round(statistics.median(rate / of for rate, of in zip(rates, rounds, strict=True)) * mean, 2)
        for precision, rates in turns.items()
    }


def time_once(info: ModelInfo, spec: ModelSpec, say: Callable[[str], None]) -> None:
    """For `precision: auto` and a model that has an INT8 version: time the precisions here, unless that was done before.

    In a process of its own, which leaves nothing behind in this one. `say` hears that it begins. What prevents it is logged,
    and the choice is then made by rule.
    """
    if not _is_open(spec):
        return
    try:
        int8 = _int8_of(info)
        if int8 is None or remembered(info, int8) is not None:
            return
    except CamsliceError as error:
        log.warning("model %s: %s", spec.name, error)
        return
    say(f"model {spec.name}: timing its precisions on this machine, once")
    command = [sys.executable, "-m", "camslice.measure.precisions"]
    try:
        done = subprocess.run(command, input=pickle.dumps((info, spec)), capture_output=True, timeout=_PATIENCE_S, check=False)
        failure = done.stderr.decode(errors="replace").strip().splitlines()[-1:] if done.returncode else []
    except (OSError, subprocess.TimeoutExpired) as error:
        failure = [str(error)]
    if failure:
        log.warning("model %s: its precisions could not be timed: %s", spec.name, failure[0])


def _candidates(info: ModelInfo, int8: ModelInfo) -> dict[Precision, tuple[ModelInfo, Precision]]:
    found = {Precision.FP32: (info, Precision.FP32)}
    if "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        found[Precision.BF16] = (info, Precision.BF16)
    return {**found, Precision.INT8: (int8, Precision.AUTO)}


def _pictures_per_s(engine: Engine, seconds: float) -> float:
    """Pictures per second while every batch of the engine is in flight, for `seconds` and at least twice all batches."""
    back: queue.SimpleQueue[tuple[Batch, Exception | None]] = queue.SimpleQueue()
    size = engine.info.max_batch
    letterbox = engine.fit(Region(0, 0, engine.info.input_width, engine.info.input_height))

    def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        back.put((batch, error))

    started = running = 0
    began_s = time.monotonic()
    while True:
        while time.monotonic() - began_s < seconds or started < 2 * engine.info.batches:
            batch = engine.acquire()
            if batch is None:
                break
            for index in range(size):
                batch.slot_for(index, letterbox)
            batch.start(size, done)
            started, running = started + 1, running + 1
        if not running:
            return started * size / (time.monotonic() - began_s)
        batch, error = back.get()
        batch.release()
        running -= 1
        if error is not None:
            raise error


def _is_open(spec: ModelSpec) -> bool:
    return spec.backend is Backend.OPENVINO and spec.precision is Precision.AUTO and (spec.device or "CPU") == "CPU"


def _int8_of(info: ModelInfo) -> Quantised | None:
    return find_quantised(info.sha256, info.input.width, info.input.height)


def main() -> None:
    """The process of `time_once`."""
    info, spec = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the process that started this one)
    found = _int8_of(info)
    if found is not None:
        version = replace(info, path=found.path, sha256=found.evidence.sha256)
        remember(info, time_precisions(info, spec, version, rounds=TURNS_AT_START))


if __name__ == "__main__":
    main()
