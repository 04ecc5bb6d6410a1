"""What a Camera's status remembers of its streams: where each was placed, in which pod, and since which placement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from camslice.cluster.operator.values import SeenCamera
from camslice.fleet.types import StreamKey


@dataclass(frozen=True, slots=True)
class Record:
    """A stream's place. `leaving`: the pod that analyses on, under `leaving_epoch`, until the first result is there from `pod`;
    empty where there is none."""

    shard: str
    pod: str
    epoch: int
    fps: float
    leaving: str = ""
    leaving_epoch: int = 0


NOWHERE = Record("", "", 0, 0.0)


def records_of(cameras: Mapping[str, SeenCamera]) -> dict[StreamKey, Record]:
    """Of all streams that were placed once, those that are no longer wanted left out."""
    found = {}
    for name, seen in cameras.items():
        for each in seen.status.get("streams") or ():
            if each["model"] in seen.camera.models:
                found[StreamKey(name, each["model"])] = Record(
                    str(each.get("shard") or ""),
                    str(each.get("pod") or ""),
                    int(each.get("epoch") or 0),
                    float(each.get("fps") or 0.0),
                    str(each.get("leaving") or ""),
                    int(each.get("leavingEpoch") or 0),
                )
    return found


def stream_status(key: StreamKey, record: Record) -> dict[str, Any]:
    """As it stands in the status."""
    told: dict[str, Any] = {
        "model": key.model,
        "shard": record.shard,
        "pod": record.pod,
        "epoch": record.epoch,
        "fps": record.fps,
    }
    if record.leaving:
        told |= {"leaving": record.leaving, "leavingEpoch": record.leaving_epoch}
    return told
