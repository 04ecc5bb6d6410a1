"""`camslice models quantise MODEL`: INT8 behind an accuracy gate."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from camslice.cli.options import AcceptLicences, AsJson
from camslice.fleet.errors import CamsliceError

if TYPE_CHECKING:
    from camslice.fleet.types import CameraSpec, ModelSpec
    from camslice.measure.accuracy import LabelledPictures
    from camslice.measure.quantising import Material, Outcome
    from camslice.models.model import ModelInfo
    from camslice.models.quantised import Evidence, Quantised

REFUSED = 1


def quantise(
    model: Annotated[
        str, typer.Argument(help="a name of the model list, a path, or with --fleet a name in it", metavar="MODEL")
    ],
    data: Annotated[
        Path | None, typer.Option(help="pictures to calibrate with; labelled if it is a COCO data set", metavar="FOLDER")
    ] = None,
    fleet: Annotated[
        Path | None, typer.Option(help="calibrate with frames of this fleet's own cameras", metavar="FLEET")
    ] = None,
    judged_on: Annotated[
        Path | None,
        typer.Option("--eval", help="labelled pictures to judge with (images/ and instances.json)", metavar="DATASET"),
    ] = None,
    max_drop: Annotated[float, typer.Option(help="the most mAP that INT8 may lose", min=0.0, max=1.0)] = 0.01,
    size: Annotated[
        str | None, typer.Option(help="input size in pixels, 640 or 640x384 (default: the model's own)", metavar="SIZE")
    ] = None,
    pictures: Annotated[int, typer.Option(help="use at most so many pictures or frames", min=8, max=10_000)] = 300,
    quick: Annotated[bool, typer.Option("--quick", help="without accuracy control, which can take many minutes")] = False,
    force: Annotated[bool, typer.Option("--force", help="make it again although it is there")] = False,
    accept_licence: AcceptLicences = None,
    as_json: AsJson = False,
) -> None:
    """Make an INT8 version of a model, measure what it loses and how fast it is, and keep it if it loses little enough.

    Judged by --eval's labels, or --data's where it is labelled; without labels by what the model finds in full precision.
    Needs the extra camslice[quantise].

    Exit code 0: it is kept. 1: it loses more than --max-drop, and nothing is kept.
    """
    from camslice.cli.fetching import FetchBars, asking
    from camslice.cli.output import print_json, progress
    from camslice.measure.quantising import quantise as made_of
    from camslice.models.quantise import QUICK_WAYS, Way
    from camslice.models.quantised import find_quantised
    from camslice.models.resolve import resolve

    asked = _Asked(model, data, fleet, judged_on, pictures, size)
    spec, cameras = asked.declared()
    info = resolve(spec, accept=asking(accept_licence or ()), progress=FetchBars())
    kept = None if force else find_quantised(info.sha256, info.input.width, info.input.height)
    if kept is not None and kept.evidence.drop <= max_drop:
        if as_json:
            print_json(_json_of_kept(kept))
        else:
            _say_kept(kept, spec.weights)
        return
    with redirect_stdout(sys.stderr):  # standard output is for our own result, and NNCF draws bars there
        outcome = made_of(info, spec, asked.material(info, cameras), max_drop, progress, QUICK_WAYS if quick else tuple(Way))
    if as_json:
        print_json(_json(outcome))
    _say(outcome, as_json)
    if outcome.path is None:
        raise typer.Exit(REFUSED)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options that say what is to be quantised and with which pictures."""

    model: str
    data: Path | None
    fleet: Path | None
    judged_on: Path | None
    pictures: int
    size: str | None

    def declared(self) -> tuple[ModelSpec, tuple[CameraSpec, ...]]:
        """The model, and the cameras that give the pictures. Raises CamsliceError for options that do not go together."""
        from camslice.fleet.spec import load_fleet
        from camslice.fleet.types import Backend, CameraSpec, ModelSpec, Precision

        if (self.data is None) is (self.fleet is None):
            raise CamsliceError("models quantise needs pictures to calibrate with: give either --data FOLDER or --fleet FLEET.")
        if self.fleet is None:
            spec, cameras = ModelSpec(self.model, self.model), tuple[CameraSpec, ...]()
        else:
            fleet = load_fleet(self.fleet)
            spec = _of_fleet(self.model, fleet.models.values(), self.fleet)
            cameras = tuple(camera for camera in fleet.cameras if spec.name in camera.models)
            if not cameras:
                raise CamsliceError(
                    f"{self.fleet}: no camera is analysed by {self.model}; name a model that one is analysed by."
                )
        size = spec.input_size if self.size is None else _size(self.size)
        plain = replace(spec, classes=None, input_size=size, backend=Backend.OPENVINO, precision=Precision.AUTO, max_batch=None)
        return plain, cameras

    def material(self, info: ModelInfo, cameras: tuple[CameraSpec, ...]) -> Material:
        """The pictures. Raises CamsliceError when there are too few."""
        from camslice.measure.accuracy import read_dataset
        from camslice.measure.quantising import Material, halves
        from camslice.measure.sample_pictures import sample_cameras, sample_folder

        labelled = self.judged_on
        if labelled is None and self.data is not None and (self.data / "instances.json").is_file():
            return self._split_data_set(read_dataset(self.data))
        sample = (
            sample_cameras(cameras, info.input, self.pictures) if self.data is None else sample_folder(self.data, self.pictures)
        )
        if labelled is not None:
            halves(len(sample.pictures))
            return Material(sample, read_dataset(labelled), None)
        calibrating, judging = halves(len(sample.pictures))
        return Material(sample.take(calibrating), None, sample.take(judging))

    def _split_data_set(self, dataset: LabelledPictures) -> Material:
        """Every second picture calibrates and the others judge, so that no picture does both."""
        from camslice.engine.slots import Layout
        from camslice.measure.quantising import Material, halves
        from camslice.measure.sample_pictures import Files, Sample, spread

        ids = list(dataset.images)
        taken = [ids[number] for number in spread(len(ids), self.pictures)]
        calibrating, judging = halves(len(taken))
        files = Files([dataset.images[taken[number]] for number in calibrating])
        judged = {taken[number]: dataset.images[taken[number]] for number in judging}
        return Material(Sample(files, Layout.RGB, f"the data set {self.data}"), replace(dataset, images=judged), None)


def _of_fleet(name: str, models: Iterable[ModelSpec], fleet: Path) -> ModelSpec:
    """The fleet's model of that name, else the one with those weights."""
    declared = list(models)
    for spec in (*(spec for spec in declared if spec.name == name), *(spec for spec in declared if spec.weights == name)):
        return spec
    known = ", ".join(spec.name for spec in declared)
    raise CamsliceError(f"{fleet}: it has no model {name}; it has {known}.")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    sides = (width, height or width)
    if not all(side.isascii() and side.isdigit() and 32 <= int(side[:6]) <= 4096 for side in sides):
        raise CamsliceError(f"--size {text}: write one number of pixels or WIDTHxHEIGHT, each from 32 to 4096.")
    return int(sides[0]), int(sides[1])


def _json_of_kept(kept: Quantised) -> dict[str, object]:
    return {**_figures(kept.evidence, dict(kept.evidence.fps)), "path": str(kept.path), "made": False}


def _json(outcome: Outcome) -> dict[str, object]:
    timed = outcome.timed
    return {
        **_figures(outcome.evidence, {} if timed is None else dict(timed.fps)),
        "path": None if outcome.path is None else str(outcome.path),
        "made": outcome.path is not None,
        "auto": None if timed is None else str(timed.fastest),
        "tried": {str(way): value for way, value in outcome.tried.items()},
    }


def _figures(evidence: Evidence, fps: dict[str, float]) -> dict[str, object]:
    """The figures of a version. `fps_before` is that of the fastest full precision, FP32 or BF16."""
    full = [value for precision, value in fps.items() if precision != "int8"]
    return {
        "map_before": evidence.map_before,
        "map_after": evidence.map_after,
        "drop": evidence.drop,
        "fps_before": max(full, default=None),
        "fps_after": fps.get("int8"),
        "fps": fps,
        "evidence": asdict(evidence),
    }


def _say_kept(kept: Quantised, model: str) -> None:
    from camslice.cli.output import stdout

    stdout().print(
        f"An INT8 version of {model} is there already: {_loss(kept.evidence)}. Made on {kept.evidence.made_at[:10]} from "
        f"{kept.evidence.data}; --force makes it again."
    )


def _say(outcome: Outcome, as_json: bool) -> None:
    from camslice.cli.output import stderr, stdout

    evidence, timed = outcome.evidence, outcome.timed
    if outcome.path is None or timed is None:
        ways = ", ".join(f"{way} {value:.4f}" for way, value in outcome.tried.items())
        stderr().print(
            f"{evidence.model} is not kept in INT8: {_loss(evidence)}, more than --max-drop {evidence.max_drop:g} "
            f"(mAP by way: {ways}); calibrate with more pictures that show its classes, or allow a larger drop."
        )
        return
    if as_json:
        return
    say = stdout().print
    say(f"{evidence.model} in INT8 ({evidence.how}): {_loss(evidence)}.")
    say(f"Pictures/s here, timed in turns: {timed.words}. `precision: auto` takes {timed.fastest}.")
    say(f"It lies at {outcome.path}; `precision: int8` means it from now on.")


def _loss(evidence: Evidence) -> str:
    metric = "mAP 50-95" if evidence.metric == "map_50_95" else "mAP 50"
    against = (
        f"the labels of {evidence.judged_pictures} pictures"
        if evidence.judged_by == "labels"
        else f"what full precision finds on {evidence.judged_pictures} pictures without labels"
    )
    figures = f"{evidence.map_before:.4f} before, {evidence.map_after:.4f} after (a drop of {evidence.drop:.4f})"
    return f"{metric} {figures} by {against}"
