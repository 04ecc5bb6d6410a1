"""SQLite: write-ahead log, one file.

Durability: with WAL and `synchronous=NORMAL` a committed batch is in the operating system's hands, so it survives the death of
this process at any moment, `kill -9` included. A power cut can lose the last commits (those since the last checkpoint)
but never damages what was written before; whoever needs more uses PostgreSQL.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import OperationalError

from camslice.fleet.errors import StoreError

_LOCK_PATIENCE_S = 5.0
_LARGEST_IDLE_LOG_BYTES = 16 << 20
_PAGES_GIVEN_BACK = 1000
_ROW_BYTES = 60
"""A row with its place in the index and one detection, about; too small a guess, so that a pass never deletes too much."""


class Sqlite:
    """A store in a file."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="sqlite+pysqlite")
        self._path = Path(url.database) if url.database and url.database != ":memory:" else None
        self.where = str(self._path or "sqlite")

    def check(self, *, writing: bool) -> None:
        """Raise StoreError when the file cannot be there."""
        if self._path is None:
            raise StoreError("store sqlite: in memory nothing would be kept; name a file, as in sqlite:///folder/results.db")
        if self._path.is_dir():
            raise StoreError(f"store {self.where}: is a folder; name a file in it")
        if not self._path.parent.is_dir():
            raise StoreError(f"store {self.where}: the folder {self._path.parent} does not exist; create it")
        if not writing and not self._path.exists():
            raise StoreError(f"store {self.where}: there is no such file; check the path")

    def engine(self, *, writing: bool) -> Engine:
        """An engine whose connections are set up as this module says. One for reading never waits for the one that writes."""
        engine = create_engine(self._url, connect_args={"timeout": _LOCK_PATIENCE_S})
        event.listen(engine, "connect", _set_up_for_writing if writing else _set_up_for_reading)
        event.listen(engine, "begin", _begin_writing if writing else _begin_reading)
        return engine

    def insert(self, table: Table) -> Insert:
        """An INSERT that can say what happens on conflict."""
        return insert(table)

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[tuple[int | bytes | None, ...]]) -> None:
        """Hand the rows to the driver as they are: by way of named parameters each would cost 5 us more."""
        statement = str(insert(table).on_conflict_do_nothing().compile(dialect=connection.dialect))
        connection.exec_driver_sql(statement, list(rows))

    def lock_schema(self, connection: Connection) -> None:
        """Nothing to do: a transaction that writes has the file to itself."""

    def take_turn(self, engine: Engine, pause_s: float) -> SqliteTurn:
        """Always: few write to one file, and who does has it to himself."""
        return SqliteTurn()

    def excess_rows(self, connection: Connection, keep_bytes: float) -> int:
        """About how many of the oldest frames have to go, from the pages in use (free ones will be used again)."""
        page_bytes, pages, free = (_pragma(connection, name) for name in ("page_size", "page_count", "freelist_count"))
        return max(0, math.ceil(((pages - free) * page_bytes - keep_bytes) / _ROW_BYTES))

    def give_back(self, engine: Engine, *, finished: bool) -> None:
        """Shorten the file by some of its free pages, whether finished or not."""
        statement = f"PRAGMA incremental_vacuum({_PAGES_GIVEN_BACK})"
        connection = engine.raw_connection()
        try:
            # Each page is one step of the statement, a row without columns: `execute` would take the first and stop.
            connection.cursor().executescript(statement)
        except sqlite3.Error as error:
            raise OperationalError(statement, None, error) from error
        finally:
            connection.close()


class SqliteTurn:
    """Nothing to give back."""

    def close(self) -> None:
        """Do nothing."""


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.execute(text(f"PRAGMA {name}")).scalar_one())


def _set_up_for_writing(connection: sqlite3.Connection, _record: object) -> None:
    _take_over_transactions(connection)
    for pragma in (
        "auto_vacuum = INCREMENTAL",  # counts only before the first table is made
        "journal_mode = WAL",
        "synchronous = NORMAL",
        f"journal_size_limit = {_LARGEST_IDLE_LOG_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _set_up_for_reading(connection: sqlite3.Connection, _record: object) -> None:
    _take_over_transactions(connection)
    connection.execute("PRAGMA query_only = ON")


def _take_over_transactions(connection: sqlite3.Connection) -> None:
    """Transactions begin where SQLAlchemy says, not where the driver guesses."""
    connection.isolation_level = None


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
