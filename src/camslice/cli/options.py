"""Arguments and options that several commands share, and reading those that have a fixed set of choices."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from camslice.fleet.errors import CamsliceError
from camslice.fleet.types import Backend, ModelSpec, Precision

MODEL_HELP = "a name of the model list, or a path to .onnx / OpenVINO .xml"

AcceptLicences = Annotated[list[str] | None, typer.Option("--accept-licence", help="accept this licence", metavar="SPDX")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Engine = Annotated[str, typer.Option(help="openvino, onnxruntime or ultralytics")]
ModelArgument = Annotated[str, typer.Argument(help=MODEL_HELP, metavar="MODEL")]
NmsIou = Annotated[float, typer.Option(help="overlap above which a weaker box of the same class is dropped", max=1.0)]
PrecisionOption = Annotated[str, typer.Option("--precision", help="auto, bf16 or fp32")]

Choice = TypeVar("Choice", bound=StrEnum)


def model_on_pictures(model: str, confidence: float, nms_iou: float, engine: str, precision: str) -> ModelSpec:
    """The model as these options declare it. Raises CamsliceError for a choice that does not exist."""
    return ModelSpec(
        model,
        model,
        confidence=confidence,
        nms_iou=nms_iou,
        backend=one_of(Backend, engine, "--engine"),
        precision=one_of(Precision, precision, "--precision"),
    )


def one_of(choices: type[Choice], value: str, option: str) -> Choice:
    """The choice that an option names. Raises CamsliceError with those there are."""
    try:
        return choices(value)
    except ValueError as error:
        raise CamsliceError(f"{option} {value}: choose one of {', '.join(choices)}.") from error
