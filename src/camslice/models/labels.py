"""Class names of a model that the list does not know: from its file, or from a file beside it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import yaml

from camslice.fleet.errors import ModelError
from camslice.models.weights_file import WeightsFile


def find_labels(weights: WeightsFile, declared: str | None, count: int | None) -> tuple[str, ...]:
    """The class names: from the file `declared`, else from the metadata, else from a file beside the weights.

    Without any, classes are called `class-0`, `class-1`, ... `count` is how many the outputs tell apart (None: unknown).
    Raises ModelError when the names cannot be read, or are not `count`, or are needed and nowhere to be found.
    """
    where, names = _named(weights, declared)
    if names is None:
        if count is None:
            raise ModelError(
                f"model {weights.path}: its classes have no names; put them into a labels.txt beside it, one per line."
            )
        return tuple(f"class-{index}" for index in range(count))
    if count is not None and len(names) != count:
        raise ModelError(f"model {weights.path}: {where} names {len(names)} classes, the outputs tell {count} apart.")
    return names


def _named(weights: WeightsFile, declared: str | None) -> tuple[str, tuple[str, ...] | None]:
    if declared is not None:
        path = Path(declared).expanduser()
        return str(path), _read(path)
    if "names" in weights.metadata:
        return "the metadata", _listed(_literal(weights.metadata["names"]), weights.path)
    if "labels" in weights.metadata:  # OpenVINO separates names by spaces and writes spaces as underscores
        return "the metadata", tuple(name.replace("_", " ") for name in weights.metadata["labels"].split())
    for stem in (weights.path.stem, "labels"):
        for suffix in (".txt", ".yaml", ".json"):
            path = weights.path.with_name(stem + suffix)
            if path.is_file():
                return str(path), _read(path)
    return "", None


def _read(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text()
        if path.suffix == ".json":
            return _listed(json.loads(text), path)
        if path.suffix in (".yaml", ".yml"):
            return _listed(yaml.safe_load(text), path)
    except OSError as error:
        raise ModelError(f"labels {path}: cannot be read ({error.strerror}).") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ModelError(f"labels {path}: this is no {path.suffix[1:]} file.") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _listed(content: object, path: Path) -> tuple[str, ...]:
    """Names out of a list, out of {id: name} with ids from 0, or out of either under the key `names`."""
    if isinstance(content, dict) and "names" in content:
        content = content["names"]
    if isinstance(content, list):
        return tuple(str(name) for name in content)
    if isinstance(content, dict):
        by_id = {str(key): str(name) for key, name in content.items()}
        if set(by_id) == {str(index) for index in range(len(by_id))}:
            return tuple(by_id[str(index)] for index in range(len(by_id)))
    raise ModelError(f"labels of {path}: a list of names, or names by class id from 0, was expected.")


def _literal(text: str) -> object:
    """Ultralytics writes the names as a Python dict."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
