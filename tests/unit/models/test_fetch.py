from __future__ import annotations

import logging
from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.models.catalogue import Kind
from camslice.models.fetch import best_available, fetch, find
from camslice.models.licences import NO_LICENCE, accepting
from tests.unit.models.lists import FakeSource, catalogue, entry, known

GOOD = b"the weights"


def never(name: str, licence: str) -> bool:
    raise AssertionError("asked about a licence")


class TestFolders:
    def test_a_file_is_known_by_its_contents_whatever_its_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "renamed.onnx").write_bytes(GOOD)
        (tmp_path / "other.onnx").write_bytes(b"not weights")
        monkeypatch.setenv("CAMSLICE_MODELS", f"/nowhere:{tmp_path}")
        found = find(entry("m", [known(GOOD)]))
        assert found is not None
        assert (found.path, found.source) == (tmp_path / "renamed.onnx", f"the folder {tmp_path}")

    def test_a_file_of_the_right_name_but_other_contents_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "model.onnx").write_bytes(b"my weights!")
        monkeypatch.setenv("CAMSLICE_MODELS", str(tmp_path))
        assert find(entry("m", [known(GOOD)])) is None
        with pytest.raises(ModelError, match=r"model.onnx has other contents than the list's \(give its path"):
            fetch(entry("m", [known(GOOD)]), accept=NO_LICENCE)

    def test_the_preferred_file_is_taken_wherever_it_lies(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = tmp_path / "first", tmp_path / "second"
        for folder in (first, second):
            folder.mkdir()
        (first / "worse.onnx").write_bytes(b"worse")
        (second / "better.onnx").write_bytes(b"better")
        monkeypatch.setenv("CAMSLICE_MODELS", f"{first}:{second}")
        found = find(entry("m", [known(b"better", "better.onnx"), known(b"worse", "worse.onnx")]))
        assert found is not None
        assert found.path == second / "better.onnx"

    def test_what_the_user_has_is_used_without_asking(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "model.onnx").write_bytes(GOOD)
        monkeypatch.setenv("CAMSLICE_MODELS", str(tmp_path))
        assert fetch(entry("m", [known(GOOD)], licence="AGPL-3.0"), accept=never).path == tmp_path / "model.onnx"


class TestSources:
    def test_they_are_tried_in_order_until_one_delivers(self, cache: Path) -> None:
        sources = [FakeSource("one", reason="closed"), FakeSource("two", GOOD), FakeSource("three", GOOD)]
        found = fetch(entry("m", [known(GOOD)], sources), accept=NO_LICENCE)
        assert (found.path, found.source) == (cache / "model.onnx", "two")
        assert [len(source.asked) for source in sources] == [1, 1, 0]
        assert list(cache.iterdir()) == [found.path]

    def test_what_was_fetched_is_not_fetched_again(self) -> None:
        source = FakeSource("one", GOOD)
        known_model = entry("m", [known(GOOD)], [source])
        fetch(known_model, accept=NO_LICENCE)
        assert fetch(known_model, accept=NO_LICENCE).source == "the cache"
        assert len(source.asked) == 1

    def test_other_contents_are_refused_and_leave_nothing_behind(self, cache: Path) -> None:
        with pytest.raises(ModelError, match=r"m from one: its contents are not the expected ones \(SHA-256"):
            fetch(entry("m", [known(GOOD)], [FakeSource("one", b"bad weights")]), accept=NO_LICENCE)
        assert list(cache.iterdir()) == []

    def test_the_error_names_each_source_with_its_reason_and_the_way_out(self, caplog: pytest.LogCaptureFixture) -> None:
        sources = [FakeSource("the web", reason="no answer"), FakeSource("a wheel", reason="no such version")]
        with caplog.at_level(logging.WARNING), pytest.raises(ModelError) as caught:
            fetch(entry("m", [known(GOOD)], sources), accept=NO_LICENCE)
        text = str(caught.value)
        assert "m from folders: not in " in text
        assert "m from the web: no answer; m from a wheel: no such version" in text
        assert text.endswith("Put model.onnx into a folder and name the folder in CAMSLICE_MODELS.")
        assert [record.getMessage() for record in caplog.records] == ["m: the web: no answer", "m: a wheel: no such version"]

    def test_nothing_is_fetched_under_a_licence_that_was_not_accepted(self) -> None:
        source = FakeSource("one", GOOD)
        with pytest.raises(ModelError, match=r"--accept-licence AGPL-3\.0"):
            fetch(entry("m", [known(GOOD)], [source], licence="AGPL-3.0"), accept=NO_LICENCE)
        assert source.asked == []

    def test_a_cache_that_cannot_be_written_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "file"))
        with pytest.raises(ModelError, match=r"m cannot be kept in .*; set CAMSLICE_CACHE"):
            fetch(entry("m", [known(GOOD)], [FakeSource("one", GOOD)]), accept=NO_LICENCE)


class TestTheBestAvailable:
    def test_the_preferred_one_is_taken_if_any_source_has_it(self) -> None:
        better = entry("better", [known(b"better", "a.onnx")], [FakeSource("web", b"better", file="a.onnx")])
        worse = entry("worse", [known(b"worse", "b.onnx")], [FakeSource("wheel", b"worse", file="b.onnx")])
        assert best_available(catalogue(better, worse), Kind.MODEL, accept=NO_LICENCE).entry is better

    def test_the_next_one_comes_before_a_last_resort(self) -> None:
        package = FakeSource("package", b"better", file="a.avi", last_resort=True)
        web = FakeSource("web", reason="no answer", file="a.avi")
        better = entry("better", [known(b"better", "a.avi")], [web, package], kind=Kind.CLIP)
        worse = entry("worse", [known(b"worse", "b.avi")], [FakeSource("wheel", b"worse", file="b.avi")], kind=Kind.CLIP)
        found = best_available(catalogue(better, worse), Kind.CLIP, accept=NO_LICENCE)
        assert (found.entry, found.source) == (worse, "wheel")
        assert (len(web.asked), len(package.asked)) == (1, 0)

    def test_the_last_resort_is_better_than_nothing(self) -> None:
        package = FakeSource("package", b"better", file="a.avi", last_resort=True)
        better = entry(
            "better", [known(b"better", "a.avi")], [FakeSource("web", reason="no", file="a.avi"), package], kind=Kind.CLIP
        )
        worse = entry("worse", [known(b"worse", "b.avi")], [FakeSource("wheel", reason="no", file="b.avi")], kind=Kind.CLIP)
        assert best_available(catalogue(better, worse), Kind.CLIP, accept=NO_LICENCE).source == "package"

    def test_a_licence_that_is_not_accepted_passes_over_to_the_next(self) -> None:
        strict = entry("strict", [known(b"s", "a.onnx")], [FakeSource("web", b"s", file="a.onnx")], licence="AGPL-3.0")
        free = entry("free", [known(b"f", "b.onnx")], [FakeSource("wheel", b"f", file="b.onnx")])
        assert best_available(catalogue(strict, free), Kind.MODEL, accept=NO_LICENCE).entry is free
        assert best_available(catalogue(strict, free), Kind.MODEL, accept=accepting({"AGPL-3.0"})).entry is strict

    def test_when_there_is_none_every_reason_is_told(self) -> None:
        strict = entry("strict", [known(b"s", "a.onnx")], [FakeSource("web", b"s", file="a.onnx")], licence="AGPL-3.0")
        gone = entry("gone", [known(b"f", "b.onnx")], [FakeSource("wheel", reason="no such version", file="b.onnx")])
        with pytest.raises(ModelError) as caught:
            best_available(catalogue(gone, strict), Kind.MODEL, accept=NO_LICENCE)
        text = str(caught.value)
        assert text.startswith("cannot get any model: ")
        assert "gone from wheel: no such version" in text
        assert "--accept-licence AGPL-3.0" in text
        assert text.endswith("Put b.onnx or a.onnx into a folder and name the folder in CAMSLICE_MODELS.")
