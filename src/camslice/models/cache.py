"""The folders that models and clips are looked for in, and the one folder that camslice itself writes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from camslice.fleet.errors import ModelError

_WORK = ".work-"
_LEFT_OVER_AFTER_S = 86_400.0
_CHUNK = 1 << 20


def cache_folder() -> Path:
    """Where fetched files are kept: `CAMSLICE_CACHE`, or camslice's folder in the user's cache. It need not exist yet."""
    if chosen := os.environ.get("CAMSLICE_CACHE"):
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "camslice"


def files_folder() -> Path:
    """The part of the cache that holds models and clips."""
    return cache_folder() / "files"


def search_folders() -> tuple[Path, ...]:
    """Folders that are looked in, in order: those of `CAMSLICE_MODELS` (separated as in PATH), then the cache."""
    named = [Path(part).expanduser() for part in os.environ.get("CAMSLICE_MODELS", "").split(os.pathsep) if part]
    return (*named, files_folder())


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder on the cache's disk for files that are not complete yet; gone afterwards, whatever happens.

    What a killed process left there is swept away a day later.
    """
    parent = files_folder()
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    with tempfile.TemporaryDirectory(prefix=_WORK, dir=parent) as folder:
        yield Path(folder)


def keep(complete: Path, name: str) -> Path:
    """Move a complete, checked file of a work folder into the cache in one step, and return where it lies now."""
    kept = files_folder() / name
    complete.replace(kept)
    return kept


def sha256_of(*paths: Path) -> str:
    """The SHA-256 of the files' bytes, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def unwritable_cache(error: OSError) -> ModelError:
    """The sentence for a cache that cannot be written."""
    return ModelError(
        f"the cache {cache_folder()} cannot be written: {error.strerror or error}; free some space, "
        "or name another folder in CAMSLICE_CACHE."
    )


def _sweep(parent: Path) -> None:
    for left in parent.glob(f"{_WORK}*"):
        with suppress(FileNotFoundError):  # another process sweeps, too
            if time.time() - left.stat().st_mtime > _LEFT_OVER_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
