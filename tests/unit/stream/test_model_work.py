"""What models have done, and which policies are in force, over processes and their ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.types import ModelSpec
from camslice.models.model import InputSpec, ModelInfo
from camslice.stream.child import Child
from camslice.stream.lives import over_processes
from camslice.stream.messages import Heartbeat, ToPod
from camslice.stream.model_board import ModelBoard, WantedModel
from camslice.stream.model_work import ModelWork, policy_over
from camslice.stream.watching.steward import PolicyState

NAME = "people"
INFO = ModelInfo(
    "tiny", Path("tiny.onnx"), "0" * 64, "Apache-2.0", "detect", ("person",),
    InputSpec(64, 64, dynamic_batch=True, dynamic_size=False), "yolov8", "a test",
)  # fmt: skip


class Listener(Child):
    """A process that nods."""

    def __init__(self) -> None:
        """There is none to start."""

    def say(self, message: ToPod) -> None:
        """Nothing comes of it."""


def a_board(name: str = NAME) -> ModelBoard:
    board = ModelBoard()
    board.load(Listener(), {name: WantedModel(ModelSpec(name, "tiny"), INFO)})
    return board


def a_beat(work: ModelWork, policy: PolicyState | None = None) -> Heartbeat:
    return Heartbeat({NAME: 0}, work={NAME: work}, policies={} if policy is None else {NAME: policy})


def a_state(policy: str, recall: float | None = None, audited: int = 0, *, overloaded: bool = False) -> PolicyState:
    return PolicyState(policy, f"why {policy}", recall, audited, overloaded, 1)


def test_work_goes_on_growing_when_the_process_begins_anew_and_when_the_model_is_loaded_again() -> None:
    board = a_board()
    board.hear(a_beat(ModelWork(inferences=100, audited_frames=5)))
    board.forget()
    assert board.work[NAME].inferences == 100
    board.load(Listener(), {NAME: WantedModel(ModelSpec(NAME, "tiny"), INFO)})
    assert board.lives[NAME].work.inferences == 100
    board.hear(a_beat(ModelWork(inferences=7, audited_frames=1)))
    assert board.lives[NAME].work == ModelWork(inferences=107, audited_frames=6)
    board.load(Listener(), {NAME: WantedModel(ModelSpec(NAME, "another"), INFO)})
    board.hear(a_beat(ModelWork(inferences=9, audited_frames=1)))
    assert board.work[NAME].inferences == 109
    board.unload(Listener(), {}, set())
    assert board.work[NAME].inferences == 109


def test_a_change_of_policy_is_kept_with_its_reason_and_no_change_is_not() -> None:
    board = a_board()
    for policy in ("careful", "careful", "regions", "regions", "careful"):
        board.hear(a_beat(ModelWork(), a_state(policy)))
    assert [(change.model, change.before, change.after, change.reason) for change in board.policy_changes] == [
        (NAME, "careful", "regions", "why regions"),
        (NAME, "regions", "careful", "why careful"),
    ]


def test_of_several_processes_the_cheapest_policy_speaks_and_recall_is_that_of_all_audited_frames() -> None:
    states = [a_state("careful", 1.0, 100), a_state("carry-1", 0.9, 300, overloaded=True), a_state("careful")]
    together = policy_over(states)
    assert together is not None
    assert together.policy == "carry-1"
    assert together.reason == "in 1 of 3 processes: why carry-1"
    assert together.recall == pytest.approx((1.0 * 100 + 0.9 * 300) / 400)
    assert (together.audited, together.overloaded, together.changes) == (400, True, 3)
    assert policy_over([]) is None
    assert policy_over([a_state("full", 1.0)]) == a_state("full", 1.0)


def test_one_model_in_several_processes_is_one() -> None:
    boards = [a_board(), a_board()]
    boards[0].hear(a_beat(ModelWork(inferences=3), a_state("regions", 0.98, 30)))
    boards[1].hear(a_beat(ModelWork(inferences=4)))
    merged = over_processes([board.lives[NAME] for board in boards])
    assert merged.work.inferences == 7
    assert merged.policy == a_state("regions", 0.98, 30)
