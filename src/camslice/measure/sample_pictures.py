"""Pictures to calibrate and judge a model with: those of a folder, or frames of the fleet's own cameras."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from camslice.engine.fitting import fitted
from camslice.engine.slots import Layout, SlotArrays
from camslice.fleet.errors import SourceError
from camslice.fleet.geometry import Region
from camslice.fleet.types import CameraSpec, Pace
from camslice.models.model import InputSpec
from camslice.video.feed import ConnectionLostError, CorruptPacketError, Feed, SourceEndedError
from camslice.video.frame import Picture
from camslice.video.picture import I420Picture, load_picture
from camslice.video.slot import holding_planes
from camslice.video.sources.open import open_source
from camslice.video.sources.request import SourceRequest

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
FILE_SECONDS = 120.0
"""Of a played source frames are taken from its first so many seconds of video."""
LIVE_SECONDS = 30.0
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """Pictures, how they are put before the model (`layout`), and in words where they are from."""

    pictures: Sequence[Picture]
    layout: Layout
    origin: str

    def take(self, numbers: Sequence[int]) -> Sample:
        """Only the pictures of these numbers."""
        return Sample(_Taken(self.pictures, numbers), self.layout, self.origin)


def sample_folder(folder: Path, most: int) -> Sample:
    """At most so many pictures of a folder (of its `images/` if it has one), evenly spread over their names.

    They are read when they are looked at. Raises SourceError when there are none.
    """
    inner = folder / "images"
    try:
        paths = sorted(path for path in (inner if inner.is_dir() else folder).iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror or error}; name a folder of pictures.") from None
    if not paths:
        raise SourceError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}); name a folder of pictures with --data.")
    return Sample(Files([paths[number] for number in spread(len(paths), most)]), Layout.RGB, f"the folder {folder}")


def sample_cameras(cameras: Sequence[CameraSpec], spec: InputSpec, most: int) -> Sample:
    """At most so many frames of these cameras, the same number of each source, scaled as the model sees them.

    Of files and scenes the first two minutes are watched, of live cameras half a minute. A camera that cannot be read is
    logged and left out; SourceError when none can be.
    """
    different: dict[str, CameraSpec] = {}
    for camera in cameras:
        different.setdefault(camera.watched.reveal(), camera)
    each = max(1, most // max(1, len(different)))
    with ThreadPoolExecutor(_AT_ONCE, "sample") as pool:
        taken = list(pool.map(lambda camera: _frames_of(camera, spec, each), different.values()))
    frames = [frame for of_camera in taken for frame in of_camera]
    if not frames:
        raise SourceError(f"none of the {len(different)} cameras gave a frame; `camslice doctor FLEET` may say why.")
    seen = sum(map(bool, taken))
    return Sample(frames[:most], Layout.I420, f"{seen} of the fleet's {len(different)} sources")


def spread(there: int, most: int) -> list[int]:
    """Numbers below `there`, at most so many, evenly spread.

    >>> spread(10, 4), spread(2, 4)
    ([0, 2, 5, 7], [0, 1])
    """
    taken = min(there, most)
    return [number * there // taken for number in range(taken)]


class Files(Sequence[Picture]):
    """Picture files, each read when it is asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> Picture:  # type: ignore[override] # no slices are taken
        return load_picture(self._paths[number])


class _Taken(Sequence[Picture]):
    def __init__(self, pictures: Sequence[Picture], numbers: Sequence[int]) -> None:
        self._pictures, self._numbers = pictures, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Picture:  # type: ignore[override] # no slices are taken
        return self._pictures[self._numbers[number]]


def _frames_of(camera: CameraSpec, spec: InputSpec, most: int) -> list[Picture]:
    """Every frame has the same chance to be taken: the n-th takes the place of another with probability most / n."""
    arrays = SlotArrays(Layout.I420, 1, spec.width, spec.height, spec.pad)
    chance = random.Random(camera.name)  # noqa: S311 (the same frames each time)
    taken: list[Picture] = []
    try:
        for number, picture in enumerate(_watched(camera)):
            place = len(taken) if len(taken) < most else chance.randrange(number + 1)
            if place >= most:
                continue
            frame = _scaled(picture(), arrays, spec)
            taken[place : place + 1] = [frame]
    except (SourceError, ConnectionLostError, OSError) as error:
        log.warning("camera %s: %s", camera.name, camera.scrub(str(error)))
    return taken


def _scaled(picture: Picture, arrays: SlotArrays, spec: InputSpec) -> I420Picture:
    """The picture as it lies in a model's slot, without the padding: small, and its decoder's memory is free."""
    whole = Region(0, 0, picture.width, picture.height)
    box = fitted(whole, spec.width, spec.height, centred=spec.centred, even=True)
    slot = holding_planes(arrays.slot_for(0, box))
    picture.scale_into(slot, box)
    right, bottom = box.left + box.width, box.top + box.height
    y = slot.y[box.top : bottom, box.left : right].copy()
    u, v = (plane[box.top // 2 : bottom // 2, box.left // 2 : right // 2].copy() for plane in (slot.u, slot.v))
    return I420Picture(y, u, v, picture.colour)


def _watched(camera: CameraSpec) -> Iterator[Callable[[], Picture]]:
    feed = open_source(SourceRequest(replace(camera, loop=False), Pace.LOSSLESS))
    try:
        yield from _until_enough(feed)
    finally:
        feed.close()


def _until_enough(feed: Feed) -> Iterator[Callable[[], Picture]]:
    began_s, first_s = time.monotonic(), None
    while not feed.live or time.monotonic() - began_s < LIVE_SECONDS:
        try:
            packet = feed.advance()
            decoded = feed.decode()
        except CorruptPacketError:
            continue
        except SourceEndedError:
            return
        at_s = packet.pts_s if packet.dts_s is None else packet.dts_s
        if at_s is not None:
            first_s = at_s if first_s is None else first_s
            if not feed.live and at_s - first_s > FILE_SECONDS:
                return
        yield from (frame.picture for frame in decoded if not frame.corrupt)
