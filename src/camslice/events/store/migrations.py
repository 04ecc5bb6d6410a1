"""Stores of older versions made new, in place, in the transaction that opens them for writing.

A step creates and changes; it never deletes what was stored. Each runs once, with the schema locked, so any number of writers
may start at the same time. A program of the older version that is still writing goes on until it is started again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Column, Connection, Table, text, update
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from camslice.events.store import schema


def create(connection: Connection, *tables: Table) -> None:
    """Create those of the tables, with their indexes, that are not there."""
    for table in tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))


def migrate(connection: Connection, version: int) -> None:
    """Bring tables of `version` to `schema.VERSION`. KeyError when there is no way."""
    for step in range(version, schema.VERSION):
        _STEPS[step](connection)
    connection.execute(update(schema.camslice_schema).values(version=schema.VERSION))


def can_migrate(version: int) -> bool:
    """Whether there is a way from `version` to `schema.VERSION`."""
    return all(step in _STEPS for step in range(version, schema.VERSION)) and version < schema.VERSION


def _know_placements(connection: Connection) -> None:
    """Version 2: streams move between writers, and upkeep is done by one of them."""
    create(connection, schema.placements, schema.upkeep)


def _know_looks(connection: Connection) -> None:
    """Version 3: how each frame was looked at. What was stored before was looked at in full, as the defaults say."""
    for table, column in (
        (schema.frames, schema.frames.c.look),
        (schema.frames, schema.frames.c.carried),
        (schema.minutes, schema.minutes.c.regions),
    ):
        _add(connection, table, column)


def _add(connection: Connection, table: Table, column: Column[object]) -> None:
    written = CreateColumn(column).compile(dialect=connection.dialect)
    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {written}"))


_STEPS: Mapping[int, Callable[[Connection], None]] = {1: _know_placements, 2: _know_looks}
