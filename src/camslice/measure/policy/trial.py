"""One policy on the frames of some cameras, step by step, canvases shared by all that fall due together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from camslice.fleet.policy import Policy
from camslice.measure.policy.clips import Due
from camslice.measure.policy.compare import FirstSeen, Kept
from camslice.measure.policy.looker import Drawn, Looker
from camslice.models.detections import Detections
from camslice.stream.packing.canvas import letterbox_at, size_on_canvas
from camslice.stream.packing.duplicates import joined
from camslice.stream.packing.pack import pack
from camslice.stream.sheet import sure
from camslice.stream.watching.look import Decision, Look
from camslice.stream.watching.watch import Watch
from camslice.video.gate.sight import Sight

FullFrames = dict[tuple[str, int], Detections]
_MOST_CANVASES = 64


@dataclass(slots=True)
class Spent:
    """What a trial took. `looks` counts frames by how they were looked at; `region_pixels` lay on canvases, at the model's
    scale; `own_cpu_s` is processor time for deciding, packing and putting together, without drawing and inference."""

    inferences: int = 0
    region_pixels: int = 0
    looks: dict[Look, int] = field(default_factory=lambda: dict.fromkeys(Look, 0))
    own_cpu_s: float = 0.0


class Trial:
    """The state of every camera under one policy."""

    def __init__(self, policy: Policy, looker: Looker, cameras: int, confidence: float) -> None:
        self.policy = policy
        self.kept = Kept()
        self.spent = Spent()
        self.first_seen = [FirstSeen() for _ in range(cameras)]
        self._looker = looker
        self._confidence = confidence
        self._watches = [Watch() for _ in range(cameras)]
        for watch in self._watches:
            watch.policy = policy

    def step(self, frames: Sequence[Due], sights: Sequence[Sight], reference: FullFrames, full_frames: FullFrames) -> None:
        """Frames that are due at the same time, one of each camera. `reference` is what they are to be compared with,
        `full_frames` remembers what the model finds in full."""
        started_s = time.thread_time() - self._looker.own_s
        reported: dict[int, Detections] = {}
        decided: list[tuple[Due, Decision]] = []
        for frame, sight in zip(frames, sights, strict=True):
            picture = frame.picture
            scale = self._looker.fit(picture).width / picture.width
            watch, size = self._watches[frame.camera], (picture.width, picture.height)
            skipped = watch.skip(frame.at_s, size) if watch.skips() else None
            decision = skipped or watch.decide(sight, frame.at_s, size, scale)
            decided.append((frame, decision))
            self.spent.looks[decision.look] += 1
            if decision.glance is not None:
                reported[frame.camera] = decision.glance.expected
        fulls = [(frame, decision) for frame, decision in decided if decision.look is Look.FULL]
        regions = [(frame, decision) for frame, decision in decided if decision.look is Look.REGIONS]
        in_regions = self._look_in_regions(regions)
        look_in_full(self._looker, [frame for frame, _ in fulls], full_frames, self._confidence)
        for frame, decision in regions:
            watch = self._watches[frame.camera]
            reported[frame.camera] = watch.looked_in_regions(decision, in_regions[frame.camera], self._confidence)
        for frame, decision in fulls:
            found = reported[frame.camera] = full_frames[frame.key]
            self._watches[frame.camera].looked_in_full(decision, found, self._confidence)
        self.spent.inferences += len(fulls)
        self.spent.own_cpu_s += time.thread_time() - self._looker.own_s - started_s
        for frame in frames:
            wanted = reference[frame.key]
            self.first_seen[frame.camera].add(wanted, self.kept.add(wanted, reported[frame.camera]))

    def _look_in_regions(self, looked: Sequence[tuple[Due, Decision]]) -> dict[int, Detections]:
        """The detections in the regions of each camera's frame."""
        wide, high = self._looker.info.input_width, self._looker.info.input_height
        cut = [(frame, region) for frame, decision in looked if decision.glance for region in decision.glance.regions]
        sizes = [
            size_on_canvas(region, self._looker.fit(frame.picture).width / frame.picture.width * self.policy.scale)
            for frame, region in cut
        ]
        spots = pack(sizes, wide, high, _MOST_CANVASES)
        slots: list[list[Drawn]] = [[] for _ in range(1 + max((spot.canvas for spot in spots if spot), default=-1))]
        owners: list[list[int]] = [[] for _ in slots]
        for (frame, region), size, spot in zip(cut, sizes, spots, strict=True):
            if spot is not None:
                slots[spot.canvas].append((frame.picture, letterbox_at(region, spot, size, wide, high)))
                owners[spot.canvas].append(frame.camera)
                self.spent.region_pixels += size[0] * size[1]
        self.spent.inferences += len(slots)
        parts: dict[int, list[Detections]] = {frame.camera: [] for frame, _ in looked}
        for owner, found in zip(owners, self._looker.look(slots), strict=True):
            for camera, detections in zip(owner, found, strict=True):
                parts[camera].append(detections)
        return {camera: joined(found) for camera, found in parts.items()}


def look_in_full(looker: Looker, frames: Sequence[Due], full_frames: FullFrames, confidence: float) -> None:
    """Add what is found in these whole frames, as far as it is not there yet, to `full_frames`. Raises EngineError."""
    new = list({frame.key: frame for frame in frames if frame.key not in full_frames}.values())
    found = looker.look([[(frame.picture, looker.fit(frame.picture))] for frame in new])
    for frame, (detections,) in zip(new, found, strict=True):
        full_frames[frame.key] = sure(detections, confidence)
