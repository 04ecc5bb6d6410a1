from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from camslice.fleet.errors import SourceError
from camslice.fleet.secrets import Source
from camslice.fleet.types import Pace
from camslice.video.feed import SourceEndedError
from camslice.video.scene.names import SCENES
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
        ("scene://people?light=0", ["light=0", "above 0", "at most 1"]),
        ("scene://people?light=1.5", ["light=1.5", "at most 1"]),
        ("scene://people?noise=-1", ["noise=-1", "0 or above"]),
        ("scene://people?noise=nan", ["noise=nan"]),
        ("scene://people?flicker=2", ["flicker=2", "at most 1"]),
        ("scene://people?shake=2.5", ["shake=2.5", "whole number", "64"]),
        ("scene://people?snow=many", ["snow=many", "5000"]),
        ("scene://people?groups=11", ["groups=11", "10"]),
        ("scene://people?scale=9", ["scale=9", "at most 3"]),
        ("scene://people?speed=0", ["speed=0", "above 0"]),
        ("scene://people?stop=-3", ["stop=-3"]),
        ("scene://people?enter=soon", ["enter=soon"]),
        ("scene://people?lights=", ["lights="]),
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


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_goes_by_its_name_and_its_keys_say_otherwise(name: str) -> None:
    feed = open_scene(SourceRequest(spec_of(f"scene://{name}?size=64x64&people=2&noise=0&snow=0"), Pace.LOSSLESS))
    feed.advance()
    (decoded,) = feed.decode()
    assert (decoded.picture().width, decoded.picture().height) == (64, 64)


KEYS_OF_PEOPLE = ("scale=0.5", "speed=2", "stop=9", "groups=2", "enter=9")
KEYS_OF_LIGHT = ("light=0.3", "noise=5", "flicker=0.1", "shake=9", "snow=90", "lights=5")


@pytest.mark.parametrize("key", KEYS_OF_PEOPLE + KEYS_OF_LIGHT)
def test_every_key_changes_what_is_drawn(key: str) -> None:
    plain, other = (drawn(f"scene://people?size=128x96{query}", 60) for query in ("", f"&{key}"))
    assert (plain != other).any()


def drawn(address: str, k: int) -> npt.NDArray[np.uint8]:
    feed = open_scene(SourceRequest(spec_of(address), Pace.LOSSLESS))
    for _ in range(k):
        feed.advance()
    (decoded,) = feed.decode()
    return decoded.picture().luma(128, 96)


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
