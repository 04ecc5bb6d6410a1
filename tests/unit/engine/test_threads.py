"""Threads are sized from the quota, not from the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.engine.threads import cgroup_quota, inference_threads, usable_cores


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
    ],
)
def test_the_quota_of_a_control_group_is_read(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cgroup_quota(tmp_path) == quota


def test_a_quota_limits_the_cores_and_never_to_zero(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("1000 100000")
    assert usable_cores(tmp_path) == pytest.approx(0.1)


@pytest.mark.parametrize(("cores", "threads"), [(0.1, 1), (1.0, 1), (1.5, 2), (2.0, 2), (3.4, 3)])
def test_an_engine_gets_a_thread_per_core_and_at_least_one(cores: float, threads: int) -> None:
    assert inference_threads(cores) == threads
