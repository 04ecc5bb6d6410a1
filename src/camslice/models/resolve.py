"""From what the fleet file says of a model to weights on disk whose answers are understood."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from camslice.fleet.errors import ModelError
from camslice.fleet.types import Backend, ModelSpec, Precision
from camslice.models.cache import search_folders, sha256_of
from camslice.models.catalogue import Catalogue, Kind, load_catalogue
from camslice.models.choose_decoder import choose_decoder, class_count
from camslice.models.classes import class_ids
from camslice.models.fetch import Found, fetch
from camslice.models.labels import find_labels
from camslice.models.licences import NO_LICENCE, AcceptLicence
from camslice.models.model import InputSpec, ModelInfo
from camslice.models.progress import Progress
from camslice.models.quantised import required_quantised
from camslice.models.read_weights import read_weights
from camslice.models.weights_file import WeightsFile

_MODEL_SUFFIXES = (".onnx", ".xml")
_SUFFIXES = (*_MODEL_SUFFIXES, ".pt")
_USUAL_SIZE = 640
_STRIDE = 32
"""The coarsest grid of the detectors known here: an input is a multiple of it."""


def resolve(
    spec: ModelSpec,
    *,
    accept: AcceptLicence = NO_LICENCE,
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
) -> ModelInfo:
    """Find or fetch the weights that `spec` names, and say what they need and answer.

    `spec.weights` is a name of the model list or a path, to a file or to a folder that holds one OpenVINO model. A path to a
    file of the list gets the list's facts; any other file is read for its shapes and metadata. Raises ModelError: unknown
    name, nothing to be had, licence not accepted, not a model, outputs that no decoder fits, unknown classes, a size the model
    does not take, precision int8 without an INT8 version.
    """
    known = catalogue or load_catalogue()
    found = _found(spec, known, accept, progress)
    info = _listed(found, known) if isinstance(found, Found) else _read(found, spec)
    info = _resized(info, spec)
    if spec.decoder is not None and spec.decoder != info.decoder:
        weights = read_weights(info.path, (info.input.width, info.input.height))
        info = dataclasses.replace(info, decoder=choose_decoder(weights, info.input.width, info.input.height, spec.decoder))
    _refuse_int8_that_is_not_there(info, spec)
    if spec.classes is not None:
        info = dataclasses.replace(info, wanted=class_ids(info.name, info.labels, spec.classes))
    return info


def is_path(weights: str) -> bool:
    """Whether `weights` means a file by its path, rather than by a name."""
    return "/" in weights or Path(weights).suffix.lower() in _SUFFIXES or os.path.isfile(weights)  # noqa: PTH113 (any length)


def own_file(weights: str, catalogue: Catalogue) -> Path | None:
    """The file that `weights` means if it means one of the user's own, not an entry of the list.

    That is a path, or the name without ending of an .onnx or .xml file in a folder of `CAMSLICE_MODELS`.
    """
    if is_path(weights):
        return Path(os.path.expanduser(weights))  # noqa: PTH111 (leaves a user that does not exist as it is)
    if any(entry.name == weights for entry in catalogue.entries):
        return None
    candidates = [folder / f"{weights}{suffix}" for folder in search_folders() for suffix in _MODEL_SUFFIXES]
    return next((path for path in candidates if path.is_file()), None)


def _refuse_int8_that_is_not_there(info: ModelInfo, spec: ModelSpec) -> None:
    if spec.precision is not Precision.INT8:
        return
    if spec.backend is not Backend.OPENVINO:
        raise ModelError(
            f"model {spec.name}: only the engine openvino computes in int8, not {spec.backend}; use another precision."
        )
    required_quantised(info, spec.weights)


def _found(spec: ModelSpec, catalogue: Catalogue, accept: AcceptLicence, progress: Progress | None) -> Found | Path:
    if path := own_file(spec.weights, catalogue):
        path = _in_folder(path) if path.is_dir() else path
        known = catalogue.by_sha256(sha256_of(path)) if path.is_file() else None
        return Found(*known, path, "the path given") if known and known[0].model else path
    entry = catalogue.entry(spec.weights)
    if entry.kind is not Kind.MODEL:
        raise ModelError(f"{entry.name} is a {entry.kind}, not a model.")
    return fetch(entry, accept=accept, progress=progress)


def _in_folder(folder: Path) -> Path:
    """The model in a folder that an exporter wrote: its only .xml file."""
    models = sorted(folder.glob("*.xml"))
    if len(models) != 1:
        raise ModelError(f"model {folder}: a folder is a model when it holds one .xml file; this one holds {len(models)}.")
    return models[0]


def _listed(found: Found, catalogue: Catalogue) -> ModelInfo:
    entry, file, path, sha256 = found.entry, found.file, found.path, found.file.sha256
    facts = entry.model
    if facts is None:
        raise ModelError(f"{entry.name} is a {entry.kind}, not a model.")
    if file.open_shape:
        from camslice.models.dynamic_batch import opened

        path = opened(path, sha256)
        sha256 = sha256_of(path)
    return ModelInfo(
        name=entry.name,
        path=path.resolve(),
        sha256=sha256,
        licence=entry.licence,
        task=facts.task,
        labels=catalogue.labels(entry),
        input=InputSpec(
            width=facts.input.width,
            height=facts.input.height,
            dynamic_batch=file.dynamic_batch or file.open_shape,
            dynamic_size=file.dynamic_size or file.open_shape,
            channels=facts.input.channels,
            scale=facts.input.scale,
            pad=facts.input.pad,
            centred=facts.input.centred,
        ),
        decoder=facts.decoder,
        source=found.source,
        wanted=facts.wanted,
    )


def _read(path: Path, spec: ModelSpec) -> ModelInfo:
    checkpoints = spec.backend is Backend.ULTRALYTICS
    weights = read_weights(path, checkpoints=checkpoints)
    width, height = _size(weights, spec)
    if weights.input[2] is None or weights.input[3] is None:
        weights = read_weights(path, (width, height), checkpoints=checkpoints)
    decoder = choose_decoder(weights, width, height, spec.decoder)
    yolox = decoder == "yolox"
    return ModelInfo(
        name=path.stem,
        path=path.resolve(),
        sha256=sha256_of(*weights.files),
        licence=weights.metadata.get("license", "unknown").split(" ")[0] or "unknown",
        task="detect",
        labels=find_labels(weights, spec.labels, class_count(decoder, weights.outputs[0])),
        input=InputSpec(
            width=width,
            height=height,
            dynamic_batch=weights.input[0] is None,
            dynamic_size=weights.input[2] is None and weights.input[3] is None,
            channels="bgr" if yolox else "rgb",
            scale=1.0 if yolox else 1 / 255,
            pad=114,
            centred=not yolox,
        ),
        decoder=decoder,
        source="the path given",
    )


def _size(weights: WeightsFile, spec: ModelSpec) -> tuple[int, int]:
    """Width and height: what the file fixes, else what is declared, else what it was trained for, else the usual."""
    height, width = weights.input[2], weights.input[3]
    if height is not None and width is not None:
        return width, height
    if spec.input_size is not None:
        return spec.input_size
    trained = [int(part) for part in weights.metadata.get("imgsz", "").strip("[] ").split(",") if part.strip().isdigit()]
    return (trained[-1], trained[0]) if trained else (_USUAL_SIZE, _USUAL_SIZE)


def _resized(info: ModelInfo, spec: ModelSpec) -> ModelInfo:
    if spec.input_size is None or spec.input_size == (info.input.width, info.input.height):
        return info
    width, height = spec.input_size
    if width % _STRIDE or height % _STRIDE:
        raise ModelError(f"model {info.name}: input_size {width}x{height} must be multiples of {_STRIDE}.")
    if not info.input.dynamic_size:
        raise ModelError(
            f"model {info.name}: its input is fixed at {info.input.width}x{info.input.height}; "
            f"leave out input_size {width}x{height}, or export the model with a dynamic size."
        )
    return dataclasses.replace(info, input=dataclasses.replace(info.input, width=width, height=height))
