"""What policies keep where it is hard, and what they save: `camslice eval --policy` on one clip or drawn scene after another.

Recall and precision are against the same model in full precision on every full frame; neither depends on how fast the machine
is, so that this can run beside other work.

    python -m benchmarks.hard_scenes --model yolov8n.onnx [--clips bikes.mp4 vtest.avi]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.record import RESULTS, write_result
from camslice.fleet.policy import policy_named
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, ModelSpec
from camslice.measure.policy.evaluate import Judged, evaluate_policies
from camslice.models.resolve import resolve

POLICIES = ("full", "careful", "regions", "carry-1", "carry-2")
SCENES = (
    "night", "flicker", "slow", "stopping", "tiny", "crossing", "shake", "snow", "lights", "entering", "empty",
)  # fmt: skip
FPS = 5.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="weights")
    parser.add_argument("--clips", nargs="*", default=[], help="video files beside the drawn scenes")
    parser.add_argument("--scenes", nargs="*", default=SCENES, help="drawn scenes; what was recorded of others is kept")
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=40.0)
    given = parser.parse_args(arguments)
    spec = ModelSpec("model", given.model, confidence=0.35)
    info = resolve(spec)
    sources = [*given.clips, *(f"scene://{name}" for name in given.scenes)]
    recorded = RESULTS / "hard-scenes.json"
    rows = {row["clip"]: row for row in json.loads(recorded.read_text())["rows"]} if recorded.exists() else {}
    precision = ""
    for source in sources:
        clip = CameraSpec("clip", Source(source, source), FPS, ("model",), loop=False)
        frames = round(given.seconds * FPS)
        policies = [policy_named(name) for name in POLICIES]
        judged = evaluate_policies(info, spec, policies, [clip], given.cameras, frames, lambda: None)
        precision = judged.precision
        name = source if "://" in source else Path(source).name
        rows[name] = {"clip": name, "policies": [_row(each) for each in judged.policies]}
        print(name, *(f"{p.policy.name} {_share(p.recall)}" for p in judged.policies))
        write_result(
            "hard-scenes",
            {
                "model": info.name,
                "precision": precision,
                "confidence": spec.confidence,
                "cameras": given.cameras,
                "fps": FPS,
                "seconds": given.seconds,
                "rows": list(rows.values()),
            },
        )


def _row(judged: Judged) -> Mapping[str, object]:
    return {
        "policy": judged.policy.name,
        "recall": judged.recall,
        "recall_low": judged.recall_low,
        "precision": judged.precision,
        "inferences_per_frame": round(judged.inferences_per_frame, 4),
        "first_detection_delay_ms": round(judged.first_detection_delay_ms, 1),
        "looks": {look.name.lower(): round(share, 4) for look, share in judged.looks.items()},
    }


def _share(recall: float | None) -> str:
    return "-" if recall is None else f"{recall:.4f}"


if __name__ == "__main__":
    main()
