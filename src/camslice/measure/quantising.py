"""An INT8 version of a model: made by `models.quantise`, let in only when measured accuracy says so.

Calibration pictures pass through the engine's own pre-processing, so that NNCF sees what the network will see; candidates are
judged by the engine that will run them. The quick way comes first and the careful ones only when it loses too much.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from camslice.engine.fitting import fitted
from camslice.engine.openvino_core import openvino_core
from camslice.engine.precision import Timed, remember
from camslice.engine.processor import cpu_model
from camslice.engine.slots import Layout, SlotArrays
from camslice.fleet.errors import CamsliceError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import ModelSpec, Precision
from camslice.measure.accuracy import LabelledPictures
from camslice.measure.judging import CONFIDENCE, NMS_IOU, Judge, by_agreement, by_labels
from camslice.measure.precisions import TURNS, time_precisions
from camslice.measure.sample_pictures import Sample
from camslice.models.cache import sha256_of, work_folder
from camslice.models.decoders.make import make_decoder
from camslice.models.model import InputSpec, ModelInfo
from camslice.models.quantise import Predict, Tensor, Way, network_of, nncf_version, quantised
from camslice.models.quantised import MODEL, Evidence, keep_quantised
from camslice.video.frame import Picture

log = logging.getLogger(__name__)

FEWEST = 8
"""Pictures below which neither calibration nor judgement would mean anything."""

Steps = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Shows that so many steps of something are coming; gives what to call after each."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `path` is None when every way lost too much, and then nothing was kept.

    `tried` is the mAP of each way that was tried. `timed` holds pictures/s by precision, None when nothing was kept.
    """

    evidence: Evidence
    path: Path | None
    tried: Mapping[Way, float]
    timed: Timed | None


@dataclass(frozen=True, slots=True)
class Material:
    """Pictures to calibrate with, and those to judge with: `labelled`, or without labels `unlabelled`."""

    calibration: Sample
    labelled: LabelledPictures | None
    unlabelled: Sample | None


def quantise(
    info: ModelInfo, spec: ModelSpec, material: Material, max_drop: float, steps: Steps, ways: Sequence[Way] = tuple(Way)
) -> Outcome:
    """Make, judge, time and keep the INT8 version of `info`, trying `ways` in order until one loses little enough.

    Raises ModelError without NNCF or where nothing can be judged, EngineError when the model cannot be loaded.
    """
    spec = replace(spec, precision=Precision.AUTO, device=None)
    version = nncf_version()
    with work_folder() as work:
        with steps("judging full precision", _judging(material)) as advance:
            judge = _judge(info, spec, material, work, advance)
        candidate, way, tried = _accurate_enough(info, spec, material.calibration, judge, max_drop, work, steps, ways)
        evidence = _evidence(info, material, judge, tried[way], max_drop, way, version, candidate.sha256)
        if evidence.drop > max_drop:
            return Outcome(evidence, None, tried, None)
        with steps("timing precisions in turns", TURNS) as advance:
            timed = time_precisions(info, spec, candidate, advance)
        evidence = replace(evidence, fps=dict(timed.fps))
        path = keep_quantised(candidate.path.parent, evidence)
    remember(info, timed)
    return Outcome(evidence, path, tried, timed)


def halves(count: int) -> tuple[list[int], list[int]]:
    """Numbers below `count` to calibrate with and, the others, to judge with. Raises CamsliceError when they are too few."""
    if count < FEWEST:
        raise CamsliceError(f"{count} pictures are too few to calibrate and judge with; give {FEWEST} or more, better 100.")
    return list(range(0, count, 2)), list(range(1, count, 2))


def _judging(material: Material) -> int:
    if material.labelled is not None:
        return len(material.labelled.images)
    return 0 if material.unlabelled is None else len(material.unlabelled.pictures)


def _judge(info: ModelInfo, spec: ModelSpec, material: Material, work: Path, advance: Callable[[], None]) -> Judge:
    if material.labelled is not None:
        return by_labels(info, spec, material.labelled, advance)
    if material.unlabelled is None:
        raise ValueError("neither labelled nor unlabelled pictures to judge with")
    return by_agreement(info, spec, material.unlabelled, work, advance)


def _accurate_enough(
    info: ModelInfo,
    spec: ModelSpec,
    calibration: Sample,
    judge: Judge,
    max_drop: float,
    work: Path,
    steps: Steps,
    ways: Sequence[Way],
) -> tuple[ModelInfo, Way, Mapping[Way, float]]:
    """The first candidate that loses no more than `max_drop`, else the best of all."""
    network = network_of(info.path, openvino_core())
    tensors = _Tensors(info.input, calibration)
    tried: dict[Way, float] = {}
    made: dict[Way, ModelInfo] = {}
    for way in ways:
        with steps(f"calibrating ({way})", len(tensors)) as advance:
            model = quantised(
                network.clone(),
                tensors,
                way,
                validate=_validate(info, judge),
                judged=len(judge.ids),
                max_drop=max_drop,
                seen=advance,
            )
        made[way] = _saved(model, info, work / way.replace(" ", "-"))
        with steps(f"judging INT8 ({way})", len(judge.ids)) as advance:
            tried[way] = judge.mark(made[way], spec, advance)
        log.info("%s: mAP %.4f in full precision, %.4f in INT8 (%s)", info.name, judge.before, tried[way], way)
        if round(judge.before - tried[way], 4) <= max_drop:
            return made[way], way, tried
    best = max(tried, key=lambda way: tried[way])
    return made[best], best, tried


def _saved(model: object, info: ModelInfo, folder: Path) -> ModelInfo:
    import openvino as ov

    folder.mkdir()
    path = folder / MODEL
    ov.save_model(model, path, compress_to_fp16=False)
    return replace(info, path=path, sha256=sha256_of(path, path.with_suffix(".bin")))


def _validate(info: ModelInfo, judge: Judge) -> Callable[[Predict, Sequence[int]], float]:
    """The mAP of a network as NNCF holds it, on some of the judge's pictures."""
    decode = make_decoder(info, confidence=CONFIDENCE, nms_iou=NMS_IOU, multi_label=True)
    tensors = _Tensors(info.input, judge.sample)

    def mark(predict: Predict, numbers: Sequence[int]) -> float:
        found = {}
        for number in numbers:
            tensor, box = tensors.placed(number)
            raw = decode(predict(tensor), 0)
            found[judge.ids[number]] = replace(raw, boxes=box.to_source(raw.boxes))
        return judge.mark_of(found)

    return mark


class _Tensors(Sequence[Tensor]):
    """Pictures as the network sees them: scaled into a slot and put through the engine's own pre-processing graph."""

    def __init__(self, spec: InputSpec, sample: Sample) -> None:
        import openvino as ov
        import openvino.opset13 as op

        from camslice.engine.openvino_graph import with_u8_input

        self._spec, self._pictures, self._layout = spec, sample.pictures, sample.layout
        width, height = spec.width, spec.height
        seen = op.parameter(ov.PartialShape([1, 3, height, width]), ov.Type.f32)
        graph = with_u8_input(ov.Model([op.result(seen)], [seen]), sample.layout, spec, width, height)
        self._prepare = openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self._arrays = SlotArrays(sample.layout, 1, width, height, spec.pad)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, number: int) -> Tensor:  # type: ignore[override] # no slices are taken
        return self.placed(number)[0]

    def placed(self, number: int) -> tuple[Tensor, Letterbox]:
        """The picture's tensor, and where it lies in it."""
        picture: Picture = self._pictures[number]
        whole = Region(0, 0, picture.width, picture.height)
        even = self._layout is Layout.I420
        box = fitted(whole, self._spec.width, self._spec.height, centred=self._spec.centred, even=even)
        picture.scale_into(self._arrays.slot_for(0, box), box)
        return np.array(self._prepare(dict(self._arrays.arrays))[0], np.float32), box


def _evidence(
    info: ModelInfo, material: Material, judge: Judge, after: float, max_drop: float, way: Way, nncf: str, sha256: str
) -> Evidence:
    from importlib.metadata import version

    return Evidence(
        model=info.name,
        source_sha256=info.sha256,
        sha256=sha256,
        input_width=info.input.width,
        input_height=info.input.height,
        data=material.calibration.origin,
        calibration_pictures=len(material.calibration.pictures),
        judged_by=judge.by,
        judged_on=judge.sample.origin,
        judged_pictures=len(judge.ids),
        metric=judge.metric,
        map_before=judge.before,
        map_after=after,
        max_drop=max_drop,
        how=str(way),
        fps={},
        machine=cpu_model(),
        nncf=nncf,
        openvino=version("openvino"),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
