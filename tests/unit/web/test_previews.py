"""A picture on the page carries the boxes that were found in just that picture, and only watched cameras cost memory."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from camslice.fleet.secrets import Source
from camslice.fleet.stages import StageTimes
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, StreamKey
from camslice.models.detections import Detections
from camslice.stream.results import FrameResult
from camslice.video.frame import Frame, FrameStamp
from camslice.video.picture import StillPicture
from camslice.web.previews import WATCH_S, PreviewDesk
from tests.unit.web.fake_supervisor import FakeSupervisor

WIDTH, HEIGHT = 1280, 720


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


class Stage:
    """A desk, the board below it, and frames that were captured one second after another."""

    def __init__(self, *names: str, models: tuple[str, ...] = ("people",)) -> None:
        source = Source("scene://people", "scene://people")
        cameras = tuple(CameraSpec(name, source, 5.0, models) for name in names)
        self.supervisor = FakeSupervisor(Fleet(Objective(), {model: ModelSpec(model, "tiny") for model in models}, cameras))
        self.clock = Clock()
        self.desk = PreviewDesk(self.supervisor, self.clock)

    def offer(self, camera: str, sequence: int, rgb: tuple[int, int, int] = (200, 30, 40)) -> None:
        """The analysis process puts frame `sequence` on the board."""
        picture = StillPicture(np.full((HEIGHT, WIDTH, 3), rgb, np.uint8))
        now_ns = (sequence + 1) * 1_000_000_000
        self.supervisor.board.offer(self.supervisor.rows[camera], Frame(picture, stamp(sequence)), now_ns)

    def analyse(self, camera: str, *sequences: int) -> None:
        self.desk.take([result(camera, sequence) for sequence in sequences])

    def kept(self) -> set[str]:
        """The cameras of which anything is kept."""
        return set().union(*(vars(self.desk)[name] for name in ("_results", "_pictures", "_previews")))


def stamp(sequence: int) -> FrameStamp:
    return FrameStamp(sequence, None, 1000.0 + sequence, sequence, sequence)


def result(camera: str, sequence: int, model: str = "people") -> FrameResult:
    boxes = np.array([[400.0, 200.0, 800.0, 600.0]], np.float32)
    found = Detections(boxes, np.array([0.9], np.float32), np.zeros(1, np.int32))
    stages = StageTimes(1, 0, 1, 1, 0, 1, 1, 5)
    key = StreamKey(camera, model)
    return FrameResult(key, sequence, 1000.0 + sequence, None, WIDTH, HEIGHT, "0" * 64, 1, stages, found, ("person",))


def decoded(jpeg: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_a_picture_without_its_result_is_not_shown() -> None:
    stage = Stage("gate")
    stage.desk.watch(["gate"])
    stage.offer("gate", 4)
    stage.analyse("gate", 3)
    assert stage.desk.preview("gate", -1) is None
    stage.analyse("gate", 4)
    shown = stage.desk.preview("gate", -1)
    assert shown is not None
    assert (shown.camera, shown.sequence, shown.captured_at_s) == ("gate", 4, 1004.0)


def test_a_result_that_came_before_its_picture_was_fetched_is_found() -> None:
    stage = Stage("gate")
    stage.desk.watch(["gate"])
    stage.offer("gate", 4)
    stage.analyse("gate", 3, 4, 5, 6)
    shown = stage.desk.preview("gate", -1)
    assert shown is not None
    assert shown.sequence == 4


def test_a_camera_with_two_models_shows_the_boxes_of_both() -> None:
    stage = Stage("gate", models=("people", "cars"))
    stage.desk.watch(["gate"])
    stage.offer("gate", 4)
    stage.desk.take([result("gate", 4, "people")])
    assert stage.desk.preview("gate", -1) is None
    stage.desk.take([result("gate", 4, "cars")])
    shown = stage.desk.preview("gate", -1)
    assert shown is not None
    assert shown.detections.class_id.tolist() == [0, 1]


def test_a_model_that_dropped_the_frame_does_not_hold_the_picture_back() -> None:
    stage = Stage("gate", models=("people", "cars"))
    stage.desk.watch(["gate"])
    stage.offer("gate", 4)
    stage.desk.take([result("gate", 4, "people"), result("gate", 5, "people")])
    shown = stage.desk.preview("gate", -1)
    assert shown is not None
    assert shown.sequence == 4


def test_the_picture_has_its_colours_and_its_boxes_where_they_are() -> None:
    stage = Stage("gate")
    stage.desk.watch(["gate"])
    stage.offer("gate", 0, (200, 30, 40))
    stage.analyse("gate", 0)
    shown = stage.desk.preview("gate", -1)
    assert shown is not None
    picture = decoded(shown.jpeg)
    assert picture.shape == (360, 640, 3)
    assert picture[300, 600].tolist() == pytest.approx([40, 30, 200], abs=8)
    edge = picture[200:220, 396:405].astype(int)  # the right edge of the box, halved with the picture
    assert np.abs(edge - [40, 30, 200]).sum(axis=2).max() > 150
    assert shown.detections.boxes.tolist() == [[400.0, 200.0, 800.0, 600.0]]


def test_a_picture_is_given_only_to_those_who_have_not_seen_it() -> None:
    stage = Stage("gate")
    stage.desk.watch(["gate"])
    stage.offer("gate", 4)
    stage.analyse("gate", 4)
    for _ in range(2):
        assert stage.desk.preview("gate", 3) is not None
    assert stage.desk.preview("gate", 4) is None


def test_an_engine_slower_than_the_pictures_still_shows_some() -> None:
    stage = Stage("gate")
    stage.desk.watch(["gate"])
    shown = []
    for sequence in range(30):
        stage.offer("gate", sequence)
        preview = stage.desk.preview("gate", shown[-1] if shown else -1)
        if preview is not None:
            shown.append(preview.sequence)
        stage.analyse("gate", *([sequence - 4] if sequence >= 4 else []))
    assert len(shown) >= 5
    assert shown == sorted(set(shown))


def test_a_picture_whose_frame_failed_does_not_block_the_next() -> None:
    stage = Stage("gate")
    stage.desk.watch(["gate"])
    stage.offer("gate", 4)
    assert stage.desk.preview("gate", -1) is None
    stage.offer("gate", 7)
    stage.analyse("gate", 5, 6, 7)
    shown = stage.desk.preview("gate", -1)
    assert shown is not None
    assert shown.sequence == 7


def test_nothing_is_kept_of_cameras_that_nobody_watches() -> None:
    stage = Stage("gate", "yard")
    stage.desk.watch(["gate"])
    stage.supervisor.watch("yard", 3.0)
    stage.offer("yard", 0)
    stage.analyse("yard", 0)
    assert stage.desk.preview("yard", -1) is None
    assert stage.kept() == set()


def test_cameras_that_nobody_watches_any_more_are_forgotten_without_anybody_watching_another() -> None:
    stage = Stage("gate", "yard")
    stage.desk.watch(["gate", "yard"])
    stage.offer("gate", 0)
    stage.analyse("gate", 0)
    assert stage.desk.preview("gate", -1) is not None
    stage.clock.now_s += WATCH_S - 1
    stage.desk.watch(["yard"])
    stage.analyse("yard", 0)
    assert stage.kept() == {"gate", "yard"}
    stage.clock.now_s += 2
    stage.analyse("gate", 1)
    assert stage.kept() == {"yard"}
    stage.clock.now_s += WATCH_S
    stage.analyse("yard", 1)
    assert stage.kept() == set()
    assert stage.desk.preview("gate", -1) is None


def test_a_camera_that_is_watched_again_shows_no_picture_of_long_ago() -> None:
    stage = Stage("gate")
    stage.desk.watch(["gate"])
    stage.offer("gate", 0)
    stage.clock.now_s += 60
    stage.desk.watch(["gate"])
    stage.analyse("gate", 300)
    assert stage.desk.preview("gate", -1) is None
    stage.offer("gate", 301)
    stage.analyse("gate", 301)
    shown = stage.desk.preview("gate", -1)
    assert shown is not None
    assert shown.sequence == 301


def test_results_of_a_watched_camera_do_not_pile_up() -> None:
    stage = Stage("gate")
    stage.desk.watch(["gate"])
    for sequence in range(1000):
        stage.analyse("gate", sequence)
    kept = vars(stage.desk)["_results"]["gate"]
    assert len(kept) <= 64
    assert 999 in kept


def test_watching_asks_the_analysis_process_for_pictures_of_just_these() -> None:
    stage = Stage("gate", "yard")
    stage.desk.watch(["yard"])
    assert stage.supervisor.watched == ["yard"]
