"""A database's errors as one sentence a user can act on, without credentials."""

from __future__ import annotations

import re

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from camslice.fleet.secrets import redact

_KNOWN = (
    ("database or disk is full", "the disk is full; free some space or lower store.keep_mb"),
    ("no space left on device", "the server's disk is full; free some space or lower store.keep_mb"),
    ("disk i/o error", "the disk cannot be written or is full; check it and free some space"),
    ("readonly database", "is read-only; change its permissions or name another place"),
    ("read-only transaction", "is read-only; name a server that can be written"),
    ("unable to open database file", "cannot be opened; check the folder's and the file's permissions"),
    ("database is locked", "another program has kept it locked; stop that or use another file"),
    ("file is not a database", "is not a SQLite database; name another file"),
    ("malformed", "is damaged; move it away, results then go to a new one"),
    ("password authentication failed", "the server refuses this user or password; check the URL"),
    ("no password supplied", "the server demands a password; add one to the URL"),
    ("connection refused", "nothing listens there; start the server or correct the URL"),
    ("permission denied", "this user may not create or write the tables; grant it CREATE and write access"),
    ("no schema has been selected", "this user may not create or write the tables; grant it CREATE and write access"),
    ("timeout expired", "the server does not answer; check that it runs and can be reached"),
    ("translate host name", "there is no host of that name; correct the URL"),
    ("resolve host", "there is no host of that name; correct the URL"),
    ("does not exist", "the server has no such database, user or table; create it or correct the URL"),
    ("deadlock detected", "two writers waited for each other; nothing is lost and it is tried again"),
    ("idle-in-transaction timeout", "the server gave this connection up; it is tried again"),
    ("terminating connection", "the server closes its connections; it is tried again"),
    ("closed the connection", "the server closed the connection; it is tried again"),
    ("too many clients", "the server takes no more connections; raise its max_connections"),
    ("no such table", "its tables are gone; start again to create them"),
)


def sentence_about(error: SQLAlchemyError, where: str) -> str:
    """What is wrong with the store at `where`, and what to do."""
    told = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    for sign, sentence in _KNOWN:
        if sign in told.lower():
            return f"{where}: {sentence}"
    return f"{where}: {_first_line(told)}; check the database"


def is_hopeless(error: SQLAlchemyError) -> bool:
    """Whether the data itself is refused, so that trying again cannot help."""
    return isinstance(error, (DataError, IntegrityError))


def _first_line(told: str) -> str:
    line = next((line.strip() for line in told.splitlines() if line.strip()), "unknown error")
    return redact(re.sub(r'user "[^"]*"', 'user "***"', line)).rstrip(".;")
