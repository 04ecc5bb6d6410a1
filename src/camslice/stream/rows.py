"""Which row of the ledger belongs to which stream, and what streams that are gone had counted."""

from __future__ import annotations

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import MachineError
from camslice.fleet.types import StreamKey
from camslice.stream.ledger import Ledger


class Rows:
    """Rows on loan. A key that comes back after it was retired goes on counting where it stopped."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._free = list(range(ledger.rows))[::-1]
        self._rows: dict[StreamKey, int] = {}
        self._keys: dict[int, StreamKey] = {}
        self._owners: dict[StreamKey, object] = {}
        self._retired: dict[StreamKey, FrameCounts] = {}

    def lend(self, key: StreamKey, owner: object = None) -> int:
        """A row for a new stream, which `owner` writes until it is retired: a row never has two writers."""
        if not self._free:
            raise MachineError(
                f"camera {key.camera}: this fleet already has {self._ledger.rows} streams, as many as one process holds; "
                "run a second fleet for more."
            )
        row = self._free.pop()
        self._ledger.reset(row)
        self._rows[key] = row
        self._keys[row] = key
        self._owners[key] = owner
        return row

    def retire(self, key: StreamKey) -> None:
        """The stream holds nothing any more: keep its counts and free its row."""
        row = self._rows.pop(key)
        del self._keys[row], self._owners[key]
        self._retired[key] = self._retired.get(key, FrameCounts()) + self._ledger.read(row)
        self._free.append(row)

    def row_of(self, key: StreamKey) -> int | None:
        """The row of a stream that runs."""
        return self._rows.get(key)

    @property
    def in_use(self) -> list[StreamKey]:
        """Streams that have a row."""
        return list(self._rows)

    @property
    def full(self) -> bool:
        """Whether there is no row to be had just now."""
        return not self._free

    def lent_to_another(self, key: StreamKey, owner: object) -> bool:
        """Whether somebody else than `owner` still writes this stream's row."""
        return key in self._owners and self._owners[key] is not owner

    def key_of(self, row: int) -> StreamKey | None:
        """The stream that owns a row."""
        return self._keys.get(row)

    def rows(self) -> list[int]:
        """Rows on loan."""
        return list(self._keys)

    def counts(self, key: StreamKey) -> FrameCounts:
        """Everything a stream has counted, in all its lives."""
        retired = self._retired.get(key, FrameCounts())
        row = self._rows.get(key)
        return retired if row is None else retired + self._ledger.read(row)

    def unchanged_at_s(self, key: StreamKey) -> float | None:
        """See `Ledger`; None for a stream that does not run."""
        row = self._rows.get(key)
        return None if row is None else self._ledger.unchanged_at_s(row)

    def keys(self) -> list[StreamKey]:
        """Every stream that ran or runs."""
        return sorted({*self._rows, *self._retired})
