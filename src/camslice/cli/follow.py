"""While a fleet runs: follow what it is told to run, until it is time to end; and then wait for those who take over."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from camslice.cli.fleet_file import Declared, FleetFile
from camslice.cli.session import Session
from camslice.cli.signals import Signals
from camslice.fleet.errors import CamsliceError, FleetError
from camslice.fleet.placement import stream_name
from camslice.fleet.types import Fleet, Store

log = logging.getLogger(__name__)

LOOK_S = 0.25
AGAIN_S = 5.0
"""What could not be applied may be possible later: weights arrive, a disk has room again."""


class Follower:
    """Looks at the files four times a second. Main thread only."""

    def __init__(self, session: Session, file: FleetFile, started_with: Declared, signals: Signals) -> None:
        self._session = session
        self._file = file
        self._started_with = started_with
        self._signals = signals
        self._failed_s: float | None = None

    def until_stopped(self, duration_s: float | None) -> None:
        """Returns when asked to stop, when `duration_s` is over, or when no camera will bring another frame."""
        started_s = time.monotonic()
        while True:
            left_s = LOOK_S if duration_s is None else duration_s - (time.monotonic() - started_s)
            if left_s <= 0 or self._signals.wait(min(LOOK_S, left_s)) or self._session.over():
                return
            self._look()

    def until_taken_over(self, patience_s: float) -> None:
        """Returns when every stream was taken over, after `patience_s`, or when asked to stop once more.

        What is not alive analyses nothing for anybody: it is being ended for that, and does not wait.
        """
        running = self._session.running
        until_s = time.monotonic() + patience_s
        running.draining = True
        while not self._signals.asked_again:
            running.placements.ask_sinks()
            running.let_go_of_what_was_taken_over()
            waits_for = running.placements.waits_for
            left_s = until_s - time.monotonic()
            alive = running.live()
            if not alive.ok:
                log.error("nobody is waited for: %s", alive.reason)
                return
            if not waits_for:
                log.info("every stream was taken over")
                return
            if left_s <= 0:
                named = ", ".join(stream_name(key) for key in sorted(waits_for)[:3])
                log.warning("nobody took over %d streams within %.0f s: %s", len(waits_for), patience_s, named)
                return
            self._signals.wait_again(min(LOOK_S, left_s))
            self._look()

    def _look(self) -> None:
        again = self._failed_s is not None and time.monotonic() - self._failed_s >= AGAIN_S
        if self._signals.take_reload() or self._file.changed() or again:
            self._declare_again()

    def _declare_again(self) -> None:
        """Make the fleet what the files say now; what is wrong with them is said, and the old fleet goes on.

        Store and sinks are opened at the start: a change of them is told, and holds nobody else up. But the store's user and
        password are followed.
        """
        self._failed_s = None
        running = self._session.running
        declared = self._file.declared()
        running.placements.mounted(declared.placed)
        try:
            if declared.fleet is None:
                raise declared.fault or FleetError(f"{self._file.path}: it declares no fleet.")
            running.declare(declared.fleet, declared.placed)
            log.info("%s was read again", self._file.path)
            self._say(self._not_followed(declared.fleet))
        except CamsliceError as error:
            self._failed_s = time.monotonic()
            self._say(f"the fleet file was changed and is not followed: {error}")

    def _not_followed(self, fleet: Fleet) -> str | None:
        before = self._started_with.fleet
        if before is None or (_without_login(fleet.store), fleet.sinks) == (_without_login(before.store), before.sinks):
            if fleet.store is not None:
                self._session.log_in_as(fleet.store.url)
            return None
        return "store or sinks of the fleet file were changed and are not followed: restart `camslice run` to open the new ones"

    def _say(self, problem: str | None) -> None:
        running = self._session.running
        if problem is not None and problem != running.problem:
            log.error("%s", problem)
        running.problem = problem


def _without_login(store: Store | None) -> Store | None:
    """The store as a place. A password may hold what separates the parts of an address, so it reaches to the last @ before
    the first question mark."""
    if store is None or not store.url.startswith("postgresql"):
        return store
    scheme, mark, rest = store.url.partition("://")
    address, question, options = rest.partition("?")
    return replace(store, url=scheme + mark + address.rpartition("@")[2] + question + options)
