from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.fleet.types import ModelSpec
from camslice.models.catalogue import Catalogue, Kind
from camslice.models.model import InputSpec
from camslice.models.resolve import resolve
from tests.unit.models.lists import FakeSource, catalogue, entry, known
from tests.unit.models.tiny_detectors import write_constant, write_detector

NAMES = {"names": "{0: 'cat', 1: 'dog'}"}


def spec(weights: Path | str, **more: object) -> ModelSpec:
    return ModelSpec("pets", str(weights), **more)  # type: ignore[arg-type]  # any field of ModelSpec


@pytest.fixture
def yolov8(tmp_path: Path) -> Path:
    return write_detector(tmp_path / "mine.onnx", rows=6, side=None, metadata=NAMES)


class TestAFileOfOnesOwn:
    def test_its_shapes_and_metadata_say_it_all(self, yolov8: Path) -> None:
        info = resolve(spec(yolov8, input_size=(64, 32)))
        assert (info.name, info.path, info.decoder, info.labels) == ("mine", yolov8, "yolov8", ("cat", "dog"))
        assert info.input == InputSpec(
            64, 32, dynamic_batch=True, dynamic_size=True, channels="rgb", scale=1 / 255, centred=True
        )
        assert (info.licence, info.wanted) == ("unknown", None)

    def test_yolox_gets_its_own_way_of_reading_pictures(self, tmp_path: Path) -> None:
        path = write_detector(tmp_path / "x.onnx", rows=7, anchors_first=True, batch=1)
        info = resolve(spec(path))
        assert (info.decoder, info.labels) == ("yolox", ("class-0", "class-1"))
        assert info.input == InputSpec(
            32, 32, dynamic_batch=False, dynamic_size=False, channels="bgr", scale=1.0, centred=False
        )

    def test_the_size_it_was_trained_for_is_used_when_none_is_declared(self, tmp_path: Path) -> None:
        path = write_detector(tmp_path / "m.onnx", rows=6, side=None, metadata={**NAMES, "imgsz": "[96, 64]"})
        info = resolve(spec(path))
        assert (info.input.width, info.input.height) == (64, 96)

    def test_end_to_end_models_are_known_by_their_six_columns(self, tmp_path: Path) -> None:
        path = write_constant(tmp_path / "m.onnx", {"output0": [1, 300, 6]}, metadata=NAMES)
        assert resolve(spec(path)).decoder == "end_to_end"

    def test_its_licence_is_the_one_in_the_metadata(self, tmp_path: Path) -> None:
        licence = {"license": "AGPL-3.0 License (https://ultralytics.com/license)"}
        assert resolve(spec(write_detector(tmp_path / "m.onnx", rows=6, metadata=NAMES | licence))).licence == "AGPL-3.0"

    def test_its_name_will_do_when_its_folder_is_known(self, yolov8: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CAMSLICE_MODELS", str(yolov8.parent))
        assert resolve(spec("mine", input_size=(32, 32))).path == yolov8

    def test_it_can_be_sent_to_another_process(self, yolov8: Path) -> None:
        info = resolve(spec(yolov8, input_size=(32, 32)))
        assert pickle.loads(pickle.dumps(info)) == info

    def test_only_the_classes_asked_for_are_wanted(self, yolov8: Path) -> None:
        assert resolve(spec(yolov8, input_size=(32, 32), classes=("dog",))).wanted == (1,)

    def test_the_declared_decoder_is_taken(self, tmp_path: Path) -> None:
        path = write_constant(tmp_path / "m.onnx", {"output0": [1, 6, 13]}, metadata=NAMES)
        assert resolve(spec(path, decoder="yolov8")).decoder == "yolov8"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"classes": ("dgo",)}, "knows no class 'dgo'; did you mean 'dog'"),
        ({"input_size": (64, 64)}, "input is fixed at 32x32; leave out input_size 64x64"),
        ({"input_size": (50, 50)}, "input_size 50x50 must be multiples of 32"),
        ({"decoder": "ssd"}, "no decoder 'ssd'"),
    ],
)
def test_what_does_not_fit_the_model_is_told(tmp_path: Path, more: dict[str, object], words: str) -> None:
    path = write_detector(tmp_path / "m.onnx", rows=6, metadata=NAMES)
    with pytest.raises(ModelError, match=words):
        resolve(spec(path, **more))


def test_an_unknown_output_is_told_with_its_shape(tmp_path: Path) -> None:
    path = write_constant(tmp_path / "classifier.onnx", {"scores": [1, 1000]})
    with pytest.raises(ModelError, match=r"classifier.onnx: its outputs \[1, 1000\] fit no decoder.*`decoder:`"):
        resolve(spec(path))


class TestTheModelList:
    @pytest.fixture
    def fixed(self, tmp_path: Path) -> Path:
        return write_detector(tmp_path / "fixed.onnx", rows=7, batch=1, anchors_first=True)

    @pytest.fixture
    def listed(self, fixed: Path) -> Catalogue:
        content = fixed.read_bytes()
        source = FakeSource("a test", content)
        clip = entry("film.avi", [known(b"film", "film.avi")], kind=Kind.CLIP)
        return catalogue(entry("pets", [known(content, open_shape=True)], [source], wanted=(1,)), clip)

    def test_a_name_gets_the_lists_facts(self, listed: Catalogue) -> None:
        info = resolve(spec("pets"), catalogue=listed)
        assert (info.name, info.labels, info.decoder, info.wanted, info.source) == (
            "pets",
            ("cat", "dog"),
            "yolox",
            (1,),
            "a test",
        )
        assert (info.input.channels, info.input.scale, info.input.centred) == ("bgr", 1.0, False)

    def test_weights_that_fit_any_batch_are_opened(self, listed: Catalogue) -> None:
        info = resolve(spec("pets", input_size=(96, 64)), catalogue=listed)
        assert (info.input.dynamic_batch, info.input.dynamic_size) == (True, True)
        assert (info.input.width, info.input.height) == (96, 64)
        assert info.path.name.endswith("-open.onnx")

    def test_a_path_to_a_known_file_gets_the_lists_facts(self, listed: Catalogue, fixed: Path) -> None:
        info = resolve(spec(fixed), catalogue=listed)
        assert (info.name, info.labels, info.source) == ("pets", ("cat", "dog"), "the path given")

    def test_classes_are_asked_of_the_lists_labels(self, listed: Catalogue) -> None:
        assert resolve(spec("pets", classes=("cat",)), catalogue=listed).wanted == (0,)

    def test_a_clip_is_no_model(self, listed: Catalogue) -> None:
        with pytest.raises(ModelError, match=r"film.avi is a clip, not a model"):
            resolve(spec("film.avi"), catalogue=listed)

    def test_an_unknown_name_is_answered_with_the_nearest(self, listed: Catalogue) -> None:
        with pytest.raises(ModelError, match="no 'petz'; did you mean 'pets'"):
            resolve(spec("petz"), catalogue=listed)
