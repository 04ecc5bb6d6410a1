"""The event store: analysed frames and minute roll-ups in SQLite (the default) or PostgreSQL.

Written by `store.sink.StoreSink`, read by `store.queries.StoredResults`. Importing this package imports SQLAlchemy only
when one of those is imported.
"""
