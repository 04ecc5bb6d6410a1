"""Asks camera pods how their streams are. A few at a time, each with little patience: a pod that does not answer is unknown."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from camslice.cluster.names import HTTP_PORT
from camslice.cluster.operator.reports import PodReport, report_of
from camslice.cluster.operator.values import SeenPod

logger = logging.getLogger(__name__)

_AT_ONCE = 16
_PATIENCE_S = 2.0
_LARGEST_BYTES = 4_000_000
_FORGOTTEN_AFTER_S = 30.0


class Polling:
    """Keeps the newest report of each pod. `pods` says whom to ask; `on_news` is called after each round, from its thread."""

    def __init__(
        self,
        pods: Callable[[], Iterable[SeenPod]],
        token: Callable[[], str | None],
        every_s: float,
        on_news: Callable[[], None],
    ) -> None:
        self._pods = pods
        self._token = token
        self._every_s = every_s
        self._on_news = on_news
        self._reports: dict[str, PodReport] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="polling", daemon=True)
        self._begun = False
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="poll")

    def begin(self) -> None:
        """Ask from now on; never, when `every_s` is 0."""
        if self._every_s > 0:
            self._begun = True
            self._thread.start()

    def end(self) -> None:
        """Ask no more."""
        self._ending.set()
        self._workers.shutdown(wait=False, cancel_futures=True)

    @property
    def alive(self) -> bool:
        """Whether it asks, or is not meant to."""
        return not self._begun or self._thread.is_alive()

    def reports(self) -> Mapping[str, PodReport]:
        """Those that are not older than half a minute, by pod."""
        oldest_s = time.monotonic() - _FORGOTTEN_AFTER_S
        return {name: report for name, report in dict(self._reports).items() if report.at_s >= oldest_s}

    def release(self, releases: Sequence[tuple[SeenPod, Sequence[str]]]) -> None:
        """Tell pods that others have these streams now, some at a time. One that does not answer waits out its grace."""
        try:
            for _ in self._workers.map(self._release, releases):
                pass
        except RuntimeError:  # shut down meanwhile
            logger.info("%d pods were not told that their streams are taken over: this operator ends", len(releases))

    def _release(self, of: tuple[SeenPod, Sequence[str]]) -> None:
        pod, streams = of
        try:
            self._ask(pod, "/api/released", json.dumps({"streams": list(streams)}).encode())
        except (OSError, ValueError) as error:
            logger.info("%s was not told that its streams are taken over: %s", pod.name, error)

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            pods = [pod for pod in self._pods() if pod.ip is not None and pod.phase == "Running"]
            known = {pod.name for pod in pods}
            try:
                for pod, report in zip(pods, self._workers.map(self._look, pods), strict=True):
                    if report is not None:
                        self._reports[pod.name] = report
            except RuntimeError:  # shut down meanwhile
                return
            for name in set(self._reports) - known:
                del self._reports[name]
            self._on_news()

    def _look(self, pod: SeenPod) -> PodReport | None:
        try:
            return report_of(json.loads(self._ask(pod, "/api/status", None)), time.monotonic())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.debug("%s does not say how it is: %s", pod.name, error)
            return None

    def _ask(self, pod: SeenPod, path: str, body: bytes | None) -> bytes:
        host = f"[{pod.ip}]" if pod.ip and ":" in pod.ip else pod.ip
        request = urllib.request.Request(f"http://{host}:{HTTP_PORT}{path}", body)
        if (token := self._token()) is not None:
            request.add_header("Authorization", f"Bearer {token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        with _OPENER.open(request, timeout=_PATIENCE_S) as answer:
            read: bytes = answer.read(_LARGEST_BYTES)
            return read


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # pods are never behind a proxy
