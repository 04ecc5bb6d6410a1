"""What a run was told to run: its fleet file, where its streams were placed, and the secrets in it, read again when changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from camslice.fleet.errors import FleetError
from camslice.fleet.mounts import Seen, read_whole, seen_file, seen_folder
from camslice.fleet.placement import FILE, Placed, read_placement
from camslice.fleet.secret_files import secrets_folder
from camslice.fleet.spec import load_fleet
from camslice.fleet.types import Fleet, Store

DEFAULT_STORE = "sqlite:///camslice.db"


@dataclass(frozen=True, slots=True)
class Declared:
    """The fleet and, when an operator placed it here, its placement: both from one content of the folder.

    `fault`: why there is no fleet to be had from it.
    """

    fleet: Fleet | None
    placed: Placed | None
    fault: FleetError | None = None


class FleetFile:
    """A fleet file, and the store that the command line puts in place of its own (`none` for no store).

    Beside it may lie a `placement.json`, and its `${NAME}` may come from a folder of files; a change of any is a change.
    """

    def __init__(self, path: Path, store: str | None) -> None:
        self.path = path
        self._store = store
        self._seen = self._look()

    def read(self) -> Fleet:
        """The fleet that is declared now. Raises FleetError."""
        declared = self.declared()
        if declared.fleet is None:
            raise declared.fault or FleetError(f"{self.path}: it declares no fleet.")
        return declared.fleet

    def declared(self) -> Declared:
        """What all files say now. A placement that cannot be read is a fault as a fleet is that cannot be."""
        declared, self._seen = read_whole(self._look, self._declared)
        return declared

    def changed(self) -> bool:
        """Whether anything is another content than when it was read last."""
        return self._look() != self._seen

    def _look(self) -> Seen:
        secrets = secrets_folder()
        placement = self.path.parent / FILE
        return seen_file(self.path), seen_file(placement), () if secrets is None else seen_folder(secrets)

    def _declared(self) -> Declared:
        placed = None
        try:
            placed = read_placement(self.path.parent, secrets_folder())
            return Declared(self._with_store(_as_run(load_fleet(self.path)), placed), placed)
        except FleetError as fault:
            return Declared(None, placed, fault)

    def _with_store(self, fleet: Fleet, placed: Placed | None) -> Fleet:
        """A pod has no disk of its own on which a file beside it would be of use: without a declared store it has none."""
        if self._store == "none" or (placed is not None and fleet.store is None and self._store is None):
            return replace(fleet, store=None)
        declared = fleet.store or Store(DEFAULT_STORE)
        return replace(fleet, store=declared if self._store is None else replace(declared, url=self._store))


def _as_run(fleet: Fleet) -> Fleet:
    """Without what only plans need of cameras, so that `probe --write` opens no camera of a running fleet anew."""
    return replace(fleet, cameras=tuple(replace(camera, stream=None, objective=None) for camera in fleet.cameras))
