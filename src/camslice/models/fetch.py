"""Getting a model or clip of the list: from a folder if it lies in one, else from its sources in order."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from camslice.fleet.errors import ModelError
from camslice.models.cache import files_folder, keep, search_folders, sha256_of, work_folder
from camslice.models.catalogue import Catalogue, Entry, Kind, KnownFile, Source
from camslice.models.licences import AcceptLicence, require_licence
from camslice.models.progress import Progress, Silent
from camslice.models.sources.protocol import SourceFailedError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """An entry's file on this machine, its contents checked; `source` says in words where it came from."""

    entry: Entry
    file: KnownFile
    path: Path
    source: str


def find(entry: Entry) -> Found | None:
    """Look in the folders of `CAMSLICE_MODELS` and the cache: by the usual file names first, then by contents."""
    return _look(entry, _Failures())


def fetch(entry: Entry, *, accept: AcceptLicence, progress: Progress | None = None) -> Found:
    """Find the entry, or fetch it from the first source that delivers the right bytes.

    Raises ModelError when its licence is not accepted (a file that lies in a folder is used without asking), or when no
    source delivers, saying of each why not.
    """
    failures = _Failures()
    if found := _look(entry, failures):
        return found
    for source in entry.sources:
        require_licence(entry.name, entry.licence, accept)
        if found := _try(entry, source, failures, progress or Silent()):
            return found
    raise ModelError(f"cannot get {entry.name}: {failures}. {_advice([entry])}")


def best_available(catalogue: Catalogue, kind: Kind, *, accept: AcceptLicence, progress: Progress | None = None) -> Found:
    """Get the best entry of that kind that can be had here; sources of last resort come after everything else.

    Raises ModelError that says of each entry and source why it would not do.
    """
    failures = _Failures()
    entries = [catalogue.entry(name) for name in catalogue.preferred[kind]]
    for last_resort in (False, True):
        for entry in entries:
            if not last_resort and (found := _look(entry, failures)):
                return found
            for source in entry.sources:
                if source.last_resort is not last_resort:
                    continue
                try:
                    require_licence(entry.name, entry.licence, accept)
                except ModelError as error:
                    failures.add(entry, source.words, str(error))
                    continue
                if found := _try(entry, source, failures, progress or Silent()):
                    return found
    raise ModelError(f"cannot get any {kind}: {failures}. {_advice(entries)}")


def _look(entry: Entry, failures: _Failures) -> Found | None:
    for file in entry.files:
        for folder in search_folders():
            if path := _in_folder(folder, file):
                return Found(entry, file, path, "the cache" if folder == files_folder() else f"the folder {folder}")
    failures.add(entry, "folders", _why_not_in_folders(entry))
    return None


def _in_folder(folder: Path, file: KnownFile) -> Path | None:
    try:
        named = folder / file.name
        others = [path for path in sorted(folder.iterdir()) if path != named and path.suffix == named.suffix]
        for path in [named, *others]:
            if path.is_file() and path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256:
                return path
    except OSError as error:
        _log.debug("cannot look for %s in %s: %s", file.name, folder, error)
    return None


def _why_not_in_folders(entry: Entry) -> str:
    """Another file of the same name is worth a word: it is what the user thought would do."""
    for folder in search_folders():
        for file in entry.files:
            if (folder / file.name).is_file():
                return f"{folder / file.name} has other contents than the list's (give its path to use it all the same)"
    return f"not in {', '.join(map(str, search_folders()))}"


def _try(entry: Entry, source: Source, failures: _Failures, progress: Progress) -> Found | None:
    file = entry.file(source.file)
    try:
        with work_folder() as work:
            fetched = source.fetch(file.size_bytes, work, progress)
            if (got := sha256_of(fetched)) != file.sha256:
                raise SourceFailedError(
                    f"its contents are not the expected ones (SHA-256 {got[:12]}..., not {file.sha256[:12]}...)"
                )
            path = keep(fetched, file.name)
    except SourceFailedError as error:
        _log.warning("%s: %s: %s", entry.name, source.words, error)
        failures.add(entry, source.words, str(error))
        return None
    except OSError as error:
        raise ModelError(
            f"{entry.name} cannot be kept in {files_folder()} ({error.strerror}); set CAMSLICE_CACHE to a folder with room."
        ) from error
    _log.info("%s fetched from %s", entry.name, source.words)
    return Found(entry, file, path, source.words)


def _advice(entries: Iterable[Entry]) -> str:
    names = " or ".join(entry.files[-1].name for entry in entries)
    return f"Put {names} into a folder and name the folder in CAMSLICE_MODELS."


@dataclass(slots=True)
class _Failures:
    """What was tried in vain, for one sentence at the end."""

    reasons: list[str] = field(default_factory=list)

    def add(self, entry: Entry, source: str, reason: str) -> None:
        self.reasons.append(f"{entry.name} from {source}: {reason.rstrip('.')}")

    def __str__(self) -> str:
        return "; ".join(self.reasons)
