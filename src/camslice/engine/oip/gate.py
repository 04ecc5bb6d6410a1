"""How many requests of a transport are under way at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from camslice.engine.oip.messages import OipError, Status


class Gate:
    """Lets so many in and refuses the next. Lives on the transports' event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Be inside. Raises OipError (OVERLOADED) when there is no room."""
        if self._inside >= self._most:
            raise OipError(
                Status.OVERLOADED, f"{self._most} requests are under way, which is the most allowed; come back later"
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
