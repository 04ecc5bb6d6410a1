from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.models.labels import find_labels
from camslice.models.weights_file import WeightsFile


def weights(folder: Path, metadata: Mapping[str, str] | None = None) -> WeightsFile:
    path = folder / "best.onnx"
    return WeightsFile(path, (path,), (1, 3, 32, 32), ((1, 6, 21),), metadata or {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "cat\ndog\n\n"),
        ("labels.yaml", "names: {0: cat, 1: dog}"),
        ("labels.yaml", "[cat, dog]"),
        ("labels.json", '["cat", "dog"]'),
        ("labels.json", '{"1": "dog", "0": "cat"}'),
        ("best.txt", "cat\ndog"),
    ],
)
def test_a_file_beside_the_weights_names_the_classes(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert find_labels(weights(tmp_path), None, 2) == ("cat", "dog")


def test_the_declared_file_wins_over_metadata_and_metadata_over_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("beside\nthem")
    declared = tmp_path / "elsewhere.txt"
    declared.write_text("said\nso")
    known = weights(tmp_path, {"names": "{0: 'in', 1: 'it'}"})
    assert find_labels(known, str(declared), 2) == ("said", "so")
    assert find_labels(known, None, 2) == ("in", "it")
    assert find_labels(weights(tmp_path), None, 2) == ("beside", "them")


def test_openvinos_labels_get_their_spaces_back(tmp_path: Path) -> None:
    assert find_labels(weights(tmp_path, {"labels": "traffic_light dog"}), None, 2) == ("traffic light", "dog")


def test_nameless_classes_get_numbers_when_their_number_is_known(tmp_path: Path) -> None:
    assert find_labels(weights(tmp_path), None, 3) == ("class-0", "class-1", "class-2")


@pytest.mark.parametrize(
    ("name", "text", "count", "words"),
    [
        (None, "", None, "classes have no names; put them into a labels.txt"),
        ("labels.txt", "cat\ndog", 3, r"labels.txt names 2 classes, the outputs tell 3 apart"),
        ("labels.json", "{", 2, "no json file"),
        ("labels.yaml", "a: [", 2, "no yaml file"),
        ("labels.json", '{"0": "cat", "2": "dog"}', 2, "a list of names, or names by class id from 0"),
        ("labels.json", "7", 2, "a list of names"),
    ],
)
def test_labels_that_will_not_do_are_told_in_a_sentence(
    tmp_path: Path, name: str | None, text: str, count: int | None, words: str
) -> None:
    if name:
        (tmp_path / name).write_text(text)
    with pytest.raises(ModelError, match=words):
        find_labels(weights(tmp_path), None, count)


def test_a_declared_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.txt: cannot be read \(No such file"):
        find_labels(weights(tmp_path), str(tmp_path / "nowhere.txt"), 2)


def test_metadata_that_is_no_list_of_names_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a list of names"):
        find_labels(weights(tmp_path, {"names": "cat, dog"}), None, 2)
