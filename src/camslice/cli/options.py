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
PrecisionOption = Annotated[str, typer.Option("--precision", help="auto, bf16, fp32 or int8")]

Choice = TypeVar("Choice", bound=StrEnum)


def model_on_pictures(model: str, confidence: float, nms_iou: float, engine: str, precision: str) -> ModelSpec:
    """The model as these options declare it, computed here. Raises CamsliceError for a choice that does not exist."""
    return ModelSpec(
        model,
        model,
        confidence=confidence,
        nms_iou=nms_iou,
        backend=one_of(Backend, engine, "--engine", but=Backend.OIP),
        precision=one_of(Precision, precision, "--precision"),
    )


def one_of(choices: type[Choice], value: str, option: str, but: Choice | None = None) -> Choice:
    """The choice that an option names, any `but` that one. Raises CamsliceError with those there are."""
    offered = [choice for choice in choices if choice is not but]
    if value not in offered:
        raise CamsliceError(f"{option} {value}: choose one of {', '.join(offered)}.")
    return choices(value)
