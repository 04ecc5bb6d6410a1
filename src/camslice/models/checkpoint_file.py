"""Reading what a PyTorch checkpoint of Ultralytics says of itself, without running it.

A `.pt` file holds a pickle: a program that may do anything when it is loaded as usual. Here every class and function that it
names is replaced by a dummy, so that only its plain values come to life; neither PyTorch nor Ultralytics is needed.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

from camslice.fleet.errors import ModelError
from camslice.models.weights_file import WeightsFile

_LARGEST_PICKLE_BYTES = 64_000_000
"""Its tensors lie in files of their own, so the pickle of the largest YOLO is below 1 MB."""
_MOST_CLASSES = 20_000
_LARGEST_SIDE_PX = 100_000
_LONGEST_TEXT = 300


def read_checkpoint(path: Path) -> WeightsFile:
    """See `weights_file.read_weights`. The shapes are those that an export of it would have: all sizes open, boxes and classes.

    Raises ModelError when it is none, or not one of Ultralytics.
    """
    content = _content(path)
    model = _state(content.get("ema") or content.get("model"))
    labels = _labels(model.get("names"))
    if not labels:
        raise ModelError(f"model {path}: this is a PyTorch file, but no checkpoint of Ultralytics: it names no classes.")
    trained = {**_state(model.get("args")), **_state(content.get("train_args"))}
    metadata = {
        "names": str(labels),
        "task": _text(trained.get("task")) or "detect",
        "imgsz": _size(trained.get("imgsz")),
        "license": _text(content.get("license")),
    }
    return WeightsFile(path, (path,), (None, 3, None, None), ((None, 4 + len(labels), None),), metadata)


def _content(path: Path) -> Mapping[str, object]:
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(entry for entry in archive.infolist() if entry.filename.endswith("/data.pkl"))
            if member.file_size > _LARGEST_PICKLE_BYTES:
                raise ModelError(f"model {path}: its description is larger than that of any detector.")
            content = _PlainValues(io.BytesIO(archive.read(member))).load()
    except (zipfile.BadZipFile, StopIteration):
        raise ModelError(f"model {path}: this is no checkpoint as PyTorch 1.6 and later save it.") from None
    except ModelError:
        raise
    except Exception as error:  # whatever an unknown pickle raises
        raise ModelError(f"model {path}: this checkpoint cannot be read ({error}).") from error
    return _state(content)


def _labels(names: object) -> dict[int, str]:
    """Names by class id; nothing where they are no texts, or more and longer ones than any detector has.

    Whoever made the file chose what is in here, so nothing but plain texts and numbers is ever looked into or written out.
    """
    pairs = list(enumerate(names) if isinstance(names, list) else names.items() if isinstance(names, Mapping) else ())
    if len(pairs) > _MOST_CLASSES:
        return {}
    labels = {key: name for key, name in pairs if _is_number(key, _MOST_CLASSES) and _is_text(name)}
    return labels if len(labels) == len(pairs) else {}


def _text(value: object) -> str:
    return value if _is_text(value) else ""


def _size(value: object) -> str:
    """One number or two, as an export writes them."""
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    if len(numbers) > 2 or not all(_is_number(number, _LARGEST_SIDE_PX) for number in numbers):
        return ""
    return str(numbers) if len(numbers) == 2 else str(numbers[0])


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _is_number(value: object, end: int) -> bool:
    return type(value) is int and 0 <= value < end


def _state(value: object) -> Mapping[str, object]:
    """The attributes of a pickled object, or the entries of a mapping; nothing for anything else."""
    if isinstance(value, _Dummy):
        value = value.state
    return value if isinstance(value, Mapping) else {}


class _PlainValues(pickle.Unpickler):
    """Unpickles numbers, texts, lists and mappings; whatever else is named becomes a `_Dummy`."""

    def find_class(self, module: str, name: str) -> type:
        """The one place where a pickle gets hold of code."""
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else _Dummy

    def persistent_load(self, pid: object) -> None:
        """A tensor's numbers: not wanted."""


class _Dummy:
    """Stands for any class, function or object; takes everything, does nothing, and keeps the state it is given."""

    state: object = None

    def __new__(cls, *_: object, **__: object) -> _Dummy:
        return super().__new__(cls)

    def __call__(self, *_: object, **__: object) -> _Dummy:
        return self

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        """Nothing is kept."""

    def append(self, item: object) -> None:
        """Nothing is kept."""

    def extend(self, items: object) -> None:
        """Nothing is kept."""

    def add(self, item: object) -> None:
        """Nothing is kept."""
