"""How many cameras at 5 frames/s this machine carries way by way (p95 <= 500 ms over all captured frames but the gated ones,
drops <= 1 %), what each way keeps of the full frames' detections, and what a camera then costs:

  pods           one Ultralytics process per camera, ONNX Runtime backend
  best           Ultralytics at its best: OpenVINO backend, all cameras in one process
  full           camslice, every frame in full, in the machine's best float
  full-int8      the same in INT8, as `camslice models quantise` made and judged it
  regions        camslice by a policy of the ladder, in float
  regions-int8   the same in INT8

First the quality of each way is measured on the clip (`policy_quality`), which also tells where each search begins. Then all
ways take turns, trial by trial and round by round (`policy_search`), so that a slow minute of the machine hits all of them; a
ratio counts within one round. The result is written after each trial; called again with the same settings it goes on.

    python -m benchmarks.policies --clip vtest.avi --weights yolov8n.onnx --python OTHER/bin/python \
        --calibration PICTURES --dataset COCO_SUBSET

An INT8 version that is missing is made from --calibration and judged on --dataset. Stops by itself after --minutes.
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
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import policy_quality
from benchmarks.policy_quality import CAMERAS, Quality
from benchmarks.policy_search import (
    DROP_RATE,
    LATENCY_MS,
    PERCENTILE,
    STEP,
    Budget,
    Round,
    Trial,
    as_json,
    carried,
    from_json,
    ratios,
    search,
)
from benchmarks.policy_trials import RECALL, SETTLE_S, STAGGER_S, Ours, Setting, Theirs, copies_of, pictures_per_due
from benchmarks.record import RESULTS, draw_bars, spread, write_result
from benchmarks.vs_ultralytics import as_openvino, versions
from camslice.fleet.types import HOURS_PER_MONTH, ModelSpec, Precision
from camslice.measure.machine import fingerprint
from camslice.models.quantised import find_quantised
from camslice.models.resolve import resolve
from camslice.plan.catalogue.catalogue import price_of
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.catalogue.load import load_catalogue

THEIRS = ("pods", "best")
OURS = ("full", "full-int8", "regions", "regions-int8")
WAYS = (*THEIRS, *OURS)
GOALS = {"full-int8/pods": 2.8, "regions-int8/full-int8": 3.0, "regions-int8/pods": 10.0}
RATIOS = (*GOALS, "full/pods", "full/best", "regions/full", "regions-int8/best")
MAX_DROP = 0.01
REGION = "us-east-1"
_OVERHEAD_S = STAGGER_S + SETTLE_S + 10.0
_ROOM = {"theirs": 1.0, "ours": 0.7}
"""Where a search begins, as a share of what the cost of a frame alone would let the machine carry: theirs is wall-clock time of
one frame at a time, ours CPU time, which grows when both threads of a core are busy."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="an .onnx of Ultralytics with dynamic size")
    parser.add_argument("--python", required=True, help="an interpreter that has the package ultralytics (and openvino)")
    parser.add_argument("--calibration", type=Path, help="pictures to make a missing INT8 version from")
    parser.add_argument("--dataset", type=Path, help="labelled pictures to judge it on (images/ and instances.json)")
    parser.add_argument("--ways", default=",".join(WAYS), help="those to measure, with commas")
    parser.add_argument(
        "--policy", default="carry-1", help="of the ladder, for the ways by regions: the cheapest that keeps 0.97"
    )
    parser.add_argument("--int8-policy", help="the same in INT8; that of --policy when left out")
    parser.add_argument("--fps", type=float, default=5.0, help="frames/s of each camera")
    parser.add_argument("--input", default="640x480", help="WxH that all ways compute on")
    parser.add_argument("--seconds", type=float, default=15.0, help="of the window of one trial")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=14.0, help="no trial is begun that would end later")
    parser.add_argument("--frames", type=int, default=60, help=f"of each of {CAMERAS} cameras, to judge what a way keeps")
    parser.add_argument("--start", default="", help="cameras that searches begin with: pods=4,full=8")
    parser.add_argument("--instance-type", default="c7i.large", help="whose list price is taken for this machine's")
    parser.add_argument("--name", default="policies", help="of the result; a picture is drawn for `policies` alone")
    given = parser.parse_args()
    ways = [way for way in WAYS if way in given.ways.split(",")]
    budget = Budget(60 * given.minutes, given.seconds + _OVERHEAD_S)
    models = models_of(given)
    result = about(given, models)
    kept = recorded(given.name, result)
    quality: dict[str, Any] = kept.get("quality", {})
    rounds: list[Round] = from_json(kept.get("rounds", []))
    with tempfile.TemporaryDirectory() as folder:
        weights = {"pods": given.weights, "best": as_openvino(given.python, given.weights, Path(folder))}
        for way, found in measured_quality([way for way in ways if way not in quality], given, models, weights).items():
            quality[way] = asdict(found)
        starts = starts_of(given, quality)
        copies = copies_of(given.clip, Path(folder))
        setting = Setting(copies, given.fps, pictures_per_due(given.clip, given.fps), given.seconds, given.python)
        size = models["float"].input_size
        assert size is not None
        runners: dict[str, Ours | Theirs] = {way: Theirs(weights[way], size, one_process=way == "best") for way in THEIRS}
        runners |= {way: Ours(spec, resolve(spec), policy) for way, (spec, policy) in ours_of(ways, given, models).items()}

        def run(way: str, rung: int) -> Trial:
            began_s = time.monotonic()
            trial = runners[way].run(rung, setting)
            budget.took(way, time.monotonic() - began_s)
            verdict = "holds" if trial.holds else "breaks"
            print(f"{way}: {trial.cameras:.1f} cameras {verdict}: {trial}", file=sys.stderr, flush=True)
            return trial

        def write() -> None:
            write_result(given.name, result | judged(ways, quality, rounds, starts, result["usd_per_hour"]))

        write()
        complete = search(rounds, ways, starts, given.rounds, run, budget.has_time, write)
    found = judged(ways, quality, rounds, starts, result["usd_per_hour"])
    if given.name == "policies":
        draw(found["ways"], given.fps)
    print(json.dumps({key: found[key] for key in ("ratios", "goals", "ways")}, indent=1))
    if not complete:
        sys.exit("there was no time for all rounds: call it again, and it goes on")


def models_of(given: argparse.Namespace) -> dict[str, ModelSpec]:
    """The model in the machine's best float and in INT8, which is made if it is missing and needed."""
    width, height = map(int, given.input.split("x"))
    features = fingerprint()["cpu_features"]
    assert isinstance(features, list)
    best = Precision.BF16 if {"avx512_bf16", "amx_bf16", "bf16"} & set(features) else Precision.FP32
    weights = str(given.weights.resolve())
    float_spec = ModelSpec("people", weights, ("person",), input_size=(width, height), precision=best)
    models = {"float": float_spec}
    if "int8" in given.ways:
        info = resolve(float_spec)
        if find_quantised(info.sha256, width, height) is None:
            make_int8(given)
        models["int8"] = ModelSpec("people", weights, ("person",), input_size=(width, height), precision=Precision.INT8)
    return models


def make_int8(given: argparse.Namespace) -> None:
    """`camslice models quantise`."""
    if given.calibration is None or given.dataset is None:
        sys.exit("there is no INT8 version of these weights yet: give --calibration and --dataset to have one made")
    command = [str(Path(sys.executable).parent / "camslice"), "models", "quantise", str(given.weights), "--size", given.input]
    command += ["--data", str(given.calibration), "--eval", str(given.dataset), "--max-drop", str(MAX_DROP)]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        sys.exit("no INT8 version was kept: see above, or leave the ways in INT8 out (--ways)")


def about(given: argparse.Namespace, models: Mapping[str, ModelSpec]) -> dict[str, Any]:
    """What was measured, and with what: results of other settings are not gone on with."""
    info = resolve(models["float"])
    width, height = info.input.width, info.input.height
    version = find_quantised(info.sha256, width, height) if "int8" in models else None
    price = price_of(load_catalogue().find(given.instance_type), REGION, Purchase.ON_DEMAND)
    if price is None:
        sys.exit(f"the catalogue has no list price of {given.instance_type} in {REGION}")
    return {
        "weights": given.weights.name,
        "model_sha256": info.sha256,
        "clip": given.clip.name,
        "input": [width, height],
        "fps": given.fps,
        "policies": {way: _policy_of(way, given) for way in ("regions", "regions-int8")},
        "float": str(models["float"].precision),
        "objective": {"latency_ms": LATENCY_MS, "percentile": PERCENTILE, "drop_rate": DROP_RATE, "recall_by_regions": RECALL},
        "step": STEP,
        "seconds_per_trial": given.seconds,
        "frames_judged": given.frames * CAMERAS,
        "versions_of_theirs": versions(given.python),
        "int8": None if version is None else int8_of(asdict(version.evidence), version.evidence.drop),
        "usd_per_hour": price.usd_per_hour,
        "price": {
            "instance_type": given.instance_type,
            "region": REGION,
            "purchase": str(Purchase.ON_DEMAND),
            "dated": price.dated,
            "source": price.source,
            "provenance": "published",
            "assumed": f"that this machine is worth a {given.instance_type}: nothing was measured on one",
        },
    }


def int8_of(evidence: Mapping[str, Any], drop: float) -> dict[str, Any]:
    """The part of the evidence that says what INT8 loses; paths by their last part."""
    names = (
        "sha256",
        "calibration_pictures",
        "judged_by",
        "judged_pictures",
        "metric",
        "map_before",
        "map_after",
        "how",
        "nncf",
    )
    where = {name: Path(evidence[name].split()[-1]).name for name in ("data", "judged_on")}
    return {name: evidence[name] for name in names} | where | {"drop": drop, "most": MAX_DROP}


def recorded(name: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was measured before on this machine with these settings, else nothing."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    same = all(found.get(key) == value for key, value in json.loads(json.dumps(settings)).items())
    return found if same and found.get("machine", {}).get("cpu") == fingerprint()["cpu"] else {}


def ours_of(
    ways: Sequence[str], given: argparse.Namespace, models: Mapping[str, ModelSpec]
) -> dict[str, tuple[ModelSpec, str]]:
    """Model and policy of each of our ways."""
    return {
        way: (models["int8"], _policy_of(way, given)) if way.endswith("int8") else (models["float"], _policy_of(way, given))
        for way in ways
        if way in OURS
    }


def _policy_of(way: str, given: argparse.Namespace) -> str:
    if not way.startswith("regions"):
        return "full"
    return str(given.int8_policy or given.policy) if way.endswith("int8") else str(given.policy)


def measured_quality(
    ways: Sequence[str], given: argparse.Namespace, models: Mapping[str, ModelSpec], weights: Mapping[str, Path]
) -> dict[str, Quality]:
    """What is kept by those ways, of which nothing is known yet."""
    found: dict[str, Quality] = {}
    if specs := ours_of(ways, given, models):
        found |= policy_quality.ours(specs, given.clip, given.fps, given.frames, len(os.sched_getaffinity(0)))
    if mine := {way: weights[way] for way in ways if way in THEIRS}:
        found |= policy_quality.theirs(given.python, mine, models["float"], given.clip, given.fps, given.frames)
    for way, each in found.items():
        print(f"{way}: {each}", file=sys.stderr, flush=True)
    return found


def starts_of(given: argparse.Namespace, quality: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Cameras that each search begins with: as told, else from what a frame was found to cost."""
    told = {way: float(value) for way, value in (part.split("=") for part in given.start.split(",") if part)}
    room = {way: _ROOM["theirs" if way in THEIRS else "ours"] for way in quality}
    return {way: told.get(way, max(0.5, round(room[way] * each["fps"] / given.fps, 1))) for way, each in quality.items()}


def judged(
    ways: Sequence[str],
    quality: Mapping[str, Mapping[str, Any]],
    rounds: Sequence[Round],
    starts: Mapping[str, float],
    usd_per_hour: float,
) -> dict[str, Any]:
    """All that follows from the quality and the trials."""
    known = [way for way in WAYS if way in ways or any(way in each for each in rounds)]
    by_way = {way: carried(rounds, way, starts[way]) for way in known}
    held = {way: [trial for each in rounds for trial in each.get(way, ()) if trial.holds] for way in known}
    rows = {way: row(by_way[way], quality[way], usd_per_hour) | live_recall(held[way]) for way in known}
    others = [trial.others for each in rounds for tried in each.values() for trial in tried if trial.others is not None]
    found = {
        name: ratios(by_way[over], by_way[under])
        for name in RATIOS
        for over, under in [name.split("/")]
        if {over, under} <= set(known)
    }
    goals = {
        name: {"goal": goal, "met": None if found[name] is None else found[name]["median"] >= goal}
        for name, goal in GOALS.items()
        if name in found
    }
    return {
        "starts": {way: starts[way] for way in known},
        "ways": rows,
        "ratios": found,
        "goals": goals,
        "others": spread(others) if others else None,
        "quality": {way: quality[way] for way in known},
        "rounds": as_json(rounds),
    }


def live_recall(held: Sequence[Trial]) -> dict[str, Any]:
    """What audits found while it ran, over all trials that held: against the model as it runs, results as late as they came."""
    audited = [(trial.recall, trial.audited) for trial in held if trial.recall is not None and trial.audited]
    frames = sum(each for _, each in audited)
    return {
        "recall_live": round(sum(recall * each for recall, each in audited) / frames, 4) if frames else None,
        "audited_live": frames,
    }


def row(cameras: Sequence[float | None], quality: Mapping[str, Any], usd_per_hour: float) -> dict[str, Any]:
    """A way: cameras carried over the rounds, dollars at their median."""
    known = [each for each in cameras if each is not None]
    usd = usd_per_hour * HOURS_PER_MONTH / median(known) if known else None
    return {
        "cameras": spread(known) if known else None,
        "rounds": len(known),
        "usd_per_camera_month": None if usd is None else round(usd, 2),
        **{name: quality[name] for name in ("recall", "recall_low", "precision", "inferences_per_frame", "computed_in")},
    }


def draw(rows: Mapping[str, Mapping[str, Any]], fps: float) -> None:
    """Cameras of each way as a picture."""
    names = {
        "pods": "Ultralytics,\none process per camera",
        "best": "Ultralytics at its best\n(OpenVINO, one process)",
        "full": "camslice, full frames",
        "full-int8": "camslice, full frames, INT8",
        "regions": "camslice, regions",
        "regions-int8": "camslice, regions, INT8",
    }
    shown = {names[way]: rows[way]["cameras"]["median"] for way in names if way in rows and rows[way]["cameras"]}
    if shown:
        draw_bars("policies", shown, f"cameras at {fps:g} frames/s, p95 <= 500 ms, drops <= 1 %, median of the rounds")


if __name__ == "__main__":
    main()
