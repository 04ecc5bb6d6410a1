"""INT8 versions of models: where they lie, and the evidence that each was accurate enough.

One version per weights and input size, beside the weights in the cache (or in a folder of `CAMSLICE_MODELS`, which an image
may bring along): `quantised/<hash of the weights>-<width>x<height>/` holds the OpenVINO model and `evidence.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from camslice.fleet.errors import ModelError
from camslice.models.cache import files_folder, search_folders, sha256_of, unwritable_cache, work_folder
from camslice.models.model import ModelInfo

MODEL, EVIDENCE = "model.xml", "evidence.json"
_FOLDER = "quantised"


@dataclass(frozen=True, slots=True)
class Evidence:
    """How an INT8 version came about and what it loses.

    `source_sha256` is that of the weights it was made of, `sha256` its own (.xml followed by .bin). `map_before` and
    `map_after` are mAP by `metric` (`map_50_95` or `map_50`) on `judged_pictures`; `judged_by` is `labels` or `agreement` with
    what the weights find in full precision. `how` says what NNCF did, `fps` pictures/s by precision on the `machine` that
    made it.
    """

    model: str
    source_sha256: str
    sha256: str
    input_width: int
    input_height: int
    data: str
    calibration_pictures: int
    judged_by: str
    judged_on: str
    judged_pictures: int
    metric: str
    map_before: float
    map_after: float
    max_drop: float
    how: str
    fps: Mapping[str, float]
    machine: str
    nncf: str
    openvino: str
    made_at: str

    @property
    def drop(self) -> float:
        """What it loses; below 0 it gained."""
        return round(self.map_before - self.map_after, 4)


@dataclass(frozen=True, slots=True)
class Quantised:
    """An INT8 version on this machine."""

    path: Path
    evidence: Evidence


def find_quantised(sha256: str, width: int, height: int) -> Quantised | None:
    """The INT8 version of the weights of that hash at that input size, None when there is none.

    Raises ModelError for one that was changed or is not whole.
    """
    for folder in search_folders():
        kept = folder / _FOLDER / _key(sha256, width, height)
        if (kept / EVIDENCE).is_file():
            found = _read(kept)
            if found.evidence.source_sha256 == sha256:
                _refuse_damaged(found)
                return found
    return None


def versions_of(sha256: str) -> list[Quantised]:
    """Every INT8 version of the weights of that hash, one per input size, as listings show them: unread and unchecked."""
    return [found for found in _all() if found.evidence.source_sha256 == sha256]


def keep_quantised(made: Path, evidence: Evidence) -> Path:
    """Move a complete folder (`model.xml`, `model.bin`) into the cache with its evidence, in place of any before it.

    Return where the model lies. Whoever has the version before it loaded keeps it. Raises ModelError for an unwritable cache.
    """
    kept = files_folder() / _FOLDER / _key(evidence.source_sha256, evidence.input_width, evidence.input_height)
    try:
        (made / EVIDENCE).write_text(json.dumps({**asdict(evidence), "drop": evidence.drop}, indent=2) + "\n")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with work_folder() as work:
            with suppress(FileNotFoundError):
                kept.replace(work / "before")
            made.replace(kept)
    except OSError as error:
        raise unwritable_cache(error) from error
    return kept / MODEL


def required_quantised(info: ModelInfo, called: str | None = None) -> Quantised:
    """The INT8 version of the model, which its user knows as `called`.

    Raises ModelError that names the command which makes it when there is none.
    """
    width, height = info.input.width, info.input.height
    found = find_quantised(info.sha256, width, height)
    if found is None:
        raise ModelError(
            f"precision int8: there is no INT8 version of {called or info.name} at {width}x{height} on this machine; "
            f"make it with `camslice models quantise {called or info.name} --data FOLDER --size {width}x{height}`, "
            "or write `precision: auto`."
        )
    return found


def _key(sha256: str, width: int, height: int) -> str:
    return f"{sha256[:16]}-{width}x{height}"


def _all() -> Iterator[Quantised]:
    for folder in search_folders():
        for path in sorted((folder / _FOLDER).glob(f"*/{EVIDENCE}")):
            with suppress(ModelError):  # whoever loads it hears of it
                yield _read(path.parent)


def _read(kept: Path) -> Quantised:
    try:
        values = json.loads((kept / EVIDENCE).read_text())
        values.pop("drop", None)
        return Quantised(kept / MODEL, TypeAdapter(Evidence).validate_python(values))
    except (OSError, ValueError, AttributeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{kept / EVIDENCE} cannot be read ({reason}); quantise the model again with --force.") from error


def _refuse_damaged(found: Quantised) -> None:
    files = found.path, found.path.with_suffix(".bin")
    if not all(map(os.path.isfile, files)) or sha256_of(*files) != found.evidence.sha256:
        raise ModelError(
            f"{found.path} is not the INT8 version of {found.evidence.model} that was judged "
            "(changed or not whole); quantise the model again with --force."
        )
