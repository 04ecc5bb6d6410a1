from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from camslice.fleet.errors import ModelError
from camslice.models.cache import sha256_of
from camslice.models.dynamic_batch import opened
from tests.unit.models.tiny_detectors import write_detector


def test_a_fixed_model_answers_a_batch_as_it_answers_each_picture(tmp_path: Path) -> None:
    fixed = write_detector(tmp_path / "fixed.onnx", rows=7, batch=1, anchors_first=True)
    pictures = np.random.default_rng(0).uniform(0, 255, (3, 3, 32, 32)).astype(np.float32)
    one_by_one = onnxruntime.InferenceSession(str(fixed))
    expected = np.concatenate([one_by_one.run(None, {"images": pictures[i : i + 1]})[0] for i in range(3)])
    together = onnxruntime.InferenceSession(str(opened(fixed, sha256_of(fixed))))
    np.testing.assert_allclose(together.run(None, {"images": pictures})[0], expected, rtol=1e-5, atol=1e-5)


def test_it_takes_pictures_of_another_size(tmp_path: Path) -> None:
    fixed = write_detector(tmp_path / "fixed.onnx", rows=7, batch=1, anchors_first=True)
    session = onnxruntime.InferenceSession(str(opened(fixed, sha256_of(fixed))))
    assert session.run(None, {"images": np.zeros((2, 3, 64, 96), np.float32)})[0].shape == (2, 96 + 24 + 6, 7)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = write_detector(tmp_path / "fixed.onnx", rows=7, batch=1, anchors_first=True)
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="cannot be written: Not a directory"):
        opened(fixed, sha256_of(fixed))


def test_it_is_derived_once_and_the_original_left_alone(tmp_path: Path, cache: Path) -> None:
    fixed = write_detector(tmp_path / "fixed.onnx", rows=7, batch=1, anchors_first=True)
    before = sha256_of(fixed)
    first = opened(fixed, before)
    written_ns = first.stat().st_mtime_ns
    assert opened(fixed, before) == first
    assert first.stat().st_mtime_ns == written_ns
    assert first.parent == cache
    assert sha256_of(fixed) == before
    assert [path.name for path in cache.iterdir()] == [first.name]
    onnx.checker.check_model(onnx.load(first))
