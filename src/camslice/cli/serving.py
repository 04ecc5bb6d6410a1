"""What `serve` does: listen, load the models, answer until asked to stop, report."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from camslice.cli.output import print_json, stderr, stdout
from camslice.cli.signals import Signals
from camslice.engine.heap import bound_heap
from camslice.engine.oip.described import model_statistics
from camslice.engine.oip.descriptions import ModelStatistics, Sum
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.listen import Address, TcpAddress, parse_address
from camslice.engine.oip.model_source import USUAL_MAX_BATCH, model_source
from camslice.engine.oip.repository import ModelRepository
from camslice.engine.oip.server import OipServer
from camslice.engine.oip.service import Service
from camslice.engine.oip.tls import Tls
from camslice.engine.oip.wire_limits import WireLimits
from camslice.engine.threads import inference_threads
from camslice.fleet.errors import FleetError, MachineError
from camslice.fleet.types import ModelSpec
from camslice.models.model import ModelInfo

INTERRUPTED = 130
NOWHERE = "none"
_LOOK_S = 0.25
_GRACE_S = 3.0
_CLOSE_S = 4.0
_USUAL_MESSAGE_BYTES = 64_000_000
_BESIDE_TENSORS_BYTES = 1_000_000
_FP32_PIXEL_BYTES = 3 * 4

Found = Sequence[tuple[ModelInfo, ModelSpec]]


@dataclass(frozen=True, slots=True)
class Doors:
    """Where clients come in, and what they must show."""

    grpc: Address | None
    http: TcpAddress | None
    tls: Tls | None
    token: str | None
    open_metrics: bool = False

    @classmethod
    def read(cls, grpc: str, http: str, tls: Tls | None, token: str | None, *, open_metrics: bool = False) -> Doors:
        """The addresses as typed. Raises MachineError, also for one that is open to others without a token."""
        over_grpc = None if grpc == NOWHERE else parse_address(grpc)
        over_http = None if http == NOWHERE else parse_address(http)
        for address in (over_grpc, over_http):
            if address is not None:
                address.require_token(token)
        if over_http is not None and not isinstance(over_http, TcpAddress):
            raise MachineError(f"cannot listen on {http!r} for HTTP: write HOST:PORT, such as 127.0.0.1:8000")
        return cls(over_grpc, over_http, tls, token, open_metrics)


def run_server(
    found: Found, doors: Doors, limits: Limits, *, threads: int | None, max_message_bytes: int | None, as_json: bool
) -> int:
    """Serve until stopped; returns the exit code. Raises CamsliceError when a port or a model cannot be had."""
    bound_heap()
    signals = Signals()
    started_s = time.monotonic()
    service = Service(_repository(found, threads or inference_threads()), limits)
    wire = WireLimits(message_bytes=max_message_bytes or _message_bytes(found))
    try:
        server = OipServer(service, doors.grpc, doors.http, doors.tls, doors.token, wire, open_metrics=doors.open_metrics)
        try:
            # Listening comes first: a port in use is told before the models are loaded, and whoever asks hears "not ready".
            server.start()
            for info, _ in found:
                service.load(info.name)
            signals.note()
            _announce(server, found)
            while not signals.wait(_LOOK_S):
                pass
        finally:
            server.stop(_GRACE_S)
        statistics = service.statistics()
    finally:
        _close(service)
    if as_json:
        print_json(_report(server, statistics, time.monotonic() - started_s))
    else:
        _print(statistics)
    return INTERRUPTED if signals.interrupted else 0


def _repository(found: Found, threads: int) -> ModelRepository:
    repository = ModelRepository()
    for info, spec in found:
        if info.name in repository.names():
            raise FleetError(
                f"two models are called {info.name!r}: write NAME=MODEL for one, its name is what clients ask for."
            )
        repository.add(info.name, partial(model_source, info, spec, threads=threads))
    return repository


def _message_bytes(found: Found) -> int:
    """Room for an 8-megapixel picture, and for a full batch of bare tensors."""
    batches = [
        info.input.width * info.input.height * _FP32_PIXEL_BYTES * (spec.max_batch or USUAL_MAX_BATCH) for info, spec in found
    ]
    return max(_USUAL_MESSAGE_BYTES, *(each + _BESIDE_TENSORS_BYTES for each in batches))


def _announce(server: OipServer, found: Found) -> None:
    names = ", ".join(info.name for info, _ in found)
    if server.grpc_address is not None:
        stderr().print(f"gRPC: {server.grpc_address}")
    if server.http_address is not None:
        stderr().print(f"HTTP: {server.http_address}")
    stderr().print(f"serving {names}")


def _close(service: Service) -> None:
    """Within a time: a device that hangs, or a model that is just being loaded, must not keep the process."""
    closing = threading.Thread(target=service.close, name="close", daemon=True)
    closing.start()
    closing.join(_CLOSE_S)


def _report(server: OipServer, statistics: Sequence[ModelStatistics], duration_s: float) -> Mapping[str, object]:
    return {
        "duration_s": duration_s,
        "grpc": None if server.grpc_address is None else str(server.grpc_address),
        "http": None if server.http_address is None else str(server.http_address),
        "models": model_statistics(statistics)["model_stats"],
    }


def _print(statistics: Sequence[ModelStatistics]) -> None:
    from rich.table import Table

    table = Table()
    table.add_column("model")
    for heading in ("answered", "pictures", "batches", "queue ms", "inference ms", "refused"):
        table.add_column(heading, justify="right")
    for each in statistics:
        refused = ", ".join(f"{count} {why}" for why, count in each.refused.items())
        table.add_row(
            each.name,
            str(each.success.count),
            str(each.inference_count),
            str(each.execution_count),
            _mean_ms(each.queue),
            _mean_ms(each.compute_infer),
            refused or "0",
        )
    stdout().print(table)


def _mean_ms(of: Sum) -> str:
    return f"{of.ns / of.count / 1e6:.1f}" if of.count else "-"
