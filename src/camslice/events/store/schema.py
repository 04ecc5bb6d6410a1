"""The tables, and which version of them this is.

One row in `frames` is one frame that was analysed, or whose detections were carried on (`look`). Frames in which nothing was
found have a row too, without detections: that a camera looked and saw nothing is what tells an empty yard from a blind camera,
and dwell, "last seen" and recall are wrong without it. Such a row takes about 70 bytes in SQLite with its place in the index,
so that 20 cameras at 5 frames/s (8.6 million frames a day) take about 0.6 GB a day, and 12 bytes more for each detection;
`keep_mb` bounds it whatever happens.

A frame is identified by (stream, run, sequence), so a result that is written twice is there once. `run` is one life of the
supervisor. Picture size, model and generation stand in every row: they may change from one frame to the next, and SQLite's
integers take a byte or two each. Times are integers in microseconds since 1970 (UTC); minutes count from there too.

Roll-ups (`minutes`, `minute_stages`) are what is left when the frames have been cleared away; see `retention`.

Where a stream is moved between writers, `placements` holds the newest placement that wrote to it; see `placements`. A row of
`upkeep` is when something that only one of many writers need do was done last.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from camslice.fleet.accounting import FrameCounts, Looked

VERSION = 3
READABLE = frozenset({1, 2, 3})
"""Versions whose tables can be read. `migrations` makes older ones new when a writer opens them."""
LOOKED_SINCE = 3
"""The version since which it is told how a frame was looked at."""
COUNTED = tuple(name for name in FrameCounts.__dataclass_fields__ if name not in ("skipped", "accelerator_ns"))
"""The columns of `minutes` named as the fields of FrameCounts are. Neither what was left out before the decoder is kept nor
device time."""
LOOKS = tuple(Looked)
"""What the numbers in `look` stand for."""

_ZERO = {"regions": "0"}
"""What an older camslice that still writes does not know of."""

metadata = MetaData()

camslice_schema = Table("camslice_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("started_us", BigInteger, nullable=False),
)

cameras = Table("cameras", metadata, Column("id", Integer, primary_key=True), Column("name", Text, nullable=False, unique=True))

streams = Table(
    "streams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("camera_id", Integer, ForeignKey("cameras.id"), nullable=False),
    Column("model", Text, nullable=False),
    UniqueConstraint("camera_id", "model"),
)

models = Table(
    "models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("labels", Text, nullable=False, doc="JSON array"),
)

frames = Table(
    "frames",
    metadata,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("captured_us", BigInteger, nullable=False),
    Column("pts_us", BigInteger),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("model_id", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("detections", LargeBinary, doc="packed, see store.packing; NULL when nothing was found"),
    Column("look", SmallInteger, nullable=False, server_default="0", doc="place in LOOKS"),
    Column("carried", LargeBinary, doc="which detections were carried on, see store.packing; NULL when none was"),
    Index("frames_by_time", "stream_id", "captured_us"),
    sqlite_with_rowid=False,
)

minutes = Table(
    "minutes",
    metadata,
    Column("minute", Integer, primary_key=True, autoincrement=False),
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    *(Column(name, BigInteger, nullable=False, server_default=_ZERO.get(name)) for name in COUNTED),
    Column("detections", Text, nullable=False, doc="JSON object: label to count"),
    sqlite_with_rowid=False,
)

minute_stages = Table(
    "minute_stages",
    metadata,
    Column("minute", Integer, primary_key=True, autoincrement=False),
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("stage", SmallInteger, primary_key=True, autoincrement=False, doc="place in StageTimes"),
    Column("n", BigInteger, nullable=False),
    Column("sum_ms", Float(53), nullable=False),
    Column("max_ms", Float(53), nullable=False),
    Column("bins", LargeBinary, nullable=False, doc="packed, see store.packing"),
    sqlite_with_rowid=False,
)

placements = Table(
    "placements",
    metadata,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False, doc="the newest that wrote a frame"),
    Column("run_id", Integer, nullable=False, doc="who wrote the first frame of it"),
    Column("from_us", BigInteger, doc="frames of it captured no later than this were stored by the one before"),
    sqlite_with_rowid=False,
)

upkeep = Table(
    "upkeep",
    metadata,
    Column("what", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
)
