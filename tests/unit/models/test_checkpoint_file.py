"""Checkpoints are read without being run. Those here are pickled from classes of this module: nothing of PyTorch is needed."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import pytest

from camslice.fleet.errors import ModelError
from camslice.fleet.types import Backend, ModelSpec
from camslice.models.checkpoint_file import read_checkpoint
from camslice.models.resolve import resolve


class Network:
    """As a pickled module: its attributes are its state."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class Many(list[int]):
    """A list of a class of its own, which a pickle fills by `extend`."""


class Command:
    """What an attacker would put into a pickle."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


def save(path: Path, content: object) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/data.pkl", pickle.dumps(content, protocol=2))
        archive.writestr(f"{path.stem}/data/0", b"numbers")
    return path


def trained(**more: object) -> dict[str, object]:
    layers = OrderedDict(first=Network(weight=Many([1, 2])), second={1, 2})
    network = Network(names={0: "cat", 1: "dog"}, _modules=layers, path=PurePosixPath("runs/train"), args=Network(imgsz=96))
    content = {
        "model": network,
        "ema": None,
        "train_args": {"imgsz": 320, "task": "detect"},
        "license": "AGPL-3.0 (https://..)",
    }
    return content | more


def test_a_checkpoint_says_its_classes_its_size_and_its_licence(tmp_path: Path) -> None:
    weights = read_checkpoint(save(tmp_path / "best.pt", trained()))
    assert weights.metadata["names"] == "{0: 'cat', 1: 'dog'}"
    assert weights.metadata["imgsz"] == "320"
    assert (weights.input, weights.outputs) == ((None, 3, None, None), ((None, 6, None),))


def test_the_averaged_model_and_its_own_arguments_will_do(tmp_path: Path) -> None:
    averaged = Network(names=["cat"], args={"imgsz": 96, "task": "detect"})
    weights = read_checkpoint(save(tmp_path / "last.pt", {"model": None, "ema": averaged}))
    assert (weights.metadata["names"], weights.metadata["imgsz"]) == ("{0: 'cat'}", "96")


def test_the_engine_that_runs_checkpoints_gets_one(tmp_path: Path) -> None:
    path = save(tmp_path / "best.pt", trained())
    info = resolve(ModelSpec("pets", str(path), backend=Backend.ULTRALYTICS, classes=("dog",)))
    assert (info.path, info.labels, info.wanted, info.licence) == (path, ("cat", "dog"), (1,), "AGPL-3.0")
    assert (info.input.width, info.input.height, info.input.dynamic_batch) == (320, 320, True)
    smaller = resolve(ModelSpec("pets", str(path), backend=Backend.ULTRALYTICS, input_size=(160, 96)))
    assert (smaller.input.width, smaller.input.height) == (160, 96)


def test_every_other_engine_is_told_how_to_convert_it(tmp_path: Path) -> None:
    path = save(tmp_path / "best.pt", trained())
    with pytest.raises(ModelError, match=r"only `engine: ultralytics` runs .* `camslice models import"):
        resolve(ModelSpec("pets", str(path)))


def test_reading_a_checkpoint_runs_nothing_of_it(tmp_path: Path) -> None:
    hostile = trained(optimizer=Command(tmp_path / "made"))
    assert pickle.loads(pickle.dumps(hostile))
    (tmp_path / "made").rmdir()
    read_checkpoint(save(tmp_path / "best.pt", hostile))
    assert not (tmp_path / "made").exists()


def test_a_checkpoint_of_another_task_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "seg.pt", trained(train_args={"task": "segment"}))
    with pytest.raises(ModelError, match="it is made to segment"):
        resolve(ModelSpec("pets", str(path), backend=Backend.ULTRALYTICS))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"weights": [1, 2]}, "no checkpoint of Ultralytics"),
        ([1, 2], "no checkpoint of Ultralytics"),
        ({"model": Network(layers=3)}, "it names no classes"),
        ({"model": Network(names={})}, "it names no classes"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read_checkpoint(save(tmp_path / "best.pt", content))


def nested(depth: int) -> list[object]:
    made: list[object] = []
    for _ in range(depth):
        made = [made]
    return made


@pytest.mark.parametrize(
    "names",
    [
        {0: nested(3), 1: "dog"},
        [nested(3)],
        {"0": "cat"},
        {True: "cat"},
        {10**5000: "cat"},
        {-1: "cat"},
        {0: "x" * 1000},
        ["x"] * 30_000,
        "cat",
        7,
    ],
)
def test_names_that_are_no_names_are_not_taken_for_any(tmp_path: Path, names: object) -> None:
    with pytest.raises(ModelError, match="it names no classes"):
        read_checkpoint(save(tmp_path / "best.pt", {"model": Network(names=names)}))


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02}X\x05\x00\x00\x00model}X\x05\x00\x00\x00names}K\x00" + b"]" * 100_000 + b"a" * 99_999 + b"sss.",
        b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    ],
    ids=["as a name", "as all there is"],
)
def test_what_is_nested_too_deep_to_print_is_refused_in_a_sentence(tmp_path: Path, pickled: bytes) -> None:
    path = tmp_path / "best.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("best/data.pkl", pickled)
    with pytest.raises(ModelError):
        read_checkpoint(path)


def test_what_is_no_text_and_no_number_is_left_out(tmp_path: Path) -> None:
    odd = trained(train_args={"task": nested(3), "imgsz": ["640", nested(2)]}, license=Network(a=1))
    metadata = read_checkpoint(save(tmp_path / "best.pt", odd)).metadata
    assert (metadata["task"], metadata["imgsz"], metadata["license"]) == ("detect", "", "")
    huge = read_checkpoint(save(tmp_path / "huge.pt", trained(train_args={"imgsz": 10**5000})))
    assert huge.metadata["imgsz"] == ""
    wide = read_checkpoint(save(tmp_path / "wide.pt", trained(train_args={"imgsz": (480, 640)})))
    assert wide.metadata["imgsz"] == "[480, 640]"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    path.write_bytes(b"\x80\x02no archive")
    with pytest.raises(ModelError, match=r"no checkpoint as PyTorch 1\.6 and later save it"):
        read_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("best/constants.pkl", b"")
    with pytest.raises(ModelError, match=r"no checkpoint as PyTorch 1\.6"):
        read_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("best/data.pkl", pickle.dumps(trained(), protocol=2)[:-9])
    with pytest.raises(ModelError, match="cannot be read"):
        read_checkpoint(path)


def test_a_folder_with_one_openvino_model_is_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "best_openvino_model"
    folder.mkdir()
    spec = ModelSpec("pets", str(folder), backend=Backend.ULTRALYTICS)
    with pytest.raises(ModelError, match=r"one \.xml file; this one holds 0"):
        resolve(spec)
    (folder / "best.xml").write_text("<net/>")
    with pytest.raises(ModelError, match=r"best\.xml: its weights best\.bin do not lie beside it"):
        resolve(spec)
