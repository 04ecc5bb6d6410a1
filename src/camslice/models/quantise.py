"""INT8 by NNCF's post-training quantisation: the only place that knows NNCF, an extra that is imported when this runs.

Three ways, from quick to careful; whoever judges the result decides how far to go. What turns the network's last
convolutions into boxes stays in float in all of them: with it in INT8 YOLOv8n lost 0.06 mAP here, without it 0.002.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from camslice.fleet.errors import ModelError

if TYPE_CHECKING:
    import openvino as ov

Tensor = npt.NDArray[np.float32]
Predict = Callable[[Tensor], Sequence[Tensor]]
Validate = Callable[[Predict, Sequence[int]], float]
"""The mAP of a network that is called as `Predict` on the judging pictures of these numbers."""

_WITHOUT_NNCF = "quantising needs NNCF: pip install 'camslice[quantise]'."
_MOST_LAYERS_BACK, _RANKING_PICTURES = 16, 24
"""Accuracy control takes each layer back once to rank it, on so many pictures: more would take hours on a large network."""
_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_NO_ARITHMETIC = ("Constant", "Parameter", "ShapeOf")


class Way(StrEnum):
    """How INT8 values are chosen."""

    SYMMETRIC = "symmetric"
    """Weights and activations around zero: the quickest to compute."""
    MIXED = "mixed"
    """Activations with a zero point, which suits SiLU; somewhat slower."""
    ACCURACY_CONTROL = "accuracy control"
    """As mixed, then the layers that cost most accuracy go back to float until the drop is small enough: half of what is
    allowed, because NNCF does not judge in the arithmetic in which an engine computes what is left in float."""


QUICK_WAYS = (Way.SYMMETRIC, Way.MIXED)
"""Those that look at each calibration picture once."""


def nncf_version() -> str:
    """NNCF's version. Raises ModelError when it is not installed."""
    return str(_nncf().__version__)


def network_of(path: Path, core: ov.Core) -> ov.Model:
    """The network in `path` as NNCF should see it; `core` reads OpenVINO's own files.

    An ONNX file is converted, not only read: OpenVINO's reader leaves every bias as arithmetic on shapes, and INT8
    convolutions then run 15 % slower here.
    """
    import openvino as ov

    if path.suffix.lower() == ".xml":
        return core.read_model(path)
    return ov.convert_model(path)


def quantised(
    network: ov.Model,
    calibration: Sequence[Tensor],
    way: Way,
    *,
    validate: Validate | None = None,
    judged: int = 0,
    max_drop: float = 0.01,
    seen: Callable[[], None] = lambda: None,
) -> ov.Model:
    """The INT8 version of `network`, calibrated on `calibration` (float32 [1, 3, H, W], as the network sees pictures).

    `validate` and how many pictures it may ask for (`judged`) are needed for `ACCURACY_CONTROL`. `seen` is called after each
    calibration picture. Raises ModelError without NNCF, or when NNCF cannot quantise the network.
    """
    nncf = _nncf()

    def tensor(number: int) -> Tensor:
        seen()
        return calibration[number]

    pictures = nncf.Dataset(range(len(calibration)), tensor)
    attention = _has_attention(network)
    common = {
        "subset_size": len(calibration),
        "ignored_scope": nncf.IgnoredScope(names=box_arithmetic(network), validate=False),
        "model_type": nncf.ModelType.TRANSFORMER if attention else None,
        "preset": nncf.QuantizationPreset.PERFORMANCE if way is Way.SYMMETRIC else nncf.QuantizationPreset.MIXED,
    }
    try:
        if way is not Way.ACCURACY_CONTROL:
            return nncf.quantize(network, pictures, **common)
        if validate is None:
            raise ValueError("accuracy control needs a way to validate")
        return nncf.quantize_with_accuracy_control(
            network,
            pictures,
            nncf.Dataset(range(judged)),
            _validation(validate),
            max_drop=max_drop / 2,
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                max_num_iterations=_MOST_LAYERS_BACK, ranking_subset_size=_RANKING_PICTURES
            ),
            **common,
        )
    except (RuntimeError, nncf.errors.ValidationError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise ModelError(f"NNCF cannot quantise this network: {reason}; run it with `precision: auto`.") from error


def box_arithmetic(network: ov.Model) -> list[str]:
    """Names of the operations between the network's last convolutions and its outputs: the arithmetic of boxes.

    A convolution with one output channel and no bias belongs to it: YOLOv8 takes the mean of its distance distribution with
    one. What only asks for a shape leads no further.
    """
    found: dict[str, None] = {}
    waiting = [result.input_value(0).get_node() for result in network.get_results()]
    while waiting:
        node = waiting.pop()
        name = node.get_friendly_name()
        if name in found or node.get_type_name() in _NO_ARITHMETIC or _computes_channels(node):
            continue
        found[name] = None
        waiting.extend(value.get_node() for value in node.input_values())
    return list(found)


def _computes_channels(node: ov.Node) -> bool:
    """Whether it is one of the network's layers: a convolution, one with its bias, or a product with weights."""
    kind = node.get_type_name()
    if kind == "Add":
        values = [value.get_node() for value in node.input_values()]
        return any(map(_is_constant, values)) and any(value.get_type_name() in _CONVOLUTIONS for value in values)
    if kind == "MatMul":
        return _is_constant(node.input_value(1).get_node()) or _is_constant(node.input_value(0).get_node())
    if kind not in _CONVOLUTIONS:
        return False
    channels = node.get_output_partial_shape(0)[1]
    return not (channels.is_static and channels.get_length() == 1)


def _is_constant(node: ov.Node) -> bool:
    while node.get_type_name() in ("Convert", "Reshape", "Transpose", "Multiply") and node.get_input_size():
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "Constant")


def _has_attention(network: ov.Model) -> bool:
    """Whether two activations are multiplied, or attention is one operation: NNCF then takes care of transformers."""
    for node in network.get_ops():
        kind = node.get_type_name()
        if kind == "ScaledDotProductAttention":
            return True
        if kind == "MatMul" and not any(_is_constant(value.get_node()) for value in node.input_values()):
            return True
    return False


def _validation(validate: Validate) -> Callable[[ov.CompiledModel, Iterable[int]], tuple[float, None]]:
    def run(compiled: ov.CompiledModel, numbers: Iterable[int]) -> tuple[float, None]:
        def predict(tensor: Tensor) -> list[Tensor]:
            answered = compiled(tensor)
            return [np.asarray(answered[output], np.float32) for output in compiled.outputs]

        return validate(predict, list(numbers)), None

    return run


def _nncf() -> ModuleType:
    """NNCF, its log sent the way of ours: by itself it writes to standard output, where results go."""
    try:
        nncf = import_module("nncf")
    except ImportError as error:
        raise ModelError(_WITHOUT_NNCF) from error
    logger = logging.getLogger("nncf")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.WARNING)
    return nncf
