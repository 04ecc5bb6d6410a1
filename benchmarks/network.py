"""What the way to an engine server costs: shared memory, bytes in the request, JPEG, and the float tensor of the case study.

One `camslice serve` on this machine, reached through TCP on loopback and through a Unix socket; one picture at a time, all ways
taking turns in an order that changes. `network` is the round trip less what the server says it spent in its queue and on
computing.

The ways are those of our client, which sends its requests over one stream, but for the float tensor, which goes as in the case
study: one call each. What the stream and what the picture's form gain is seen in the rows where only one of them is changed.
First the interfaces are compared with the same request: one stream, gRPC's blocking stub, its future with a callback, and
`grpc.aio`. At last several requests are under way at once, over a stream and as single calls.

    python -m benchmarks.network --model yolov8n=weights/yolov8n.onnx --side 640
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from statistics import median

import cv2
import grpc
import numpy as np

from benchmarks.record import draw_bars, spread, write_result
from camslice.engine.oip.client.answer import spent_by
from camslice.engine.oip.client.connection import Connection
from camslice.engine.oip.client.engine import OipEngine
from camslice.engine.oip.client.request import Letterhead, Request
from camslice.engine.oip.client.request_stream import RequestStream
from camslice.engine.oip.client.transports.choose import sample_picture
from camslice.engine.oip.descriptors import SERVICE, message_class
from camslice.engine.oip.messages import Tensor
from camslice.engine.protocol import Batch, InferenceTimes, Outputs
from camslice.engine.slots import Layout
from camslice.fleet.geometry import Region
from camslice.fleet.types import Backend, ModelSpec, Server, Transport
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve

ADDRESSES = {"tcp": "grpc://127.0.0.1:{port}", "unix": "unix-abstract:camslice-benchmark-{port}"}
FLOAT32 = "float32 tensor"
WAYS = {
    "shared memory": (Transport.SHARED_MEMORY, Layout.I420, True),
    "uint8 planes": (Transport.INLINE, Layout.I420, True),
    "uint8 RGB": (Transport.INLINE, Layout.RGB, True),
    "jpeg": (Transport.JPEG, Layout.RGB, True),
    FLOAT32: (Transport.TENSOR, Layout.RGB, False),
    "shared memory, single calls": (Transport.SHARED_MEMORY, Layout.I420, False),
    "uint8 planes, single calls": (Transport.INLINE, Layout.I420, False),
    "uint8 RGB, single calls": (Transport.INLINE, Layout.RGB, False),
    "float32 tensor, streamed": (Transport.TENSOR, Layout.RGB, True),
}
"""How a picture travels, what its slot holds, and whether requests go over a stream."""
EMPTY_CALL = "an empty call"
AT_ONCE = (1, 4, 8)
"""Requests under way, when their rate is measured."""
TURNS = 5
PATIENCE_S = 60.0
WARM_UP = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="NAME=PATH of the weights")
    parser.add_argument("--side", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement of a rate")
    parser.add_argument("--port", type=int, default=18001)
    given = parser.parse_args()
    name, _, weights = given.model.partition("=")
    info = resolve(ModelSpec(name, weights, input_size=(given.side, given.side)))
    assert info.input.width == given.side, "the server takes the model's own size: give a model of this side"
    cv2.setNumThreads(1)  # as in an analysis process
    with serving(weights, given.port):
        interfaces = {address: compare_interfaces(url, info, given.rounds) for address, url in urls(given.port).items()}
        rows = compare_ways(info, weights, urls(given.port), given.rounds)
        rates = {address: compare_rates(info, weights, url, given.seconds) for address, url in urls(given.port).items()}
    ratios = {
        f"{address}: float32 / {way}": round(rows[f"{address}, {FLOAT32}"]["p50"] / rows[f"{address}, {way}"]["p50"], 2)
        for address, way in product(ADDRESSES, WAYS)
        if way != FLOAT32
    }
    result = {"model": name, "model_sha256": info.sha256, "side": given.side, "rounds": given.rounds}
    figures_ms = {"interfaces_network_ms": interfaces, "network_ms": rows}
    write_result("network", {**result, **figures_ms, "ratios": ratios, "rate_streamed_over_single_calls": rates})
    draw_bars("network", {key: row["p50"] for key, row in rows.items()}, "network part of a round trip, median (ms)")
    for key, value in ratios.items():
        print(f"{key}: {value}")
    for address, by_number in rates.items():
        print(f"{address}: {by_number}")


def urls(port: int) -> Mapping[str, str]:
    return {name: template.format(port=port) for name, template in ADDRESSES.items()}


@contextmanager
def serving(weights: str, port: int) -> Iterator[None]:
    """A server for each kind of address."""
    addresses = [f"127.0.0.1:{port}", f"unix-abstract:camslice-benchmark-{port}"]
    commands = [[sys.executable, "-m", "camslice", "serve", weights, "--grpc", at, "--http", "none"] for at in addresses]
    servers = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands]
    try:
        for url in urls(port).values():
            wait_for(url)
        yield
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(20)


def wait_for(url: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while True:
        connection = Connection(Server(url))
        try:
            if connection.ask("ServerReady").ready:
                return
        except Exception:
            if time.monotonic() > until_s:
                raise
        finally:
            connection.close()
        time.sleep(0.2)


def compare_ways(info: ModelInfo, weights: str, addresses: Mapping[str, str], rounds: int) -> dict[str, dict[str, float]]:
    """The network part in ms of every way over every address, taking turns."""
    served = served_name(next(iter(addresses.values())))
    engines = {}
    for (address, url), (way, (transport, layout, stream)) in product(addresses.items(), WAYS.items()):
        spec = spec_at(Server(url, model=served, transport=transport), info, weights)
        engines[f"{address}, {way}"] = OipEngine(info, spec, layout=layout, batches=1, stream=stream)
    idle = {f"{address}, {EMPTY_CALL}": Connection(Server(url)) for address, url in addresses.items()}
    empty: dict[str, list[float]] = {key: [] for key in idle}
    picture = sample_picture(info.input.width, info.input.height)
    found: dict[str, list[InferenceTimes]] = {key: [] for key in engines}
    order = random.Random(0)
    for _ in range(rounds + WARM_UP):
        for key in order.sample(sorted(engines), len(engines)):  # what went before leaves the caches warm or cold
            found[key].append(analyse(engines[key], picture.scale_into, Region(0, 0, picture.width, picture.height)))
        for key, connection in idle.items():
            began_ns = time.monotonic_ns()
            connection.ask("ServerLive")
            empty[key].append((time.monotonic_ns() - began_ns) / 1e6)
    for connection in idle.values():
        connection.close()
    for engine in engines.values():
        engine.close()
    network_ms = {key: [times.network_ns / 1e6 for times in taken] for key, taken in found.items()}
    return {key: figures(values[WARM_UP:]) for key, values in {**network_ms, **empty}.items()}


def analyse(engine: OipEngine, scale_into: Callable[..., None], region: Region) -> InferenceTimes:
    """One picture there and back."""
    batch = engine.acquire()
    assert batch is not None
    letterbox = engine.fit(region)
    scale_into(batch.slot_for(0, letterbox), letterbox)
    answered = threading.Event()
    heard: list[InferenceTimes | Exception] = []

    def done(_: object, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        heard.append(times if error is None else error)
        batch.release()
        answered.set()

    batch.start(1, done)
    answered.wait(PATIENCE_S)
    times = heard[0]
    if isinstance(times, Exception):
        raise times
    return times


def spec_at(server: Server, info: ModelInfo, weights: str) -> ModelSpec:
    return ModelSpec(info.name, weights, backend=Backend.OIP, server=server)


def compare_rates(info: ModelInfo, weights: str, url: str, seconds: float) -> dict[str, dict[str, float]]:
    """Answers per second with so many requests under way, pictures in shared memory: over a stream / as single calls."""
    spec = spec_at(Server(url, model=served_name(url), transport=Transport.SHARED_MEMORY), info, weights)
    engines = [OipEngine(info, spec, batches=max(AT_ONCE), stream=stream) for stream in (True, False)]
    found: dict[str, list[float]] = {str(number): [] for number in AT_ONCE}
    for _, number in product(range(TURNS), AT_ONCE):
        streamed, alone = (rate(engine, number, seconds) for engine in engines)
        found[str(number)].append(streamed / alone)
    for engine in engines:
        engine.close()
    return {number: spread(ratios) for number, ratios in found.items()}


def rate(engine: OipEngine, number: int, seconds: float) -> float:
    """Answers per second with `number` requests under way: each answer sends the next."""
    until_s = time.monotonic() + seconds
    whole = engine.fit(Region(0, 0, engine.info.input_width, engine.info.input_height))
    picture = sample_picture(engine.info.input_width, engine.info.input_height)
    answers: list[Exception | None] = []
    ended = threading.Semaphore(0)

    def send() -> None:
        batch = engine.acquire()
        assert batch is not None
        picture.scale_into(batch.slot_for(0, whole), whole)
        batch.start(1, done)

    def done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        answers.append(error)
        batch.release()
        if error is None and time.monotonic() < until_s:
            send()
        else:
            ended.release()

    for _ in range(number):
        send()
    for _ in range(number):
        assert ended.acquire(timeout=PATIENCE_S)
    assert not any(answers), answers[-1]
    return len(answers) / (seconds + time.monotonic() - until_s)


def compare_interfaces(url: str, info: ModelInfo, rounds: int) -> dict[str, dict[str, float]]:
    """The same picture by a stream and by gRPC's three interfaces for calls, taking turns: the network part in ms."""
    head, tensor = Letterhead(served_name(url), ("boxes",)), planes_tensor(info)
    target = Connection(Server(url))
    stream = RequestStream(target, lambda _: None)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def opened() -> grpc.aio.UnaryUnaryMultiCallable:
        channel = grpc.aio.insecure_channel(target.address.target)
        return channel.unary_unary(
            f"/{SERVICE}/ModelInfer", response_deserializer=message_class("ModelInferResponse").FromString
        )

    stub = asyncio.run_coroutine_threadsafe(opened(), loop).result()

    async def by_aio(request: Request) -> object:
        return await stub(request.body)

    def by_callback(wire: Connection | RequestStream, request: Request) -> object:
        answered = threading.Event()
        heard: list[object] = []
        wire.infer(request, PATIENCE_S, lambda answer: (heard.append(answer), answered.set()), hurried=False)
        answered.wait(PATIENCE_S)
        return heard[0]

    interfaces: dict[str, Callable[[Request], object]] = {
        "one stream": lambda request: by_callback(stream, request),
        "blocking stub": lambda request: target.infer_and_wait(request, PATIENCE_S),
        "future with callback": lambda request: by_callback(target, request),
        "grpc.aio": lambda request: asyncio.run_coroutine_threadsafe(by_aio(request), loop).result(),
    }
    taken: dict[str, list[float]] = {name: [] for name in interfaces}
    for _ in range(rounds + WARM_UP):
        for name, ask in interfaces.items():
            request = head.request([tensor])  # each with an id of its own
            began_ns = time.monotonic_ns()
            answer = ask(request)
            taken[name].append((time.monotonic_ns() - began_ns - spent_by(answer).total_ns) / 1e6)  # type: ignore[arg-type]
    stream.close()
    target.close()
    loop.call_soon_threadsafe(loop.stop)
    return {name: figures(values[WARM_UP:]) for name, values in taken.items()}


def served_name(url: str) -> str:
    connection = Connection(Server(url))
    try:
        return str(connection.ask("RepositoryIndex", ready=True).models[0].name)
    finally:
        connection.close()


def planes_tensor(info: ModelInfo) -> Tensor:
    """One picture as planes."""
    side = info.input.width
    planes = np.ascontiguousarray(cv2.cvtColor(sample_picture(side, side).rgb, cv2.COLOR_RGB2YUV_I420))
    return Tensor("i420", "UINT8", (1, *planes.shape), planes.tobytes())


def figures(values: Sequence[float]) -> dict[str, float]:
    return {"p50": round(median(values), 4), "p95": round(float(np.percentile(values, 95)), 4), **spread(values)}


if __name__ == "__main__":
    main()
