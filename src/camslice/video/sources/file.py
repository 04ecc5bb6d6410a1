"""A video file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from av.error import FFmpegError

from camslice.fleet.errors import SourceError
from camslice.video.feed import Feed
from camslice.video.sources.av_reader import AvReader, NoVideoError, open_container
from camslice.video.sources.pictures import is_picture, show
from camslice.video.sources.played import PlayedFeed
from camslice.video.sources.request import SourceRequest


def open_file(request: SourceRequest) -> Feed:
    """Play one file; a picture is shown again and again. SourceError when it is missing or no video."""
    path = Path(request.address.removeprefix("file://")).expanduser()
    if path.is_file() and is_picture(path):
        return show([path], request)
    return PlayedFeed([lambda: read_file(path, request)], loop=request.loop, shown=str(path))


def read_file(path: Path, request: SourceRequest) -> AvReader:
    """A reader of the file. SourceError when it is missing or no video."""
    if not path.exists():
        raise SourceError(f"{path}: no such file; check the camera's source")
    try:
        # `file:` keeps FFmpeg from taking a name with a colon for a protocol.
        return request.reader(partial(open_container, f"file:{path}"))
    except FFmpegError as error:
        raise SourceError(f"{path} is not a video that can be read: {error.strerror}") from None
    except NoVideoError:
        raise SourceError(f"{path} holds no video; give a video file") from None
