"""Where a spool lies and how large it may grow, as the environment says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camslice.fleet.errors import StoreError

FOLDER, SIZE = "CAMSLICE_SPOOL_DIR", "CAMSLICE_SPOOL_MB"
USUAL_MB = 256.0
LEAST_MB = 1.0


@dataclass(frozen=True, slots=True)
class SpoolPlace:
    """A folder that one process has to itself, and at most how many MB (10^6 bytes) wait there."""

    folder: Path
    max_mb: float = USUAL_MB


def spool_place(environ: Mapping[str, str]) -> SpoolPlace | None:
    """What CAMSLICE_SPOOL_DIR and CAMSLICE_SPOOL_MB say; None without a folder. Raises StoreError for a size that is none."""
    folder = environ.get(FOLDER)
    if not folder:
        return None
    told = environ.get(SIZE, "")
    try:
        max_mb = float(told) if told else USUAL_MB
    except ValueError:
        max_mb = 0.0
    if not LEAST_MB <= max_mb < float("inf"):
        raise StoreError(f"{SIZE}={told}: must be a number of megabytes, at least {LEAST_MB:g}")
    return SpoolPlace(Path(folder), max_mb)
