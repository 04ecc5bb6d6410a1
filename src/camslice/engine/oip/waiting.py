"""The requests that wait for an engine: the one with the earliest deadline first, never more than there is room for."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass

from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, Status
from camslice.engine.oip.work import Work


@dataclass(slots=True, eq=False)
class Entry:
    """A request taken on, and how far it is: `put` pictures were taken into batches, `at_work` of them are there now, `left`
    are not read yet. `over`: it was answered or has failed; `settled`: it was let go.
    """

    work: Work
    turn_ns: int
    arrival: int
    left: int
    put: int = 0
    at_work: int = 0
    over: bool = False
    settled: bool = False


class Waiting:
    """A bounded queue in the order of deadlines; those due at the same time go in the order of their arrival.

    A request without a deadline takes its turn as if it had `Limits.unhurried_s`, so it neither starves nor pushes ahead.
    Not thread-safe: the caller holds a lock.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries: list[Entry] = []
        self._arrivals = 0
        self.pictures = 0
        """Pictures that wait."""
        self.held_bytes = 0
        """Bytes of all requests taken on, from `add` to `let_go`."""

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, work: Work) -> tuple[Entry, list[Entry]]:
        """Let a request wait. Returns it, and those of later deadlines that had to make room for it.

        Raises OipError: TOO_LARGE when it could never wait here, OVERLOADED when all that wait are due before it.
        """
        deadline_ns = work.deadline_ns
        turn_ns = work.clock.arrived_ns + int(self._limits.unhurried_s * 1e9) if deadline_ns is None else deadline_ns
        self._arrivals += 1
        entry = Entry(work, turn_ns, self._arrivals, work.count)
        pushed_out = self._in_the_way_of(entry)
        for other in pushed_out:
            self.remove(other)
        bisect.insort(self._entries, entry, key=_order)
        self.pictures += work.count
        self.held_bytes += work.held_bytes
        return entry, pushed_out

    def take(self, count: int) -> list[tuple[Entry, int]]:
        """The next pictures, as (request, number of the picture in it), at most `count`."""
        taken: list[tuple[Entry, int]] = []
        while self._entries and len(taken) < count:
            entry = self._entries[0]
            taken.append((entry, entry.put))
            entry.put += 1
            entry.at_work += 1
            self.pictures -= 1
            if entry.put == entry.work.count:
                self._entries.pop(0)
        return taken

    def take_out(self, unwanted: Callable[[Entry], bool]) -> list[Entry]:
        """Those of the waiting requests, which wait no more."""
        found = [entry for entry in self._entries if unwanted(entry)]
        for entry in found:
            self.remove(entry)
        return found

    def remove(self, entry: Entry) -> None:
        """A request waits no more, if it did."""
        if entry in self._entries:
            self._entries.remove(entry)
            self.pictures -= entry.work.count - entry.put

    def let_go(self, entry: Entry) -> None:
        """A request that was taken on is over and done with."""
        self.held_bytes -= entry.work.held_bytes

    def _in_the_way_of(self, entry: Entry) -> list[Entry]:
        work, limits = entry.work, self._limits
        if work.count > limits.waiting_pictures or work.held_bytes > limits.held_bytes:
            raise OipError(
                Status.TOO_LARGE,
                f"a request of {work.count} pictures and {work.held_bytes} bytes, its answer included, is too large; at most "
                f"{limits.waiting_pictures} pictures and {limits.held_bytes} bytes can be taken on",
            )
        pictures = self.pictures + work.count - limits.waiting_pictures
        held_bytes = self.held_bytes + work.held_bytes - limits.held_bytes
        victims: list[Entry] = []
        for other in reversed(self._entries):
            if (pictures <= 0 and held_bytes <= 0) or _order(other) < _order(entry):
                break
            if not other.put:  # what has been begun is finished
                victims.append(other)
                pictures -= other.work.count
                held_bytes -= other.work.held_bytes
        if pictures > 0 or held_bytes > 0:
            raise OipError(Status.OVERLOADED, "the queue is full; come back later or ask another server")
        return victims


def _order(entry: Entry) -> tuple[int, int]:
    return entry.turn_ns, entry.arrival
