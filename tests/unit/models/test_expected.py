"""Weights by their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.fleet.types import ModelSpec
from camslice.models.catalogue import load_catalogue
from camslice.models.expected import VARIABLE, expected_hashes, refuse_other_weights
from tests.tiny_detector import tiny_detector

OTHER = "f" * 64


def test_names_and_hashes_are_read() -> None:
    assert expected_hashes({}) == {}
    text = f"yolox-nano={'A' * 64}, models/a=b.onnx={'0' * 64},"
    assert expected_hashes({VARIABLE: text}) == {"yolox-nano": "a" * 64, "models/a=b.onnx": "0" * 64}


@pytest.mark.parametrize("text", ["yolox-nano", "yolox-nano=", "=" + "0" * 64, "yolox-nano=abc", f"a={'g' * 64}"])
def test_what_names_no_hash_is_one_sentence(text: str) -> None:
    with pytest.raises(ModelError, match="is not NAME=HASH"):
        expected_hashes({VARIABLE: text})


def test_a_file_must_be_the_one_that_was_asked_for(tmp_path: Path) -> None:
    info = tiny_detector(tmp_path / "tiny.onnx")
    spec = ModelSpec("people", str(tmp_path / "tiny.onnx"))
    right = hashlib.sha256((tmp_path / "tiny.onnx").read_bytes()).hexdigest()
    for name in ("tiny.onnx", str(tmp_path / "tiny.onnx")):
        refuse_other_weights(spec, info, {name: right})
        with pytest.raises(ModelError, match=r"model people: the weights .*tiny.onnx are not those that were asked for"):
            refuse_other_weights(spec, info, {name: OTHER})
    refuse_other_weights(spec, info, {"iny.onnx": OTHER, "another": OTHER})


def test_what_was_made_of_a_file_of_the_list_counts_as_that_file(tmp_path: Path) -> None:
    info = tiny_detector(tmp_path / "opened.onnx")
    listed = load_catalogue().entry("yolox-nano").files[0].sha256
    spec = ModelSpec("people", "yolox-nano")
    refuse_other_weights(spec, info, {"yolox-nano": listed})
    refuse_other_weights(spec, info, {"yolox-nano": info.sha256})
    with pytest.raises(ModelError, match="yolox-nano are not those"):
        refuse_other_weights(spec, info, {"yolox-nano": OTHER})
