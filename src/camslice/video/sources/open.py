"""Chooses how a source is opened, by the look of its address."""

from __future__ import annotations

from collections.abc import Callable

from camslice.video.feed import Feed
from camslice.video.sources.file import open_file
from camslice.video.sources.request import SourceRequest

Opener = Callable[[SourceRequest], Feed]


def open_source(request: SourceRequest) -> Feed:
    """Open a camera's source.

    Raises SourceError for what cannot work without a change by the user, ConnectionLostError for what may work later.
    """
    return opener_of(request.address)(request)


def opener_of(address: str) -> Opener:
    """The opener for an address. SourceError naming what is allowed when there is none."""
    return open_file
