"""The clip that a measurement plays: a file, one of the model list, or the best to be had here."""

from __future__ import annotations

from pathlib import Path

from camslice.cli.fetching import FetchBars
from camslice.fleet.errors import CamsliceError
from camslice.models.catalogue import Kind, load_catalogue
from camslice.models.fetch import best_available, fetch
from camslice.models.licences import AcceptLicence


def clip_path(clip: str | None, accept: AcceptLicence) -> Path:
    """The file that `--clip` means; None means the best one. Fetches one of the list. Raises CamsliceError."""
    known = load_catalogue()
    if clip is None:
        return best_available(known, Kind.CLIP, accept=accept, progress=FetchBars()).path
    path = Path(clip).expanduser()
    if not path.exists() and any(entry.name == clip and entry.kind is Kind.CLIP for entry in known.entries):
        return fetch(known.entry(clip), accept=accept, progress=FetchBars()).path
    if not path.is_file():
        raise CamsliceError(f"--clip {clip}: there is no such file; give a video file, best one of your own cameras.")
    return path.resolve()
