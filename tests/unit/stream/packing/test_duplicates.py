"""A thing seen in two regions of a frame is one thing; two things are two."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from camslice.models.detections import Detections
from camslice.stream.packing.duplicates import joined


def seen(*things: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    return Detections(
        np.array([box for box, _, _ in things], np.float32).reshape(-1, 4),
        np.array([confidence for _, confidence, _ in things], np.float32),
        np.array([class_id for _, _, class_id in things], np.int32),
    )


def test_a_thing_seen_whole_in_one_region_and_in_part_in_another_is_reported_once_as_a_whole() -> None:
    whole, part = seen(((90, 10, 120, 80), 0.8, 0)), seen(((100, 10, 120, 80), 0.5, 0))
    for parts in ([whole, part], [part, whole]):
        both = joined(parts)
        assert both.boxes.tolist() == [[90, 10, 120, 80]]


def test_a_thing_seen_alike_in_two_regions_is_reported_once_with_the_better_confidence() -> None:
    both = joined([seen(((10, 10, 30, 60), 0.6, 2)), seen(((11, 10, 30, 61), 0.7, 2))])
    assert both.confidence.tolist() == [np.float32(0.7)]


def test_two_things_of_two_classes_at_one_place_stay_two() -> None:
    assert len(joined([seen(((10, 10, 30, 60), 0.6, 0)), seen(((10, 10, 30, 60), 0.7, 1))])) == 2


def test_two_things_of_one_region_stay_two_however_much_they_overlap() -> None:
    crowd = seen(((10, 10, 30, 60), 0.7, 0), ((11, 10, 31, 60), 0.6, 0))
    assert len(joined([crowd])) == 2
    assert len(joined([crowd, seen(((200, 10, 220, 60), 0.5, 0))])) == 3


def test_two_people_who_overlap_by_half_in_two_regions_stay_two() -> None:
    assert len(joined([seen(((10, 10, 30, 60), 0.7, 0)), seen(((20, 10, 40, 60), 0.6, 0))])) == 2


things = st.lists(
    st.tuples(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 40), st.integers(1, 40)).map(
            lambda box: (float(box[0]), float(box[1]), float(box[0] + box[2]), float(box[1] + box[3]))
        ),
        st.integers(2, 32).map(lambda share: share / 32),
        st.integers(0, 2),
    ),
    max_size=8,
).map(lambda found: sorted(found, key=lambda thing: -thing[1]))


def share_of_smaller(one: list[float], other: list[float]) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((one[2] - one[0]) * (one[3] - one[1]), (other[2] - other[0]) * (other[3] - other[1]))
    return max(0.0, across) * max(0.0, down) / smaller


@given(st.lists(things, max_size=5))
def test_what_is_left_was_seen_and_what_is_not_left_lies_within_something_better_of_its_class(
    regions: list[list[tuple[tuple[float, float, float, float], float, int]]],
) -> None:
    left = joined([seen(*found) for found in regions])
    assert left.confidence.tolist() == sorted(left.confidence.tolist(), reverse=True)
    kept = [
        (tuple(box), confidence, class_id)
        for box, confidence, class_id in zip(left.boxes.tolist(), left.confidence.tolist(), left.class_id.tolist(), strict=True)
    ]
    everything = [thing for found in regions for thing in found]
    assert all(kept.count(thing) <= everything.count(thing) for thing in kept)
    for box, confidence, class_id in everything:
        if (box, confidence, class_id) not in kept:
            assert any(
                class_id == other_class and other >= confidence and share_of_smaller(list(box), list(other_box)) > 0.7
                for other_box, other, other_class in kept
            )
