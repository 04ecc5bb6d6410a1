"""PostgreSQL, by psycopg 3: for a fleet whose machines write to one place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, Table, bindparam, create_engine, event, func, make_url, select, text
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.exc import SQLAlchemyError

from camslice.events.store import schema

if TYPE_CHECKING:
    import psycopg

_CONNECT_PATIENCE_S = 5
_SCHEMA_LOCK = 0x63616D73
_UPKEEP_LOCK = 0x63616D74
_SILENCE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""A server that vanished without a word is noticed within half a minute (seconds; the last in ms)."""

_SERVERS_PATIENCE = {
    "idle_in_transaction_session_timeout": 20_000,
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
}
"""The same from the other side: a writer whose machine vanished holds its locks for half a minute at most (ms; then as above).
Else the pod that takes its streams over would wait for them as long as the server's kernel does, two hours."""


class Postgres:
    """A store on a server."""

    def __init__(self, url: URL, url_now: Callable[[], str] | None = None) -> None:
        """`url_now` tells the URL whenever a connection is made: user and password are taken from it, for they may change."""
        self._url = url.set(drivername="postgresql+psycopg")
        self._url_now = url_now
        host = (url.host or "").rpartition("@")[2] or url.query.get("host") or "local socket"  # a password may hold an @
        self.where = f"postgresql {host}{f':{url.port}' if url.port else ''}/{url.database or ''}"

    def check(self, *, writing: bool) -> None:
        """Nothing can be seen without connecting."""

    def engine(self, *, writing: bool) -> Engine:
        """A committed transaction is on the server's disk unless the server is set up otherwise.

        One that writes takes one connection, and a second one while it clears away: a fleet has many pods and a server few
        connections. Locks of `placements` are made for READ COMMITTED: what was waited for must then be seen.
        """
        patience = {} if "connect_timeout" in self._url.query else {"connect_timeout": _CONNECT_PATIENCE_S}
        pool = {"pool_size": 1, "max_overflow": 1} if writing else {"pool_size": 2, "max_overflow": 2}
        engine = create_engine(self._url, isolation_level="READ COMMITTED", connect_args={**_SILENCE, **patience}, **pool)
        if writing:
            event.listen(engine, "connect", _let_the_server_be_impatient)
        if (url_now := self._url_now) is not None:

            @event.listens_for(engine, "do_connect")
            def take_credentials(dialect: object, record: object, arguments: list[object], named: dict[str, object]) -> None:
                now = make_url(url_now())
                named |= {"user": now.username, "password": now.password}

        return engine

    def insert(self, table: Table) -> Insert:
        """An INSERT that can say what happens on conflict."""
        return insert(table)

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[tuple[int | bytes | None, ...]]) -> None:
        """One statement with an array for each column: one by one, a row would cost three times as much."""
        columns = list(table.columns)
        arrays = [func.unnest(bindparam(column.name, type_=ARRAY(column.type))) for column in columns]
        statement = insert(table).from_select(columns, select(*arrays)).on_conflict_do_nothing()
        by_column = zip(columns, zip(*rows, strict=True), strict=True)
        connection.execute(statement, {column.name: list(values) for column, values in by_column})

    def lock_schema(self, connection: Connection) -> None:
        """Two programs that start at once must not both create the tables."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})

    def take_turn(self, engine: Engine, pause_s: float) -> PostgresTurn | None:
        """An advisory lock of a connection of its own: the server gives it back when we die. The clock is the server's."""
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        turn = PostgresTurn(connection)
        try:
            if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _UPKEEP_LOCK}).scalar_one():
                if connection.execute(_IS_DUE, {"what": "retention", "pause_us": round(pause_s * 1e6)}).first() is not None:
                    return turn
                turn.close()
            else:
                connection.close()
        except BaseException:
            turn.close()
            raise
        return None

    def excess_rows(self, connection: Connection, keep_bytes: float) -> int:
        """About how many of the oldest frames have to go.

        A table does not shrink when rows are deleted; their room is used again. So once the files are larger than `keep_bytes`,
        what counts is the share of them that living frames fill: their number times the size that they would have without gaps.
        """
        files_bytes = sum(
            connection.execute(text("SELECT pg_total_relation_size(to_regclass(:name))"), {"name": table.name}).scalar_one()
            for table in schema.metadata.sorted_tables
        )
        if files_bytes <= keep_bytes:
            return 0
        connection.execute(text("ANALYZE frames"))
        frames = connection.execute(text("SELECT reltuples FROM pg_class WHERE oid = to_regclass('frames')")).scalar_one()
        row_bytes = connection.execute(_ROW_BYTES).scalar_one()
        others_bytes = files_bytes - connection.execute(text("SELECT pg_total_relation_size('frames')")).scalar_one()
        for_frames_bytes = max(keep_bytes - others_bytes, keep_bytes / 2)
        return max(0, math.ceil(frames - for_frames_bytes / float(row_bytes))) if row_bytes else 0

    def give_back(self, engine: Engine, *, finished: bool) -> None:
        """Let the room of deleted rows be used again."""
        if finished:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM frames, minutes, minute_stages"))


def _let_the_server_be_impatient(connection: psycopg.Connection, _record: object) -> None:
    connection.autocommit = True
    for name, value in _SERVERS_PATIENCE.items():
        connection.execute(f"SET {name} = {value}")
    connection.autocommit = False


class PostgresTurn:
    """Holds the advisory lock, and the connection that it belongs to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Unlock. A connection that cannot is dropped, which unlocks too."""
        try:
            self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _UPKEEP_LOCK})
        except SQLAlchemyError:
            self._connection.invalidate()
        finally:
            self._connection.close()


_IS_DUE = text(
    """
    INSERT INTO upkeep (what, at_us) VALUES (:what, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    ON CONFLICT (what) DO UPDATE SET at_us = excluded.at_us WHERE upkeep.at_us <= excluded.at_us - :pause_us
    RETURNING at_us
    """
)
_ROW_BYTES = text(
    """
    SELECT avg(pg_column_size(newest.*)) + 4 + 48 + 32
    FROM (SELECT * FROM frames ORDER BY stream_id DESC, captured_us DESC LIMIT 1000) AS newest
    """
)
"""A row with its line pointer and its places in the two indexes (their pages are about two thirds full)."""
