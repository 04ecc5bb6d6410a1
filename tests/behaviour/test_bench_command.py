"""`camslice bench` as its users have it: real pods, a tiny model, a clip of one frame per second."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.clips import write_clip
from tests.tiny_detector import tiny_detector

FATES = ("analysed", "gated", "predicted", "superseded", "stale", "failed", "in_flight")
Bench = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Starts `camslice bench` in a folder that has tiny.onnx and clip.mp4."""
    tiny_detector(tmp_path / "tiny.onnx")
    write_clip(tmp_path / "clip.mp4", fps=1)
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "camslice", "bench", "--model", "tiny.onnx", "--clip", "clip.mp4", *arguments]
        errors = (tmp_path / "stderr.txt").open("w")
        started.append(
            subprocess.Popen(
                command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **environment}
            )
        )
        errors.close()
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def check(row: dict[str, Any]) -> None:
    """What holds for every row that was measured."""
    frames, stages = row["frames"], row["stages"]
    assert frames["captured"] == sum(frames[fate] for fate in FATES)
    assert stages["total"]["n"] == frames["analysed"] > 0
    parts = sum(stages[name]["mean"] for name in stages if name != "total")
    assert parts == pytest.approx(stages["total"]["mean"], rel=0.01, abs=0.01)
    assert row["memory_mb_per_pod"] > 5
    assert row["memory_mb"] > row["memory_mb_per_pod"]
    assert sum(count for _, count in row["histograms"]["total"]["bins"]) == frames["analysed"]


def test_a_table_side_by_side_and_a_page(bench: Bench, tmp_path: Path) -> None:
    code, output = ended(
        bench(
            *("--topology", "sliced,pooled", "--pods", "2", "--seconds", "2", "--rounds", "2"),
            *("--price-usd-per-hour", "0.1", "--report", "out.html", "--json"),
        )
    )
    report = json.loads(output)
    assert code == 0, (tmp_path / "stderr.txt").read_text()
    sliced, pooled = report["rows"]
    assert (sliced["topology"], sliced["pods"], sliced["cameras"]) == ("sliced", 2, 2)
    assert (pooled["topology"], pooled["pods"], pooled["cameras"]) == ("pooled", 1, 2)
    for row in report["rows"]:
        check(row)
        assert (row["loop"], row["phase"], row["machines"], len(row["rounds"])) == ("closed", None, 1, 2)
        assert row["frames"]["superseded"] == row["frames"]["stale"] == row["frames"]["failed"] == 0
        assert row["usd_per_camera_month"] == pytest.approx(0.1 * 730 / 2)
        assert row["fps"] > 4, "in a closed loop no camera waits for the clip's own one frame per second"
    assert pooled["memory_mb_per_camera"] < sliced["memory_mb_per_camera"]
    assert report["partial"] is False
    assert report["clip"]["sha256"]
    page = (tmp_path / "out.html").read_text()
    assert "Where the time goes" in page
    assert report["model"]["sha256"] in page


def test_an_open_loop_keeps_the_cameras_rate(bench: Bench, tmp_path: Path) -> None:
    code, output = ended(bench("--topology", "pooled", "--pods", "3", "--seconds", "4", "--fps", "5", "--json"))
    assert code == 0, (tmp_path / "stderr.txt").read_text()
    (row,) = json.loads(output)["rows"]
    check(row)
    assert (row["loop"], row["phase"], row["fps_per_camera"]) == ("open", "random", 5.0)
    assert row["frames"]["captured"] / row["seconds"] == pytest.approx(15, rel=0.3)


def test_dedicated_measures_one_machine_and_counts_all(bench: Bench) -> None:
    code, output = ended(
        bench("--topology", "dedicated", "--pods", "3", "--seconds", "1", "--price-usd-per-hour", "0.1", "--json")
    )
    (row,) = json.loads(output)["rows"]
    assert code == 0
    assert (row["machines"], row["cameras"], row["cameras_measured"]) == (3, 3, 1)
    assert row["usd_per_camera_month"] == pytest.approx(73)


def test_people_get_tables(bench: Bench) -> None:
    code, output = ended(bench("--seconds", "1", COLUMNS="80"))
    assert code == 0
    for words in ("frames/s", "p95", "where the time goes", "MB a"):
        assert words in output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_stop_leaves_a_partial_report_and_no_processes(bench: Bench, tmp_path: Path, number: int, code: int) -> None:
    many = ("--seconds", "600", "--rounds", "600")
    process = bench("--topology", "sliced,pooled", "--pods", "2", *many, "--report", "out.html", "--json")
    wait_until((tmp_path / "out.html").exists)  # written after the first turn
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    status, output = ended(process)
    assert status == code, (tmp_path / "stderr.txt").read_text()
    report = json.loads(output)
    assert report["partial"] is True
    assert report["rows"]
    for row in report["rows"]:
        check(row)
        assert row["partial"] is True
    assert "Partial" in (tmp_path / "out.html").read_text()
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()


def test_a_row_that_cannot_be_measured_costs_the_others_nothing(bench: Bench, tmp_path: Path) -> None:
    """The weights lose what they hold between one row and the next."""
    process = bench("--topology", "sliced", "--pods", "1,1", "--seconds", "2", "--json", "--precision", "fp32")
    wait_until(lambda: plays_the_clip(process))
    (tmp_path / "tiny.onnx").write_bytes(b"no network")
    code, output = ended(process)
    first, second = json.loads(output)["rows"]
    check(first)
    assert code == 1
    assert second["problem"]
    assert second["stages"] == {}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--pods", "0"), "a row needs at least 1 pod"),
        (("--pods", "1,many"), "'many' is none"),
        (("--topology", "cloud"), "--topology cloud: choose one of dedicated, remote, sliced, mps, mig, pooled"),
        (("--topology", "sliced", "--pods", "1000"), "1000 pods need"),
        (("--topology", "mig"), "this machine has none"),
        (("--clip", "nowhere.mp4"), "--clip nowhere.mp4: there is no such file"),
        (("--clip", "tiny.onnx"), "not a video"),
        (("--clip", "rtsp://joe:hunter2@127.0.0.1/1"), "--clip rtsp://***@127.0.0.1/1: every camera plays it over and over"),
        (("--model", "nothing.onnx"), "no such file"),
        (("--engine", "magic"), "--engine magic: choose one of"),
        (("--engine", "oip"), "--engine oip and --server URL go together"),
        (("--input-size", "large"), "such as 640x480"),
        (("--report", "missing/out.html"), "cannot be written there"),
    ],
)
def test_what_cannot_work_is_one_sentence_and_exit_code_2(
    bench: Bench, tmp_path: Path, arguments: Sequence[str], sentence: str
) -> None:
    code, output = ended(bench(*arguments))
    said = (tmp_path / "stderr.txt").read_text()
    assert code == 2, said
    assert output == ""
    assert sentence in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1


def plays_the_clip(process: subprocess.Popen[str]) -> bool:
    """Whether a pod has opened it: then its model is loaded."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return any(file.path.endswith("clip.mp4") for child in children for file in child.open_files())
    except psutil.NoSuchProcess:
        return False


def wait_until(what: Callable[[], bool], patience_s: float = 60.0) -> None:
    until_s = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.02)
