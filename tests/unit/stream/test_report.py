"""What a run says of its streams in the end."""

from __future__ import annotations

from typing import cast

import pytest

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, Machine, ModelSpec, Objective, StreamKey
from camslice.stream.report import StreamReport, run_report


def streams_of(used_ns: list[int], analysed: int, usd_per_hour: float | None) -> list[dict[str, float | None]]:
    names = [f"camera-{number}" for number in range(len(used_ns))]
    cameras = tuple(CameraSpec(name, Source("scene://s", "scene://s"), 5.0, ("people",)) for name in names)
    machine = None if usd_per_hour is None else Machine(usd_per_hour)
    fleet = Fleet(Objective(), {"people": ModelSpec("people", "tiny")}, cameras, machine=machine)
    frames = [FrameCounts(captured=analysed, analysed=analysed, accelerator_ns=each) for each in used_ns]
    streams = [StreamReport(StreamKey(name, "people"), each, {}, {}, None) for name, each in zip(names, frames, strict=True)]
    report = run_report(fleet, streams, 10.0, 100.0, 1.0)
    assert cast("dict[str, float]", report["fleet"])["accelerator_ms"] == sum(used_ns) / 1e6
    return cast("list[dict[str, float | None]]", report["streams"])


def test_a_stream_tells_the_device_time_that_it_used_in_all_and_per_frame() -> None:
    (stream,) = streams_of([1_234_000_000], 100, None)
    assert stream["accelerator_ms"] == 1234.0
    assert stream["accelerator_ms_per_frame"] == 12.34
    assert stream["usd_per_month_by_use"] is None


def test_what_streams_cost_by_use_is_the_machine_s_price() -> None:
    usd = [stream["usd_per_month_by_use"] for stream in streams_of([100_000_000, 300_000_000, 0], 100, 0.1)]
    assert usd == [18.25, 54.75, 0.0]
    assert sum(each or 0.0 for each in usd) == pytest.approx(0.1 * 730)


def test_where_nothing_was_analysed_nobody_can_say_what_a_stream_costs() -> None:
    (stream,) = streams_of([0], 0, 0.1)
    assert stream["accelerator_ms_per_frame"] is None
    assert stream["usd_per_month_by_use"] is None
