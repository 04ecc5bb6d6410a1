"""A watch loses nothing: when it ends, is forgotten, falls silent, or the server is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from camslice.cluster import watching
from camslice.cluster.client import CAMERA, RequestError
from camslice.cluster.watching import Listener, Watched
from tests.unit.cluster.operator.memory_api import MemoryApi
from tests.unit.events.made import wait_for


class Told(Listener):
    """What is there as far as it was told, and how it was told."""

    def __init__(self) -> None:
        self.there: dict[str, Any] = {}
        self.sights: list[bool] = []
        self.stumbles_over = ""

    def put(self, manifest: dict[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        if name == self.stumbles_over:
            raise KeyError(name)
        self.there[name] = manifest.get("spec")

    def gone(self, manifest: dict[str, Any]) -> None:
        self.there.pop(manifest["metadata"]["name"], None)

    def listed(self, places: set[tuple[str, str]], version: int) -> None:
        assert version > 0
        for name in [name for name in self.there if ("default", name) not in places]:
            del self.there[name]

    def sight(self, seen: bool) -> None:
        self.sights.append(seen)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryApi]:
    for name in ("_BREATH_S", "_FIRST_PAUSE_S", "_LONGEST_PAUSE_S"):
        monkeypatch.setattr(watching, name, 0.01)
    api = MemoryApi()
    api.put("cameras", camera("gate"))
    yield api
    api.end_watches()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watch(api: MemoryApi, told: Told) -> Iterator[Watched]:
    watch = Watched(api.cluster(), CAMERA, "default", "", told)
    yield watch
    watch.end()
    api.end_watches()


def camera(name: str, fps: int = 5) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": fps}


def follow(watch: Watched, api: MemoryApi) -> None:
    watch.begin()
    wait_for(lambda: api.watched("cameras"), "the watch")


def test_all_that_is_there_is_told_before_it_has_begun(watch: Watched, told: Told, api: MemoryApi) -> None:
    follow(watch, api)
    assert told.there == {"gate": 5}
    api.put("cameras", camera("yard"))
    api.put("cameras", camera("gate", fps=2))
    wait_for(lambda: told.there == {"gate": 2, "yard": 5}, "what came")
    api.delete("cameras", "gate")
    wait_for(lambda: told.there == {"yard": 5}, "what went")


def test_a_watch_that_ends_goes_on_where_it_was_and_reads_nothing_anew(watch: Watched, told: Told, api: MemoryApi) -> None:
    follow(watch, api)
    api.end_watches()
    api.delete("cameras", "gate")
    api.put("cameras", camera("yard"))
    wait_for(lambda: told.there == {"yard": 5}, "what happened meanwhile")
    assert watch.lists == 1


def test_what_went_while_nobody_could_hear_of_it_is_told_as_gone(watch: Watched, told: Told, api: MemoryApi) -> None:
    follow(watch, api)
    away = threading.Event()

    def before(request: httpx.Request) -> None:
        if away.is_set():
            raise httpx.ConnectError("Connection refused")

    api.before = before
    away.set()
    api.end_watches(forget=True)
    api.delete("cameras", "gate")
    api.put("cameras", camera("yard"))
    api.end_watches(forget=True)
    wait_for(lambda: told.sights == [False], "that it is out of sight")
    away.clear()
    wait_for(lambda: told.there == {"yard": 5}, "what happened meanwhile")
    assert told.sights == [False, True]
    assert watch.lists == 2


def test_a_connection_that_falls_silent_is_made_anew_and_goes_on_where_it_was(
    watch: Watched, told: Told, api: MemoryApi
) -> None:
    class Silent(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b""
            raise httpx.ReadTimeout("timed out")

    def before(request: httpx.Request) -> httpx.Response | None:
        timeout = request.extensions["timeout"]["read"]
        if "watch" not in request.url.params or len(waited) == 2:
            return None
        waited.append(timeout)
        return httpx.Response(200, stream=Silent())

    waited: list[float] = []
    api.before = before
    follow(watch, api)
    api.put("cameras", camera("yard"))
    wait_for(lambda: "yard" in told.there, "what came")
    assert waited == [watching._SILENCE_S] * 2
    assert (watch.silences, watch.lists, told.sights) == (2, 1, [])


def test_bookmarks_are_asked_for_and_tell_where_to_go_on(watch: Watched, told: Told, api: MemoryApi) -> None:
    class Bookmark(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "77"}}}\n'

    def before(request: httpx.Request) -> httpx.Response | None:
        if "watch" in request.url.params:
            assert request.url.params["allowWatchBookmarks"] == "true"
            asked.append(request.url.params["resourceVersion"])
            return httpx.Response(200, stream=Bookmark())
        return None

    asked: list[str] = []
    api.before = before
    watch.begin()
    wait_for(lambda: asked[:2] == ["1", "77"], "the next watch")
    assert told.there == {"gate": 5}


def test_one_object_that_is_stumbled_over_hides_no_other(
    watch: Watched, told: Told, api: MemoryApi, caplog: pytest.LogCaptureFixture
) -> None:
    told.stumbles_over = "gate"
    follow(watch, api)
    api.put("cameras", camera("gate", fps=3))
    api.put("cameras", camera("yard"))
    wait_for(lambda: told.there == {"yard": 5}, "the other")
    assert (watch.defects, watch.lists) == (2, 1)
    assert "cameras default/gate met a defect and is left out" in caplog.text


def test_a_first_list_that_is_refused_is_said_and_may_be_tried_again(watch: Watched, told: Told, api: MemoryApi) -> None:
    api.before = lambda _: httpx.Response(403, json={"message": "no cameras for you"})
    with pytest.raises(RequestError, match="no cameras for you"):
        watch.begin()
    api.before = lambda _: None
    follow(watch, api)
    assert told.there == {"gate": 5}


def test_it_says_how_long_it_was_silent_and_whether_it_lives(watch: Watched, api: MemoryApi) -> None:
    assert (watch.alive, watch.silent_s()) == (True, 0.0)
    follow(watch, api)
    assert watch.alive
    assert watch.silent_s() > 0.0
    watch.end()
    api.put("cameras", camera("yard"))
    wait_for(lambda: not watch.alive, "its end")
