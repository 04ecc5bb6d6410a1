"""The JSON of a bench."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.types import Backend, Topology
from camslice.measure.bench.report import Price
from camslice.measure.bench.values import Row
from tests.unit.measure.bench.made import QUESTION, report, row, trial

CONTRACT = {
    "topology", "pods", "machines", "cameras", "loop", "phase", "stages", "fps", "frames", "memory_mb_per_pod", "memory_mb",
    "cpu_cores", "objective",
}  # fmt: skip


def test_a_row_has_every_key_of_the_contract_and_is_json() -> None:
    made = report(row())
    assert set(made["rows"][0]) >= CONTRACT
    assert {"machine", "rows"} <= set(made)
    assert json.loads(json.dumps(made, allow_nan=False))["rows"][0]["topology"] == "sliced"


def test_rounds_add_up() -> None:
    (made,) = report(row(Topology.SLICED, 2, trial([10.0, 20.0]), trial([30.0, 40.0, 50.0], seconds=3.0)))["rows"]
    assert made["fps"] == 1.0
    assert made["stages"]["total"]["mean"] == 30.0
    assert made["stages"]["total"]["n"] == made["frames"]["analysed"] == 5
    assert made["frames"]["captured"] == 7
    assert [each["fps"] for each in made["rounds"]] == [1.0, 1.0]


def test_stages_add_up_to_the_total_in_their_means() -> None:
    stages = report(row())["rows"][0]["stages"]
    parts = sum(stages[name]["mean"] for name in stages if name != "total")
    assert parts == pytest.approx(stages["total"]["mean"], rel=0.01)


def test_the_raw_histograms_hold_every_latency() -> None:
    made = report(row(Topology.SLICED, 1, trial([10.0] * 40 + [200.0])))
    bins = made["rows"][0]["histograms"]["total"]["bins"]
    lowest_ms, growth = made["histogram_bins"]["lowest_ms"], made["histogram_bins"]["growth"]
    assert [count for _, count in bins] == [40, 1]
    for (where, _), value_ms in zip(bins, (10.0, 200.0), strict=True):
        assert lowest_ms * growth**where <= value_ms < lowest_ms * growth ** (where + 1)


def test_memory_is_of_pods_and_of_everything() -> None:
    (made,) = report(row(Topology.SLICED, 4, trial(pods_memory_mb=400.0, supervisor_memory_mb=50.0)))["rows"]
    assert (made["memory_mb_per_pod"], made["memory_mb_per_camera"], made["memory_mb"]) == (100.0, 100.0, 450.0)
    (pooled,) = report(row(Topology.POOLED, 4, trial(pods_memory_mb=200.0, supervisor_memory_mb=50.0)))["rows"]
    assert (pooled["memory_mb_per_pod"], pooled["memory_mb_per_camera"], pooled["memory_mb"]) == (200.0, 50.0, 250.0)


def test_dollars_are_those_of_all_machines_shared_by_all_cameras() -> None:
    made = report(row(Topology.SLICED, 20), row(Topology.DEDICATED, 20), price=Price(0.5))["rows"]
    assert [each["usd_per_camera_month"] for each in made] == [0.5 * 730 / 20, 0.5 * 730]
    assert [each["machines"] for each in made] == [1, 20]
    assert "one of the 20 machines" in made[1]["notes"][0]
    assert report(row(), price=Price(0.5, 720.0))["rows"][0]["usd_per_camera_month"] == 360.0
    assert report(row())["rows"][0]["usd_per_camera_month"] is None


def test_an_open_loop_says_its_rate_and_its_phases() -> None:
    closed, opened = report(row())["rows"][0], report(row(), question=replace(QUESTION, fps=5.0))["rows"][0]
    assert (closed["loop"], closed["phase"], closed["fps_per_camera"]) == ("closed", None, None)
    assert (opened["loop"], opened["phase"], opened["fps_per_camera"]) == ("open", "random", 5.0)


def test_frames_that_were_never_captured_break_the_objective() -> None:
    frames = FrameCounts(captured=3, analysed=3, missed=1)
    (made,) = report(row(Topology.SLICED, 1, trial(frames=frames)))["rows"]
    assert made["objective"]["p_all_ms"] is None
    assert made["objective"]["drop_rate"] == 0.25
    assert made["objective"]["met"] is False
    assert "1 frames fell due and were never captured" in made["notes"][0]


def test_percentiles_are_over_all_frames_and_a_lost_one_is_infinitely_late() -> None:
    good = trial([10.0] * 97 + [20.0] * 3)
    drops = FrameCounts(captured=100, analysed=40, superseded=30, stale=10, failed=5, in_flight=15, missed=10)
    (made,) = report(row(Topology.SLICED, 1, good, trial([10.0] * 40, frames=drops)))["rows"]
    assert made["p50_all_ms"] == pytest.approx(10.0, rel=0.01)
    assert made["p95_all_ms"] is None
    assert made["stages"]["total"]["p95"] == pytest.approx(10.0, rel=0.01)
    first, second = made["rounds"]
    assert first["p99_all_ms"] == pytest.approx(20.0, rel=0.01)
    assert first["drop_rate"] == 0
    assert (second["p50_all_ms"], second["p95_all_ms"], second["p99_all_ms"]) == (None, None, None)
    assert second["p50_ms"] == pytest.approx(10.0, rel=0.01)
    assert second["drop_rate"] == pytest.approx(55 / 95, abs=1e-6)


def test_a_row_of_which_no_frame_was_analysed_is_there_with_its_drops_and_a_problem() -> None:
    frames = FrameCounts(captured=20, superseded=9, stale=8, failed=2, in_flight=1, missed=4)
    (made,) = report(row(Topology.SLICED, 1, trial([], frames=frames)))["rows"]
    assert made["problem"] is not None
    assert (
        "no frame was analysed within 2.0 s of measuring: 9 superseded, 8 stale, 2 failed, 4 never captured" in made["problem"]
    )
    assert (made["stages"], made["p50_all_ms"], made["objective"]["met"]) == ({}, None, False)
    assert made["frames"]["stale"] == 8
    assert len(made["rounds"]) == 1


def test_what_a_model_had_at_the_end_of_a_window_is_the_rows_problem() -> None:
    (made,) = report(row(Topology.SLICED, 1, trial(), trial(problem="the device was lost")))["rows"]
    assert made["problem"] == "the device was lost"
    assert made["stages"]["total"]["n"] == 6


def test_memory_per_pod_is_divided_by_the_pods_that_live() -> None:
    (made,) = report(row(Topology.SLICED, 4, trial(pods_memory_mb=300.0, pods_down=1)))["rows"]
    assert made["memory_mb_per_pod"] == 100.0
    assert "memory is that of the others" in made["notes"][0]


def test_stages_below_zero_are_counted() -> None:
    (made,) = report(row(Topology.SLICED, 1, trial(negative_stages=2), trial(negative_stages=1)))["rows"]
    assert made["negative_stages"] == 3
    assert "3 frames have a stage below 0 ms" in made["notes"][0]
    assert report(row())["rows"][0]["negative_stages"] == 0


def test_a_row_that_failed_is_there_with_its_reason() -> None:
    failed = replace(row(), trials=[], failure="the pod did not start")
    made = report(row(), failed)
    assert [each["problem"] for each in made["rows"]] == [None, "the pod did not start"]
    assert (made["rows"][1]["stages"], made["rows"][1]["frames"]["captured"], made["partial"]) == ({}, 0, True)


def test_rows_that_were_not_reached_are_left_out_and_the_report_is_partial() -> None:
    made = report(row(), replace(row(), trials=[]), stopped=True)
    assert len(made["rows"]) == 1
    assert made["rows"][0]["partial"] is False
    assert made["partial"] is True


def test_what_a_reader_must_know_is_said() -> None:
    asked = replace(QUESTION, spec=replace(QUESTION.spec, backend=Backend.OIP))
    noted: Row = row(Topology.SLICED, 1, trial(restarts=2, unpublished=3))
    notes = " ".join(report(noted, question=asked)["rows"][0]["notes"])
    assert "is part of network" in notes
    assert "2 times a pod ended" in notes
    assert "3 frames were analysed whose latencies are not" in notes
    assert report(row())["rows"][0]["notes"] == []
