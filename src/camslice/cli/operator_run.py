"""What `operator` does: take the lease, operate, serve health and metrics, stop cleanly."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from camslice.cli.token import read_token
from camslice.fleet.address import parse_listen, require_token
from camslice.fleet.errors import CamsliceError

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
    engines_down_after_s: float
    kubeconfig: Path | None
    context: str | None


def run_operator(asked: Asked) -> int:
    """Returns the exit code."""
    from camslice.cluster.client import connect

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of every request
    token = read_token(asked.token_file)
    require_token("0.0.0.0", token, "the page of camera pods")  # noqa: S104 - there they listen
    cluster = connect(asked.kubeconfig, asked.context, asked.namespace)
    from camslice.cluster.operator.lease import Lease
    from camslice.cluster.operator.operate import Operator, OperatorSettings
    from camslice.cluster.operator.page import serve_page

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
    times = (asked.poll_s, asked.compact_after_s, asked.lost_after_s)
    settings = OperatorSettings(namespace, *times, asked.prometheus, asked.engines_down_after_s)

    def current_token() -> str | None:
        try:
            return read_token(asked.token_file)
        except CamsliceError:
            return token

    operator = Operator(cluster, settings, current_token, lambda: lease is None or lease.held)
    page = None if asked.listen == "none" else serve_page(*parse_listen(asked.listen), operator, lease)
    ended = False
    try:
        if (lease is None or lease.acquire(stop)) and operator.begin(stop):
            logger.info("operating in %s as %s", namespace, identity)
            stop.wait()
    finally:
        if not reasons:
            ended = operator.end()
    if reasons:
        logger.error("the lease %s is lost (%s); stopping at once, for another may act already", asked.lease, reasons[0])
        _leave_at_once(1)
    if page is not None:
        page.shutdown()
    code = _INTERRUPTED if interrupted.is_set() else 0
    if not ended:  # the lease is not given back, so nobody acts before that request has ended
        logger.warning("a request to the API server is still on its way; stopping all the same")
        _leave_at_once(code)
    if lease is not None:
        lease.release()
    return code


def _leave_at_once(code: int) -> NoReturn:
    """End without waiting for threads: some may hang in a request, and others have more to do."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
