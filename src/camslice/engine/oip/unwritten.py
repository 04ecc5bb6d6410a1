"""Answers that are computed and that their clients have not read yet: they are bounded, too."""

from __future__ import annotations

from collections.abc import Callable

from camslice.engine.oip.messages import InferResponse, OipError, Status


class Unwritten:
    """Bytes of such answers. Lives on the transports' event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0

    def hold(self, response: InferResponse) -> Callable[[], None]:
        """Count an answer until what is returned is called, once or more. Raises OipError (OVERLOADED) when it is too much.

        A single answer always passes.
        """
        size = size_of(response)
        if self._bytes and self._bytes + size > self._most_bytes:
            raise OipError(Status.OVERLOADED, "too many answers wait for their clients to read them; come back later")
        self._bytes += size
        held = [size]

        def release() -> None:
            self._bytes -= held.pop() if held else 0

        return release


def size_of(response: InferResponse) -> int:
    """Bytes of the tensors that travel in the answer."""
    return sum(len(tensor.data) for tensor in response.outputs)
