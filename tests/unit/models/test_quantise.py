"""What stays in float when a network is quantised: the arithmetic between the last convolutions and the boxes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from camslice.engine.openvino_core import openvino_core
from camslice.fleet.errors import ModelError
from camslice.models.quantise import box_arithmetic, network_of, nncf_version
from tests.blob_detector import blob_detector
from tests.needs import shared_file


def test_the_last_convolutions_are_quantised_and_nothing_behind_them(tmp_path: Path) -> None:
    network = network_of(blob_detector(tmp_path / "blobs.onnx"), openvino_core())
    kept = set(box_arithmetic(network))
    kinds = {node.get_friendly_name(): node.get_type_name() for node in network.get_ops()}
    assert {kinds[name] for name in kept} >= {"Concat", "Clamp", "ReduceMean"}
    assert not {kinds[name] for name in kept} & {"Convolution", "Relu", "Constant", "Parameter"}


@pytest.mark.parametrize(
    ("weights", "inside", "outside"),
    [
        ("yolov8n.onnx", r"/model\.22/(Sigmoid|dfl/|Sub|Div)", r"/model\.22/cv[23]\.\d\.2/Conv|/model\.(?!22)|/act/"),
        ("yolox_nano_dyn.onnx", r"Sigmoid", r"Conv|Mul"),
    ],
)
def test_the_boxes_of_real_networks_stay_in_float(weights: str, inside: str, outside: str) -> None:
    kept = box_arithmetic(network_of(shared_file(f"models/{weights}"), openvino_core()))
    assert any(re.search(inside, name) for name in kept)
    assert not [name for name in kept if re.search(outside, name)]


def test_without_nncf_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ModelError, match=r"pip install 'camslice\[quantise\]'"):
        nncf_version()
