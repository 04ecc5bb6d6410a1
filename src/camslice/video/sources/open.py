"""Chooses how a source is opened, by the look of its address."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from camslice.fleet.errors import SourceError
from camslice.video.feed import Feed
from camslice.video.sources.file import open_file
from camslice.video.sources.glob import open_glob
from camslice.video.sources.http import open_http
from camslice.video.sources.pictures import open_folder
from camslice.video.sources.request import SourceRequest
from camslice.video.sources.rtsp import open_rtsp
from camslice.video.sources.scene import open_scene
from camslice.video.sources.usb import open_usb

Opener = Callable[[SourceRequest], Feed]

_BY_SCHEME: dict[str, Opener] = {
    "rtsp": open_rtsp,
    "rtsps": open_rtsp,
    "http": open_http,
    "https": open_http,
    "scene": open_scene,
}
_SCHEME = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://")
_USB = re.compile(r"usb:\d+|/dev/video\d+")
ALLOWED = "a file, a glob, a folder of pictures, rtsp://, rtsps://, http://, https://, scene://, /dev/video0 or usb:0"


def open_source(request: SourceRequest) -> Feed:
    """Open a camera's source.

    Raises SourceError for what cannot work without a change by the user, ConnectionLostError for what may work later.
    """
    return opener_of(request.address)(request)


def opener_of(address: str) -> Opener:
    """The opener for an address. SourceError naming what is allowed when there is none."""
    match = _SCHEME.match(address)
    scheme = match.group("scheme").lower() if match else "file"
    if scheme in _BY_SCHEME:
        return _BY_SCHEME[scheme]
    if scheme != "file":
        raise SourceError(f"a camera cannot be read from {scheme}://; its source is {ALLOWED}")
    if _USB.fullmatch(address):
        return open_usb
    path = Path(address.removeprefix("file://")).expanduser()
    if path.is_dir():
        return open_folder
    if any(sign in address for sign in "*?[") and not path.exists():
        return open_glob
    return open_file


def needs_network_or_device(address: str) -> bool:
    """Whether the source may be out of reach now and fine later, so that it is not checked at start."""
    return opener_of(address) in (open_rtsp, open_http, open_usb)
