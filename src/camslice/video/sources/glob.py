"""All files that match a pattern, one after another in the order of their names."""

from __future__ import annotations

import glob
from functools import partial
from pathlib import Path

from camslice.fleet.errors import SourceError
from camslice.video.feed import Feed
from camslice.video.sources.file import read_file
from camslice.video.sources.pictures import is_picture, show
from camslice.video.sources.played import PlayedFeed
from camslice.video.sources.request import SourceRequest


def open_glob(request: SourceRequest) -> Feed:
    """Play the matching videos, or show the matching pictures. SourceError when nothing matches."""
    pattern = str(Path(request.address).expanduser())
    # Path.glob takes no absolute pattern.
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207
    paths = [path for path in sorted(map(Path, matches)) if path.is_file()]
    if not paths:
        raise SourceError(f"no file matches {pattern}; check the camera's source")
    if all(is_picture(path) for path in paths):
        return show(paths, request)
    return PlayedFeed([partial(read_file, path, request) for path in paths], loop=request.loop, shown=pattern)
