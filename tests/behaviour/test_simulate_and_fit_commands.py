"""`camslice simulate` as it is typed: what it answers of machines and plans, and what it says to a mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import ended

Simulate = Callable[..., tuple[int, dict[str, Any]]]
CASE_STUDY = ("--profile", "t4-case-study", "--topology", "sliced")


@pytest.fixture
def simulate(capsys: pytest.CaptureFixture[str]) -> Simulate:
    def simulate(*options: object) -> tuple[int, dict[str, Any]]:
        code = ended("simulate", *map(str, options), "--json")
        return code, json.loads(capsys.readouterr().out)

    return simulate


@pytest.mark.parametrize(
    ("pods", "machine", "published_ms"), [(1, "g4dn.xlarge", 10.8), (20, "g4dn.2xlarge", 108), (54, "g4dn.8xlarge", 205)]
)
def test_the_published_table_comes_out_on_the_machines_of_the_catalogue(
    simulate: Simulate, pods: int, machine: str, published_ms: float
) -> None:
    code, found = simulate(*CASE_STUDY, "--instance-type", machine, "--pods", pods, "--seconds", 30)
    assert code == 0
    assert {"stages", "fps", "utilisation", "drops", "events", "wall_s"} <= set(found)
    assert found["stages"]["total"]["mean"] == pytest.approx(published_ms, rel=0.05)
    low, high = found["ranges"]["mean_ms"]
    assert low <= published_ms * 1.02
    assert high >= published_ms * 0.98
    assert found["loop"] == "closed"
    assert found["objective"]["met"] is None


def test_the_client_server_deployment_is_the_sum_of_its_parts(simulate: Simulate) -> None:
    options = ("--profile", "t4-case-study", "--topology", "remote", "--pods", 1, "--instance-type", "g4dn.xlarge")
    code, found = simulate(*options, "--seconds", 30)
    assert code == 0
    assert found["stages"]["total"]["mean"] == pytest.approx(21.96, rel=0.05)
    assert found["stages"]["network"]["mean"] == pytest.approx(10.26, rel=0.01)


def test_54_cameras_at_4_frames_per_second_fit_on_a_t4_and_at_5_they_do_not(simulate: Simulate) -> None:
    machine = ("--instance-type", "g4dn.8xlarge", "--pods", 54)
    code, found = simulate(*CASE_STUDY, *machine, "--fps", 4)
    assert (code, found["objective"]["met"]) == (0, True)
    assert found["fps"] == pytest.approx(216, rel=0.01)
    code, found = simulate(*CASE_STUDY, *machine, "--fps", 5)
    assert (code, found["objective"]["met"]) == (1, False)
    assert found["fps"] == pytest.approx(263, rel=0.03), "270 are due"
    assert sum(found["drops"].values()) > 0.01 * found["frames"]["captured"]


def test_stages_add_up_and_frames_have_one_fate(simulate: Simulate) -> None:
    _, found = simulate(*CASE_STUDY, "--instance-type", "g4dn.2xlarge", "--pods", 20, "--fps", 12, "--seconds", 20)
    stages = found["stages"]
    assert sum(stages[name]["mean"] for name in stages if name != "total") == pytest.approx(stages["total"]["mean"], abs=0.01)
    frames = found["frames"]
    assert frames["captured"] == sum(frames[fate] for fate in ("analysed", "superseded", "stale", "in_flight"))


def test_a_machine_that_is_in_no_catalogue_is_described_by_its_size(simulate: Simulate) -> None:
    size = ("--vcpu", 8, "--physical-cores", 4, "--accelerators", 1)
    _, described = simulate(*CASE_STUDY, *size, "--pods", 20, "--seconds", 10)
    _, named = simulate(*CASE_STUDY, "--instance-type", "g4dn.2xlarge", "--pods", 20, "--seconds", 10)
    assert described["stages"] == named["stages"]


def test_without_seconds_it_lasts_as_long_as_its_percentile_needs(simulate: Simulate) -> None:
    _, found = simulate(*CASE_STUDY, "--instance-type", "g4dn.2xlarge", "--pods", 8, "--fps", 4)
    low, high = found["p99_interval_ms"]
    assert found["seconds"] == 600 or (high - low) <= 0.1 * (high + low)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--profile is missing"),
        (("--profile", "t4-case-study"), "--instance-type is missing"),
        (("--profile", "none.json", "--vcpu", 4), "there is no such file"),
        ((*CASE_STUDY, "--instance-type", "g4dn.9xlarge"), "did you mean"),
        (("--profile", "t4-case-study", "--topology", "round", "--vcpu", 4), "choose one of"),
        (("--profile", "t4-case-study", "--topology", "mps", "--vcpu", 4), "mps"),
        ((*CASE_STUDY, "--vcpu", 4, "--fps", 0), "above 0"),
        ((*CASE_STUDY, "--vcpu", 4, "--fps", "nan"), "above 0"),
        ((*CASE_STUDY, "--vcpu", 4, "--seconds", -3), "seconds above 0"),
        ((*CASE_STUDY, "--vcpu", 4, "--accelerators", 0), "none"),
        ((*CASE_STUDY, "--vcpu", 2, "--physical-cores", 4), "no machine"),
        (("plan-that-is-not-there.yaml",), "there is no such file"),
    ],
)
def test_a_mistake_is_one_sentence_and_2(options: tuple[object, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("simulate", *map(str, options)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert "Traceback" not in error


def test_a_table_s_fit_can_be_simulated(simulate: Simulate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, fitted = tmp_path / "heavy.csv", tmp_path / "fitted.json"
    table.write_text("pods,mean_ms,sharing\n1,26,time-slicing\n3,90,time-slicing\n5,150,time-slicing\n", "utf-8")
    assert ended("fit", str(table), "--out", str(fitted)) == 0
    capsys.readouterr()
    options = ("--profile", fitted, "--vcpu", 16, "--accelerators", 1, "--pods", 7, "--seconds", 60)
    _, found = simulate(*options)
    assert found["stages"]["total"]["mean"] == pytest.approx(210, rel=0.02)
