"""profile.json in and out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.errors import ProfileError
from camslice.fleet.figures import Figure, Provenance, RawHistogram
from camslice.fleet.json_layout import laid_out
from camslice.fleet.profile import (
    BatchCost,
    Capacity,
    Constraint,
    Coverage,
    DecodeCost,
    Memory,
    Profile,
    ProfiledMachine,
    ProfiledModel,
    ProfiledVideo,
    SharingPoint,
    StageCost,
    Trial,
)
from camslice.fleet.profile_json import load_profile, parse_profile, profile_text, shipped_profiles
from camslice.fleet.types import Topology

HISTOGRAM = RawHistogram(((300, 4), (301, 1)), 12.5, 3.1)


def profile() -> Profile:
    """One with something in every part."""
    ms = Figure.measured(4.25, 4.0, 4.5)
    hopeless = Trial(20, 20.0, 1000, 700, None, met=False)
    trial = Trial(9, 20.0, 1000, 3, 480.5, met=True, memory_mb=300.0, busy={"cpu": 0.9}, total=HISTOGRAM)
    return Profile(
        name="tiny on a laptop",
        about="a test",
        date="2026-11-23",
        provenance=Provenance.MEASURED,
        machine=ProfiledMachine("laptop", "cpu", "AMD Zen 4", "x86_64", vcpu=2, usable_cores=1.5, memory_mb=1e4),
        model=ProfiledModel("tiny", "openvino", "0" * 64, "CPU", "bf16", 64, 64, 1, 2, ("person",)),
        covers=Coverage((Topology.POOLED, Topology.SLICED)),
        video=ProfiledVideo("yard.mp4", 768, 576, 10.0, "h264", 900.0, 3.5),
        decode=(DecodeCost("h264", ms, 900.0), DecodeCost("hevc", ms, 700.0, transcoded=True)),
        stages=(StageCost("preprocess", ms), StageCost("inference", ms, ms, Figure.measured(1.0))),
        other_cpu_ms=ms,
        batches=(BatchCost(1, ms, ms), BatchCost(4, ms)),
        memory=Memory(ms, ms, ms),
        sharing=(SharingPoint(Topology.SLICED, 2, total_ms=ms, stage_ms={"decode": ms}, histograms={"total": HISTOGRAM}),),
        capacity=(
            Capacity(
                Topology.POOLED, 5.0, 500.0, 95.0, 0.01, Figure.measured(9, 8, 10), (9, None), Constraint.CPU,
                {"cpu": 0.97}, "because", 0.04, (trial, hopeless),
            ),
        ),
        sources={"a": "somebody"},
        settings={"fps": 5.0, "quick": False, "clip": "yard.mp4", "seed": 1},
    )  # fmt: skip


def test_what_is_written_is_read_again() -> None:
    assert parse_profile(profile_text(profile()), "p") == profile()


def test_the_same_profile_gives_the_same_bytes() -> None:
    assert profile_text(parse_profile(profile_text(profile()), "p")) == profile_text(profile())


def test_what_is_not_known_is_left_out() -> None:
    written = json.loads(profile_text(profile()))
    assert "prices" not in written
    assert "accelerator_pod_mb" not in written["memory"]
    assert written["decode"][0]["transcoded"] is False


def test_every_figure_is_found_with_the_place_at_which_it_stands() -> None:
    places = [place for place, _ in profile().figures()]
    for expected in ("stages[0].cpu_ms", "sharing[0].stage_ms.decode", "capacity[0].streams", "memory.pod_mb"):
        assert expected in places
    assert profile().provenances == {Provenance.MEASURED}


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('"value": 4.25', '"value": NaN', "cpu_ms_per_megapixel.value: input should be a finite number"),
        ('"value": 4.25', '"value": "4.25"', "should be a valid number, not '4.25'"),
        ('"value": 4.25', '"value": 5.25', "decode[0].cpu_ms_per_megapixel: 5.25 lies outside its own range 4 to 4.5"),
        ('"value": 4.25', '"value": -1', "-1 is below zero"),
        ('"cpu_family"', '"cpu_famly"', "machine.cpu_famly: unknown key; did you mean cpu_family?"),
        ('"date": "2026-11-23"', '"date": "soon"', "date: 'soon' is no date; write YYYY-MM-DD"),
        ('"date": "2026-11-23",', "", "date is missing"),
        ('"measured"', '"guessed"', "should be 'measured', 'published', 'fitted' or 'assumed'"),
        ('"value": 9.0, "provenance": "measured"', '"value": 9.0, "provenance": "fitted"', "fitted and without a source"),
        ('"low": 4.0', '"source": "hearsay"', "'hearsay' is not among `sources`"),
        ("[300, 4]", "[302, 4]", "bins are not in order"),
        ("[300, 4]", "[300, 0]", "holds at least one frame"),
        ('"dropped": 3', '"dropped": 1003', "1003 of 1000 frames dropped"),
        ('"bracket": [9, null]', '"bracket": [9, 9]', "9 to 9; what broke"),
        ('"growth": 1.02', '"growth": 1.05', "its histograms have other bins"),
        ("camslice.profile/1", "camslice.profile/7", "its schema is 'camslice.profile/7', and this camslice reads"),
        ('"size": 4', '"size": 1', "sizes [1, 1]; each size once"),
        ('"stage": "preprocess"', '"stage": "thinking"', "there is no stage thinking"),
        ("{", "", "this is not JSON"),
    ],
)
def test_a_profile_that_is_none_is_refused_in_one_sentence(before: str, after: str, sentence: str) -> None:
    text = profile_text(profile())
    assert before in text
    with pytest.raises(ProfileError) as refused:
        parse_profile(text.replace(before, after, 1), "p.json")
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("p.json: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["[]", "{}", "3", "[" * 100_000, '{"schema": null}', '{"schema": "camslice.profile/1"}'])
def test_other_json_is_no_profile(text: str) -> None:
    with pytest.raises(ProfileError):
        parse_profile(text, "p.json")


def test_profiles_are_loaded_by_path_and_by_name(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(profile_text(profile()))
    assert load_profile(str(path)) == profile()
    for name in shipped_profiles():
        assert load_profile(name).name == name


def test_a_profile_that_is_not_there_is_one_sentence_that_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"no such file.*t4-case-study"):
        load_profile(str(tmp_path / "missing.json"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="not UTF-8"):
        load_profile(str(tmp_path / "binary"))
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(str(tmp_path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_the_layout_changes_no_value(value: object) -> None:
    assert json.loads(laid_out(value)) == value


def test_long_rows_of_numbers_are_filled_and_short_objects_stay_on_a_line() -> None:
    lines = laid_out({"rows": [[k, k] for k in range(300)], "small": {"a": 1, "b": [1, 2]}}).splitlines()
    assert ' "small": {"a": 1, "b": [1, 2]}' in lines
    assert len(lines) < 50
    assert max(map(len, lines)) <= 121
