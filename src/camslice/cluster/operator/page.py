"""What the operator says of itself over HTTP: /healthz for its probes, /metrics for Prometheus."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from camslice.cluster.operator.health import why_unwell
from camslice.cluster.operator.lease import Lease
from camslice.cluster.operator.operate import Operator
from camslice.fleet.errors import ClusterError


def serve_page(host: str, port: int, operator: Operator, lease: Lease | None) -> ThreadingHTTPServer:
    """Serve it from a thread of its own until it is shut down. Raises ClusterError when nobody can listen there.

    /healthz answers 503, with why, when only a restart helps.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                unwell = why_unwell(operator.signs())
                self._answer(200 if unwell is None else 503, "text/plain", f"{unwell or 'ok'}\n")
            elif self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4", metrics_text(operator, lease))
            else:
                self.send_error(404)

        def _answer(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes are no news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise ClusterError(f"--listen {host}:{port}: {error.strerror}; choose another port, or none.") from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="page", daemon=True).start()
    return server


def metrics_text(operator: Operator, lease: Lease | None) -> str:
    """In Prometheus' text format."""
    from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

    registry = CollectorRegistry()

    def count(name: str, about: str, value: float) -> None:
        Counter(name, about, registry=registry).inc(value)

    def gauge(name: str, about: str, value: float) -> None:
        Gauge(name, about, registry=registry).set(value)

    count("camslice_operator_reconciles", "Looks at fleets.", operator.reconciles)
    count("camslice_operator_failures", "Looks at fleets that ended with an error and are repeated.", operator.failures)
    count("camslice_operator_conflicts", "Looks at fleets that ended because an object had changed.", operator.conflicts)
    count("camslice_operator_moves", "Streams that were given another place.", operator.moves)
    count("camslice_operator_engines_unscaled", "Looks at engine servers that no KEDA scales.", operator.engines.unscaled)
    requests = Counter("camslice_operator_requests", "Writing requests to the API server.", ["verb", "kind"], registry=registry)
    for what, number in dict(operator.writing.asked).items():
        verb, _, kind = what.partition(" ")
        requests.labels(verb, kind).inc(number)
    left = Counter("camslice_operator_requests_left", "Writing requests not begun, by why.", ["why"], registry=registry)
    for why, number in dict(operator.writing.left).items():
        left.labels(why).inc(number)
    repeated = Counter("camslice_operator_repeats", "Requests sent again, by the status before.", ["code"], registry=registry)
    for code, number in operator.writing.repeated().items():
        repeated.labels(str(code)).inc(number)
    lists = Counter("camslice_operator_lists", "How often all objects of a kind were read.", ["kind"], registry=registry)
    broken = Counter("camslice_operator_watch_breaks", "How often a watch broke off.", ["kind"], registry=registry)
    for watch in operator.watches:
        lists.labels(watch.name).inc(watch.lists)
        broken.labels(watch.name).inc(watch.silences)
    gauge("camslice_operator_fleets", "Fleets that are looked after.", operator.fleets)
    gauge("camslice_operator_lease_held", "1 while this operator may act.", 1 if lease is None or lease.held else 0)
    gauge("camslice_operator_memory_peak_bytes", "Largest resident memory so far.", _peak_bytes())
    return generate_latest(registry).decode()


def _peak_bytes() -> int:
    """Of this program alone: what getrusage says includes the program that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
