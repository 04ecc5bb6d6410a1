"""A profile of this machine, measured with a tiny network: what is in it, and what becomes of it when it is broken off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from camslice.fleet.figures import Provenance
from camslice.fleet.profile import Profile
from camslice.fleet.profile_json import load_profile, parse_profile, profile_text
from camslice.fleet.types import ModelSpec, Objective, Topology
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.measuring import circumstances, measure_profile
from camslice.measure.profile.observe import ThisMachine
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.subject import Subject
from tests.clips import write_clip
from tests.tiny_detector import tiny_detector

SHORT = replace(
    Settings.quick(Topology.POOLED, Objective(), 5.0),
    frames=4,
    batch_sizes=(1, 2),
    batch_s=0.02,
    pods=(1, 2),
    pooled_cameras=(1, 2),
    closed_loop_s=0.3,
    trial_s=0.5,
    longest_trial_s=0.5,
    warm_up_s=0.1,
    budget_s=0.0,
)
"""Costs and loops in a blink, and one trial."""


class Quiet:
    def step(self, words: str, done_s: float, left_s: float) -> None:
        """Nobody waits."""


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    info = tiny_detector(tmp_path / "tiny.onnx")
    return Subject(ModelSpec("model", str(info.path)), info, write_clip(tmp_path / "yard.mp4"), 10.0)


@pytest.mark.parametrize("topology", [Topology.POOLED, Topology.SLICED])
def test_a_profile_says_what_a_frame_and_sharing_cost_and_how_many_streams_fit(subject: Subject, topology: Topology) -> None:
    settings = replace(SHORT, topology=topology, pods=(1, 2) if topology is Topology.POOLED else (1,))
    machine = _AtMost(subject, settings, streams=2)
    profile = measure_profile(subject, settings, machine, Journal(None, {}), Quiet())
    assert parse_profile(profile_text(profile), "profile.json") == profile
    others = {path.rsplit(".", 1)[-1] for path, figure in profile.figures() if figure.provenance is not Provenance.MEASURED}
    assert others == {"visits"}, "how often a frame asks the engine follows from how camslice is built"
    assert profile.provenance is Provenance.MEASURED
    assert profile.model.sha256 == subject.info.sha256
    assert {stage.stage for stage in profile.stages} == {"preprocess", "inference", "postprocess"}
    assert [batch.size for batch in profile.batches] == [1, 2]
    assert topology in profile.covers.topologies
    assert profile.machine.cpu_family
    assert profile.memory.pod_mb is not None
    assert profile.memory.pod_mb.value > 10
    for point in profile.sharing:
        assert point.fps is not None
        assert point.fps.value > 0
        assert point.total_ms is not None
        parts = sum(figure.value for figure in point.stage_ms.values())
        assert parts == pytest.approx(point.total_ms.value, rel=0.01, abs=0.2)
        assert point.histograms["total"].histogram().n > 0
    (capacity,) = profile.capacity
    trial = capacity.trials[0]  # a machine that is slow just now may need a second one
    assert trial.streams == 2
    assert trial.frames > 0
    assert {"cpu", "decode", "inference", "memory"} <= trial.busy.keys()
    assert capacity.topology is topology
    assert capacity.evidence


def test_a_profile_that_was_broken_off_goes_on_without_measuring_anything_twice(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "profile.json.partial"

    def measure(machine: _AtMost) -> Profile:
        return measure_profile(subject, SHORT, machine, Journal(path, circumstances(subject, SHORT)), Quiet())

    with pytest.raises(KeyboardInterrupt):
        measure(_AtMost(subject, SHORT, streams=1, loops=2))
    assert Journal(path, circumstances(subject, SHORT)).steps == 2
    second = _AtMost(subject, SHORT, streams=1)
    profile = measure(second)
    assert second.loops_run == 2
    assert len(profile.sharing) == 4
    other = replace(SHORT, fps=7.0)
    assert Journal(path, circumstances(subject, other)).steps == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere.onnx",), "nowhere.onnx"),
        (("tiny.onnx", "--clip", "nowhere.mp4"), "--clip nowhere.mp4: there is no such file"),
        (("tiny.onnx", "--clip", "tiny.onnx"), "tiny.onnx cannot be read"),
        (
            ("tiny.onnx", "--clip", "yard.mp4", "--topology", "mig"),
            "--topology mig: capacity is looked for in pooled or",
        ),
        (("tiny.onnx", "--clip", "yard.mp4", "--topology", "stacked"), "--topology stacked: choose one of"),
        (("tiny.onnx", "--clip", "yard.mp4", "--engine", "oip"), "--engine oip: a profile is of this machine's own engines"),
        (("tiny.onnx", "--clip", "yard.mp4", "--out", "no/such/profile.json"), "its folder does not exist"),
        (("tiny.onnx", "--clip", "yard.mp4", "--out", "."), "is a folder"),
        (("tiny.onnx", "--clip", "yard.mp4", "--device", "NPU9"), "NPU9"),
        (("tiny.onnx", "--clip", "yard.mp4", "--fps", "0"), "--fps"),
    ],
)
def test_what_cannot_be_profiled_is_one_sentence_and_exit_code_2(
    subject: Subject, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "camslice", "profile", "--quick", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_ctrl_c_keeps_what_was_measured_and_leaves_no_process(subject: Subject, tmp_path: Path) -> None:
    with (tmp_path / "stderr.txt").open("w") as errors:
        command = subprocess.Popen(
            [sys.executable, "-m", "camslice", "profile", "tiny.onnx", "--clip", "yard.mp4", "--quick"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            partial = tmp_path / "profile.json.partial"
            _wait_until(partial.exists)
            os.kill(command.pid, signal.SIGINT)
            output, _ = command.communicate(timeout=60)
        finally:
            if command.poll() is None:
                command.kill()
                command.communicate()
    said = (tmp_path / "stderr.txt").read_text()
    assert command.returncode == 130, said
    assert "finished steps, and the same command goes on from there" in " ".join(said.split())
    assert "Traceback" not in said
    assert output == b""
    assert json.loads(partial.read_text())["steps"]
    assert not (tmp_path / "profile.json").exists()
    assert _of_session(command.pid) == []


def test_a_shipped_profile_needs_no_file() -> None:
    assert load_profile("t4-case-study").capacity == ()


class _AtMost(ThisMachine):
    """This machine, asked for few streams whatever it can do, and broken off after some loops."""

    def __init__(self, subject: Subject, settings: Settings, streams: int, loops: int = 99) -> None:
        super().__init__(subject, settings)
        self._streams = streams
        self._loops = loops
        self.loops_run = 0

    def closed(self, topology: Topology, pods: int, streams_per_pod: int):  # type: ignore[no-untyped-def] # as in the class
        if self.loops_run == self._loops:
            raise KeyboardInterrupt
        self.loops_run += 1
        return super().closed(topology, pods, streams_per_pod)

    def open(self, topology: Topology, streams: int, turn: int, rates):  # type: ignore[no-untyped-def] # as in the class
        return super().open(topology, self._streams, turn, rates)


def _wait_until(what, patience_s: float = 60.0) -> None:  # type: ignore[no-untyped-def] # any predicate
    until_s = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def _of_session(session: int) -> list[int]:
    """Processes that still run in this session."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(folder.name))
    return found
