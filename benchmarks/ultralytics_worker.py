"""Ultralytics on cameras of a clip, in one process: run by `vs_ultralytics` in an environment of its own. An open loop, or
with --closed-loop one camera that takes its next frame when it has the answer to the last.

It is given our own discipline, which its loaders lack: frames fall due by the clock whether or not it is ready, wait in a
bounded mailbox per camera, and the oldest is taken first; too late ones are dropped. So it is compared at its best.
Prints one JSON object: latencies in ms of analysed frames, captured and dropped frames. A closed loop then waits for the end
of its standard input, so that its memory can be looked at.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import threading
import time
from collections import deque

os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_OFFLINE", "true")


class Camera(threading.Thread):
    """Decodes the clip as frames fall due, `fps` a second, each `every`-th of its pictures, into a bounded mailbox."""

    def __init__(self, clip: str, fps: float, every: int, latency_s: float, wake: threading.Semaphore) -> None:
        super().__init__(daemon=True)
        import cv2

        self.cv2 = cv2
        self.clip, self.fps, self.every, self.wake = clip, fps, every, wake
        self.depth = max(1, math.ceil(latency_s * fps))
        self.box: deque = deque()
        self.captured = self.dropped = 0
        self.starts_at = self.ends_at = 0.0

    def run(self) -> None:
        video = self.cv2.VideoCapture(self.clip)
        while True:
            due = self.starts_at + self.captured / self.fps
            if due >= self.ends_at:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            good, frame = video.read()
            if not good:
                video.set(self.cv2.CAP_PROP_POS_FRAMES, 0)
                good, frame = video.read()
            self.captured += 1
            self.box.append((due, frame))
            if len(self.box) > self.depth:
                self.box.popleft()
                self.dropped += 1
            self.wake.release()
            for _ in range(self.every - 1):
                video.grab()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--clip", required=True, nargs="+", help="one for all cameras, or one for each")
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--fps", type=float, default=[1.0], nargs="+", help="one for all cameras, or one for each")
    parser.add_argument("--every", type=int, default=1, help="each so many-th picture of the clip is due")
    parser.add_argument("--closed-loop", action="store_true")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--latency-ms", type=float, default=500.0)
    parser.add_argument("--input", help="WxH that it computes on, as it is; without it 640, and what Ultralytics makes of that")
    parser.add_argument("--classes", default="0", help="ids with commas, or all")
    given = parser.parse_args()
    asked = {
        "imgsz": 640 if given.input is None else [int(side) for side in reversed(given.input.split("x"))],
        "classes": None if given.classes == "all" else [int(number) for number in given.classes.split(",")],
        "conf": 0.35,
        "iou": 0.5,
        "verbose": False,
        "save": False,
    }
    import logging

    logging.disable(logging.WARNING)
    import cv2
    from ultralytics import YOLO

    cv2.setNumThreads(1)
    model = YOLO(given.weights, task="detect")
    good, picture = cv2.VideoCapture(given.clip[0]).read()
    assert good
    shape = [0, 0]
    for _ in range(8):
        result = model.predict([picture] * given.batch, **asked)
    im = model.predictor.preprocess([picture])
    shape = list(im.shape[2:])
    assert result
    wake = threading.Semaphore(0)
    latency_s = given.latency_ms / 1000
    clips = given.clip * given.cameras if len(given.clip) == 1 else given.clip
    rates = given.fps * given.cameras if len(given.fps) == 1 else given.fps
    cameras = [Camera(clip, fps, given.every, latency_s, wake) for clip, fps in zip(clips, rates, strict=True)]
    print("ready", flush=True)
    starts_at = float(sys.stdin.readline())
    if given.closed_loop:
        latencies = closed_loop(model, asked, given.clip[0], starts_at, given.seconds)
        found = {
            "latencies_ms": latencies,
            "captured": len(latencies),
            "dropped": 0,
            "input": shape,
            "engine": engine_of(model),
        }
        print(json.dumps(found), flush=True)
        sys.stdin.read()
        return
    for index, camera in enumerate(cameras):
        camera.starts_at = starts_at + index / max(rates) / given.cameras
        camera.ends_at = camera.starts_at + given.seconds
        camera.start()
    latencies: list[float] = []
    busy = True
    while busy:
        busy = any(camera.is_alive() for camera in cameras)
        if not wake.acquire(timeout=0.1):
            continue
        chosen = []
        while len(chosen) < given.batch:
            waiting = [camera for camera in cameras if camera.box]
            if not waiting:
                break
            camera = min(waiting, key=lambda camera: camera.box[0][0])
            due, frame = camera.box.popleft()
            if time.monotonic() - due > latency_s:
                camera.dropped += 1
                continue
            chosen.append((due, frame))
        if not chosen:
            continue
        for result in model.predict([frame for _, frame in chosen], **asked):
            result.boxes.xyxy.cpu().numpy()
        done = time.monotonic()
        latencies += [1000 * (done - due) for due, _ in chosen]
        busy = busy or any(camera.box for camera in cameras)
    captured = sum(camera.captured for camera in cameras)
    dropped = sum(camera.dropped for camera in cameras)
    print(json.dumps({"latencies_ms": latencies, "captured": captured, "dropped": dropped, "input": shape}))


def engine_of(model) -> dict[str, str]:
    """What it computes with: OpenVINO chooses its precision by itself, the others compute in FP32."""
    compiled = getattr(model.predictor.model, "ov_compiled_model", None)
    chosen = "f32" if compiled is None else compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    precision = "fp32" if chosen == "f32" else str(chosen)
    return {"backend": "ultralytics", "device": str(model.predictor.device), "precision": precision}


def closed_loop(model, asked: dict, clip: str, starts_at: float, seconds: float) -> list[float]:
    """As fast as it can: decode a frame, predict, take the next. Latencies in ms, decoding included, of the frames that ended
    in time: one that is still on its way at the end belongs to no second of these."""
    import cv2

    video = cv2.VideoCapture(clip)
    time.sleep(max(0.0, starts_at - time.monotonic()))
    latencies = []
    while (began := time.monotonic()) < starts_at + seconds:
        good, frame = video.read()
        if not good:
            video.set(cv2.CAP_PROP_POS_FRAMES, 0)
            good, frame = video.read()
        for result in model.predict(frame, **asked):
            result.boxes.xyxy.cpu().numpy()
        ended = time.monotonic()
        if ended <= starts_at + seconds:
            latencies.append(1000 * (ended - began))
    return latencies


if __name__ == "__main__":
    main()
