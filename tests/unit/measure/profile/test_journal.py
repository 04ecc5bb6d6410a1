"""A measurement that was broken off goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import ProfileError
from camslice.fleet.profile import Trial
from camslice.measure.profile.journal import Journal, write_whole
from camslice.measure.profile.observe import Closed
from tests.unit.measure.profile.machines import MadeUpMachine, trial

HERE = {"machine": "this", "model": "abc"}


def never() -> Trial:
    raise AssertionError("this was measured before")


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "profile.json.partial"
    first = Journal(path, HERE).step("one", Trial, lambda: trial(9, True, {"cpu": 0.5}))
    again = Journal(path, HERE)
    assert again.steps == 1
    assert again.step("one", Trial, never) == first


def test_results_of_loads_come_back_as_they_were(tmp_path: Path) -> None:
    from camslice.fleet.types import Topology

    loop = MadeUpMachine().closed(Topology.SLICED, 2, 1)
    Journal(tmp_path / "p", HERE).step("loop", tuple[Closed, ...], lambda: (loop,))
    assert Journal(tmp_path / "p", HERE).step("loop", tuple[Closed, ...], lambda: ()) == (loop,)


@pytest.mark.parametrize("other", [{"machine": "that", "model": "abc"}, {"machine": "this", "model": "abd"}, {}])
def test_another_machine_model_or_question_begins_anew(tmp_path: Path, other: dict[str, object]) -> None:
    Journal(tmp_path / "p", HERE).step("one", Trial, lambda: trial(9, True))
    assert Journal(tmp_path / "p", other).steps == 0
    assert Journal(tmp_path / "p", other).step("one", Trial, lambda: trial(5, True)).streams == 5


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', '{"key": null, "steps": 3}'])
def test_a_damaged_file_begins_anew(tmp_path: Path, damage: str) -> None:
    (tmp_path / "p").write_text(damage)
    assert Journal(tmp_path / "p", HERE).steps == 0


def test_a_step_that_is_not_understood_is_measured_again(tmp_path: Path) -> None:
    Journal(tmp_path / "p", HERE).step("one", int, lambda: 3)
    assert Journal(tmp_path / "p", HERE).step("one", Trial, lambda: trial(5, True)).streams == 5


def test_a_step_that_fails_leaves_what_was_there_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "p", HERE)
    journal.step("one", int, lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        journal.step("two", int, _break_off)
    assert Journal(tmp_path / "p", HERE).steps == 1


def _break_off() -> int:
    raise KeyboardInterrupt


def test_the_file_goes_when_all_is_done(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "p", HERE)
    journal.step("one", int, lambda: 1)
    journal.remove()
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_without_a_file_nothing_is_kept() -> None:
    journal = Journal(None, HERE)
    assert journal.step("one", int, lambda: 1) == 1
    journal.remove()


def test_a_place_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ProfileError, match="cannot be written"):
        write_whole(tmp_path / "folder", "text")
    with pytest.raises(ProfileError, match="cannot be read"):
        Journal(tmp_path / "folder", HERE)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
