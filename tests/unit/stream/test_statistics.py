"""What results add up to, and the report made of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from camslice.fleet.accounting import FrameCounts, Looked
from camslice.fleet.histogram import Histogram
from camslice.fleet.secrets import Source
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import CameraSpec, Fleet, Machine, ModelSpec, Objective, StreamKey
from camslice.models.detections import Detections
from camslice.stream.model_work import ModelWork
from camslice.stream.report import StreamReport, objective_json, recall_of, run_report
from camslice.stream.results import FrameResult
from camslice.stream.statistics import RECENT_S, Statistics

KEY = StreamKey("gate", "people")
PERSON = Detections(np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.array([0, 1], np.int32))


def a_result(total_ms: float, detections: Detections = PERSON, looked: Looked = Looked.FULL) -> FrameResult:
    stages = StageTimes(1.0, 0.0, 2.0, total_ms - 8.0, 0.0, 4.0, 1.0, total_ms)
    return FrameResult(KEY, 0, 1e9, None, 64, 48, "0" * 64, 1, stages, detections, ("person", "dog"), looked)


def test_stages_that_took_no_part_are_left_out_and_means_add_up() -> None:
    statistics = Statistics()
    statistics.add([a_result(total) for total in (10.0, 20.0, 60.0)])
    stages = statistics.stages([KEY])[KEY]
    assert list(stages) == ["decode", "preprocess", "queue", "inference", "postprocess", "total"]
    means = {name: histogram.mean or 0.0 for name, histogram in stages.items()}
    assert means["total"] == pytest.approx(30.0)
    assert sum(mean for name, mean in means.items() if name != "total") == pytest.approx(means["total"])
    assert statistics.labels(KEY) == {"person": 3, "dog": 3}


def test_the_recent_past_is_ten_seconds_long() -> None:
    now = 100.0
    statistics = Statistics(clock=lambda: now)
    statistics.add([a_result(500.0)])
    now += RECENT_S + 1
    statistics.add([a_result(10.0)] * 20)
    now += 2.0
    fps, p95_ms = statistics.recent(KEY)
    assert fps == pytest.approx(10.0)
    assert p95_ms == pytest.approx(10.0)
    assert statistics.recent(StreamKey("nobody", "people")) == (0.0, None)


def test_what_is_carried_on_has_a_latency_and_an_age_but_was_not_analysed() -> None:
    now = 100.0
    statistics = Statistics(clock=lambda: now)
    statistics.add([a_result(100.0)])
    statistics.add([replace(a_result(10.0, looked=Looked.PREDICTED), captured_at_s=1e9 + n) for n in range(4)])
    now += 1.0
    fps, p95_ms = statistics.recent(KEY)
    assert fps == pytest.approx(1.0)
    assert p95_ms == pytest.approx(np.percentile([100.0] + 4 * [10.0], 95))
    assert statistics.stages([KEY])[KEY]["total"].n == 5
    assert statistics.labels(KEY) == {"person": 1, "dog": 1}
    assert statistics.newest_captured_at_s(KEY) == 1e9 + 3
    minute = statistics.minute(KEY)
    assert (minute.frames, minute.analysed, minute.detections_per_frame) == (5, 1, 2.0)


FULL = FrameCounts(captured=100, analysed=100)
IN_REGIONS = FrameCounts(captured=100, analysed=40, regions=30, gated=60)


@pytest.mark.parametrize(
    ("frames", "works", "recall", "met"),
    [
        (FULL, [ModelWork()], 1.0, True),
        (FrameCounts(), [], None, False),
        (IN_REGIONS, [ModelWork(audited_frames=19, audited_detections=19)], None, True),
        (IN_REGIONS, [ModelWork(audited_frames=20, audited_detections=100, kept_detections=97)], 0.97, True),
        (IN_REGIONS, [ModelWork(audited_frames=20, audited_detections=100, kept_detections=96)], 0.96, False),
        (
            IN_REGIONS,
            [
                ModelWork(audited_frames=900, audited_detections=9000, kept_detections=8990),
                ModelWork(audited_frames=20, audited_detections=100, kept_detections=90),
            ],
            0.9,
            False,
        ),
    ],
)
def test_the_recall_is_part_of_the_objective_once_enough_was_audited(
    frames: FrameCounts, works: list[ModelWork], recall: float | None, met: bool
) -> None:
    total = Histogram()
    total.add([100.0] * frames.analysed)
    judged = objective_json(Objective(recall=0.97), total, frames, None, recall_of(works, frames))
    assert judged["recall"] == recall
    assert judged["met"] is met


@pytest.mark.parametrize(
    ("frames", "p_all", "met"),
    [
        (FrameCounts(captured=100, analysed=100), True, True),
        (FrameCounts(captured=102, analysed=99, stale=1, in_flight=2), True, True),
        (FrameCounts(captured=102, analysed=100, superseded=2), True, False),
        (FrameCounts(captured=110, analysed=100, failed=10), False, False),
        (FrameCounts(), False, False),
    ],
)
def test_a_dropped_frame_counts_as_infinitely_late(frames: FrameCounts, p_all: bool, met: bool) -> None:
    total = Histogram()
    total.add([100.0] * frames.analysed)
    judged = objective_json(Objective(latency_ms=500, percentile=95, drop_rate=0.01), total, frames, None)
    assert (judged["p_all_ms"] is not None) is p_all
    assert judged["met"] is met


def test_dollars_are_the_machine_shared_by_its_cameras_and_part_of_the_objective() -> None:
    source = Source("scene://people", "scene://people")
    cameras = tuple(CameraSpec(f"c{i}", source, 1.0, ("people",)) for i in range(4))
    fleet = Fleet(
        Objective(usd_per_camera_month=10.0), {"people": ModelSpec("people", "x")}, cameras, machine=Machine(usd_per_hour=0.1)
    )
    total = Histogram()
    total.add([5.0] * 10)
    streams = [
        StreamReport(StreamKey(camera.name, "people"), FrameCounts(captured=10, analysed=10), {"total": total}, {}, 3.0)
        for camera in cameras
    ]
    report = run_report(fleet, streams, 10.0, 100.0, 1.0)["fleet"]
    assert isinstance(report, dict)
    assert report["usd_per_camera_month"] == pytest.approx(0.1 * 730 / 4)
    assert report["objective"]["met"] is False
    assert report["analysed_fps"] == 4.0
    assert report["frames"]["captured"] == 40
