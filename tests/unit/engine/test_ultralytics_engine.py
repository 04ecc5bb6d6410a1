"""The engine that is Ultralytics, with a stand-in for the package: what goes in, what comes out, what it is told."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camslice.engine.make import make_engine
from camslice.engine.protocol import Batch, Engine, InferenceTimes, Outputs
from camslice.engine.slots import Layout
from camslice.engine.ultralytics_engine import times_of
from camslice.engine.ultralytics_predictor import Prediction
from camslice.fleet.errors import EngineError
from camslice.fleet.geometry import Region
from camslice.fleet.types import Backend, ModelSpec, Precision
from camslice.models.decoders.make import make_decoder
from camslice.models.model import ModelInfo
from camslice.video.picture import StillPicture
from tests.tiny_detector import tiny_detector
from tests.unit.engine.stand_in_ultralytics import StandIn

Make = Callable[..., Engine]


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    with patch.dict(os.environ):
        yield


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    stand_in.install(monkeypatch)
    return stand_in


@pytest.fixture
def info(tmp_path: Path) -> ModelInfo:
    return replace(tiny_detector(tmp_path / "tiny.onnx"), wanted=(0,))


@pytest.fixture
def make(info: ModelInfo) -> Iterator[Make]:
    made: list[Engine] = []

    def one(info: ModelInfo = info, threads: int = 1, layout: Layout | None = None, **keys: object) -> Engine:
        spec = ModelSpec("tiny", "tiny", backend=Backend.ULTRALYTICS, **keys)  # type: ignore[arg-type]  # per test
        made.append(make_engine(info, spec, threads=threads, layout=layout))
        return made[-1]

    yield one
    for engine in made:
        engine.close()


def picture(width: int, height: int, rgb: tuple[int, int, int]) -> StillPicture:
    return StillPicture(np.full((height, width, 3), rgb, np.uint8))


Answer = tuple[list[np.ndarray], InferenceTimes, Exception | None]


def analyse(engine: Engine, *pictures: StillPicture) -> Answer:
    batch = engine.acquire()
    assert batch is not None
    for index, each in enumerate(pictures):
        letterbox = engine.fit(Region(0, 0, each.width, each.height))
        each.scale_into(batch.slot_for(index, letterbox), letterbox)
    return answer(batch, len(pictures))


def answer(batch: Batch, count: int) -> Answer:
    done = threading.Event()
    got: list[Answer] = []

    def on_done(batch: Batch, outputs: Outputs, times: InferenceTimes, error: Exception | None) -> None:
        got.append(([np.array(output) for output in outputs], times, error))
        batch.release()
        done.set()

    batch.start(count, on_done)
    assert done.wait(20)
    return got[0]


def test_a_picture_goes_in_at_its_own_size_and_blue_first(package: StandIn, make: Make) -> None:
    (boxes,), _, error = analyse(make(), picture(30, 20, (10, 20, 50)))
    assert error is None
    assert package.shapes[-1] == [(20, 30, 3)]
    np.testing.assert_allclose(boxes[:, :1], [[[0, 0, 30, 20, 0.5, 0]]])


def test_memory_once_grown_serves_smaller_and_larger_pictures(package: StandIn, make: Make) -> None:
    engine = make()
    for width, height, blue in [(30, 20, 10), (64, 48, 20), (8, 6, 30), (100, 80, 40), (30, 20, 50)]:
        for _ in range(engine.info.batches):  # each has memory of its own
            (boxes,), _, _ = analyse(engine, picture(width, height, (0, 0, blue)))
            np.testing.assert_allclose(boxes[:, :1], [[[0, 0, width, height, blue / 100, 0]]])


def test_a_batch_may_be_started_before_a_picture_is_in_it(package: StandIn, make: Make, info: ModelInfo) -> None:
    batch = make(max_batch=2).acquire()
    assert batch is not None
    (boxes,), _, error = answer(batch, 2)
    assert error is None
    assert package.shapes[-1] == [(info.input.height, info.input.width, 3)] * 2
    assert (boxes[:, :, 4] == 0).all()


def test_boxes_lie_where_the_region_lies_in_its_frame(package: StandIn, make: Make) -> None:
    letterbox = make().fit(Region(100, 50, 30, 20))
    np.testing.assert_array_equal(letterbox.to_source(np.array([[1, 2, 3, 4]], np.float32)), [[101, 52, 103, 54]])


def test_planes_that_workers_send_reach_it_in_their_colours(package: StandIn, make: Make) -> None:
    seen: list[np.ndarray] = []
    package.finds = lambda picture: seen.append(picture.copy()) or []  # type: ignore[func-returns-value]  # it answers nothing
    engine = make(layout=Layout.I420)
    for width, height in [(32, 24), (64, 48), (16, 16)]:
        analyse(engine, picture(width, height, (200, 100, 50)))
        assert seen[-1].shape == (height, width, 3)
        np.testing.assert_allclose(seen[-1].reshape(-1, 3).mean(axis=0), [50, 100, 200], atol=3)


def test_planes_are_cut_to_whole_chroma_samples_and_boxes_mapped_back(package: StandIn, make: Make) -> None:
    letterbox = make(layout=Layout.I420).fit(Region(0, 0, 31, 1))
    assert (letterbox.width, letterbox.height) == (30, 2)
    np.testing.assert_allclose(letterbox.to_source(np.array([[0, 0, 30, 2]], np.float32)), [[0, 0, 31, 1]])


def test_answers_have_one_shape_whatever_is_found(package: StandIn, make: Make) -> None:
    engine = make()
    shapes = set()
    for boxes in (0, 1, 300):
        package.finds = lambda _, boxes=boxes: [[0, 0, 9, 9, 0.9, 0]] * boxes
        (found,), _, _ = analyse(engine, picture(30, 20, (0, 0, 0)))
        shapes.add(found.shape)
    assert shapes == {(1, package.arguments[-1]["max_det"], 6)}


def test_pictures_of_one_batch_get_their_own_boxes_and_what_is_missing_has_no_confidence(package: StandIn, make: Make) -> None:
    package.finds = lambda seen: [[i, 0, 9, 9, 0.9, 0] for i in range(int(seen[0, 0, 0]))]
    engine = make(max_batch=3)
    (boxes,), _, error = analyse(engine, picture(30, 20, (0, 0, 2)), picture(16, 16, (0, 0, 0)), picture(30, 20, (0, 0, 1)))
    assert error is None
    assert (boxes[:, :, 4] > 0).sum(axis=1).tolist() == [2, 0, 1]
    assert (boxes[0, 1, 0], boxes[2, 0, 0]) == (1, 0)


def test_its_answers_need_no_decoder_of_the_models_own(package: StandIn, make: Make, info: ModelInfo) -> None:
    package.finds = lambda _: [[1, 2, 3, 4, 0.5, 0], [5, 6, 7, 8, 0.75, 0]]
    engine = make()
    assert engine.info.ready_boxes
    outputs, _, _ = analyse(engine, picture(30, 20, (0, 0, 0)))
    found = make_decoder(info, confidence=0.35, nms_iou=0.5, ready_boxes=True)(outputs, 0)
    assert found.confidence.tolist() == [0.75, 0.5]
    assert found.boxes.tolist() == [[5, 6, 7, 8], [1, 2, 3, 4]]


def test_a_picture_without_anything_in_it_has_no_boxes(package: StandIn, make: Make) -> None:
    package.finds = lambda _: []
    (boxes,), _, error = analyse(make(), picture(30, 20, (0, 0, 0)))
    assert error is None
    assert (boxes[:, :, 4] == 0).all()


def test_it_is_asked_for_what_the_fleet_file_wants(package: StandIn, make: Make, info: ModelInfo) -> None:
    wide = replace(info, input=replace(info.input, width=96, height=64), wanted=(0, 2))
    analyse(make(wide, confidence=0.4, nms_iou=0.6, device="CPU"), picture(30, 20, (0, 0, 0)))
    assert package.loaded == [(str(info.path), "detect")]
    told = package.arguments[-1]
    assert told | {"imgsz": (64, 96), "conf": 0.4, "iou": 0.6, "classes": [0, 2], "device": "cpu"} == told
    assert (told["verbose"], told["save"]) == (False, False)


def test_without_wanted_classes_all_are_asked_for(package: StandIn, make: Make, info: ModelInfo) -> None:
    make(replace(info, wanted=None))
    assert package.arguments[-1]["classes"] is None


def test_one_thread_loads_and_predicts_and_it_is_none_of_ours(package: StandIn, make: Make) -> None:
    analyse(make(), picture(30, 20, (0, 0, 0)))
    assert len(package.used_on) == 1
    assert threading.get_ident() not in package.used_on


@pytest.mark.parametrize(("name", "pytorch"), [("best.pt", 3), ("best.onnx", 1)])
def test_threads_are_capped_wherever_they_can_be(
    package: StandIn, make: Make, info: ModelInfo, tmp_path: Path, name: str, pytorch: int
) -> None:
    engine = make(replace(info, path=tmp_path / name), threads=3)
    analyse(engine, picture(30, 20, (0, 0, 0)))
    assert package.threads == [pytorch, pytorch], "loading sets another number, so it is said at every prediction"
    assert package.interop_threads == 1
    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("3", "3")
    assert engine.info.threads == 3


def test_it_may_install_nothing_ask_nobody_and_write_nothing_into_the_home(
    package: StandIn, make: Make, tmp_path: Path
) -> None:
    make()
    assert os.environ["YOLO_AUTOINSTALL"] == "false"
    assert os.environ["YOLO_OFFLINE"] == "true"
    assert os.environ["YOLO_CONFIG_DIR"] == str(tmp_path / "cache" / "ultralytics")
    assert not package.settings["sync"]


@pytest.mark.parametrize(("chosen", "told"), [(None, "true"), ("false", "false")])
def test_checkpoints_are_loaded_as_plain_data_unless_the_user_says_otherwise(
    package: StandIn, make: Make, monkeypatch: pytest.MonkeyPatch, chosen: str | None, told: str
) -> None:
    monkeypatch.delenv("ULTRALYTICS_SAFE_LOAD", raising=False)
    if chosen is not None:
        monkeypatch.setenv("ULTRALYTICS_SAFE_LOAD", chosen)
    make()
    assert os.environ["ULTRALYTICS_SAFE_LOAD"] == told


def test_a_failure_fails_its_batch_and_the_next_one_goes_on(package: StandIn, make: Make) -> None:
    engine = make()
    package.fails = RuntimeError("out of memory\nsomewhere deep inside")
    outputs, times, error = analyse(engine, picture(30, 20, (0, 0, 0)))
    assert (outputs, str(error)) == ([], "Ultralytics failed: out of memory")
    assert isinstance(error, EngineError)
    assert times.inference_ns == times.ended_ns - times.began_ns
    package.fails = None
    assert analyse(engine, picture(30, 20, (0, 0, 50)))[2] is None


def test_every_batch_is_lent_once_and_a_release_wakes_whoever_waits(package: StandIn, make: Make) -> None:
    engine = make()
    batches = [engine.acquire() for _ in range(engine.info.batches)]
    assert len(batches) >= 2
    assert engine.acquire() is None
    woken = threading.Event()
    engine.on_free(woken.set)
    assert batches[0] is not None
    batches[0].release()
    assert woken.is_set()
    for batch in batches[1:]:
        assert batch is not None
        batch.release()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"precision": Precision.BF16}, "chooses BF16 by itself; use `precision: auto` or fp32"),
        ({"device": "cuda:0"}, "cannot use device 'cuda:0' here, only cpu"),
    ],
)
def test_what_it_cannot_do_is_refused_in_a_sentence(package: StandIn, make: Make, keys: dict[str, object], words: str) -> None:
    package.device = "cpu"
    with pytest.raises(EngineError, match=f"model tiny: Ultralytics {words}"):
        make(**keys)


def test_a_model_of_another_kind_is_refused(package: StandIn, make: Make, info: ModelInfo) -> None:
    with pytest.raises(EngineError, match="Ultralytics does not run YOLOX; use `engine: openvino`"):
        make(replace(info, decoder="yolox"))


def test_weights_that_it_cannot_run_are_refused_with_its_reason(package: StandIn, make: Make, info: ModelInfo) -> None:
    package.fails = TypeError("this is not a loadable checkpoint.\nRecommended fixes are many")
    with pytest.raises(EngineError, match=rf"model tiny \({info.path}\): .* on cpu: this is not a loadable checkpoint\.$"):
        make()


def test_an_openvino_model_is_given_by_its_folder(package: StandIn, make: Make, info: ModelInfo, tmp_path: Path) -> None:
    make(replace(info, path=tmp_path / "best_openvino_model" / "best.xml"))
    assert package.loaded == [(str(tmp_path / "best_openvino_model"), "detect")]
    with pytest.raises(EngineError, match="a folder whose name ends in _openvino_model"):
        make(replace(info, path=tmp_path / "elsewhere" / "best.xml"))


def test_without_the_package_the_extra_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineError, match=r"model tiny: engine ultralytics needs its package .* pip install 'camslice\[ultral"):
        make()


def prediction(taken_up: int, preprocess: int, postprocess: int, found: int) -> Prediction:
    return Prediction(np.zeros((1, 0, 6), np.float32), taken_up, preprocess, postprocess, found)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ((110, 20, 30, 190), (30, 40, 30)),  # 10 before and 10 behind predict's own 80, of which 20 and 30 are not inference
        ((100, 0, 0, 200), (0, 0, 100)),
        ((100, 90, 30, 200), (70, 30, 0)),  # more than there is
        ((100, 10, 300, 200), (0, 100, 0)),
    ],
)
def test_what_predict_spends_beyond_its_own_figures_counts_on_its_side(
    figures: tuple[int, int, int, int], expected: tuple[int, int, int]
) -> None:
    times = times_of(100, prediction(*figures), 200)
    assert (times.preprocess_ns, times.postprocess_ns, times.inference_ns) == expected


nanoseconds = st.integers(0, 10**12)


@given(nanoseconds, nanoseconds, nanoseconds, nanoseconds, nanoseconds, nanoseconds)
def test_the_parts_always_add_up_to_the_interval(
    began: int, lasted: int, taken_up: int, preprocess: int, postprocess: int, found: int
) -> None:
    ended = began + lasted
    first, last = sorted((began + taken_up % (lasted + 1), began + found % (lasted + 1)))
    times = times_of(began, prediction(first, preprocess, postprocess, last), ended)
    assert min(times.preprocess_ns, times.postprocess_ns, times.inference_ns) >= 0
    assert times.preprocess_ns + times.inference_ns + times.postprocess_ns == lasted


def test_its_own_figures_are_those_of_the_whole_batch(package: StandIn, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ultralytics divides by the number of pictures; every frame of a batch carries the batch's whole time."""
    seen: list[Prediction] = []

    def noting(began_ns: int, prediction: Prediction, ended_ns: int) -> InferenceTimes:
        seen.append(prediction)
        return times_of(began_ns, prediction, ended_ns)

    monkeypatch.setattr("camslice.engine.ultralytics_engine.times_of", noting)
    package.speed = {"preprocess": 2.0, "inference": 5.0, "postprocess": 3.0}
    analyse(make(max_batch=2), picture(30, 20, (0, 0, 0)), picture(30, 20, (0, 0, 0)))
    assert (seen[0].preprocess_ns, seen[0].postprocess_ns) == (4_000_000, 6_000_000)
