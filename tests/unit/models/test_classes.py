from __future__ import annotations

import pytest

from camslice.fleet.errors import ModelError
from camslice.models.classes import class_ids

LABELS = ("person", "bicycle", "car", "person")


def test_every_id_of_a_name_is_found_in_rising_order() -> None:
    assert class_ids("m", LABELS, ("car", "person")) == (0, 2, 3)


@pytest.mark.parametrize(("name", "words"), [("bycicle", "did you mean 'bicycle'"), ("zebra", "it knows person, bicycle, car")])
def test_an_unknown_name_is_answered_with_what_there_is(name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        class_ids("m", LABELS, (name,))


def test_a_long_list_of_classes_is_cut_short() -> None:
    with pytest.raises(ModelError, match="class-7 and 72 more"):
        class_ids("m", [f"class-{index}" for index in range(80)], ("zebra",))
