"""Verdicts of simulations from one `plan` to the next: a file in the user's cache that may be thrown away at any time."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from camslice import __version__
from camslice.fleet.dataclass_border import plain_fields
from camslice.models.cache import cache_folder
from camslice.plan.judge import Verdict

_FORMAT = 1
_MOST = 20_000


@contextmanager
def remembered_verdicts() -> Iterator[MutableMapping[str, Verdict]]:
    """What earlier plans simulated, by the hash of all that decides it. What is new is kept at the end, if it can be."""
    path = cache_folder() / "simulations.json"
    known = _read(path)
    before = set(known)
    yield known
    if set(known) != before:
        _keep(path, known)


def _read(path: Path) -> dict[str, Verdict]:
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["version"] != [_FORMAT, __version__]:
            return {}
        return TypeAdapter(dict[str, Verdict]).validate_python(data["verdicts"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return {}  # it only saves time


def _keep(path: Path, known: MutableMapping[str, Verdict]) -> None:
    newest = dict(list(known.items())[-_MOST:])
    data = {"version": [_FORMAT, __version__], "verdicts": {key: plain_fields(each) for key, each in newest.items()}}
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(data), "utf-8")
        part.replace(path)
