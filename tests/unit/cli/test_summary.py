"""What `run` and `demo` print at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from camslice.cli.output import stdout
from camslice.cli.summary import no_camera_started, objective_met, print_summary
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.histogram import Histogram
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, Machine, ModelSpec, Objective, StreamKey
from camslice.stream.report import StreamReport, run_report


@pytest.fixture(autouse=True)
def _wide_paper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "200")
    stdout.cache_clear()
    yield
    stdout.cache_clear()


def a_stream(
    camera: str, analysed: int = 100, *, stale: int = 0, missed: int = 0, model: str = "people", used_ms: int = 0
) -> StreamReport:
    frames = FrameCounts(captured=analysed + stale, analysed=analysed, stale=stale, missed=missed)
    frames += FrameCounts(accelerator_ns=used_ms * 1_000_000)
    total = Histogram()
    total.add([50.0] * analysed)
    seen = {"person": 40, "dog": 7, "car": 90, "kite": 1}
    return StreamReport(StreamKey(camera, model), frames, {"total": total, "inference": total}, seen, 100.0)


def a_report(
    *streams: StreamReport, reasons: dict[str, str] | None = None, usd_per_hour: float | None = None
) -> dict[str, object]:
    source = Source("scene://people", "scene://people")
    names = list(dict.fromkeys([*(stream.key.camera for stream in streams), *(reasons or {})]))
    cameras = tuple(CameraSpec(name, source, 5.0, ("people",)) for name in names)
    machine = None if usd_per_hour is None else Machine(usd_per_hour)
    fleet = Fleet(Objective(), {"people": ModelSpec("people", "tiny")}, cameras, machine=machine)
    states = [
        {"name": name, "state": "failed" if (reasons or {}).get(name) else "live", "reason": (reasons or {}).get(name, "")}
        for name in names
    ]
    return {**run_report(fleet, streams, 20.0, 321.4, 1.25), "cameras": states, "dropped_results": {}, "policies": {}}


def printed(report: dict[str, object], capsys: pytest.CaptureFixture[str]) -> str:
    print_summary(report, Objective())
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["clips/[ab]*.mp4", "[/x]", "[bold]gate[/bold]", "[red]", ":car:", "\\[gate]"])
def test_a_camera_s_name_and_reason_are_printed_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = printed(a_report(a_stream(name), reasons={name: f"cannot open {name}; check it"}), capsys)
    table, _, sentences = output.partition("frames by fate")
    assert name in table
    assert f"camera {name} is failed: cannot open {name}; check it" in sentences


def test_a_label_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    stream = a_stream("gate")
    labelled = StreamReport(stream.key, stream.frames, stream.stages, {"[/bus]": 3, ":car:": 2}, None)
    assert "[/bus] 3, :car: 2" in printed(a_report(labelled), capsys)


def test_a_row_says_what_became_of_a_stream(capsys: pytest.CaptureFixture[str]) -> None:
    output = printed(a_report(a_stream("gate", 190, stale=10)), capsys)
    (row,) = [line for line in output.splitlines() if "gate" in line]
    assert row.split()[:6] == ["gate", "200", "190", "10", "9.5", "50"]
    assert "car 90, person 40, dog 7" in row
    assert "kite" not in row
    assert "missed" not in output


def test_missed_frames_and_models_are_told_apart_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    output = printed(a_report(a_stream("gate", missed=17), a_stream("gate", model="cars")), capsys)
    assert "gate (people)" in output
    assert "gate (cars)" in output
    assert re.search(r"gate \(people\) +100 +100 +0 +17 ", output)


def test_a_big_fleet_prints_the_streams_with_the_most_drops(capsys: pytest.CaptureFixture[str]) -> None:
    streams = [a_stream(f"camera-{number}", stale=number) for number in range(100)]
    output = printed(a_report(*streams), capsys)
    rows = [line.split()[0] for line in output.splitlines() if line.strip().startswith("camera-")]
    assert rows == [f"camera-{number}" for number in range(76, 100)]
    assert "and 76 more with fewer drops" in output


def test_the_verdict_names_both_limits(capsys: pytest.CaptureFixture[str]) -> None:
    met = a_report(a_stream("gate"))
    assert objective_met(met)
    expected = "objective met: p95 over all captured frames 50 ms (at most 500 ms), drop rate 0.00% (at most 1.00%)"
    assert expected in printed(met, capsys).splitlines()
    missed = a_report(a_stream("gate", 100, stale=25))
    assert not objective_met(missed)
    expected = "objective not met: p95 over all captured frames never (at most 500 ms), drop rate 20.00% (at most 1.00%)"
    assert expected in printed(missed, capsys).splitlines()


def test_dollars_are_told_where_a_price_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    figures = "2 cameras in 1 pooled pod, 10.0 frames/s analysed, 321 MB, 1.25 cores"
    streams = a_stream("gate"), a_stream("yard")
    assert figures in printed(a_report(*streams), capsys).splitlines()
    assert f"{figures}, $36.50 per camera and month" in printed(a_report(*streams, usd_per_hour=0.1), capsys).splitlines()


def test_which_camera_costs_what_is_told_by_the_device_time_that_each_used(capsys: pytest.CaptureFixture[str]) -> None:
    streams = a_stream("gate", used_ms=300), a_stream("yard", used_ms=900)
    assert re.search(r"yard +9\.0 +75\.0% *\n +gate +3\.0 +25\.0% ", printed(a_report(*streams), capsys))
    assert re.search(r"yard +9\.0 +75\.0% +54\.75 *\n", printed(a_report(*streams, usd_per_hour=0.1), capsys))
    assert "accelerator" not in printed(a_report(streams[0]), capsys)
    assert "accelerator" not in printed(a_report(a_stream("gate"), a_stream("yard")), capsys)


def test_of_a_big_fleet_those_that_use_most_of_the_accelerator_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    output = printed(a_report(*(a_stream(f"camera-{number}", used_ms=number) for number in range(20))), capsys)
    table = output.partition("accelerator")[2].partition("frames by fate")[0]
    rows = [line.split()[0] for line in table.splitlines() if line.strip().startswith("camera-")]
    assert rows == [f"camera-{number}" for number in range(19, 11, -1)]
    assert "and 12 more that use less" in table


def test_a_fleet_in_which_nothing_ran_is_printed_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert "0 cameras in 1 pooled pod, 0.0 frames/s analysed" in printed(a_report(), capsys)


def test_no_camera_started_names_the_first_and_why() -> None:
    report = a_report(reasons={"gate": "there is no file x.mp4", "yard": ""})
    assert no_camera_started(report) == "no camera could start: camera gate is failed: there is no file x.mp4"
    silent = a_report(reasons={"gate": ""})
    assert no_camera_started(silent) == "no camera could start: camera gate is live: no frame came yet"
    assert no_camera_started(a_report(a_stream("gate"))) is None
    assert no_camera_started(a_report()) is None


def test_results_that_were_not_kept_are_told_by_cause(capsys: pytest.CaptureFixture[str]) -> None:
    report = {**a_report(a_stream("gate")), "dropped_results": {"store [x]: queue full": 3}}
    assert "3 results were analysed and not kept: store [x]: queue full" in printed(report, capsys)


def test_what_was_looked_at_and_kept_is_said_where_it_was_less_than_everything(capsys: pytest.CaptureFixture[str]) -> None:
    stream = a_stream("gate", 100)
    assert "recall" not in printed(a_report(stream), capsys)
    spared = StreamReport(stream.key, FrameCounts(captured=100, analysed=40, regions=25, gated=60), stream.stages, {}, None)
    report = a_report(spared)
    state = {"policy": "carry-1", "reason": "recall 0.990 leaves room", "changes": 2}
    output = printed({**report, "policies": {"people": state}}, capsys)
    assert "model people: policy carry-1 (recall 0.990 leaves room), changed 2 times; the log says why" in output
    assert "recall not audited enough to say (at least 1)" in output
    table = output.partition("frames by fate")[2]
    assert re.search(r"captured\W+analysed\W+gated\W+in regions", table)
    assert re.search(r"100\W+40\W+60\W+25", table)
