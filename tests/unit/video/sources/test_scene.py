from __future__ import annotations

from dataclasses import replace

import pytest

from camslice.fleet.errors import SourceError
from camslice.fleet.secrets import Source
from camslice.fleet.types import Pace
from camslice.video.feed import SourceEndedError
from camslice.video.sources.request import SourceRequest
from camslice.video.sources.scene import open_scene
from tests.camera_recorder import spec_of


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("scene://crowd", ["crowd", "people", "empty"]),
        ("scene://people?sed=1", ["sed", "seed"]),
        ("scene://people?seed=-1", ["seed=-1", "0"]),
        ("scene://people?people=many", ["people=many"]),
        ("scene://people?people=101", ["people=101", "100"]),
        ("scene://people?size=768", ["size=768", "WIDTHxHEIGHT"]),
        ("scene://people?size=767x576", ["size=767x576", "even"]),
        ("scene://people?size=8x8", ["size=8x8", "64"]),
        ("scene://people?size=²x²", ["size=²x²", "WIDTHxHEIGHT"]),
        ("scene://people?size=" + "9" * 5000 + "x64", ["WIDTHxHEIGHT"]),
        ("scene://people?seed=" + "9" * 5000, ["whole number"]),
        ("scene://people?fps=0", ["fps=0", "above 0"]),
        ("scene://people?fps=nan", ["fps=nan"]),
        ("scene://people?seconds=", ["seconds="]),
    ],
)
def test_a_mistake_in_a_scenes_address_is_named_with_what_is_allowed(address: str, names: list[str]) -> None:
    with pytest.raises(SourceError) as told:
        open_scene(SourceRequest(spec_of(address), Pace.LIVE))
    assert not [name for name in names if name not in str(told.value)]


def test_a_scene_without_an_end_goes_on_at_pace_lossless() -> None:
    feed = open_scene(SourceRequest(spec_of("scene://empty?size=64x64"), Pace.LOSSLESS))
    times = [feed.advance().pts_s for _ in range(50)]
    assert times == pytest.approx([k / 10 for k in range(50)])


def test_a_scene_is_as_fast_as_it_is_watched() -> None:
    assert open_scene(SourceRequest(spec_of("scene://empty?size=64x64", fps=24), Pace.LIVE)).nominal_fps == 24
    assert open_scene(SourceRequest(spec_of("scene://empty?size=64x64&fps=5", fps=24), Pace.LIVE)).nominal_fps == 5


def test_a_scene_with_an_end_ends_or_repeats() -> None:
    address = "scene://people?size=64x64&seconds=0.3"
    once = open_scene(SourceRequest(spec_of(address), Pace.LOSSLESS))
    for _ in range(3):
        once.advance()
    with pytest.raises(SourceEndedError):
        once.advance()
    again = open_scene(SourceRequest(spec_of(address), Pace.LIVE))
    assert [again.advance().pts_s for _ in range(5)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def from_environment(template: str, address: str) -> SourceRequest:
    spec = replace(spec_of("scene://empty"), source=Source(template, address))
    return SourceRequest(spec, Pace.LIVE)


def test_a_scenes_address_may_have_variables() -> None:
    feed = open_scene(from_environment("scene://empty?size=64x64&fps=${FPS}", "scene://empty?size=64x64&fps=7"))
    assert feed.nominal_fps == 7


@pytest.mark.parametrize("query", ["seed=${SEED}", "${QUERY}", "size=${SIZE}", "fps=${FPS}"])
def test_what_a_scenes_address_has_from_the_environment_is_not_told(query: str) -> None:
    key = query.partition("=")[0].strip("${}").lower()
    with pytest.raises(SourceError) as told:
        open_scene(from_environment(f"scene://people?{query}", f"scene://people?{key}=h%75nter2"))
    assert "hunter2" not in str(told.value)
    assert "***" in str(told.value)
