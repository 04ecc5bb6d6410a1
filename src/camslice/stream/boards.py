"""The shared memory of a whole fleet: which stream has which row of the ledger and of the previews."""

from __future__ import annotations

from camslice.fleet.types import StreamKey
from camslice.stream.ledger import Ledger, ledger_bytes
from camslice.stream.previews import Previews, previews_bytes
from camslice.stream.rows import Rows
from camslice.stream.shm import SharedRegion

MAX_STREAMS = 1024


class Boards:
    """Owned by the supervisor until `close`. Every pod writes only the rows of its own streams."""

    def __init__(self, streams: int) -> None:
        """There are rows for more than the fleet's `streams`, for cameras to come; only rows in use take memory.

        Raises MachineError when there is no room for those of the fleet.
        """
        self.ledger_region = SharedRegion.create("ledger", ledger_bytes(MAX_STREAMS))
        try:
            self.previews_region = SharedRegion.create("previews", previews_bytes(MAX_STREAMS), previews_bytes(max(1, streams)))
        except BaseException:
            self.ledger_region.close()
            raise
        self.ledger = Ledger(self.ledger_region.buffer)
        self.previews = Previews(self.previews_region.buffer)
        self.rows = Rows(self.ledger)

    def reserve(self, streams: int) -> None:
        """So many streams are there by now, those that end still among them. Raises MachineError when there is no room.

        A folder for shared memory that is full ends whoever writes to it, so room is taken before there is a writer.
        """
        self.previews_region.reserve(previews_bytes(min(streams, MAX_STREAMS)))

    def retire(self, key: StreamKey) -> None:
        """The stream is gone: its counts are kept, its row is free."""
        row = self.rows.row_of(key)
        if row is not None:
            self.previews.forget(row)
            self.rows.retire(key)

    def close(self) -> None:
        """Free the memory. Counts can no longer be read."""
        self.ledger_region.close()
        self.previews_region.close()
