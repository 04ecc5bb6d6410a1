"""The pods, asked in turn: their states always, their pictures while somebody looks."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from camslice.web.cluster.pod_client import Ask, PodError, pictures_path, state_path
from camslice.web.cluster.seen import PodSeen
from camslice.web.pictures import MOST_CAMERAS, read_pictures
from camslice.web.state_json import PodState, read_state
from camslice.web.view import Preview

logger = logging.getLogger(__name__)

STATE_EVERY_S = 2.0
PICTURES_EVERY_S = 0.2
WATCH_S = 3.0
MOST_WATCHED = 256
"""Cameras whose pictures are fetched at a time, over all browsers."""
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What a pod said last, if it ever did, when (monotonic seconds), and what is wrong with it now, if anything."""

    state: PodState | None
    at_s: float
    problem: str | None


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A picture, and from which pod it came when."""

    preview: Preview
    pod: str
    at_s: float


class PodWatch:
    """Owns a thread that decides whom to ask, and a few that ask. Thread-safe. Ends in `close`."""

    def __init__(
        self,
        pods: Callable[[], Sequence[PodSeen]],
        pod_of: Callable[[str], PodSeen | None],
        ask: Ask,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`pods` names those to ask now; `pod_of` the one that shows a camera."""
        self._pods = pods
        self._pod_of = pod_of
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._asked_at_s: dict[str, float] = {}
        self._busy: set[tuple[str, str]] = set()
        self._watched_until_s: dict[str, float] = {}
        self._previews: dict[str, _Fetched] = {}
        self._ending = threading.Event()
        self._askers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pods")
        self._thread = threading.Thread(target=self._run, name="pods", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def answers(self) -> Mapping[str, Answer]:
        """What each pod said last, by its name."""
        with self._lock:
            return dict(self._answers)

    def watch(self, cameras: Sequence[str]) -> None:
        """Fetch pictures of these cameras for the next three seconds; of the first few hundred, where they are more."""
        with self._lock:
            until_s = self._clock() + WATCH_S
            for name in cameras:
                if name in self._watched_until_s or len(self._watched_until_s) < MOST_WATCHED:
                    self._watched_until_s[name] = until_s

    def preview(self, camera: str, newer_than: int) -> Preview | None:
        """The newest picture of a watched camera, if it is newer."""
        newest = self._previews.get(camera)
        return newest.preview if newest is not None and newest.preview.sequence > newer_than else None

    def close(self) -> None:
        """Ask nobody any more."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        self._askers.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._ending.wait(PICTURES_EVERY_S):
            try:
                self.ask_whom_is_due()
            except Exception:  # whatever one round stumbles over, the next one may work
                logger.exception("cannot ask the pods; trying again")

    def ask_whom_is_due(self) -> None:
        """One round: have those asked whose turn it is and who are not being asked already."""
        pods = {pod.name: pod for pod in self._pods()}
        now_s = self._clock()
        with self._lock:
            self._answers = {name: answer for name, answer in self._answers.items() if name in pods}
            self._asked_at_s = {name: at_s for name, at_s in self._asked_at_s.items() if name in pods}
            self._forget_unwatched(now_s)
            watched = list(self._watched_until_s)
        for pod in pods.values():
            if pod.address and now_s - self._asked_at_s.get(pod.name, -1e9) >= STATE_EVERY_S:
                self._asked_at_s[pod.name] = now_s
                self._begin("state", pod, lambda pod=pod: self._fetch_state(pod))  # type: ignore[misc]
        for pod, cameras in self._by_pod(watched):
            self._begin("pictures", pod, lambda pod=pod, cameras=cameras: self._fetch_pictures(pod, cameras))  # type: ignore[misc]

    def _by_pod(self, cameras: Sequence[str]) -> list[tuple[PodSeen, list[str]]]:
        grouped: dict[str, tuple[PodSeen, list[str]]] = {}
        for name in cameras:
            pod = self._pod_of(name)
            if pod is not None and pod.address:
                grouped.setdefault(pod.name, (pod, []))[1].append(name)
        return list(grouped.values())

    def _begin(self, what: str, pod: PodSeen, fetch: Callable[[], None]) -> None:
        key = (what, pod.name)
        with self._lock:
            if key in self._busy:
                return
            self._busy.add(key)

        def work() -> None:
            try:
                fetch()
            finally:
                with self._lock:
                    self._busy.discard(key)

        self._askers.submit(work)

    def _fetch_state(self, pod: PodSeen) -> None:
        before = self._answers.get(pod.name)
        try:
            state = read_state(json.loads(self._ask(pod.address, state_path())))
            answer = Answer(state, self._clock(), None)
        except (PodError, ValueError) as error:
            problem = str(error) if isinstance(error, PodError) else "answers with what is no state of a pod"
            answer = Answer(before.state if before else None, before.at_s if before else self._clock(), problem)
        with self._lock:
            self._answers[pod.name] = answer

    def _fetch_pictures(self, pod: PodSeen, cameras: Sequence[str]) -> None:
        seen = {name: self._newest(pod, name) for name in cameras[:MOST_CAMERAS]}
        try:
            previews = list(read_pictures(self._ask(pod.address, pictures_path(seen))))
        except (PodError, ValueError):
            return  # its state says what is wrong with it
        with self._lock:
            fetched = {preview.camera: _Fetched(preview, pod.name, self._clock()) for preview in previews}
            self._previews |= {name: one for name, one in fetched.items() if name in seen}

    def _newest(self, pod: PodSeen, camera: str) -> int:
        """The number of the newest picture that is here; -1 where another pod, or one that began anew, counts from zero."""
        newest = self._previews.get(camera)
        if newest is None or newest.pod != pod.name or self._clock() - newest.at_s > WATCH_S:
            return -1
        return newest.preview.sequence

    def _forget_unwatched(self, now_s: float) -> None:
        self._watched_until_s = {name: until_s for name, until_s in self._watched_until_s.items() if until_s >= now_s}
        for name in self._previews.keys() - self._watched_until_s.keys():
            del self._previews[name]
