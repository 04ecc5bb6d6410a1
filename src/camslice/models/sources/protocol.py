"""What a place that files come from is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from camslice.models.progress import Progress


class SourceFailedError(Exception):
    """A source could not deliver; the message says why in a few words. The next source is tried."""


class FileSource(Protocol):
    """One place that a file can be fetched from. Values are frozen; the fetched bytes are checked by the caller."""

    @property
    def file(self) -> str:
        """The name of the known file that this source delivers."""
        ...

    @property
    def last_resort(self) -> bool:
        """Whether something else of its kind is preferred to fetching so much."""
        ...

    @property
    def words(self) -> str:
        """What the source is, for people."""
        ...

    def fetch(self, size_bytes: int, work: Path, progress: Progress) -> Path:
        """Fetch the file, `size_bytes` long, into the folder `work` and return its path. Raises SourceFailedError."""
        ...
