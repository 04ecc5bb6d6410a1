"""From which load on decoding workers beside the engine process pay: the figures behind `workers: auto`.

The same fleet in topology `pooled` with 0, 1, 2 and 4 workers takes turns, every camera as fast as it can: once with a real
model, whose inference leaves the interpreter's lock alone, and once with a model that is nearly free, so that what is left is
decoding and Python.

    python -m benchmarks.workers --clip vtest.avi --model yolox-nano=weights/yolox_nano.onnx
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper, numpy_helper

from benchmarks.record import draw_bars, spread, write_result
from camslice.fleet.accounting import total_of
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, Pace, Topology
from camslice.models.model import InputSpec, ModelInfo
from camslice.models.resolve import resolve
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor

FREE = "free"
FREE_SIDE = 64
WARM_UP_S = 2.0


@dataclass(frozen=True, slots=True)
class Model:
    spec: ModelSpec
    info: ModelInfo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", required=True, help="NAME=PATH of the weights")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    name, _, weights = given.model.partition("=")
    spec = ModelSpec(name, weights)
    with tempfile.TemporaryDirectory() as folder:
        models = [Model(spec, resolve(spec)), Model(ModelSpec(FREE, FREE), free_model(Path(folder) / "free.onnx"))]
        rounds = {model.spec.name: measured(model, given) for model in models}
    result = {
        "clip": given.clip.name,
        "cameras": given.cameras,
        "model_sha256": models[0].info.sha256,
        "fps": {model: summary(rows, "fps") for model, rows in rounds.items()},
        "cpu_ms_per_frame": {model: summary(rows, "cpu_ms_per_frame") for model, rows in rounds.items()},
        "rounds": rounds,
    }
    print(write_result("workers", result))
    bars = {
        f"{model}, {workers} workers": values["median"]
        for model, rows in result["fps"].items()
        for workers, values in rows.items()
    }
    draw_bars("workers", bars, "frames/s, median of the rounds")


def measured(model: Model, given: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Frames/s and CPU per frame of every number of workers, in turns; the order turns round from one round to the next."""
    rows: dict[str, list[dict[str, float]]] = {str(workers): [] for workers in given.workers}
    for number in range(given.rounds):
        for workers in given.workers if number % 2 == 0 else given.workers[::-1]:
            row = run(model, given.clip, given.cameras, workers, given.seconds)
            rows[str(workers)].append(row)
            text = f"{row['fps']:.1f} frames/s, {row['cpu_ms_per_frame']:.2f} ms of CPU per frame"
            print(f"round {number + 1}, {model.spec.name}, {workers} workers: {text}", file=sys.stderr)
    return rows


def run(model: Model, clip: Path, cameras: int, workers: int, seconds: float) -> dict[str, float]:
    """One fleet, each camera as fast as the engine lets it."""
    source = Source(str(clip), str(clip))
    name = model.spec.name
    specs = tuple(CameraSpec(f"camera-{i}", source, 240.0, (name,), loop=True) for i in range(cameras))
    fleet = Fleet(Objective(), {name: model.spec}, specs, Pace.LOSSLESS, topology=Topology.POOLED, workers=workers)
    supervisor = Supervisor(fleet, {name: model.info}, _ignore)
    try:
        supervisor.start()
        time.sleep(WARM_UP_S)
        pids = supervisor.pids()
        first, cpu_s, started_s = analysed(supervisor), cpu_of(pids), time.monotonic()
        time.sleep(seconds)
        frames, spent_s = analysed(supervisor) - first, cpu_of(pids) - cpu_s
        elapsed_s = time.monotonic() - started_s
    finally:
        supervisor.stop()
        supervisor.close()
    assert frames, "no frame was analysed"
    return {"fps": frames / elapsed_s, "cpu_ms_per_frame": 1000 * spent_s / frames, "processes": len(pids)}


def free_model(path: Path) -> ModelInfo:
    """A YOLOv8-style detector [N, 5, 84] of one class that looks at one pixel and finds nothing."""
    anchors = (FREE_SIDE // 8) ** 2 + (FREE_SIDE // 16) ** 2 + (FREE_SIDE // 32) ** 2
    nodes = [
        helper.make_node("Slice", ["images", "from", "to", "axes"], ["pixel"]),  # [N, 1, 1, 1]
        helper.make_node("Squeeze", ["pixel", "last"], ["column"]),  # [N, 1, 1]
        helper.make_node("Mul", ["column", "nothing"], ["output0"]),  # [N, 5, A]
    ]
    constants = [
        numpy_helper.from_array(np.array([0, 0, 0], np.int64), "from"),
        numpy_helper.from_array(np.array([1, 1, 1], np.int64), "to"),
        numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.array([3], np.int64), "last"),
        numpy_helper.from_array(np.zeros((1, 5, anchors), np.float32), "nothing"),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, FREE_SIDE, FREE_SIDE])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 5, anchors])
    graph = helper.make_graph(nodes, FREE, [images], [output], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    spec = InputSpec(FREE_SIDE, FREE_SIDE, dynamic_batch=True, dynamic_size=False)
    return ModelInfo(FREE, path, "0" * 64, "Apache-2.0", "detect", ("thing",), spec, "yolov8", "made here")


def summary(rows: Mapping[str, Sequence[Mapping[str, float]]], key: str) -> dict[str, dict[str, float]]:
    return {workers: spread([row[key] for row in turns]) for workers, turns in rows.items()}


def analysed(supervisor: Supervisor) -> int:
    return total_of(supervisor.counts().values()).analysed


def cpu_of(pids: Sequence[int]) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def _ignore(results: Sequence[FrameResult]) -> None:
    """Only the counts matter here."""


if __name__ == "__main__":
    main()
