"""Requests to an API server that is busy, away, or falls silent."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2 as httpx
import pytest

from camslice.cluster import client
from camslice.cluster.client import POD, AwayError, Cluster, RequestError, passes
from camslice.fleet.errors import ClusterError

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(client.time, "sleep", pauses.append)
    return pauses


def over(answer: Answer) -> Cluster:
    return Cluster(httpx.Client(base_url="https://api:6443", transport=httpx.MockTransport(answer)), "video")


def busy(times: int, after: str | None, code: int = 429) -> tuple[Answer, list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) <= times:
            return httpx.Response(code, headers={} if after is None else {"Retry-After": after}, json={"message": "slow down"})
        return httpx.Response(200, json={"kind": "Pod"})

    return answer, asked


@pytest.mark.parametrize(
    ("after", "pauses"),
    [
        ("2", [2.0, 2.0]),
        ("3600", [5.0, 5.0]),
        ("-1", [0.0, 0.0]),
        (None, [0.2, 0.4]),
        ("Sat, 28 Nov 2026 10:00:00 GMT", [0.2, 0.4]),
        ("nan", [0.2, 0.4]),
    ],
)
def test_a_server_that_is_busy_is_asked_again_when_it_says(slept: list[float], after: str | None, pauses: list[float]) -> None:
    answer, asked = busy(2, after)
    cluster = over(answer)
    assert cluster.json("POST", "/api/v1/namespaces/video/pods", None, {"a": 1}) == {"kind": "Pod"}
    assert [json.loads(each.content) for each in asked] == [{"a": 1}] * 3
    assert slept == pauses
    assert cluster.repeated == {429: 2}


def test_one_that_stays_busy_is_an_error_that_passes(slept: list[float]) -> None:
    answer, asked = busy(99, "1")
    with pytest.raises(RequestError) as error:
        over(answer).json("GET", "/api")
    assert (error.value.code, len(asked), len(slept)) == (429, 5, 4)
    assert passes(error.value)


def test_who_has_little_patience_asks_once_and_waits_no_longer(slept: list[float]) -> None:
    answer, asked = busy(99, "1")
    with pytest.raises(RequestError):
        over(answer).json("GET", "/api", patience_s=3.0)
    assert [each.extensions["timeout"] for each in asked] == [dict.fromkeys(("connect", "read", "write", "pool"), 3.0)]
    assert slept == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AwayError("away"), True),
        (RequestError(500, "etcd has no leader"), True),
        (RequestError(503, "starting"), True),
        (RequestError(401, "who are you"), False),
        (RequestError(403, "no"), False),
        (RequestError(409, "changed meanwhile"), False),
        (RequestError(422, "nonsense"), False),
        (ClusterError("its certificate is of somebody else"), False),
        (ValueError("a defect"), False),
    ],
)
def test_which_errors_pass(error: Exception, expected: bool) -> None:
    assert passes(error) is expected


def test_a_server_that_cannot_be_reached_is_away_and_one_with_a_strange_certificate_is_not() -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    def strange(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer")

    with pytest.raises(AwayError, match="Connection refused"):
        over(refused).json("GET", "/api")
    with pytest.raises(ClusterError, match="not signed by the authority") as error:
        over(strange).json("GET", "/api")
    assert not passes(error.value)


def test_pages_go_on_until_the_last_and_say_the_version() -> None:
    pages = [
        {"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [{"metadata": {"name": "a"}}]},
        {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "b"}}]},
    ]
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("continue", ""))
        return httpx.Response(200, json=pages[len(asked) - 1])

    cluster = over(answer)
    assert [page["metadata"]["resourceVersion"] for page in cluster.pages(POD, "video")] == ["7", "7"]
    assert asked == ["", "more"]
    asked.clear()
    assert [each["metadata"]["name"] for each in cluster.list(POD, "video")] == ["a", "b"]


def test_a_kind_that_is_not_known_has_no_objects_for_those_who_list_and_is_an_error_for_those_who_follow() -> None:
    cluster = over(lambda _: httpx.Response(404, json={"message": "no such kind"}))
    assert list(cluster.list(POD, "video")) == []
    with pytest.raises(RequestError):
        list(cluster.pages(POD, "video"))


class Lines(httpx.SyncByteStream):
    """Two lines, then silence: what httpx tells when nothing came for as long as it was to wait."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"a": 1}\n{"b"'
        yield b": 2}\n"
        raise httpx.ReadTimeout("timed out")


def test_lines_come_as_they_are_sent_and_silence_is_an_end() -> None:
    timeouts: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, stream=Lines())

    lines = over(answer).lines("/api/v1/pods", {"watch": "true"}, 90.0)
    assert list(itertools.islice(lines, 3)) == ["", '{"a": 1}', '{"b": 2}']
    with pytest.raises(AwayError, match="no answer in time"):
        next(lines)
    assert timeouts == [90.0]


def test_lines_that_are_refused_say_why() -> None:
    answer: Answer = lambda _: httpx.Response(410, json={"message": "too old resource version"})  # noqa: E731
    with pytest.raises(RequestError, match="too old resource version") as error:
        next(over(answer).lines("/api/v1/pods", {}, 90.0))
    assert error.value.code == 410
