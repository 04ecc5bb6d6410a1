"""Streams put into a fleet file: where they land, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.policy import Evaluated
from camslice.fleet.spec import parse_fleet
from camslice.fleet.spec_edit import same_but_evaluated, same_but_streams, stream_text, with_evaluated, with_streams
from camslice.fleet.types import Fleet, StreamFormat

HD = StreamFormat(1920, 1080, 25.0, "h264", 4000.0)
SMALL = StreamFormat(640, 480, 9.99, "mjpeg", 812.5)
HEAD = "models: {people: {weights: yolox-nano}}   # a remark\ncameras:\n"


def parsed(text: str) -> Fleet:
    return parse_fleet(text, Path("/site"), {}, "fleet.yaml")


ENTRIES = [
    ("  - {name: a, source: b, fps: 5, model: people}\n", "  - {name: a, source: b, fps: 5, model: people, STREAM}\n"),
    (
        "  - {name: a, source: b, fps: 5, model: people , }  # c\n",
        "  - {name: a, source: b, fps: 5, model: people, STREAM , }  # c\n",
    ),
    ("  - {name: a, source: b, fps: 5, models: [people]}", "  - {name: a, source: b, fps: 5, models: [people], STREAM}"),
    (
        "  - {name: a, source: 'b c',  # where\n     fps: 5, model: people # which\n    }\n",
        "  - {name: a, source: 'b c',  # where\n     fps: 5, model: people, STREAM # which\n    }\n",
    ),
    (
        "  - name: a  # the gate\n    source: b\n    fps: 5\n\n    # many\n    model: people\n",
        "  - name: a  # the gate\n    STREAM\n    source: b\n    fps: 5\n\n    # many\n    model: people\n",
    ),
    ("  -\n     name: a\n     {REST}", "  -\n     name: a\n     STREAM\n     {REST}"),
    ("- source: b\n  name: a\n  fps: 5\n  model: people\n", "- source: b\n  STREAM\n  name: a\n  fps: 5\n  model: people\n"),
    ("  - {name: a, source: b, fps: 5, model: people, stream: STREAM_VALUE}\n", None),
]


@pytest.mark.parametrize(("entry", "expected"), ENTRIES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_stream_lands_in_its_entry_and_nothing_else_changes(entry: str, expected: str | None, newline: str) -> None:
    rest = "source: b\n     fps: 5\n     model: people\n"
    before = (HEAD + entry.replace("{REST}", rest).replace("STREAM_VALUE", stream_text(SMALL))).replace("\n", newline)
    after = with_streams(before, {0: HD})
    if expected is None:
        assert after == before, "what is declared is left as it is"
        return
    assert after == (HEAD + expected.replace("{REST}", rest).replace("STREAM", f"stream: {stream_text(HD)}")).replace(
        "\n", newline
    )
    assert parsed(after).cameras[0].stream == HD
    assert same_but_streams(parsed(before), parsed(after))


def test_each_entry_gets_its_own_and_copies_share_it() -> None:
    entries = "  - {name: a, source: b, fps: 5, model: people}\n"
    entries += "  - name: c\n    count: 2\n    source: d\n    fps: 1\n    model: people\n"
    text = HEAD + entries
    fleet = parsed(with_streams(text, {0: HD, 1: SMALL}))
    assert [camera.stream for camera in fleet.cameras] == [HD, SMALL, SMALL]
    assert [camera.stream for camera in parsed(with_streams(text, {1: SMALL})).cameras] == [None, SMALL, SMALL]


def test_a_fleet_with_another_camera_is_not_the_same() -> None:
    one = parsed(HEAD + "  - {name: a, source: b, fps: 5, model: people}\n")
    other = parsed(HEAD + "  - {name: a, source: b, fps: 6, model: people}\n")
    assert not same_but_streams(one, other)


@given(
    stream=st.builds(
        StreamFormat,
        st.integers(1, 16384),
        st.integers(1, 16384),
        st.floats(0.001, 1000).map(lambda fps: round(fps, 3)),
        st.sampled_from(["h264", "hevc", "mpeg4", "rawvideo", "msmpeg4", "vp9"]),
        st.floats(0, 1e6).map(lambda kbps: round(kbps, 1)),
    ),
    flow=st.booleans(),
)
def test_what_is_written_reads_as_what_was_found(stream: StreamFormat, flow: bool) -> None:
    entry = (
        "  - {name: a, source: b, fps: 5, model: people}\n"
        if flow
        else "  - name: a\n    source: b\n    fps: 5\n    model: people\n"
    )
    assert parsed(with_streams(HEAD + entry, {0: stream})).cameras[0].stream == stream


REGIONS = Evaluated("regions", 0.984, 0.978, 0.4512, 240)
CARRY = Evaluated("carry-1", 1.0, 1.0, 0.4, 240)
WORDS = "[{policy: regions, recall: 0.984, low: 0.978, cost: 0.4512, frames: 240}]"
CAMERAS = "cameras: []\n"


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ("models: {people: {weights: yolox-nano}}  # c\n", "models: {people: {weights: yolox-nano, EVALUATED}}  # c\n"),
        ("models:\n  people:\n    weights: a  # b\n", "models:\n  people:\n    weights: a  # b\n    EVALUATED\n"),
        (
            "models:\n  cars: {weights: b}\n  people:\n    weights: a\n    classes: [person]\n",
            "models:\n  cars: {weights: b}\n  people:\n    weights: a\n    EVALUATED\n    classes: [person]\n",
        ),
        (
            "models:\n  people:\n    evaluated:\n      [{policy: careful, recall: 1, cost: 1,\n       frames: 3}]\n"
            "    weights: a\n",
            "models:\n  people:\n    evaluated:\n      WORDS\n    weights: a\n",
        ),
    ],
)
def test_an_evaluation_lands_in_its_model_and_nothing_else_changes(models: str, expected: str) -> None:
    before = models + CAMERAS
    after = with_evaluated(before, "people", [REGIONS])
    assert after == expected.replace("EVALUATED", f"evaluated: {WORDS}").replace("WORDS", WORDS) + CAMERAS
    assert parsed(after).models["people"].evaluated == (REGIONS,)
    assert same_but_evaluated(parsed(before), parsed(after))
    assert with_evaluated(after, "people", [REGIONS]) == after
    assert parsed(with_evaluated(after, "people", [CARRY, REGIONS])).models["people"].evaluated == (CARRY, REGIONS)


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ("models: {cars: {weights: a}}\n", "no such model"),
        ("models:\n  people:\n    weights: a\n    evaluated:\n    - {policy: regions}\n", "in brackets"),
    ],
)
def test_an_evaluation_that_finds_no_place_is_an_error(models: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        with_evaluated(models + CAMERAS, "people", [REGIONS])
