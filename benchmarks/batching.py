"""Whether dynamic batching ever loses: the same server core with batches of up to 8 against batches of 1.

Both are loaded in this process and take turns, the order turned round in every other round. `alone`: one request at a time,
each sent when the one before is answered. `saturated`: 16 clients, each of which asks again as soon as it is answered. What
counts is the ratio within each round; `batch_sizes` says what each computed then. A server measures when it loads a
model which sizes gain, so two that are equal by this measure are equal by choice.

    python -m benchmarks.batching --model yolox-nano=weights/yolox_nano.onnx
"""

from __future__ import annotations

import argparse
import queue
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np

from benchmarks.record import draw_bars, spread, write_result
from camslice.engine.oip.messages import InferRequest, InferResponse, OipError, Tensor
from camslice.engine.oip.model_source import model_source
from camslice.engine.oip.repository import ModelRepository
from camslice.engine.oip.service import Service
from camslice.engine.threads import inference_threads
from camslice.fleet.types import Backend, ModelSpec
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did: the median answer time of single requests, and frames per second when saturated."""

    alone_ms: float
    saturated_fps: float

    def over(self, other: Round) -> Round:
        """Both figures as ratios."""
        return Round(self.alone_ms / other.alone_ms, self.saturated_fps / other.saturated_fps)


class Clients:
    """Closed-loop clients of one server. Requests are prepared once, so that what is measured is the server."""

    def __init__(self, info: ModelInfo, spec: ModelSpec, max_batch: int, threads: int) -> None:
        repository = ModelRepository()
        repository.add(info.name, partial(model_source, info, replace(spec, max_batch=max_batch), threads=threads))
        self._service = Service(repository)
        self._service.load(info.name)
        self._name = info.name
        side = (info.input.height, info.input.width, 3)
        picture = np.random.default_rng(1).integers(0, 256, side, np.uint8)
        self._request = InferRequest(info.name, (Tensor("picture", "UINT8", (1, *side), picture.tobytes()),))

    def close(self) -> None:
        """Unload the model."""
        self._service.close()

    def batch_sizes(self) -> dict[str, int]:
        """How many batches of each size were computed."""
        (statistics,) = self._service.statistics(self._name)
        return {str(each.batch_size): each.compute_infer.count for each in statistics.batches}

    def answer_ms(self) -> float:
        """Time from one request to its answer, with nobody else there."""
        heard: queue.SimpleQueue[InferResponse | OipError] = queue.SimpleQueue()
        began_s = time.perf_counter()
        self._service.infer(self._request, heard.put)
        answer = heard.get(timeout=PATIENCE_S)
        taken_ms = 1000 * (time.perf_counter() - began_s)
        assert isinstance(answer, InferResponse), answer
        return taken_ms

    def saturated_fps(self, clients: int, seconds: float) -> float:
        """Answers per second while so many clients ask again and again."""
        until_s = time.perf_counter() + seconds
        heard: queue.SimpleQueue[InferResponse | OipError] = queue.SimpleQueue()
        answered_s: list[float] = []

        def again(answer: InferResponse | OipError) -> None:
            answered_s.append(time.perf_counter())
            if answered_s[-1] < until_s and isinstance(answer, InferResponse):
                self._service.infer(self._request, again)
            else:
                heard.put(answer)

        began_s = time.perf_counter()
        for _ in range(clients):
            self._service.infer(self._request, again)
        for _ in range(clients):
            last = heard.get(timeout=PATIENCE_S)
            assert isinstance(last, InferResponse), last
        return len(answered_s) / (max(answered_s) - began_s)


def compare(servers: Mapping[str, Clients], given: argparse.Namespace) -> dict[str, list[Round]]:
    """Rounds of every server, taking turns."""
    for server in servers.values():
        server.saturated_fps(given.clients, given.seconds / 2)
    rounds: dict[str, list[Round]] = {name: [] for name in servers}
    for number in range(given.rounds):
        order = sorted(servers, reverse=bool(number % 2))
        answers_ms: dict[str, list[float]] = {name: [] for name in order}
        for _ in range(given.requests):
            for name in order:
                answers_ms[name].append(servers[name].answer_ms())
        for name in order:
            saturated_fps = servers[name].saturated_fps(given.clients, given.seconds)
            rounds[name].append(Round(median(answers_ms[name]), saturated_fps))
    return rounds


def figures(rounds: Sequence[Round]) -> dict[str, Mapping[str, float]]:
    return {
        "alone_ms": spread([each.alone_ms for each in rounds]),
        "saturated_fps": spread([each.saturated_fps for each in rounds]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="NAME=PATH of the weights")
    parser.add_argument("--engine", choices=["openvino", "onnxruntime"], default="openvino")
    parser.add_argument("--device", help="what the engine computes on; else the processor")
    parser.add_argument("--max-batch", type=int, default=8)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=200, help="single requests in a round")
    parser.add_argument("--seconds", type=float, default=4.0, help="of saturation in a round")
    given = parser.parse_args()
    name, _, weights = given.model.partition("=")
    spec = ModelSpec(name, weights, backend=Backend(given.engine), device=given.device)
    info = resolve(spec)
    threads = inference_threads()
    servers = {"batches of 1": Clients(info, spec, 1, threads), "batching": Clients(info, spec, given.max_batch, threads)}
    rounds = compare(servers, given)
    rows = {key: {**figures(found), "batch_sizes": servers[key].batch_sizes()} for key, found in rounds.items()}
    compared = figures([batching.over(single) for single, batching in zip(*rounds.values(), strict=True)])
    ratios = {
        "answer time, one request at a time": compared["alone_ms"],
        f"frames/s, {given.clients} clients at once": compared["saturated_fps"],
    }
    for server in servers.values():
        server.close()
    settings = {"engine": given.engine, "threads": threads, "max_batch": given.max_batch, "clients": given.clients}
    about = {"model": name, "model_sha256": info.sha256, **settings, "rounds": given.rounds}
    write_result("batching", {**about, "rows": rows, "ratios": ratios})
    draw_bars(
        "batching",
        {key: median(each.saturated_fps for each in found) for key, found in rounds.items()},
        f"frames/s with {given.clients} clients at once",
    )
    for key, row in rows.items():
        print(key, row)
    print(ratios)


if __name__ == "__main__":
    main()
