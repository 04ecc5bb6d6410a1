"""The fleet file of a run: read at the start, and again whenever it changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from camslice.fleet.spec import load_fleet
from camslice.fleet.types import Fleet, Store

DEFAULT_STORE = "sqlite:///camslice.db"


class FleetFile:
    """A fleet file, and the store that the command line puts in place of its own (`none` for no store)."""

    def __init__(self, path: Path, store: str | None) -> None:
        self.path = path
        self._store = store
        self._seen = _state_of(path)

    def read(self) -> Fleet:
        """What the file says now. Raises FleetError."""
        self._seen = _state_of(self.path)
        fleet = _as_run(load_fleet(self.path))
        if self._store == "none":
            return replace(fleet, store=None)
        declared = fleet.store or Store(DEFAULT_STORE)
        return replace(fleet, store=declared if self._store is None else replace(declared, url=self._store))

    def changed(self) -> bool:
        """Whether the file is another one than when it was read last."""
        return _state_of(self.path) != self._seen


def _as_run(fleet: Fleet) -> Fleet:
    """Without what only plans need of cameras, so that `probe --write` opens no camera of a running fleet anew."""
    return replace(fleet, cameras=tuple(replace(camera, stream=None, objective=None) for camera in fleet.cameras))


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
