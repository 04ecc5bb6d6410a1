"""How close the whole way of a frame comes to bare inference.

A: the parts of `camslice run` (decode, scale, infer, postprocess, ledger, store on SQLite), each camera as fast as it can.
B: the same compiled model with u8 input, alone, through OpenVINO's asynchronous queue on random pictures.
A and B take turns on the same machine; what counts is the ratio within each turn.

    python benchmarks/ceiling.py --clip vtest.avi --model yolov8n=weights/yolov8n.onnx --goal 0.90
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np

from benchmarks.record import draw_bars, spread, write_result
from camslice.engine.make import make_engine
from camslice.engine.openvino_engine import QUEUE_FACTOR, compiled_model
from camslice.engine.protocol import Batch, InferenceTimes, Outputs
from camslice.engine.slots import Layout, SlotArrays
from camslice.engine.threads import inference_threads
from camslice.events.store.sink import StoreSink
from camslice.fleet.accounting import total_of
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, Pace, Precision
from camslice.measure.processes import Usage
from camslice.models.cache import cache_folder
from camslice.models.decoders.make import make_decoder
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor
from camslice.video.picture import AvPicture

CAMERAS = 4
WARM_UP_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", required=True, help="NAME=PATH of the weights")
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--goal", type=float, default=0.0, help="recorded beside the result")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    name, _, weights = given.model.partition("=")
    spec = ModelSpec(name, weights, classes=("person",))
    info = resolve(spec)
    if given.bare:
        print(json.dumps(bare(info, given.seconds)))
        return
    turns = []
    for turn in range(given.turns):
        whole = end_to_end(info, spec, given.clip, given.seconds)
        alone = json.loads(subprocess.check_output([sys.executable, "-m", "benchmarks.ceiling", *sys.argv[1:], "--bare"]))
        ratio = whole["fps"] / alone["fps"]
        added_ms = 1000 * (whole["cores"] / whole["fps"] - alone["cores"] / alone["fps"])
        turns.append({"end_to_end": whole, "bare": alone, "ratio": ratio, "added_cpu_ms_per_frame": added_ms})
        print(f"turn {turn + 1}: {whole['fps']:.1f} of {alone['fps']:.1f} frames/s = {ratio:.3f}", file=sys.stderr)
    result = {
        "model": name,
        "model_sha256": info.sha256,
        "input": [info.input.width, info.input.height],
        "clip": given.clip.name,
        "cameras": CAMERAS,
        "goal": given.goal,
        "ratio": spread([turn["ratio"] for turn in turns]),
        "added_cpu_ms_per_frame": spread([turn["added_cpu_ms_per_frame"] for turn in turns]),
        "cpu_ms_per_frame_by_stage": cpu_by_stage(info, spec, given.clip),
        "turns": turns,
    }
    print(write_result(f"ceiling-{name}", result))
    draw(name, turns)


def draw(name: str, turns: Sequence[Mapping[str, Mapping[str, float]]]) -> None:
    """Medians of both as a picture."""
    values = {
        label: median(turn[key]["fps"] for turn in turns)
        for label, key in ((f"{name}: bare inference", "bare"), (f"{name}: from file to store", "end_to_end"))
    }
    draw_bars(f"ceiling-{name}", values, "frames/s, median of the turns")


def end_to_end(info: ModelInfo, spec: ModelSpec, clip: Path, seconds: float) -> dict[str, float]:
    """Analysed frames/s and cores of supervisor and analysis process, with the store on."""
    source = Source(str(clip), str(clip))
    cameras = tuple(CameraSpec(f"camera-{i}", source, 240.0, (spec.name,), loop=True) for i in range(CAMERAS))
    fleet = Fleet(Objective(), {spec.name: spec}, cameras, Pace.LOSSLESS)
    with tempfile.TemporaryDirectory() as folder:
        store = StoreSink(f"sqlite:///{folder}/results.db", 1.0, 1000.0, "ceiling")

        def take(results: Sequence[FrameResult]) -> None:
            store.offer(results)

        supervisor = Supervisor(fleet, {spec.name: info}, take)
        try:
            supervisor.start()
            time.sleep(WARM_UP_S)
            pids = [os.getpid(), *supervisor.pids()]
            usage = Usage(pids)
            first_cores = _cpu_s(pids)
            first, started = total_of(supervisor.counts().values()).analysed, time.monotonic()
            time.sleep(seconds)
            last, ended = total_of(supervisor.counts().values()).analysed, time.monotonic()
            cores = (_cpu_s(pids) - first_cores) / (ended - started)
            memory_mb = usage.memory_mb(pids, fresh=True)
        finally:
            supervisor.stop()
            supervisor.close()
            store.close()
        dropped = sum(store.dropped.values())
    assert dropped == 0, "the store dropped results: the comparison would not be fair"
    return {"fps": (last - first) / (ended - started), "cores": cores, "memory_mb": memory_mb}


def bare(info: ModelInfo, seconds: float) -> dict[str, float]:
    """Frames/s and cores of the compiled model alone: random pictures, nothing done with the answers."""
    import openvino as ov

    width, height, threads = info.input.width, info.input.height, inference_threads()
    compiled, *_ = compiled_model(
        info, width, height, Layout.I420, "CPU", Precision.AUTO, threads, max_batch=1, cache=cache_folder() / "openvino"
    )
    random = np.random.default_rng(0)
    jobs = ov.AsyncInferQueue(compiled, threads * QUEUE_FACTOR)
    inputs = []
    for job in jobs:
        arrays = SlotArrays(Layout.I420, 1, width, height, info.input.pad).arrays
        inputs.append(arrays)
        for name, array in arrays.items():
            colour = [[[1.164, 0, 1.596, -222.9], [1.164, -0.392, -0.813, 135.6], [1.164, 2.017, 0, -276.8]]]
            array[:] = colour if name == "colour" else random.integers(0, 255, array.shape, np.uint8)
            job.set_tensor(name, ov.Tensor(array, shared_memory=True))
    done = [0]
    jobs.set_callback(lambda _request, _data: done.__setitem__(0, done[0] + 1))
    measured_from = time.monotonic() + WARM_UP_S
    first = cpu_s = started = None
    while (now := time.monotonic()) < measured_from + seconds:
        if first is None and now >= measured_from:
            first, cpu_s, started = done[0], time.process_time(), now
        jobs.start_async(None)
    elapsed = now - started
    result = {"fps": (done[0] - first) / elapsed, "cores": (time.process_time() - cpu_s) / elapsed}
    jobs.wait_all()
    return result


def cpu_by_stage(info: ModelInfo, spec: ModelSpec, clip: Path, frames: int = 300) -> dict[str, float]:
    """CPU ms per frame of each stage but inference, measured alone on one thread."""
    cv2.setNumThreads(1)
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        started_s = time.process_time()
        pictures = [AvPicture(frame) for frame, _ in zip(container.decode(stream), range(frames), strict=False)]
        decode_s = time.process_time() - started_s
    engine = make_engine(info, replace(spec, max_batch=1), threads=1)
    decode = make_decoder(info, confidence=spec.confidence, nms_iou=spec.nms_iou, classes=spec.classes)
    batch = engine.acquire()
    assert batch is not None
    region = Region(0, 0, pictures[0].width, pictures[0].height)
    letterbox = Letterbox.fit(region, info.input.width, info.input.height, centred=info.input.centred)
    slot = batch.slot_for(0, letterbox)
    started_s = time.process_time()
    for picture in pictures:
        picture.scale_into(slot, letterbox)
    scale_s = time.process_time() - started_s
    took: list[float] = []

    def measure(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        copies = [np.array(output) for output in outputs]
        started_s = time.thread_time()
        for _ in pictures:
            letterbox.to_source(decode(copies, 0).boxes)
        took.append(time.thread_time() - started_s)
        batch.release()

    batch.start(1, measure)
    engine.close()
    stages = {"decode": decode_s, "preprocess": scale_s, "postprocess": took[0]}
    return {name: round(1000 * seconds / len(pictures), 4) for name, seconds in stages.items()}


def _cpu_s(pids: Sequence[int]) -> float:
    import psutil

    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


if __name__ == "__main__":
    main()
