"""The page of recorded benchmarks, from benchmarks/results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from calibration_section import calibrated_capacity, calibration
from decode_section import decoding
from hard_scenes_section import hard_scenes
from markdown_table import table
from optimiser_section import optimiser
from planning_section import planning
from policies_section import policies

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
_CAPACITY = "calibration-capacity"


def measured() -> str:
    """What the benchmarks recorded."""
    ceilings = [_result(f"ceiling-{name}") for name in ("yolov8n", "yolox-nano")]
    against, agreement = _result("vs-ultralytics"), _result("agreement")
    machine = against["machine"]
    ceiling_rows = [
        (
            f"{each['model']} {each['input'][0]} px",
            f"{_median(each, 'end_to_end'):.1f}",
            f"{_median(each, 'bare'):.1f}",
            "{min:.2f} / {median:.2f} / {max:.2f}".format(**each["ratio"]),
            f"{each['goal']:.2f}",
        )
        for each in ceilings
    ]
    their_names = {"pods": "one Ultralytics process per camera", "best": "Ultralytics at its best: OpenVINO, one process"}
    rows = [("camslice run", f"{against['sustained_fps']['ours']:.1f}", "", "")] + [
        (name, f"{against['sustained_fps'][key]:.1f}", f"{against['ours_over'][key]:.2f}", f"{against['goals'][key]:.2f}")
        for key, name in their_names.items()
    ]
    scores = [(name, f"{each['map_50_95']:.4f}", f"{each['map_50']:.4f}") for name, each in agreement["accuracy"].items()]
    versions = ", ".join(f"{name} {version}" for name, version in against["versions_of_theirs"].items())
    boxes = agreement["boxes_on_dataset"]
    return "\n".join(
        [
            "# Benchmarks\n",
            "<!-- written by tools/reference.py from benchmarks/results: run a benchmark, then `make reference` -->\n",
            f"Measured on {machine['cores']} cores of an {machine['cpu']} ({', '.join(machine['cpu_features'])}), "
            f"{machine['distribution']}, on a shared machine: read the ratios, which come from runs in turns, not the "
            "frames/s.\n",
            "## The whole way of a frame against bare inference\n",
            "Decode, scale, infer, decode boxes, count and store, over the same compiled model alone in OpenVINO's "
            f"asynchronous queue. {ceilings[0]['cameras']} cameras of a 768 x 576 clip, each as fast as it can "
            "(`benchmarks/ceiling.py`).\n",
            table(("model", "whole, frames/s", "bare, frames/s", "ratio min / median / max", "goal"), ceiling_rows),
            "![Whole against bare, YOLOv8n](../pictures/ceiling-yolov8n.svg)\n",
            "![Whole against bare, YOLOX-nano](../pictures/ceiling-yolox-nano.svg)\n",
            "## Against Ultralytics\n",
            f"The most frames/s of {against['cameras']} cameras at which the objective still holds: p95 at most 500 ms over "
            "all captured frames, at most 1 % dropped. The rate climbs in steps of 5 %, the systems take turns, all on the "
            f"same weights ({against['weights']}), clip and input of {against['input'][0]} x {against['input'][1]} px "
            f"({versions}; `benchmarks/vs_ultralytics.py`).\n",
            table(("system", "frames/s", "camslice over it", "goal"), rows),
            "![camslice and Ultralytics](../pictures/vs-ultralytics.svg)\n",
            *_by_pods(),
            *_topologies(),
            *_network(),
            *_batching(),
            *(policies(_result("policies")) if (RESULTS / "policies.json").exists() else ()),
            *(hard_scenes(_result("hard-scenes")) if (RESULTS / "hard-scenes.json").exists() else ()),
            *(decoding(_result("decode")) if (RESULTS / "decode.json").exists() else ()),
            *(calibration(_result("calibration")) if (RESULTS / "calibration.json").exists() else ()),
            *(calibrated_capacity(_result(_CAPACITY)) if (RESULTS / f"{_CAPACITY}.json").exists() else ()),
            *_simulator(),
            *(optimiser(_result("optimiser")) if (RESULTS / "optimiser.json").exists() else ()),
            *(planning(_result("planning")) if (RESULTS / "planning.json").exists() else ()),
            "## The same answers?\n",
            f"{agreement['dataset']['pictures']} labelled pictures, one evaluator for both. A small set: compare the rows, "
            "not published figures. Ultralytics pads to the smallest rectangle by default and camslice to the model's square; "
            "`input_size:` sets a rectangle (`benchmarks/agreement.py`).\n",
            table(("system", "mAP 50-95", "mAP 50"), scores),
            f"On the same square {boxes['matched']} boxes match and differ by at most {boxes['largest_px']} px; "
            f"{len(boxes['only_ours'])} are only ours and {len(boxes['only_theirs'])} only theirs.\n",
        ]
    )


def _by_pods() -> Iterator[str]:
    """Numbers of pods side by side, once somebody has measured them."""
    if not (RESULTS / "vs-ultralytics-pods.json").exists():
        return
    result = _result("vs-ultralytics-pods")
    names = {
        "sliced": "camslice, a pod per camera",
        "pooled": "camslice, all cameras in one pod",
        "sliced fp32": "camslice in FP32, a pod per camera",
        "pooled fp32": "camslice in FP32, all cameras in one pod",
        "theirs": "engine ultralytics, a pod per camera",
        "best": "engine ultralytics, OpenVINO, one pod",
        "as-found": "Ultralytics alone, a process per camera",
    }
    figures = {"fps": "{median:.1f}", "p95_ms": "{median:.0f}", "memory_mb_per_camera": "{median:.0f}"}
    yield "### By numbers of pods\n"
    yield (
        f"A closed loop: each camera takes its next frame when it has the answer to the last. Medians; {result['rounds']} "
        f"turn(s) of {result['seconds_per_turn']:g} s each; the systems take turns, all on the same weights "
        f"({result['weights']}), clip and input of {result['input'][0]} x {result['input'][1]} px "
        "(`benchmarks/ultralytics_pods.py`).\n"
    )
    yield table(
        ("system", "precision", "cameras", "frames/s", "p95 ms", "MB of PSS per camera"),
        [
            (
                names[row["system"]],
                row["precision"] or "",
                str(row["pods"]),
                *(words.format(**row[name]) if row[name] else "; ".join(row["problems"]) for name, words in figures.items()),
            )
            for row in sorted(result["rows"], key=lambda row: int(row["pods"]))
        ],
    )


def _topologies() -> Iterator[str]:
    """The case study's 1 / 20 / 54 table, once somebody has measured it."""
    if not (RESULTS / "topologies.json").exists():
        return
    result = _result("topologies")
    yield "## Pods on one device: sliced against pooled\n"
    yield (
        f"{result['model']['name']} on {Path(result['clip']['name']).name}, {result['rounds']} turns of "
        f"{result['seconds_per_round']:g} s for each row, one after the other (`benchmarks/topologies.py`). Percentiles are "
        "over all captured frames, a lost one counting as infinitely late; memory is PSS of the pods.\n"
    )
    yield table(
        ("topology", "cameras", "loop", "frames/s", "p50 ms", "p95 ms", "lost", "MB of PSS", "MB per camera"),
        [
            (
                row["topology"],
                str(row["cameras"]),
                "closed" if row["loop"] == "closed" else f"{row['fps_per_camera']:g} frames/s each",
                f"{row['fps']:.1f}",
                *(_ms(row[name]) for name in ("p50_all_ms", "p95_all_ms")),
                f"{row['frames']['drop_rate']:.2%}",
                f"{row['memory_mb'] - row['supervisor_memory_mb']:.0f}",
                f"{row['memory_mb_per_camera']:.1f}",
            )
            for row in result["rows"]
        ],
    )
    ratios = [
        f"{cameras} cameras: " + "{min:.2f} / {median:.2f} / {max:.2f}".format(**compared["pooled_over_sliced_fps"])
        for cameras, compared in result["closed_loop"].items()
    ]
    yield f"Frames/s of pooled over sliced, turn by turn (min / median / max): {'; '.join(ratios)}.\n"
    yield "![Sliced and pooled](../pictures/topologies.svg)\n"


def _network() -> Iterator[str]:
    """What the way to a server costs, once somebody has measured it."""
    if not (RESULTS / "network.json").exists():
        return
    result = _result("network")
    yield "## The way to an engine server\n"
    yield (
        f"One picture of {result['side']} x {result['side']} px at a time to `camslice serve` on the same machine "
        f"({result['model']}), all ways in turns, {result['rounds']} round trips each (`benchmarks/network.py`). The network "
        "part is the round trip less what the server says it spent; an empty call asks for nothing and computes nothing. Our "
        "client sends its requests over one stream; `float32 tensor` goes as in the case study, each as a call of its own, and "
        "is what the ratios compare with. The rows below it change only one of the two: the stream, or what travels.\n"
    )
    addresses = list(result["interfaces_network_ms"])
    ways = [name.partition(", ")[2] for name in result["network_ms"] if name.startswith(f"{addresses[0]}, ")]
    cells = {name: f"{row['p50']:.2f}" for name, row in result["network_ms"].items()}
    yield table(
        ("network part, median ms", *addresses, "float32 over it"),
        [(way, *(cells[f"{address}, {way}"] for address in addresses), _over(result, addresses, way)) for way in ways],
    )
    interfaces = result["interfaces_network_ms"]
    yield table(
        ("the same planes by gRPC's interface, median ms", *addresses),
        [(name, *(f"{interfaces[address][name]['p50']:.2f}" for address in addresses)) for name in interfaces[addresses[0]]],
    )
    rates = result["rate_streamed_over_single_calls"]
    yield table(
        ("frames/s over a stream / by single calls, min / median / max", *addresses),
        [
            (
                f"{number} under way",
                *("{min:.2f} / {median:.2f} / {max:.2f}".format(**rates[address][number]) for address in addresses),
            )
            for number in rates[addresses[0]]
        ],
    )


def _over(result: Mapping[str, Any], addresses: list[str], way: str) -> str:
    found = [result["ratios"].get(f"{address}: float32 / {way}") for address in addresses]
    return " and ".join(f"{ratio:.1f}" for ratio in found if ratio is not None)


def _simulator() -> Iterator[str]:
    """How long a simulated hour takes, once somebody has measured it."""
    if not (RESULTS / "simulator.json").exists():
        return
    result = _result("simulator")
    node = result["node"]
    yield "## A simulated hour\n"
    yield (
        f"{node['pods']} pods at {node['fps']:g} frames/s on a {node['instance_type']} ({node['profile']}, {node['topology']}) "
        f"for {result['simulated_s'] / 3600:g} h: {result['frames']:,} frames, each with {result['visits_per_frame']} visits "
        f"to the accelerator, {result['events']:,} events. Pure and compiled ways come to "
        f"{'the same result, to the bit' if result['same_to_the_bit'] else 'DIFFERENT results'}; compiling is not counted "
        "(`benchmarks/simulator.py`).\n"
    )
    names = {"pure": "pure Python", "compiled": "compiled, extra `numba`"}
    yield table(
        ("way", "seconds, min / median / max", "goal"),
        [
            (names[way], "{min:.1f} / {median:.1f} / {max:.1f}".format(**took), f"{result['goals_s'][way]:g}")
            for way, took in result["wall_s"].items()
        ],
    )


def _batching() -> Iterator[str]:
    """Whether dynamic batching loses anything, once somebody has measured it."""
    if not (RESULTS / "batching.json").exists():
        return
    result = _result("batching")
    yield "## Dynamic batching\n"
    yield (
        f"{result['model']} served with batches of up to {result['max_batch']} against batches of one, in turns "
        "(`benchmarks/batching.py`). Ratios, min / median / max: "
        + "; ".join(
            f"{name} {values['min']:.2f} / {values['median']:.2f} / {values['max']:.2f}"
            for name, values in result["ratios"].items()
        )
        + ".\n"
    )


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f}"


def _result(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / f"{name}.json").read_text()))


def _median(result: Mapping[str, Any], side: str) -> float:
    return float(median(turn[side]["fps"] for turn in result["turns"]))
