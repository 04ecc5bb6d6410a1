"""What `operator` does: take the lease, operate, serve health and metrics, stop cleanly."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from camslice.cli.token import read_token
from camslice.fleet.address import parse_listen, require_token
from camslice.fleet.errors import CamsliceError, ClusterError

logger = logging.getLogger(__name__)
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice operator --help`."""

    namespace: str | None
    lease: str
    listen: str
    token_file: Path | None
    poll_s: float
    compact_after_s: float
    lost_after_s: float
    prometheus: str | None
    kubeconfig: Path | None
    context: str | None


def run_operator(asked: Asked) -> int:
    """Returns the exit code."""
    from camslice.cluster.client import connect

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of every request
    token = read_token(asked.token_file)
    require_token("0.0.0.0", token, "the page of camera pods")  # noqa: S104 - there they listen
    cluster = connect(asked.kubeconfig, asked.context, asked.namespace)
    from lightkube import Client, KubeConfig

    from camslice.cluster.operator.lease import Lease
    from camslice.cluster.operator.operate import Operator, OperatorSettings

    config = KubeConfig.from_env() if asked.kubeconfig is None else KubeConfig.from_file(asked.kubeconfig)
    client: Client = Client(config=config.get(asked.context), field_manager="camslice-operator")
    namespace = asked.namespace or cluster.namespace
    stop, reasons = threading.Event(), list[str]()
    interrupted = threading.Event()

    def told(number: int, _frame: object) -> None:
        if number == signal.SIGINT:
            interrupted.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)

    def lost(why: str) -> None:
        reasons.append(why)
        stop.set()

    identity = os.environ.get("CAMSLICE_IDENTITY") or f"{socket.gethostname()}-{os.getpid()}"
    lease = None if asked.lease == "none" else Lease(cluster, namespace, asked.lease, identity, lost)
    settings = OperatorSettings(namespace, asked.poll_s, asked.compact_after_s, asked.lost_after_s, asked.prometheus)

    def current_token() -> str | None:
        try:
            return read_token(asked.token_file)
        except CamsliceError:
            return token

    operator = Operator(cluster, client, settings, current_token)
    page = None if asked.listen == "none" else _page(asked.listen, operator, lease)
    try:
        if lease is not None and not lease.acquire(stop):
            return _INTERRUPTED if interrupted.is_set() else 0
        operator.begin()
        logger.info("operating in %s as %s", namespace, identity)
        stop.wait()
    finally:
        if not reasons:
            operator.end()
            if lease is not None:
                lease.release()
        if page is not None:
            page.shutdown()
    if reasons:
        logger.error("the lease %s is lost (%s); stopping at once, for another may act already", asked.lease, reasons[0])
        return 1
    return _INTERRUPTED if interrupted.is_set() else 0


def _page(listen: str, operator: object, lease: object) -> ThreadingHTTPServer:
    host, port = parse_listen(listen)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer("text/plain", "ok\n")
            elif self.path == "/metrics":
                self._answer("text/plain; version=0.0.4", metrics_text(operator, lease))
            else:
                self.send_error(404)

        def _answer(self, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes are no news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise ClusterError(f"--listen {listen}: {error.strerror}; choose another port, or none.") from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="page", daemon=True).start()
    return server


def metrics_text(operator: object, lease: object) -> str:
    """In Prometheus' text format."""
    from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

    from camslice.cluster.operator.lease import Lease
    from camslice.cluster.operator.operate import Operator

    if not isinstance(operator, Operator):
        raise TypeError("an operator has these metrics")
    registry = CollectorRegistry()

    def count(name: str, about: str, value: float) -> None:
        Counter(name, about, registry=registry).inc(value)

    count("camslice_operator_reconciles", "Looks at fleets.", operator.reconciles)
    count("camslice_operator_failures", "Looks at fleets that ended with an error and are repeated.", operator.failures)
    count("camslice_operator_moves", "Streams that were given another place.", operator.moves)
    requests = Counter("camslice_operator_requests", "Writing requests to the API server.", ["verb", "kind"], registry=registry)
    for what, number in dict(operator.writing.asked).items():
        verb, _, kind = what.partition(" ")
        requests.labels(verb, kind).inc(number)
    Gauge("camslice_operator_fleets", "Fleets that are looked after.", registry=registry).set(operator.fleets)
    Gauge("camslice_operator_lease_held", "1 while this operator may act.", registry=registry).set(
        1 if lease is None or (isinstance(lease, Lease) and lease.held) else 0
    )
    Gauge("camslice_operator_memory_peak_bytes", "Largest resident memory so far.", registry=registry).set(_peak_bytes())
    return generate_latest(registry).decode()


def _peak_bytes() -> int:
    """Of this program alone: what getrusage says includes the program that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
