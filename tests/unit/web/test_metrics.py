from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

import camslice
from camslice.fleet.accounting import Fate, FrameCounts
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, StreamKey
from camslice.stream.minute import MinuteWindow
from camslice.stream.model_work import ModelWork
from camslice.stream.watching.steward import PolicyState
from camslice.video.camera_state import CameraState
from camslice.web.metrics import render
from camslice.web.placements import Revisions, StreamPlacement
from camslice.web.view import FleetStatus
from tests.fake_fleet import MEAN_MS, FakeFleet

HISTOGRAM = "camslice_stage_duration_seconds"


def samples_of(status: FleetStatus) -> dict[str, list[Sample]]:
    body, media_type = render(status)
    assert media_type.startswith("text/plain")
    samples = defaultdict(list)
    for family in text_string_to_metric_families(body.decode()):
        assert family.documentation
        for sample in family.samples:
            samples[sample.name].append(sample)
    return samples


def by(samples: list[Sample], *labels: str) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in samples}


def busy_fleet() -> FakeFleet:
    fleet = FakeFleet(["gate", "yard"])
    fleet.cameras["gate"].analyse(100, dropped=7, seed=5)
    fleet.cameras["yard"].frames = fleet.cameras["yard"].frames + FrameCounts(captured=6, superseded=2, failed=1, in_flight=3)
    return fleet


def test_every_fate_is_counted_by_model() -> None:
    samples = samples_of(busy_fleet().status())
    fates = by(samples["camslice_frames_total"], "model", "fate", "policy")
    in_full, in_regions = ("people", "analysed", "full"), ("people", "analysed", "regions")
    others = [("people", fate.value, "") for fate in Fate if fate is not Fate.ANALYSED]
    assert fates == dict(zip([in_full, in_regions, *others], [900, 0, 0, 0, 2, 7, 1], strict=True))
    captured = by(samples["camslice_frames_captured_total"], "model")[("people",)]
    assert captured == sum(fates.values()) + by(samples["camslice_frames_in_flight"], "model")[("people",)]


def test_stage_histograms_only_grow_from_bucket_to_bucket() -> None:
    samples = samples_of(busy_fleet().status())
    buckets = defaultdict(list)
    for sample in samples[f"{HISTOGRAM}_bucket"]:
        buckets[sample.labels["model"], sample.labels["stage"]].append((float(sample.labels["le"]), sample.value))
    assert {stage for _, stage in buckets} == {*MEAN_MS, "total"}
    counts = by(samples[f"{HISTOGRAM}_count"], "model", "stage")
    for key, of_stage in buckets.items():
        assert of_stage == sorted(of_stage)
        assert [count for _, count in of_stage] == sorted(count for _, count in of_stage)
        assert of_stage[-1] == (float("inf"), counts[key])
        assert counts[key] == 900


def test_the_stages_add_up_to_the_total() -> None:
    sums = by(samples_of(busy_fleet().status())[f"{HISTOGRAM}_sum"], "stage")
    total = sums.pop(("total",))
    assert sum(sums.values()) == pytest.approx(total)
    assert total == pytest.approx(900 * sum(MEAN_MS.values()) / 1000, rel=0.1)


@pytest.mark.parametrize("latency_ms", [500.0, 333.0, 80.0, 12_500.0])
def test_there_is_a_bucket_exactly_at_the_objective(latency_ms: float) -> None:
    fleet = busy_fleet()
    fleet.objective = replace(fleet.objective, latency_ms=latency_ms)
    samples = samples_of(fleet.status())
    at_objective = [
        sample.value
        for sample in samples[f"{HISTOGRAM}_bucket"]
        if sample.labels["stage"] == "total" and float(sample.labels["le"]) == latency_ms / 1000
    ]
    within = sum(stream.stages["total"].count_up_to(np.array([latency_ms]))[0] for stream in fleet.status().streams)
    assert at_objective == [within]
    assert samples["camslice_objective_latency_seconds"][0].value == latency_ms / 1000
    in_time = by(samples["camslice_frames_within_objective_total"], "model")
    assert in_time == {("people",): within}


def test_each_camera_tells_age_rate_p95_drops_and_device_time_and_no_more() -> None:
    fleet = busy_fleet()
    fleet.cameras["yard"].age_ms = None
    fleet.cameras["gate"].frames += FrameCounts(accelerator_ns=2_500_000_000)
    samples = samples_of(fleet.status())
    used = by(samples["camslice_camera_accelerator_seconds_total"], "camera", "model")
    assert used == {("gate", "people"): 2.5, ("yard", "people"): 0.0}
    assert by(samples["camslice_camera_age_seconds"], "camera", "model") == {("gate", "people"): 0.09}
    assert by(samples["camslice_camera_analysed_frames_per_second"], "camera") == {("gate",): 5.0, ("yard",): 5.0}
    assert by(samples["camslice_camera_frames_dropped_total"], "camera") == {("gate",): 7.0, ("yard",): 3.0}
    assert 0.05 < by(samples["camslice_camera_latency_p95_seconds"], "camera")[("gate",)] < 0.2
    assert {name for name, of_name in samples.items() if any("camera" in s.labels for s in of_name)} == {
        "camslice_camera_accelerator_seconds_total",
        "camslice_camera_age_seconds",
        "camslice_camera_analysed_frames_per_second",
        "camslice_camera_frames_dropped_total",
        "camslice_camera_latency_p95_seconds",
    }


def test_the_exposition_grows_by_five_samples_a_camera() -> None:
    few, more = (samples_of(FakeFleet([f"cam-{n}" for n in range(count)]).status()) for count in (10, 60))
    assert sum(map(len, more.values())) - sum(map(len, few.values())) == 5 * 50


def test_engines_cameras_money_and_the_process() -> None:
    fleet = busy_fleet()
    fleet.cameras["yard"].state = CameraState.RECONNECTING
    status = replace(fleet.status(), restarts=2, dropped_results={"store: queue full": 5, "jsonl: refused": 1})
    samples = samples_of(status)
    assert by(samples["camslice_engine_occupancy_ratio"], "model", "backend", "device") == {("people", "openvino", "CPU"): 0.61}
    assert by(samples["camslice_engine_up"], "model") == {("people",): 1.0}
    states = by(samples["camslice_cameras"], "state")
    assert states == {(state.value,): float(state.value in {"live", "reconnecting"}) for state in CameraState}
    assert samples["camslice_usd_per_camera_month"][0].value == pytest.approx(0.10264 * 730 / 2)
    assert by(samples["camslice_results_dropped_total"], "cause") == {("store: queue full",): 5.0, ("jsonl: refused",): 1.0}
    assert samples["camslice_restarts_total"][0].value == 2
    assert samples["camslice_memory_bytes"][0].value == 412.5e6
    assert by(samples["camslice_build_info"], "version") == {(camslice.__version__,): 1.0}


def test_what_is_looked_at_and_what_that_keeps_is_told_of_models_that_have_a_policy() -> None:
    fleet = busy_fleet()
    status = fleet.status()
    frames = FrameCounts(captured=100, analysed=40, regions=30, gated=35, predicted=25)
    plain = replace(status.engines[0], model="cars", work=ModelWork(inferences=7))
    state = PolicyState("carry-1", "there is room again", 0.975, 40, True, 2)
    work = ModelWork(1200, 3, 60, 400, 390)
    samples = samples_of(
        replace(
            status,
            streams=[replace(status.streams[0], frames=frames)],
            engines=[replace(status.engines[0], policy=state, work=work), plain],
        )
    )
    by_policy = by(samples["camslice_frames_total"], "fate", "policy")
    assert by_policy["analysed", "full"] == 10
    assert by_policy["analysed", "regions"] == 30
    assert sum(by_policy.values()) == 100
    assert by(samples["camslice_inferences_total"], "model") == {("people",): 1200, ("cars",): 7}
    assert by(samples["camslice_policy_info"], "model", "policy") == {("people", "carry-1"): 1}
    told = {
        "camslice_policy_rung": 3,
        "camslice_policy_overloaded": 1,
        "camslice_policy_changes_total": 3,
        "camslice_recall_ratio": 0.975,
        "camslice_recall_audited_frames": 40,
        "camslice_audited_frames_total": 60,
        "camslice_audited_detections_total": 400,
        "camslice_audited_detections_kept_total": 390,
    }
    assert {name: by(samples[name], "model") for name in told} == {name: {("people",): value} for name, value in told.items()}
    assert samples["camslice_objective_recall_ratio"][0].value == 1.0


def test_a_recall_that_nobody_knows_yet_is_not_told() -> None:
    status = busy_fleet().status()
    state = PolicyState("careful", "where every fleet begins", None, 0, False, 0)
    samples = samples_of(replace(status, engines=[replace(status.engines[0], policy=state)]))
    assert "camslice_recall_ratio" not in samples or not samples["camslice_recall_ratio"]
    assert by(samples["camslice_recall_audited_frames"], "model") == {("people",): 0}


def test_without_a_price_nothing_is_said_about_money() -> None:
    assert not samples_of(FakeFleet(usd_per_hour=None).status())["camslice_usd_per_camera_month"]


def test_a_fleet_without_cameras_is_told_too() -> None:
    samples = samples_of(FakeFleet([]).status())
    assert samples["camslice_restarts_total"][0].value == 0
    assert not samples["camslice_usd_per_camera_month"]


def test_no_counter_falls_when_a_camera_is_removed() -> None:
    fleet = busy_fleet()
    before = fleet.status()
    fleet.remove_camera("gate")
    after = replace(fleet.status(), removed=[stream for stream in before.streams if stream.key.camera == "gate"])
    sums_before, sums_after = samples_of(before), samples_of(after)
    for name in ("camslice_frames_total", f"{HISTOGRAM}_bucket", f"{HISTOGRAM}_count", f"{HISTOGRAM}_sum"):
        assert [sample.value for sample in sums_after[name]] == pytest.approx([sample.value for sample in sums_before[name]])
    assert list(by(sums_after["camslice_camera_frames_dropped_total"], "camera")) == [("yard",)]


def test_no_credential_is_in_it() -> None:
    fleet = FakeFleet(["gate"])
    address = "rtsp://bob:hunter2@10.0.0.7/stream1?token=sesame"
    fleet.add_camera(CameraSpec("back", Source(address, address), 5.0, ("people",)))
    fleet.cameras["back"].analyse(10)
    body, _ = render(fleet.status())
    assert 'camera="back"' in body.decode()
    assert not [secret for secret in ("bob", "hunter2", "sesame", "rtsp", "10.0.0.7") if secret in body.decode()]


def test_names_with_quotes_and_newlines_are_escaped() -> None:
    fleet = FakeFleet(['the "gate"\nand \\ yard'])
    assert by(samples_of(fleet.status())["camslice_camera_age_seconds"], "camera") == {('the "gate"\nand \\ yard',): 0.09}


def test_results_that_wait_for_the_store_are_counted() -> None:
    status = busy_fleet().status()
    assert samples_of(status)["camslice_results_waiting"][0].value == 0
    assert samples_of(replace(status, waiting_results=1234))["camslice_results_waiting"][0].value == 1234


def test_a_pod_that_an_operator_gave_its_streams_tells_each_of_them_in_full() -> None:
    fleet = busy_fleet()
    key = StreamKey("gate", "people")
    window = MinuteWindow()
    for total_ms in (10.0, 20.0, 900.0):
        window.add(0.0, total_ms, 2)
    fleet.cameras["yard"].state = CameraState.RECONNECTING
    status = fleet.status()
    samples = samples_of(
        replace(
            status,
            streams=[replace(status.streams[0], minute=window.read(0.0)), *status.streams[1:]],
            engines=[replace(status.engines[0], loaded=False)],
            revisions=Revisions("6", "7"),
            placements={key: StreamPlacement(12, 1000.0, 1001.0, taken_over=True)},
            draining=True,
        )
    )
    assert by(samples["camslice_config_revision_info"], "revision", "mounted") == {("6", "7"): 1}
    fates = by(samples["camslice_camera_frames_total"], "camera", "fate", "policy")
    captured = by(samples["camslice_camera_frames_captured_total"], "camera", "model")
    for camera in ("gate", "yard"):
        ended = sum(count for labels, count in fates.items() if labels[0] == camera)
        assert 0 <= captured[camera, "people"] - ended <= 3
    assert fates["gate", "stale", ""] == 7
    assert by(samples["camslice_camera_detections_total"], "camera")[("gate",)] == 500 * 3 + 500 // 9
    assert by(samples["camslice_camera_latency_p95_minute_seconds"], "camera") == {("gate",): pytest.approx(0.9)}
    assert by(samples["camslice_camera_detections_per_frame"], "camera") == {("gate",): 2.0}
    assert by(samples["camslice_camera_live"], "camera") == {("gate",): 1, ("yard",): 0}
    assert by(samples["camslice_camera_placement_epoch"], "camera", "model") == {("gate", "people"): 12}
    assert by(samples["camslice_camera_taken_over"], "camera", "model") == {("gate", "people"): 1}
    assert by(samples["camslice_model_loaded"], "model") == {("people",): 0}
    assert by(samples["camslice_draining"]) == {(): 1}


def test_a_fleet_that_nobody_placed_has_no_metrics_of_placements() -> None:
    names = set(samples_of(busy_fleet().status()))
    assert not names & {"camslice_config_revision_info", "camslice_camera_frames_total", "camslice_draining"}
