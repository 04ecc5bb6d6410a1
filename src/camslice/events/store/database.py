"""Opening a store: which database, its tables, and the errors that a user's URL can lead to.

What SQLite and PostgreSQL do differently is in one file each, behind `Backend`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, Table, inspect, make_url, select
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from camslice.events.store import schema
from camslice.events.store.migrations import can_migrate, create, migrate
from camslice.events.store.postgres import Postgres
from camslice.events.store.sentences import sentence_about
from camslice.events.store.sqlite import Sqlite
from camslice.fleet.errors import StoreError
from camslice.fleet.secrets import redact

logger = logging.getLogger(__name__)

Insert = SqliteInsert | PostgresInsert
Row = tuple[int | bytes | None, ...]


class StoreAwayError(StoreError):
    """The store does not answer now; it may later."""


class Turn(Protocol):
    """The right to do what only one of many writers may do at a time."""

    def close(self) -> None:
        """Give it back. Never raises."""
        ...


class Backend(Protocol):
    """What depends on the kind of database."""

    where: str
    """The place as it may be shown to anyone."""

    def check(self, *, writing: bool) -> None:
        """Raise StoreError for what can be seen without opening anything."""
        ...

    def engine(self, *, writing: bool) -> Engine:
        """An engine whose transactions survive the death of this process once they are committed."""
        ...

    def insert(self, table: Table) -> Insert:
        """An INSERT that can say what happens on conflict."""
        ...

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert many rows, each the values in the order of the table's columns; those that are there already stay."""
        ...

    def lock_schema(self, connection: Connection) -> None:
        """Let nobody else create tables until this transaction ends."""
        ...

    def take_turn(self, engine: Engine, pause_s: float) -> Turn | None:
        """Be the only one who clears away, until the turn is closed.

        None while somebody else is, or began to less than `pause_s` ago.
        """
        ...

    def excess_rows(self, connection: Connection, keep_bytes: float) -> int:
        """About how many of the oldest frames have to go, 0 when the store is no larger than `keep_bytes`."""
        ...

    def give_back(self, engine: Engine, *, finished: bool) -> None:
        """Make the room of deleted rows usable again; `finished` after the last of them."""
        ...


class Database:
    """An open store. Connections come from its engine's pool; it may be used from any thread."""

    def __init__(self, backend: Backend, *, writing: bool) -> None:
        self.backend = backend
        self.where = backend.where
        self.engine = backend.engine(writing=writing)
        self.version = schema.VERSION
        """That of its tables: an older one only where it is read as it is."""

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back when something is raised."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_database(url: str, *, writing: bool, url_now: Callable[[], str] | None = None) -> Database:
    """Open the store at a SQLAlchemy URL; for `writing`, its tables are created if they are not there.

    On a server, user and password of each connection are those that `url_now` tells when it is made.

    One of an older version is made new when it is opened for writing (see `migrations`), and read as it is otherwise.

    Raises StoreError, in one sentence without credentials, when it cannot be reached (StoreAwayError), read or (for `writing`)
    written, when it is something else than a store, or a store of another version.
    """
    backend = _backend(url, url_now)
    backend.check(writing=writing)
    try:
        database = Database(backend, writing=writing)
    except ImportError:
        raise StoreError(f"store {backend.where}: the PostgreSQL driver is missing; install camslice[postgres]") from None
    try:
        with database.begin() as connection:
            database.version = _check_or_create(database, connection, writing=writing)
    except SQLAlchemyError as error:
        database.close()
        kind = StoreAwayError if isinstance(error, OperationalError) else StoreError
        raise kind(f"store {sentence_about(error, database.where)}") from None
    except BaseException:
        database.close()
        raise
    return database


def is_on_a_server(url: str) -> bool:
    """Whether the store at a URL is something else than a file. Raises StoreError as `open_database` does."""
    return isinstance(_backend(url), Postgres)


def _backend(url: str, url_now: Callable[[], str] | None = None) -> Backend:
    try:
        parsed: URL = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"store {_shown(url)}: is not a database URL; {_LIKE_THESE}") from None
    if parsed.get_backend_name() == "sqlite":
        return Sqlite(parsed)
    if parsed.get_backend_name() in {"postgresql", "postgres"}:
        return Postgres(parsed, url_now)
    raise StoreError(f"store {_shown(url)}: {parsed.get_backend_name()} is not supported; {_LIKE_THESE}")


_LIKE_THESE = "write sqlite:///folder/results.db or postgresql://host/database"


def _shown(url: str) -> str:
    """A URL that we do not understand may hold a password anywhere behind its scheme."""
    scheme, mark, _ = url.partition("://")
    return f"{scheme}://..." if mark else redact(url)


def _check_or_create(database: Database, connection: Connection, *, writing: bool) -> int:
    """The version of the tables."""
    if writing:
        database.backend.lock_schema(connection)
    there = set(inspect(connection).get_table_names())
    ours = {table.name for table in schema.metadata.sorted_tables}
    if schema.camslice_schema.name in there:
        return _check_version(database, connection, writing=writing)
    if there & ours:
        raise StoreError(
            f"store {database.where}: holds tables named {', '.join(sorted(there & ours))} that are not camslice's; "
            "use a database of its own"
        )
    if not writing:
        raise StoreError(f"store {database.where}: no results were ever stored there; check the URL")
    create(connection, *schema.metadata.sorted_tables)
    connection.execute(database.backend.insert(schema.camslice_schema).values(version=schema.VERSION))
    return schema.VERSION


def _check_version(database: Database, connection: Connection, *, writing: bool) -> int:
    """Refuse what we do not understand; make new what is older and is to be written."""
    versions: list[int] = sorted(connection.scalars(select(schema.camslice_schema.c.version)))
    if versions == [schema.VERSION] or (not writing and len(versions) == 1 and versions[0] in schema.READABLE):
        return versions[0]
    if writing and len(versions) == 1 and can_migrate(versions[0]):
        migrate(connection, versions[0])
        logger.warning(
            "store %s: its tables were of version %d and are now of version %d", database.where, *versions, schema.VERSION
        )
        return schema.VERSION
    found = ", ".join(map(str, versions)) or "none"
    raise StoreError(
        f"store {database.where}: its tables are of version {found} and this camslice writes version {schema.VERSION}; "
        "use another database, or the camslice that made this one"
    )
