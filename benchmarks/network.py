"""What the way to an engine server costs: shared memory, bytes in the request, JPEG, and the float tensor of the case study.

One `camslice serve` on this machine, reached through TCP on loopback and through a Unix socket; one picture at a time, all ways
taking turns. `network` is the round trip less what the server says it spent in its queue and on computing.
First the interfaces are compared with the same request: gRPC's blocking stub, its future with a callback, and `grpc.aio`.

    python -m benchmarks.network --model yolov8n=weights/yolov8n.onnx --side 640
"""

from __future__ import annotations

import argparse
import asyncio
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
from camslice.engine.oip.client.request import Letterhead
from camslice.engine.oip.client.transports.choose import sample_picture
from camslice.engine.oip.descriptors import SERVICE, message_class
from camslice.engine.oip.messages import Tensor
from camslice.engine.protocol import InferenceTimes, Outputs
from camslice.engine.slots import Layout
from camslice.fleet.geometry import Region
from camslice.fleet.types import Backend, ModelSpec, Server, Transport
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve

ADDRESSES = {"tcp": "grpc://127.0.0.1:{port}", "unix": "unix-abstract:camslice-benchmark-{port}"}
WAYS = {
    "shared memory": (Transport.SHARED_MEMORY, Layout.I420),
    "uint8 planes": (Transport.INLINE, Layout.I420),
    "uint8 RGB": (Transport.INLINE, Layout.RGB),
    "jpeg": (Transport.JPEG, Layout.RGB),
    "float32 tensor": (Transport.TENSOR, Layout.RGB),
}
EMPTY_CALL = "an empty call"
PATIENCE_S = 60.0
WARM_UP = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="NAME=PATH of the weights")
    parser.add_argument("--side", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--port", type=int, default=18001)
    given = parser.parse_args()
    name, _, weights = given.model.partition("=")
    info = resolve(ModelSpec(name, weights, input_size=(given.side, given.side)))
    assert info.input.width == given.side, "the server takes the model's own size: give a model of this side"
    with serving(weights, given.port):
        interfaces = {address: compare_interfaces(url, info, given.rounds) for address, url in urls(given.port).items()}
        rows = compare_ways(info, weights, urls(given.port), given.rounds)
    ratios = {
        f"{address}: float32 / {way}": round(rows[f"{address}, float32 tensor"]["p50"] / rows[f"{address}, {way}"]["p50"], 2)
        for address, way in product(ADDRESSES, WAYS)
        if way != "float32 tensor"
    }
    result = {"model": name, "model_sha256": info.sha256, "side": given.side, "rounds": given.rounds}
    write_result("network", {**result, "interfaces_network_ms": interfaces, "network_ms": rows, "ratios": ratios})
    draw_bars("network", {key: row["p50"] for key, row in rows.items()}, "network part of a round trip, median (ms)")
    for key, value in ratios.items():
        print(f"{key}: {value}")


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
    for (address, url), (way, (transport, layout)) in product(addresses.items(), WAYS.items()):
        server = Server(url, model=served, transport=transport)
        spec = ModelSpec(info.name, weights, backend=Backend.OIP, server=server)
        engines[f"{address}, {way}"] = OipEngine(info, spec, layout=layout, batches=1)
    idle = {f"{address}, {EMPTY_CALL}": Connection(Server(url)) for address, url in addresses.items()}
    empty: dict[str, list[float]] = {key: [] for key in idle}
    picture = sample_picture(info.input.width, info.input.height)
    found: dict[str, list[InferenceTimes]] = {key: [] for key in engines}
    for _ in range(rounds + WARM_UP):
        for key, engine in engines.items():
            found[key].append(analyse(engine, picture.scale_into, Region(0, 0, picture.width, picture.height)))
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


def compare_interfaces(url: str, info: ModelInfo, rounds: int) -> dict[str, dict[str, float]]:
    """The same request by gRPC's three interfaces, taking turns: the network part in ms."""
    request = planes_request(served_name(url), info)
    target = Connection(Server(url))
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def opened() -> grpc.aio.UnaryUnaryMultiCallable:
        channel = grpc.aio.insecure_channel(target.address.target)
        return channel.unary_unary(
            f"/{SERVICE}/ModelInfer", response_deserializer=message_class("ModelInferResponse").FromString
        )

    stub = asyncio.run_coroutine_threadsafe(opened(), loop).result()

    async def by_aio() -> object:
        return await stub(request)

    def by_future() -> object:
        answered = threading.Event()
        heard: list[object] = []
        target.infer(request, PATIENCE_S, lambda answer: (heard.append(answer), answered.set()), hurried=False)
        answered.wait(PATIENCE_S)
        return heard[0]

    interfaces: dict[str, Callable[[], object]] = {
        "blocking stub": lambda: target.infer_and_wait(request, PATIENCE_S),
        "future with callback": by_future,
        "grpc.aio": lambda: asyncio.run_coroutine_threadsafe(by_aio(), loop).result(),
    }
    taken: dict[str, list[float]] = {name: [] for name in interfaces}
    for _ in range(rounds + WARM_UP):
        for name, ask in interfaces.items():
            began_ns = time.monotonic_ns()
            answer = ask()
            taken[name].append((time.monotonic_ns() - began_ns - spent_by(answer).total_ns) / 1e6)  # type: ignore[arg-type]
    target.close()
    loop.call_soon_threadsafe(loop.stop)
    return {name: figures(values[WARM_UP:]) for name, values in taken.items()}


def served_name(url: str) -> str:
    connection = Connection(Server(url))
    try:
        return str(connection.ask("RepositoryIndex", ready=True).models[0].name)
    finally:
        connection.close()


def planes_request(model: str, info: ModelInfo) -> bytes:
    """One picture as planes, in the request."""
    side = info.input.width
    planes = np.ascontiguousarray(cv2.cvtColor(sample_picture(side, side).rgb, cv2.COLOR_RGB2YUV_I420))
    tensor = Tensor("i420", "UINT8", (1, *planes.shape), planes.tobytes())
    return Letterhead(model, ("boxes",)).request([tensor])


def figures(values: Sequence[float]) -> dict[str, float]:
    return {"p50": round(median(values), 4), "p95": round(float(np.percentile(values, 95)), 4), **spread(values)}


if __name__ == "__main__":
    main()
