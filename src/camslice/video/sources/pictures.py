"""A folder of pictures, shown one after another at the camera's rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from camslice.fleet.errors import SourceError
from camslice.video.feed import CorruptPacketError, Decoded, Feed, PacketTime, SourceEndedError
from camslice.video.picture import load_picture
from camslice.video.sources.request import SourceRequest

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


def open_folder(request: SourceRequest) -> Feed:
    """Show the pictures of a folder in the order of their names. SourceError when it has none."""
    folder = Path(request.address.removeprefix("file://")).expanduser()
    paths = sorted(path for path in folder.iterdir() if is_picture(path))
    if not paths:
        raise SourceError(f"the folder {folder} holds no pictures; it needs files ending in {', '.join(sorted(SUFFIXES))}")
    return show(paths, request)


def show(paths: Sequence[Path], request: SourceRequest) -> Feed:
    """Show these pictures in order."""
    return PicturesFeed(paths, request.spec.fps, loop=request.loop)


def is_picture(path: Path) -> bool:
    """Whether the name says that this is a picture."""
    return path.suffix.lower() in SUFFIXES


class PicturesFeed:
    """Picture k at k / fps. A file that cannot be read counts as corrupt; when none can, the source is at fault."""

    live = False

    def __init__(self, paths: Sequence[Path], fps: float, *, loop: bool) -> None:
        self.paths = paths
        self._loop = loop
        self._shown = 0
        self._readable = 0
        self.nominal_fps: float | None = fps

    def advance(self) -> PacketTime:
        """Go to the next picture."""
        at_end = self._shown > 0 and self._shown % len(self.paths) == 0
        if at_end and not self._readable:
            raise SourceError(f"none of the pictures in {self.paths[0].parent} can be read; check the files")
        if at_end and not self._loop:
            raise SourceEndedError
        self._shown += 1
        return PacketTime(self._time_s(), None)

    def decode(self) -> list[Decoded]:
        """Read the picture. Raises CorruptPacketError."""
        try:
            picture = load_picture(self.paths[(self._shown - 1) % len(self.paths)])
        except SourceError as error:
            raise CorruptPacketError(str(error)) from None
        self._readable += 1
        return [Decoded(self._time_s(), lambda: picture)]

    def close(self) -> None:
        """Nothing is held open."""

    def _time_s(self) -> float:
        return (self._shown - 1) / (self.nominal_fps or 1.0)
