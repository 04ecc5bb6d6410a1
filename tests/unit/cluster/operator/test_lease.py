"""Who may act, and until when: with a server of Leases that can be away, slow or refuse, and a clock that the test moves."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from camslice.cluster.client import AwayError, Cluster, RequestError
from camslice.cluster.operator import lease as leases
from camslice.cluster.operator.lease import DURATION_S, GIVEN_UP_AFTER_S, Lease
from camslice.fleet.errors import ClusterError


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class LeaseServer:
    """One Lease. `trouble` is raised in place of answers, in turn; `slow` happens between taking note and answering."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.trouble: list[ClusterError] = []
        self.slow: Callable[[], None] = lambda: None
        self.patience: list[float | None] = []
        self.asked: list[str] = []
        self._version = 0

    def json(
        self,
        method: str,
        path: str,
        query: object = None,
        body: Mapping[str, Any] | None = None,
        *,
        patience_s: float | None = None,
    ) -> dict[str, Any]:
        self.asked.append(method)
        self.patience.append(patience_s)
        if self.trouble:
            raise self.trouble.pop(0)
        if method != "GET":
            assert body is not None
            known = None if self.lease is None else self.lease["metadata"]["resourceVersion"]
            if body["metadata"].get("resourceVersion") != known:
                raise RequestError(409, "conflict")
            self._version += 1
            self.lease = copy.deepcopy({**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}})
        elif self.lease is None:
            raise RequestError(404, "there is none")
        self.slow()
        return copy.deepcopy(self.lease)


@pytest.fixture
def server() -> LeaseServer:
    return LeaseServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def a_lease(server: LeaseServer, clock: Callable[[], float], name: str, lost: Callable[[str], None] = lambda _: None) -> Lease:
    return Lease(cast(Cluster, server), "video", "operator", name, lost, clock)


def test_one_holds_it_and_another_only_when_it_was_not_renewed_for_its_whole_time(server: LeaseServer, clock: Clock) -> None:
    one, other = a_lease(server, clock, "one"), a_lease(server, clock, "other")
    assert one.attempt() is None
    assert other.attempt() == "one"
    clock.now_s += DURATION_S - 1
    assert other.attempt() == "one"
    clock.now_s += 1
    assert not one.held
    assert other.attempt() is None
    assert other.held
    assert one.attempt() == "other"
    assert not one.held


def test_the_right_to_act_is_counted_from_when_the_renewal_was_sent(server: LeaseServer, clock: Clock) -> None:
    lease = a_lease(server, clock, "one")

    def late() -> None:
        clock.now_s += 9.0

    server.slow = late
    assert lease.attempt() is None
    clock.now_s += GIVEN_UP_AFTER_S - 9.0 - 0.1
    assert lease.held
    clock.now_s += 0.2
    assert not lease.held


def test_a_renewal_is_one_request_with_less_patience_than_others_wait(server: LeaseServer, clock: Clock) -> None:
    lease = a_lease(server, clock, "one")
    lease.attempt()
    server.asked.clear()
    assert lease.attempt() is None
    assert server.asked == ["PUT"]
    assert all(each is not None and each < DURATION_S - GIVEN_UP_AFTER_S for each in server.patience)


@pytest.mark.parametrize("trouble", [AwayError("refused"), RequestError(429, "busy"), RequestError(503, "starting")])
def test_an_api_server_that_is_away_is_waited_for_and_told_once(
    server: LeaseServer, trouble: ClusterError, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(leases, "_EVERY_S", 0.01)
    server.trouble = [trouble] * 5
    lease = Lease(cast(Cluster, server), "video", "operator", "one", lambda _: None)
    with caplog.at_level(logging.WARNING):
        assert lease.acquire(threading.Event())
    assert lease.held
    assert [each.getMessage() for each in caplog.records] == [f"the lease operator cannot be asked for: {trouble}; waiting"]
    lease.release()
    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize("code", [401, 403, 422])
def test_what_waiting_cannot_mend_is_said_at_once(server: LeaseServer, clock: Clock, code: int) -> None:
    server.trouble = [RequestError(code, "no")]
    with pytest.raises(RequestError):
        a_lease(server, clock, "one").acquire(threading.Event())


def test_a_server_that_was_away_may_refuse_for_a_while_and_not_for_ever(
    server: LeaseServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_EVERY_S", 0.01)
    refusal = RequestError(403, "no such role yet")
    server.trouble = [AwayError("refused"), refusal, refusal]
    lease = a_lease(server, clock, "one")
    assert lease.acquire(threading.Event())
    lease.release()
    answers = iter([AwayError("refused"), *[refusal] * 10])

    def json(*_: object, **__: object) -> None:
        clock.now_s += 10.0
        raise next(answers)

    monkeypatch.setattr(server, "json", json)
    with pytest.raises(RequestError):
        a_lease(server, clock, "other").acquire(threading.Event())
    assert len(list(answers)) == 7


def test_whoever_is_told_to_stop_waits_no_longer(server: LeaseServer, clock: Clock) -> None:
    a_lease(server, clock, "other").attempt()
    stop = threading.Event()
    server.slow = stop.set
    assert not a_lease(server, clock, "one").acquire(stop)


def test_a_renewal_whose_answer_was_lost_is_still_ours(server: LeaseServer, clock: Clock) -> None:
    lease = a_lease(server, clock, "one")
    lease.attempt()

    def lost() -> None:
        server.slow = lambda: None
        raise AwayError("no answer in time")

    server.slow = lost
    with pytest.raises(AwayError):
        lease.attempt()
    assert lease.attempt() is None


def test_a_renewal_that_was_on_its_way_when_it_was_given_back_takes_it_no_more(server: LeaseServer, clock: Clock) -> None:
    lease = a_lease(server, clock, "one")
    lease.attempt()
    mine = lease._mine
    lease.release()
    lease._mine = mine  # what that renewal was to be written over
    assert lease.attempt() == "nobody"
    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == ""
    assert not lease.held


def test_a_lease_that_hangs_is_lost_in_time_and_told_once(server: LeaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_EVERY_S", 0.01)
    monkeypatch.setattr(leases, "GIVEN_UP_AFTER_S", 0.3)
    answer, lost, told = threading.Event(), threading.Event(), list[str]()

    def note(why: str) -> None:
        told.append(why)
        lost.set()

    lease = Lease(cast(Cluster, server), "video", "operator", "one", note)
    assert lease.acquire(threading.Event())

    def hang() -> None:
        answer.wait(10)

    server.slow = hang
    assert lost.wait(5)
    assert not lease.held
    answer.set()  # the renewal is answered after all
    for thread in threading.enumerate():
        if thread.name.startswith("lease"):
            thread.join(5)
    assert not lease.held
    assert told == ["nothing was answered in time"]


def test_a_lease_that_somebody_took_is_lost(server: LeaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_EVERY_S", 0.01)
    lost, told = threading.Event(), list[str]()

    def note(why: str) -> None:
        told.append(why)
        lost.set()

    lease = Lease(cast(Cluster, server), "video", "operator", "one", note)
    assert lease.acquire(threading.Event())
    other = {"holderIdentity": "other", "leaseDurationSeconds": 15}
    server.lease = {"metadata": {"name": "operator", "resourceVersion": "taken"}, "spec": other}
    assert lost.wait(5)
    assert told == ["other has it now"]
    assert not lease.held
