"""What has been measured so far, in a file beside the profile, so that a measurement that was broken off goes on from there."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from camslice.fleet.errors import ProfileError

log = logging.getLogger(__name__)

Value = TypeVar("Value")


class Journal:
    """Finished steps by name. Owns the file `path` until `remove`; written in one piece after each step.

    `circumstances` is everything that the steps' results depend on; a file written under others is left aside.
    """

    def __init__(self, path: Path | None, circumstances: Mapping[str, object]) -> None:
        """`path` None keeps nothing. Raises ProfileError when it cannot be read."""
        self._path = path
        self._key = hashlib.sha256(json.dumps(circumstances, sort_keys=True, default=str).encode()).hexdigest()
        self._steps: dict[str, object] = {}
        if path is not None and path.exists():
            self._steps = self._read(path)

    @property
    def steps(self) -> int:
        """How many are done."""
        return len(self._steps)

    def step(self, name: str, kind: type[Value], work: Callable[[], Value]) -> Value:
        """What the step came to: from the file if it was done before, else by doing it. `kind` is its type."""
        adapter = TypeAdapter(kind)
        if name in self._steps:
            try:
                return adapter.validate_json(json.dumps(self._steps[name]), strict=True)
            except ValidationError:
                log.warning("%s: step %s is not understood and is measured again", self._path, name)
        value = work()
        self._steps[name] = json.loads(adapter.dump_json(value))
        self._write()
        return value

    def remove(self) -> None:
        """All is done: the file is not needed any more."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _read(self, path: Path) -> dict[str, object]:
        try:
            found = json.loads(path.read_text("utf-8"))
            if found["key"] == self._key:
                return dict(found["steps"])
            log.warning("%s is of another machine, model or question, and is begun anew", path)
        except (ValueError, KeyError, TypeError):
            log.warning("%s is damaged and is begun anew", path)
        except OSError as error:
            raise ProfileError(f"{path}: it cannot be read ({error.strerror}); remove it, or name another --out.") from error
        return {}

    def _write(self) -> None:
        if self._path is None:
            return
        write_whole(self._path, json.dumps({"key": self._key, "steps": self._steps}))


def write_whole(path: Path, text: str) -> None:
    """Write a file in one piece: whoever reads it sees all of it or what was there before. Raises ProfileError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            beside.write_text(text, "utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ProfileError(f"{path}: it cannot be written ({error.strerror}); name another --out.") from error
