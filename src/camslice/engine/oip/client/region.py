"""Shared memory of ours that a server may open while it is being registered, and that has no name before or after.

The object lies in /dev/shm for the moment of the registration only. So nothing is left behind however this process ends,
except when it is killed within that moment; what such a one has left is removed by the next that comes this way.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from camslice.fleet.errors import MachineError

FOLDER = Path("/dev/shm")  # noqa: S108 - where POSIX keeps shared memory, which is where servers look for it

_OURS = re.compile(r"camslice-(\d+)-[0-9a-f]{16}")
_LEFT_BEHIND_S = 10.0
"""Names live for a moment only; one this old, of a process that is gone, is nobody's."""


class Region:
    """`size` bytes of zeroes, mapped until the last array in them is gone. `name` is free to be used by one server."""

    def __init__(self, size: int, folder: Path = FOLDER) -> None:
        """Raises MachineError when the folder lacks the room for it."""
        self.name = f"camslice-{os.getpid()}-{secrets.token_hex(8)}"
        self.size = size
        self._folder = folder
        _sweep(folder)
        descriptor = _create(folder, self.name, size)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # held as long as the mapping: the server sees by it that we live
            self._map = mmap.mmap(descriptor, size)
        except OSError as error:
            (folder / self.name).unlink()
            raise MachineError(f"shared memory: {size / 1e6:.1f} MB cannot be mapped: {error.strerror}.") from None
        finally:
            os.close(descriptor)

    @property
    def key(self) -> str:
        """What POSIX calls it while it has a name."""
        return f"/{self.name}"

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """It can be opened by its key until the end of this, and never again."""
        try:
            yield
        finally:
            (self._folder / self.name).unlink(missing_ok=True)

    @property
    def buffer(self) -> memoryview:
        """The bytes."""
        return memoryview(self._map)


def _create(folder: Path, name: str, size: int) -> int:
    path = folder / name
    try:
        free = os.statvfs(folder)
        if free.f_bavail * free.f_frsize < size:
            raise MachineError(
                f"shared memory: {folder} has {free.f_bavail * free.f_frsize / 1e6:.1f} MB free and {size / 1e6:.1f} MB are "
                "needed; enlarge it (docker run --shm-size=256m), or set `transport: inline`."
            )
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MachineError(f"shared memory: {folder} cannot be used: {error.strerror}; set `transport: inline`.") from None
    try:
        os.posix_fallocate(descriptor, 0, size)  # now or never: memory that is lacking later kills whoever touches it
    except OSError as error:
        os.close(descriptor)
        path.unlink()
        raise MachineError(f"shared memory: {size / 1e6:.1f} MB in {folder} are not to be had: {error.strerror}.") from None
    return descriptor


def _sweep(folder: Path) -> None:
    """Remove what killed processes of this user have left."""
    oldest_s = time.time() - _LEFT_BEHIND_S
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = _OURS.fullmatch(path.name)
            if found is None or Path(f"/proc/{found[1]}").exists():
                continue
            with contextlib.suppress(OSError):
                status = path.stat(follow_symlinks=False)
                if status.st_uid == os.geteuid() and status.st_mtime < oldest_s:
                    path.unlink()
