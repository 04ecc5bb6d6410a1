from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from camslice.events.store.packing import MAX_CLASS_ID, pack_bins, pack_frames, unpack_frame, unpack_histogram
from camslice.fleet.histogram import Histogram
from camslice.models.detections import Detections


@st.composite
def frames(draw: st.DrawFn) -> tuple[Detections, int]:
    side = draw(st.integers(16, 65_535))
    count = draw(st.integers(0, 12))
    coordinates = st.floats(0, side, width=32)
    boxes = draw(arrays.arrays(np.float32, (count, 4), elements=coordinates))
    confidence = draw(arrays.arrays(np.float32, count, elements=st.floats(0, 1, width=32)))
    class_id = draw(arrays.arrays(np.int32, count, elements=st.integers(0, MAX_CLASS_ID)))
    return Detections(boxes, confidence, class_id), side


@given(st.lists(frames(), max_size=8))
def test_packing_keeps_every_box_to_half_a_unit(given_frames: list[tuple[Detections, int]]) -> None:
    packed = pack_frames([frame for frame, _ in given_frames], [side for _, side in given_frames])
    assert len(packed) == len(given_frames)
    for (frame, side), blob in zip(given_frames, packed, strict=True):
        back = unpack_frame(blob)
        unit_px = 1 / 8 if side < 8192 else 1 / 4 if side < 16_384 else 1 / 2 if side < 32_768 else 1.0
        np.testing.assert_allclose(back.boxes, frame.boxes, rtol=0, atol=unit_px / 2)
        np.testing.assert_allclose(back.confidence, frame.confidence, rtol=0, atol=1 / 65_535)
        np.testing.assert_array_equal(back.class_id, frame.class_id)
        assert (back.boxes.dtype, back.confidence.dtype, back.class_id.dtype) == (np.float32, np.float32, np.int32)


@given(frames())
def test_packing_what_was_unpacked_changes_nothing(given_frame: tuple[Detections, int]) -> None:
    frame, side = given_frame
    (once,) = pack_frames([frame], [side])
    assert pack_frames([unpack_frame(once)], [side]) == [once]


def test_a_frame_takes_twelve_bytes_a_detection_and_none_without() -> None:
    five = Detections(np.ones((5, 4), np.float32), np.ones(5, np.float32), np.ones(5, np.int32))
    packed = pack_frames([five, Detections.none()], [768, 768])
    assert packed[0] is not None
    assert len(packed[0]) == 61
    assert packed[1] is None


def test_a_class_too_large_to_pack_becomes_the_largest() -> None:
    far = Detections(np.ones((1, 4), np.float32), np.ones(1, np.float32), np.array([70_000], np.int32))
    assert unpack_frame(pack_frames([far], [768])[0]).class_id.tolist() == [MAX_CLASS_ID]


@given(st.lists(st.floats(0, 1e6), max_size=200), st.sampled_from([1, 300, 70_000, 1 << 33]))
def test_a_histogram_comes_back_as_it_was(values_ms: list[float], times: int) -> None:
    histogram = Histogram()
    histogram.add(values_ms)
    histogram.counts *= times
    back = unpack_histogram(pack_bins(histogram.counts), histogram.sum_ms, histogram.max_ms)
    np.testing.assert_array_equal(back.counts, histogram.counts)
    assert (back.sum_ms, back.max_ms) == (histogram.sum_ms, histogram.max_ms)


def test_a_minute_of_one_stage_takes_about_a_hundred_bytes() -> None:
    histogram = Histogram()
    histogram.add(np.random.default_rng(1).normal(30.0, 5.0, 300))
    assert len(pack_bins(histogram.counts)) < 160


@pytest.mark.parametrize("blob", [None, b""])
def test_no_bytes_are_no_detections(blob: bytes | None) -> None:
    assert len(unpack_frame(blob)) == 0
