"""1, 4, 8, 20 pods of Ultralytics, and Ultralytics at its best, against ours: frames/s, p95 and memory per camera.

A closed loop: each camera takes its next frame when it has the answer to the last. All systems but the last run in
`camslice bench`, so they have the same cameras, clocks and accounts, and differ in what predicts:
  sliced     ours, a pod per camera; `sliced fp32` in FP32
  pooled     ours, all cameras in one pod; `pooled fp32` in FP32
  theirs     `engine: ultralytics` on the same .onnx file, a pod per camera, threads capped
  best       `engine: ultralytics` with its OpenVINO backend, all cameras in one pod
  as-found   Ultralytics alone, a process per camera, with the numbers of threads that it takes by itself: shows what
             camslice's pods cost or spare it
The systems take turns, round by round, so that a slow minute of the machine hits all of them; every other round goes backwards,
so that none is always measured after the same other one.

They do not compute alike: OpenVINO, ours and theirs, takes BF16 where the processor has it, ONNX Runtime computes FP32. So each
row says what its backend, precision and threads were, and `sliced fp32` and `pooled fp32` are ours in FP32.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.record import spread, write_result
from camslice.measure.processes import pss_mb

SYSTEMS = ("sliced", "pooled", "sliced fp32", "pooled fp32", "theirs", "best", "as-found")
OURS = ("sliced", "pooled", "sliced fp32", "pooled fp32")


@dataclass(frozen=True)
class Setting:
    """What all systems have in common. `python` has the packages ultralytics and camslice."""

    python: str
    weights: Path
    openvino_folder: Path
    clip: Path
    seconds: float
    input_size: tuple[int, int]


@dataclass(frozen=True)
class Turn:
    """One system with so many pods, once. `problem` says why there are no figures.

    `p95_ms` is over all frames, None for infinite. `engine`: what really computed (`backend`, `device`,
    `precision`), `threads`: how many each pod has, or who chose.
    """

    fps: float = 0.0
    p95_ms: float | None = None
    memory_mb_per_camera: float = 0.0
    engine: dict[str, str] | None = None
    threads: int | str | None = None
    problem: str | None = None


def compare(setting: Setting, pods: Sequence[int], rounds: int, systems: Sequence[str], versions: dict[str, str]) -> Path:
    """Measure and write down."""
    turns: dict[tuple[str, int], list[Turn]] = {(system, number): [] for number in pods for system in systems}
    for number_of_round in range(rounds):
        for (system, number), taken in turns.items() if number_of_round % 2 == 0 else reversed(turns.items()):
            taken.append(one_turn(system, number, setting))
            print(f"{system}, {number} pods: {taken[-1]}", file=sys.stderr, flush=True)
    return write_result(
        "vs-ultralytics-pods",
        {
            "weights": setting.weights.name,
            "clip": setting.clip.name,
            "input": setting.input_size,
            "seconds_per_turn": setting.seconds,
            "rounds": rounds,
            "versions_of_theirs": versions,
            "rows": [row(system, number, taken) for (system, number), taken in turns.items()],
        },
    )


def row(system: str, pods: int, turns: Sequence[Turn]) -> dict[str, object]:
    good = [turn for turn in turns if turn.problem is None]
    figures = ("fps", "p95_ms", "memory_mb_per_camera")
    return {
        "system": system,
        "pods": pods,
        "engine": good[0].engine if good else None,
        "precision": good[0].engine["precision"] if good and good[0].engine else None,
        "threads": good[0].threads if good else None,
        **{name: spread_of([getattr(turn, name) for turn in good]) for name in figures},
        "problems": sorted({turn.problem for turn in turns if turn.problem is not None}),
        "turns": [asdict(turn) for turn in turns],
    }


def spread_of(values: Sequence[float | None]) -> dict[str, float] | None:
    """None when there is no value, or an infinite one."""
    finite = [value for value in values if value is not None]
    return spread(finite) if finite and len(finite) == len(values) else None


def one_turn(system: str, pods: int, setting: Setting) -> Turn:
    if system == "as-found":
        return alone(pods, setting)
    python = sys.executable if system in OURS else setting.python
    weights = setting.openvino_folder if system == "best" else setting.weights
    width, height = setting.input_size
    command = [str(Path(python).parent / "camslice"), "bench", "--json", "--model", f"{weights.resolve()}"]
    command += ["--engine", "openvino" if system in OURS else "ultralytics", "--clip", str(setting.clip)]
    command += ["--topology", "pooled" if system.startswith(("pooled", "best")) else "sliced", "--pods", str(pods)]
    command += ["--seconds", str(setting.seconds), "--input-size", f"{width}x{height}"]
    if system.endswith("fp32"):
        command += ["--precision", "fp32"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        (measured,) = json.loads(done.stdout)["rows"]
    except ValueError:
        return Turn(problem=(done.stderr.strip() or f"ended with code {done.returncode}").splitlines()[-1])
    if measured["problem"]:
        return Turn(problem=measured["problem"])
    figures = (measured["fps"], measured["p95_all_ms"], measured["memory_mb_per_camera"])
    return Turn(*figures, measured["engine"], measured["threads"] or "camslice's choice")


def alone(pods: int, setting: Setting) -> Turn:
    """Processes that know nothing of camslice; they start at the same instant and are looked at before they end."""
    worker = Path(__file__).with_name("ultralytics_worker.py")
    command = [setting.python, str(worker), "--weights", str(setting.weights), "--clip", str(setting.clip), "--closed-loop"]
    width, height = setting.input_size
    command += ["--seconds", str(setting.seconds), "--input", f"{width}x{height}", "--classes", "all"]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(pods)]
    try:
        for each in workers:
            while (line := each.stdout.readline()) != "ready\n":
                if not line:
                    return Turn(problem="a process ended before it was ready")
        starts_at = time.monotonic() + 0.5
        for each in workers:
            each.stdin.write(f"{starts_at}\n")
            each.stdin.flush()
        outputs = [json.loads(each.stdout.readline()) for each in workers]
        memory_mb = pss_mb([each.pid for each in workers])
    finally:
        for each in workers:
            each.stdin.close()
        for each in workers:
            each.wait()
    latencies = sorted(latency for output in outputs for latency in output["latencies_ms"])
    if not latencies:
        return Turn(problem=f"no frame was analysed within {setting.seconds:g} s")
    rank = math.ceil(0.95 * len(latencies))
    return Turn(
        len(latencies) / setting.seconds, latencies[rank - 1], memory_mb / pods, outputs[0]["engine"], "Ultralytics' choice"
    )
