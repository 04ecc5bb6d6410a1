from __future__ import annotations

import pytest

from camslice.models.detections import label_of


@pytest.mark.parametrize(("class_id", "label"), [(0, "person"), (1, "car"), (2, "2"), (-1, "-1")])
def test_a_class_without_a_label_goes_by_its_number(class_id: int, label: str) -> None:
    assert label_of(class_id, ("person", "car")) == label
