"""The most frames per second at which p95 <= 500 ms over all captured frames and drops <= 1 % still hold: ours and Ultralytics.

Systems, on the same weights, clip, input size and machine:
  ours      `camslice run`, store on SQLite, all cameras in one analysis process
  pods      one Ultralytics process per camera, ONNX Runtime backend
  best      Ultralytics at its best: OpenVINO backend, all cameras in one process
Each climbs or descends in 5 % steps until the rate at which it holds and the one at which it breaks are neighbours; the systems
take turns trial by trial, so that a slow minute of the machine hits all of them.

    python -m benchmarks.vs_ultralytics --clip vtest.avi --weights yolov8n.onnx --python OTHER/bin/python

With --pods 1,4,8,20 it makes another comparison instead, for which OTHER must have camslice, too: see `ultralytics_pods`.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import ultralytics_pods
from benchmarks.record import draw_bars, write_result

CAMERAS = 4
STEP = 1.05
LATENCY_MS = 500.0
DROP_RATE = 0.01
PERCENTILE = 95
MOST_TRIALS = 14


@dataclass(frozen=True)
class Trial:
    """One rate tried. `p_all_ms` None: the percentile falls among the dropped frames."""

    fps: float
    analysed_fps: float
    p_all_ms: float | None
    drop_rate: float

    @property
    def holds(self) -> bool:
        return self.p_all_ms is not None and self.p_all_ms <= LATENCY_MS and self.drop_rate <= DROP_RATE


@dataclass
class Search:
    """The highest rate that holds, on the ladder start x 1.05^k. A rate that breaks is tried once more before it counts."""

    name: str
    run: Callable[[float], Trial]
    start_fps: float
    step: int = 0
    trials: list[Trial] = field(default_factory=list)
    holds: set[int] = field(default_factory=set)
    breaks: dict[int, int] = field(default_factory=dict)

    @property
    def best(self) -> Trial | None:
        good = [trial for trial in self.trials if trial.holds]
        return max(good, key=lambda trial: trial.fps, default=None)

    def advance(self) -> bool:
        """One trial; returns whether more are needed."""
        trial = self.run(self.start_fps * STEP**self.step)
        self.trials.append(trial)
        verdict = "holds" if trial.holds else "breaks"
        print(f"{self.name}: {trial.fps:.1f} frames/s {verdict}: {trial}", file=sys.stderr, flush=True)
        if trial.holds:
            self.holds.add(self.step)
            self.step += 1
        else:
            self.breaks[self.step] = self.breaks.get(self.step, 0) + 1
            if self.breaks[self.step] >= 2:
                self.step -= 1
        ended = self.step in self.holds or self.breaks.get(self.step, 0) >= 2
        return not ended and len(self.trials) < MOST_TRIALS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--python", required=True, help="an interpreter that has the package ultralytics (and openvino)")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--start", default="ours=45,pods=20,best=40", help="where each search begins, frames/s")
    parser.add_argument("--input", default="640x480", help="WxH that all systems compute on")
    parser.add_argument("--pods", help="compare so many pods, with commas")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each system with so many pods")
    parser.add_argument("--systems", default=",".join(ultralytics_pods.SYSTEMS), help="those to compare with --pods")
    given = parser.parse_args()
    width, height = map(int, given.input.split("x"))
    if given.pods:
        compare_pods(given, (width, height))
        return
    starts = {name: float(value) for name, value in (part.split("=") for part in given.start.split(","))}
    with tempfile.TemporaryDirectory() as folder:
        openvino_folder = as_openvino(given.python, given.weights, Path(folder))

        def ours(fps: float) -> Trial:
            return run_ours(given.weights, given.clip, fps, given.seconds, (width, height))

        def pods(fps: float) -> Trial:
            return run_theirs(given.python, given.weights, given.clip, fps, given.seconds, processes=CAMERAS)

        def best(fps: float) -> Trial:
            return run_theirs(given.python, openvino_folder, given.clip, fps, given.seconds, processes=1)

        searches = [
            Search(name, run, starts[name]) for name, run in (("ours", ours), ("pods", pods), ("best", best)) if name in starts
        ]
        open_searches = list(searches)
        while open_searches:
            open_searches = [search for search in open_searches if search.advance()]
    found = {search.name: search.best.fps if search.best else None for search in searches}
    mine = found.get("ours")
    ratios = {name: round(mine / fps, 3) for name, fps in found.items() if mine and fps and name != "ours"}
    result = {
        "weights": given.weights.name,
        "clip": given.clip.name,
        "cameras": CAMERAS,
        "input": [width, height],
        "objective": {"latency_ms": LATENCY_MS, "percentile": PERCENTILE, "drop_rate": DROP_RATE},
        "seconds_per_trial": given.seconds,
        "sustained_fps": found,
        "ours_over": ratios,
        "goals": {"pods": 2.2, "best": 1.15},
        "versions_of_theirs": versions(given.python),
        "trials": {search.name: [trial.__dict__ | {"holds": trial.holds} for trial in search.trials] for search in searches},
    }
    print(write_result("vs-ultralytics", result))
    draw(found)
    print(ratios)


def compare_pods(given: argparse.Namespace, size: tuple[int, int]) -> None:
    """The comparison by numbers of pods."""
    with tempfile.TemporaryDirectory() as folder:
        openvino_folder = as_openvino(given.python, given.weights, Path(folder))
        setting = ultralytics_pods.Setting(given.python, given.weights, openvino_folder, given.clip, given.seconds, size)
        pods = [int(number) for number in given.pods.split(",")]
        print(ultralytics_pods.compare(setting, pods, given.rounds, given.systems.split(","), versions(given.python)))


def run_ours(weights: Path, clip: Path, fps: float, seconds: float, size: tuple[int, int]) -> Trial:
    """`camslice run` itself, from a fleet file to its JSON report."""
    each = fps / CAMERAS
    with tempfile.TemporaryDirectory() as folder:
        fleet = Path(folder) / "fleet.yaml"
        fleet.write_text(
            f"objective: {{latency_ms: {LATENCY_MS}, percentile: {PERCENTILE}, drop_rate: {DROP_RATE}}}\n"
            f"models: {{people: {{weights: {weights.resolve()}, classes: [person], input_size: {list(size)}}}}}\n"
            f"cameras:\n"
            f"  - {{name: camera, source: {clip.resolve()}, fps: {each}, playback_fps: {each}, model: people, "
            f"count: {CAMERAS}}}\n"
        )
        command = ["camslice", "run", str(fleet), "--no-page", "--json", "--store", f"sqlite:///{folder}/results.db"]
        finished = subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:], "--duration", str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    report = json.loads(finished.stdout)["fleet"]
    objective = report["objective"]
    return Trial(fps, report["analysed_fps"], objective["p_all_ms"], objective["drop_rate"])


def run_theirs(python: str, weights: Path, clip: Path, fps: float, seconds: float, processes: int) -> Trial:
    """Ultralytics in so many processes, the cameras divided among them; all start at the same instant."""
    cameras = CAMERAS // processes
    command = [python, str(Path(__file__).with_name("ultralytics_worker.py")), "--weights", str(weights), "--clip", str(clip)]
    command += ["--cameras", str(cameras), "--fps", str(fps / CAMERAS), "--seconds", str(seconds)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    for worker in workers:
        while worker.stdout.readline().strip() != "ready":
            assert worker.poll() is None, "an Ultralytics process ended early"
    starts_at = time.monotonic() + 0.5
    outputs = [json.loads(worker.communicate(f"{starts_at}\n")[0].splitlines()[-1]) for worker in start_all(workers, starts_at)]
    latencies = sorted(latency for output in outputs for latency in output["latencies_ms"])
    captured = sum(output["captured"] for output in outputs)
    dropped = captured - len(latencies)
    rank = math.ceil(PERCENTILE / 100 * captured)
    p_all_ms = latencies[rank - 1] if 0 < rank <= len(latencies) else None
    return Trial(fps, len(latencies) / seconds, p_all_ms, dropped / captured)


def start_all(workers: list[subprocess.Popen], starts_at: float) -> list[subprocess.Popen]:
    """Tell every process when to begin before waiting for any of them."""
    for worker in workers:
        worker.stdin.write(f"{starts_at}\n")
        worker.stdin.flush()
    return workers


def as_openvino(python: str, weights: Path, folder: Path) -> Path:
    """The same weights as the folder that Ultralytics' OpenVINO backend reads."""
    target = folder / f"{weights.stem}_openvino_model"
    script = (
        "import sys, ast, yaml, openvino, onnxruntime\n"
        "weights, target = sys.argv[1:]\n"
        "openvino.save_model(openvino.convert_model(weights), f'{target}/model.xml')\n"
        "meta = onnxruntime.InferenceSession(weights).get_modelmeta().custom_metadata_map\n"
        "parsed = ('names', 'imgsz', 'stride', 'batch', 'args')\n"
        "known = {k: ast.literal_eval(v) if k in parsed else v for k, v in meta.items()}\n"
        "known['args'] = {**(known.get('args') or {}), 'dynamic': True}\n"
        "open(f'{target}/metadata.yaml', 'w').write(yaml.safe_dump(known))\n"
    )
    target.mkdir()
    subprocess.run([python, "-c", script, str(weights), str(target)], check=True, stdout=subprocess.DEVNULL)
    return target


def versions(python: str) -> dict[str, str]:
    script = (
        "import json, importlib.metadata as m\n"
        "names = ('ultralytics', 'torch', 'onnxruntime', 'openvino', 'opencv-python', 'opencv-python-headless')\n"
        "there = {d.metadata['Name'] for d in m.distributions()}\n"
        "print(json.dumps({n: m.version(n) for n in names if n in there}))"
    )
    return dict(json.loads(subprocess.check_output([python, "-c", script])))


def draw(sustained_fps: dict[str, float | None]) -> None:
    """The result as a picture."""
    names = {
        "ours": "camslice",
        "best": "Ultralytics at its best\n(OpenVINO, one process)",
        "pods": "Ultralytics,\none process per camera",
    }
    shown = {names[name]: fps for name in names if (fps := sustained_fps.get(name))}
    draw_bars("vs-ultralytics", shown, "frames/s at p95 <= 500 ms and drops <= 1 %, over all captured frames")


if __name__ == "__main__":
    main()
