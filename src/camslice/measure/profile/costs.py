"""The costs of a frame in one process: decoding, the stages around the model, the model itself by batch size."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from camslice.fleet.errors import EngineError
from camslice.fleet.profile import BatchCost, DecodeCost, ProfiledModel, ProfiledVideo, StageCost
from camslice.measure.profile.agenda import Begin
from camslice.measure.profile.decoding import own_decode_cost, pictures_of, transcoded_decode_cost, video_of
from camslice.measure.profile.device import Device
from camslice.measure.profile.identity import as_it_ran
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.stage_costs import StageCosts, stage_costs
from camslice.measure.profile.subject import Subject
from camslice.video.picture import AvPicture

log = logging.getLogger(__name__)

_MOST_PICTURES_HELD = 24


@dataclass(frozen=True, slots=True)
class Costs:
    """What a frame costs; `decode[0]` is the clip as it is."""

    video: ProfiledVideo
    decode: tuple[DecodeCost, ...]
    stages: tuple[StageCost, ...]
    batches: tuple[BatchCost, ...]
    model: ProfiledModel

    @property
    def decode_ms_per_frame(self) -> float:
        """CPU ms of decoding one frame of the clip."""
        return self.decode[0].cpu_ms_per_megapixel.value * self.video.width * self.video.height / 1e6

    @property
    def inference_cpu_ms(self) -> float:
        """CPU ms of the model for one frame, in batches as it runs in the fleet."""
        batch = self._as_it_runs
        return 0.0 if batch.cpu_ms is None else batch.cpu_ms.value / batch.size

    @property
    def accelerator_ms(self) -> float:
        """Time of a busy accelerator for one frame, in batches as it runs in the fleet."""
        batch = self._as_it_runs
        return (batch.saturated_ms or batch.accelerator_ms).value / batch.size

    @property
    def _as_it_runs(self) -> BatchCost:
        return next((each for each in self.batches if each.size == self.model.max_batch), self.batches[0])


def measured_costs(subject: Subject, settings: Settings, journal: Journal, begin: Begin) -> Costs:
    """Measure them. Raises CamsliceError when the clip cannot be decoded or the model cannot be loaded."""
    video = video_of(subject.clip)
    pictures = pictures_of(subject.clip, min(settings.frames, _MOST_PICTURES_HELD))
    begin(f"decoding {video.codec}", 1.0)
    decode = [journal.step("decode/own", DecodeCost, lambda: own_decode_cost(subject.clip, settings.frames))]
    for codec in (codec for codec in settings.codecs if codec != video.codec):
        begin(f"decoding {codec}", 2.0)
        decode += journal.step(f"decode/{codec}", tuple[DecodeCost, ...], partial(_transcoded, subject, codec, settings))
    begin("loading the model", 2.0)
    model = journal.step("model", ProfiledModel, lambda: _as_it_runs(subject))
    batches: list[BatchCost] = []
    for size in (size for size in settings.batch_sizes if size == 1 or subject.info.input.dynamic_batch):
        begin(f"inference in batches of {size}", 2 * settings.batch_s + 1)
        batches.append(journal.step(f"batch/{size}", BatchCost, partial(_batch, subject, pictures, size, settings.batch_s)))
    begin("pre- and postprocess", 1.0)
    costs = journal.step("stages", StageCosts, lambda: _stages(subject, pictures, settings.frames))
    stages = tuple(_with_inference(stage, batches[0]) for stage in costs.stages)
    return Costs(replace(video, boxes=round(costs.boxes, 2)), tuple(decode), stages, tuple(batches), model)


def _transcoded(subject: Subject, codec: str, settings: Settings) -> tuple[DecodeCost, ...]:
    cost = transcoded_decode_cost(subject.clip, codec, settings.frames)
    return () if cost is None else (cost,)


def _as_it_runs(subject: Subject) -> ProfiledModel:
    """The model loaded as in an analysis process, with batches as large as it chooses there."""
    from camslice.engine.make import make_engine
    from camslice.engine.threads import inference_threads

    engine = make_engine(subject.info, subject.spec, threads=inference_threads())
    try:
        return as_it_ran(subject, engine.info)
    finally:
        engine.close()


def _batch(subject: Subject, pictures: Sequence[AvPicture], size: int, seconds: float) -> BatchCost:
    device = Device(subject, size)
    try:
        return device.cost(pictures, seconds)
    finally:
        device.close()


def _stages(subject: Subject, pictures: Sequence[AvPicture], frames: int) -> StageCosts:
    device = Device(subject, 1)
    try:
        return stage_costs(subject, [pictures[k % len(pictures)] for k in range(frames)], device)
    finally:
        device.close()


def _with_inference(stage: StageCost, alone: BatchCost) -> StageCost:
    if stage.stage != "inference":
        return stage
    if alone.size != 1:
        raise EngineError("the first batch size is 1.")
    return replace(stage, cpu_ms=alone.cpu_ms, accelerator_ms=alone.accelerator_ms)
