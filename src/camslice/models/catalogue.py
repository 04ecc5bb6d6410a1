"""The list of models and clips known by name: the packaged one, and what the user imported.

The data lie in `catalogue.yaml`; how an entry is got is said in `fetch`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from camslice.fleet.errors import ModelError
from camslice.models.cache import files_folder
from camslice.models.sources.debian import DebianSource
from camslice.models.sources.url import UrlSource
from camslice.models.sources.wheel import WheelSource

Source = UrlSource | WheelSource | DebianSource


class Kind(StrEnum):
    """What an entry is."""

    MODEL = "model"
    CLIP = "clip"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """One file that an entry may be, known by its contents; `dynamic_*` and `open_shape` hold for models."""

    name: str
    size_bytes: int
    sha256: str
    dynamic_batch: bool = False
    dynamic_size: bool = False
    open_shape: bool = False


@dataclass(frozen=True, slots=True)
class InputFacts:
    """What a known model's input expects: see `model.InputSpec`."""

    width: int
    height: int
    channels: str
    scale: float
    pad: int
    centred: bool


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a known model answers. `labels` is the name of a label set; `wanted` the class ids to report, None for all."""

    task: str
    labels: str
    decoder: str
    input: InputFacts
    wanted: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A model or clip with a name. `files` and `sources` in order of preference; `model` None for a clip."""

    name: str
    kind: Kind
    about: str
    licence: str
    files: tuple[KnownFile, ...]
    sources: tuple[Source, ...] = ()
    model: ModelFacts | None = None

    def file(self, name: str) -> KnownFile:
        """The known file of that name."""
        return next(file for file in self.files if file.name == name)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every entry, by name; `preferred` names those to take when any will do, the better first."""

    entries: tuple[Entry, ...]
    label_sets: Mapping[str, tuple[str, ...]]
    preferred: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)

    def entry(self, name: str) -> Entry:
        """The entry of that name. Raises ModelError that says the nearest name."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = [entry.name for entry in self.entries]
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(known)}; or give a path to .onnx or .xml."
        raise ModelError(f"the model list has no {name!r}; {hint}")

    def by_sha256(self, sha256: str) -> tuple[Entry, KnownFile] | None:
        """The entry and file with these contents."""
        return next(((entry, file) for entry in self.entries for file in entry.files if file.sha256 == sha256), None)

    def labels(self, entry: Entry) -> tuple[str, ...]:
        """The class names of a model, empty for a clip."""
        return self.label_sets[entry.model.labels] if entry.model else ()


def load_catalogue() -> Catalogue:
    """The packaged list with the user's imported models behind it. Raises ModelError for an imported entry gone bad."""
    packaged = _parse(resources.files(__package__).joinpath("catalogue.yaml").read_text(), "catalogue.yaml")
    entries, label_sets = list(packaged.entries), dict(packaged.label_sets)
    for path in sorted(imported_folder().glob("*.yaml")):
        imported = _parse(path.read_text(), str(path))
        entries.extend(imported.entries)
        label_sets = {**imported.label_sets, **label_sets}  # the packaged sets cannot be renamed by an import
    return Catalogue(tuple(entries), label_sets, packaged.preferred)


def imported_folder() -> Path:
    """Where an imported model's list entry lies, one file each in the format of the packaged list."""
    return files_folder() / "imported"


def _parse(text: str, where: str) -> Catalogue:
    try:
        return TypeAdapter(Catalogue).validate_python(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise ModelError(
            f"{where} is no model list ({str(error).splitlines()[0]}); delete it and import the model again."
        ) from error
