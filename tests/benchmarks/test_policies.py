"""The search for how many cameras each way carries, what counts in it, and what the page says of it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
from benchmarks.policies import judged, starts_of
from benchmarks.policy_search import (
    HIGHEST,
    LOWEST,
    STEP,
    Budget,
    Round,
    Trial,
    as_json,
    cameras_at,
    carried,
    from_json,
    rates_of,
    ratios,
    rung_of,
    search,
)
from benchmarks.policy_trials import copies_of, percentile, pictures_per_due
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import ultralytics_worker
from tests.clips import write_clip

ROOT = Path(__file__).resolve().parents[2]
QUALITY = {
    "recall": 0.98,
    "recall_low": 0.97,
    "precision": 0.96,
    "inferences_per_frame": 0.3,
    "fps": 50.0,
    "frames": 400,
    "computed_in": "bf16",
    "looks": {"full": 1.0},
}


def trial(rung: int, holds: bool, others: float = 0.0) -> Trial:
    return Trial(rung, cameras_at(rung), 100.0 if holds else 900.0, 0.0, 5 * cameras_at(rung), others=others)


def machine(capacity: dict[str, float], taken: list[tuple[str, int]]) -> Callable[[str, int], Trial]:
    """Carries just so many cameras by each way."""

    def run(way: str, rung: int) -> Trial:
        taken.append((way, rung))
        return trial(rung, cameras_at(rung) <= capacity[way])

    return run


def searched(
    capacity: dict[str, float], starts: dict[str, float], rounds: list[Round], number: int, trials: int = 1000
) -> tuple[bool, list[tuple[str, int]]]:
    taken: list[tuple[str, int]] = []
    run = machine(capacity, taken)
    complete = search(rounds, list(capacity), starts, number, run, lambda _: len(taken) < trials, lambda: None)
    return complete, taken


@given(st.floats(0.5, 300), st.floats(0.5, 300), st.integers(1, 3))
def test_each_round_finds_the_last_rung_that_holds(capacity: float, start: float, number: int) -> None:
    rounds: list[Round] = []
    complete, _ = searched({"a": capacity}, {"a": start}, rounds, number)
    assert complete
    best = max(rung for rung in range(LOWEST, HIGHEST) if cameras_at(rung) <= capacity)
    for found in carried(rounds, "a", start):
        assert found is not None
        assert found == cameras_at(rung_of(found))
        assert cameras_at(best - 1) <= found <= cameras_at(best), (
            "tenths of a camera may make two rungs of few cameras one load"
        )


def test_a_later_round_needs_few_trials_where_nothing_changed() -> None:
    rounds: list[Round] = []
    searched({"a": 40.0}, {"a": 10.0}, rounds, 3)
    assert [len(each["a"]) for each in rounds[1:]] == [2, 2]


def test_ways_take_turns_trial_by_trial_and_every_other_sweep_goes_backwards() -> None:
    _, taken = searched({"a": 4.0, "b": 40.0, "c": 8.0}, {"a": 4.0, "b": 40.0, "c": 8.0}, [], 1)
    ways = [way for way, _ in taken]
    assert ways[:6] == ["a", "b", "c", "c", "b", "a"]


@given(st.floats(1, 100), st.floats(1, 100), st.integers(0, 25), st.integers(1, 3))
def test_a_search_that_was_cut_off_and_written_down_goes_on_as_if_nothing_had_happened(
    one: float, other: float, trials: int, number: int
) -> None:
    capacity, starts = {"a": one, "b": other}, {"a": 10.0, "b": 10.0}
    whole: list[Round] = []
    searched(capacity, starts, whole, number)
    first: list[Round] = []
    searched(capacity, starts, first, number, trials)
    assert sum(len(tried) for each in first for tried in each.values()) <= trials
    second = from_json(json.loads(json.dumps(as_json(first))))
    assert second == first
    complete, _ = searched(capacity, starts, second, number)
    assert complete
    assert [carried(second, way, 10.0) for way in capacity] == [carried(whole, way, 10.0) for way in capacity]


def test_a_round_that_is_not_complete_counts_in_nothing() -> None:
    rounds: list[Round] = []
    complete, _ = searched({"a": 40.0, "b": 4.0}, {"a": 10.0, "b": 4.0}, rounds, 1, trials=6)
    assert not complete
    assert carried(rounds, "a", 10.0) == [None], "ten cameras held and nobody knows what breaks"
    assert carried(rounds, "b", 4.0) != [None]


def test_a_load_that_breaks_while_others_take_the_machine_is_tried_once_more() -> None:
    taken: list[int] = []

    def run(_: str, rung: int) -> Trial:
        taken.append(rung)
        return trial(rung, cameras_at(rung) <= 10.0 and taken.count(rung) > 1, others=0.5)

    rounds: list[Round] = []
    assert search(rounds, ["a"], {"a": 10.0}, 1, run, lambda _: True, lambda: None)
    assert carried(rounds, "a", 10.0) == [cameras_at(rung_of(10.0))], (
        "the load that broke at first was believed the second time"
    )
    assert taken[:2] == [rung_of(10.0)] * 2
    above = [rung for rung in taken if cameras_at(rung) > 10.0]
    assert all(above.count(rung) == 2 for rung in above), "and the one that broke twice was believed, too"


def test_a_machine_that_carries_nothing_ends_the_search() -> None:
    rounds: list[Round] = []
    complete, taken = searched({"a": 0.0}, {"a": 10.0}, rounds, 1)
    assert complete
    assert len(taken) < 10
    assert carried(rounds, "a", 10.0) == [None]


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True),
        ({"p_all_ms": 500.1}, False),
        ({"p_all_ms": None}, False),
        ({"drop_rate": 0.0101}, False),
        ({"as_declared": False}, False),
    ],
)
def test_a_trial_holds_in_time_without_drops_and_with_the_policy_whose_recall_is_known(
    changed: dict[str, Any], holds: bool
) -> None:
    settings = {"rung": 0, "cameras": 1.0, "p_all_ms": 500.0, "drop_rate": 0.01, "answered_fps": 5.0}
    assert Trial(**settings | changed).holds is holds


def test_a_dropped_frame_is_infinitely_late() -> None:
    assert percentile([10.0] * 95, 5) == 10.0
    assert percentile([10.0] * 94, 6) is None
    assert percentile([], 0) is None
    assert percentile([float(each) for each in range(1, 101)], 0) == 95.0


@given(st.integers(1, 2000))
def test_a_part_of_a_camera_is_a_camera_at_that_part_of_the_rate(tenths: int) -> None:
    rates = rates_of(tenths / 10, 5.0)
    assert sum(rates) == pytest.approx(tenths / 2)
    assert all(rate == 5.0 for rate in rates[:-1])
    assert 0 < rates[-1] <= 5.0


def test_a_ratio_counts_within_one_round() -> None:
    found = ratios([10.0, None, 30.0, 40.0], [5.0, 1.0, None, 10.0])
    assert found == {"min": 2.0, "median": 3.0, "max": 4.0}
    assert ratios([None], [1.0]) is None


def test_no_trial_is_begun_that_would_end_too_late() -> None:
    now = [0.0]
    budget = Budget(100.0, 20.0, lambda: now[0])
    now[0] = 80.0
    assert budget.has_time("a")
    budget.took("a", 21.0)
    assert not budget.has_time("a")
    assert budget.has_time("b"), "nothing is known of it but what is expected at first"


def test_copies_of_a_clip_begin_at_its_key_frames_and_lose_nothing(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", frames=20)
    before = list(frames_of(clip))
    copies = copies_of(clip, tmp_path)
    assert len(copies) == 4
    for number, copy in enumerate(copies):
        assert list(frames_of(copy)) == [*before[5 * number :], *before[: 5 * number]]


def frames_of(path: Path) -> Iterator[str]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield hashlib.sha256(frame.to_ndarray(format="rgb24").tobytes()).hexdigest()


def test_a_rate_that_does_not_divide_the_clips_is_refused(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", fps=10)
    assert pictures_per_due(clip, 5.0) == 2
    with pytest.raises(SystemExit, match="--fps 4"):
        pictures_per_due(clip, 4.0)


def test_ultralytics_gets_the_same_pictures_of_the_clip_as_camslice(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", frames=20)
    camera = ultralytics_worker.Camera(str(clip), 5.0, 2, 100.0, threading.Semaphore(0))
    camera.starts_at, camera.ends_at = 0.0, 1.9
    camera.run()
    assert camera.captured == 10
    means = [float(frame.mean()) for _, frame in camera.box]
    every = [float(frame.to_ndarray(format="bgr24").mean()) for frame in av.open(str(clip)).decode(video=0)]
    assert means == pytest.approx(every[::2], abs=0.5)


def test_a_search_begins_where_the_cost_of_a_frame_says_or_where_it_is_told() -> None:
    asked: Any = SimpleNamespace(start="regions=30", fps=5.0)
    assert starts_of(asked, {"full": {"fps": 50.0}, "regions": {"fps": 100.0}}) == {"full": 7.0, "regions": 30.0}


def result() -> dict[str, Any]:
    """As `benchmarks.policies` writes it, for a machine that carries 4, 8, 11 and 40 cameras."""
    capacity = {"pods": 4.0, "best": 8.0, "full-int8": 11.5, "regions-int8": 41.0}
    rounds: list[Round] = []
    searched(capacity, capacity, rounds, 2)
    return {
        "machine": {"cores": 2, "cpu": "Some CPU", "cpu_features": ["avx2"]},
        "weights": "a.onnx",
        "clip": "a.avi",
        "input": [640, 480],
        "fps": 5.0,
        "policies": {"regions": "carry-1", "regions-int8": "carry-1"},
        "objective": {"latency_ms": 500.0, "percentile": 95, "drop_rate": 0.01},
        "step": STEP,
        "seconds_per_trial": 15.0,
        "frames_judged": 400,
        "usd_per_hour": 0.1,
        "price": {
            "instance_type": "x.large",
            "region": "r",
            "purchase": "on_demand",
            "dated": "2026",
            "provenance": "published",
        },
        "int8": {
            "calibration_pictures": 97,
            "drop": 0.006,
            "judged_pictures": 79,
            "map_before": 0.4,
            "map_after": 0.394,
            "most": 0.01,
        },
        **judged(list(capacity), dict.fromkeys(capacity, QUALITY), rounds, capacity, 0.1),
    }


def test_ratios_goals_and_dollars_follow_from_the_trials() -> None:
    found = json.loads(json.dumps(result(), allow_nan=False))
    assert found["ways"]["pods"]["cameras"]["median"] == pytest.approx(4.0, rel=STEP - 1)
    assert found["ways"]["pods"]["usd_per_camera_month"] == round(73 / found["ways"]["pods"]["cameras"]["median"], 2)
    assert found["goals"]["regions-int8/pods"] == {"goal": 10.0, "met": True}
    assert found["goals"]["full-int8/pods"]["met"]
    assert found["ratios"]["regions-int8/full-int8"]["min"] == pytest.approx(41 / 11.5, rel=0.1)
    assert "full/pods" not in found["ratios"], "one of them was not measured"


def test_the_page_says_what_was_measured_and_what_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import policies_section

    found = result()
    said = "\n".join(policies_section.policies(found))
    row = next(line for line in said.splitlines() if line.startswith("| one Ultralytics process per camera |"))
    cameras = found["ways"]["pods"]["cameras"]
    assert f"{cameras['median']:.1f}" in row
    assert f"{found['ways']['pods']['usd_per_camera_month']:.2f}" in row
    for words in ("assumed, not measured", "published", "loses 0.0060 mAP"):
        assert words in said
    assert "| camslice, regions, INT8 / one Ultralytics process per camera | " in said
    found["int8"] = None
    assert "mAP" not in "\n".join(policies_section.policies(found))
