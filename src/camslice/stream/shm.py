"""Memory that the supervisor and its analysis processes share: an anonymous file, mapped by both, passed by descriptor.

Nothing has a name, so nothing can be left behind by a crash and no tracker can unlink what others still use. Where
`CAMSLICE_SHM_DIR` is set (or memfd does not exist) the file lies in that folder and is unlinked as soon as it is open.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import tempfile
from pathlib import Path

from camslice.fleet.errors import MachineError


class SharedRegion:
    """`size` bytes of shared memory. The creator and each attacher own one mapping and close it with `close`."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size
        self._map = mmap.mmap(descriptor, size)
        self._folder: Path | None = None
        self._reserved = size

    @classmethod
    def create(cls, name: str, size: int, expected: int | None = None) -> SharedRegion:
        """Make a region of zeroes, of which `expected` bytes (None: all) will be written to; the rest takes no memory.

        Raises MachineError when the folder for it lacks the room.
        """
        named = os.environ.get("CAMSLICE_SHM_DIR")
        folder = Path(named or tempfile.gettempdir()) if named is not None or not hasattr(os, "memfd_create") else None
        room = size if expected is None else expected
        if folder is not None:
            descriptor = _unlinked_file(folder, room)
        else:
            try:
                descriptor = os.memfd_create(f"camslice-{name}", os.MFD_CLOEXEC)
            except OSError as error:
                raise MachineError(f"shared memory cannot be had: {error.strerror}; raise the limit (ulimit -n).") from error
        os.ftruncate(descriptor, size)
        region = cls(descriptor, size)
        region._folder, region._reserved = folder, room
        return region

    def reserve(self, expected: int) -> None:
        """So many bytes will be written to by now. Raises MachineError when the folder lacks the room."""
        if self._folder is None or expected <= self._reserved:
            return
        _refuse_without_room(self._folder, expected - self._reserved)
        try:
            os.posix_fallocate(self.descriptor, 0, expected)
        except OSError as error:
            raise MachineError(f"shared memory: {self._folder}: {error.strerror}; enlarge it.") from error
        self._reserved = expected

    @property
    def buffer(self) -> memoryview:
        """The bytes. Release every view before `close`."""
        return memoryview(self._map)

    def close(self) -> None:
        """Unmap; the memory is freed when the last process has done so."""
        with contextlib.suppress(BufferError):  # a view is still in use somewhere: the mapping goes with the process
            self._map.close()
        os.close(self.descriptor)


def _unlinked_file(folder: Path, size: int) -> int:
    try:
        _refuse_without_room(folder, size)
        descriptor, path = tempfile.mkstemp(prefix="camslice-", dir=folder)
        Path(path).unlink()
        # Now, and not when it is written to: memory that lacks then kills whoever writes.
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        raise MachineError(
            f"shared memory: cannot use {folder}: {error.strerror}; set CAMSLICE_SHM_DIR to a folder that can be written."
        ) from error
    return descriptor


def _refuse_without_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise MachineError(
            f"shared memory: {folder} has {free / 1e6:.0f} MB free and {size / 1e6:.0f} MB are needed; "
            "enlarge it or set CAMSLICE_SHM_DIR to another folder."
        )
