"""How long work is told to whoever shows it, so that this room knows no screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Called with the bytes that have arrived so far."""


class Progress(Protocol):
    """Shows that something is being fetched."""

    def fetching(self, what: str, total_bytes: int) -> AbstractContextManager[Advance]:
        """Show `what`, about `total_bytes` long, while the context lasts."""
        ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def fetching(self, what: str, total_bytes: int) -> Iterator[Advance]:
        """See `Progress`."""
        yield lambda done_bytes: None
