"""The protocol's system shared-memory extension: regions that clients register once and then name instead of sending bytes.

A client can only name objects that POSIX shared memory keeps (`shm_open`: plain names in /dev/shm). The server opens such an
object once, keeps the descriptor, and copies with `pread` and `pwrite`: nothing is ever mapped, so a client that cuts its
file short gets an error, not the server a bus error. The client may unlink its object as soon as it is registered.

A client that holds an exclusive lock (`flock`) on its object while it registers it shows that the object is its own, since
nobody else could open it, and that it lives as long as the lock does: the kernel takes it back from whoever ends, `kill -9`
included, and the region goes with it.

Any program on this machine may use a server without a token, and would reach through it what the server's user may reach. So
an object without such a lock is used as far as anybody may use it; with a token, also as far as the server's user may.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from camslice.engine.oip.descriptions import RegionStatus
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, SharedMemory, Status

FOLDER = Path("/dev/shm")  # noqa: S108 - the place where shm_open keeps its objects
_LONGEST_NAME = 255
_SEMAPHORES = "sem."
"""What POSIX semaphores' names begin with, which lie in the same folder."""


class SharedMemoryRegions:
    """All registered regions of a server. Thread-safe. Owns their descriptors until `unregister` or `unregister_all`.

    A region that is unregistered while a request still uses it is closed when that request is done.
    """

    def __init__(self, limits: Limits, folder: Path = FOLDER) -> None:
        self._limits = limits
        self._folder = folder
        self._lock = threading.Lock()
        self._regions: dict[str, _Region] = {}

    def register(self, name: str, key: str, byte_size: int, offset: int = 0, *, trusted: bool = False) -> None:
        """Let requests name `byte_size` bytes from `offset` of the object `key` as `name`. `trusted` clients have a token.

        Raises OipError: INVALID_ARGUMENT for a key or a size that cannot be, NOT_FOUND when there is no such object,
        ALREADY_EXISTS when the name is taken, OVERLOADED when there are too many regions.
        """
        if not 0 < len(name) <= _LONGEST_NAME:
            raise _invalid(f"a region's name must have 1 to {_LONGEST_NAME} characters")
        if byte_size < 1 or offset < 0:
            raise _invalid(f"region {name!r}: byte_size must be at least 1 and offset at least 0")
        with self._lock:
            self._forget_abandoned()
            descriptor, writable = _open(self._folder, name, key)
            locked = not _lockable(descriptor)
            try:
                _check_object(descriptor, name, key, offset + byte_size)
                anybody_writes = _check_access(descriptor, name, key, owned=locked or trusted)
                self._check_room(name, byte_size)
            except OipError:
                os.close(descriptor)
                raise
            status = RegionStatus(name, key, offset, byte_size)
            self._regions[name] = _Region(status, descriptor, locked=locked, writable=writable and anybody_writes)

    def forget_abandoned(self) -> None:
        """Forget the regions whose clients held a lock and have ended. To be called now and then."""
        with self._lock:
            self._forget_abandoned()

    def _forget_abandoned(self) -> None:
        """Lock is held."""
        for name in [name for name, region in self._regions.items() if region.abandoned]:
            self._regions.pop(name).let_go()

    def status(self, name: str = "") -> list[RegionStatus]:
        """One region, or all of them. Raises OipError (NOT_FOUND)."""
        with self._lock:
            if not name:
                return [region.status for region in self._regions.values()]
            return [self._region(name).status]

    def unregister(self, name: str) -> None:
        """Forget a region. One that is not registered is no error, so that a client may clean up twice."""
        with self._lock:
            region = self._regions.pop(name, None)
        if region is not None:
            region.let_go()

    def unregister_all(self) -> None:
        """Forget all regions."""
        with self._lock:
            regions = list(self._regions.values())
            self._regions.clear()
        for region in regions:
            region.let_go()

    def place(self, placed: SharedMemory) -> Place:
        """Where a tensor lies, kept open until its `release`. Raises OipError for what is not within a region."""
        if placed.offset < 0 or placed.byte_size < 1:
            raise _invalid(f"region {placed.region!r}: offset must be at least 0 and byte_size at least 1")
        with self._lock:
            region = self._region(placed.region)
            status = region.status
            if placed.offset + placed.byte_size > status.byte_size:
                raise _invalid(
                    f"region {status.name!r} has {status.byte_size} bytes; a tensor of {placed.byte_size} bytes at offset "
                    f"{placed.offset} does not lie within it"
                )
            region.hold()
        return Place(region, placed.offset, placed.byte_size)

    def _region(self, name: str) -> _Region:
        region = self._regions.get(name)
        if region is None:
            raise OipError(Status.NOT_FOUND, f"no region {name!r} of shared memory is registered")
        return region

    def _check_room(self, name: str, byte_size: int) -> None:
        if name in self._regions:
            raise OipError(Status.ALREADY_EXISTS, f"region {name!r} is registered already; unregister it first")
        if len(self._regions) >= self._limits.regions:
            raise OipError(Status.OVERLOADED, f"{len(self._regions)} regions are registered, which is the most allowed")
        total = sum(region.status.byte_size for region in self._regions.values()) + byte_size
        if total > self._limits.region_bytes:
            most = self._limits.region_bytes
            raise OipError(Status.OVERLOADED, f"region {name!r} would make it {total} bytes of shared memory; at most {most}")


class Place:
    """The bytes of one tensor within a region. Reads and writes copy; a region cut short meanwhile raises OipError."""

    def __init__(self, region: _Region, offset: int, byte_size: int) -> None:
        self._region = region
        self._offset = offset
        self._held = True
        self.byte_size = byte_size

    @property
    def held_bytes(self) -> int:
        """Memory of this process that is kept for it: none."""
        return 0

    def array(self, offset: int, shape: Sequence[int]) -> npt.NDArray[np.uint8]:
        """A copy of the bytes from `offset` on as uint8 of `shape`."""
        copied = np.empty(math.prod(shape), np.uint8)
        self.read_into([copied], offset)
        return copied.reshape(shape)

    def read_into(self, targets: Sequence[npt.NDArray[np.uint8] | npt.NDArray[np.float32]], offset: int) -> None:
        """Fill the targets (contiguous), one after another, with the bytes from `offset` on."""
        self._region.read_into([target.data.cast("B") for target in targets], self._offset + offset)

    def write(self, data: bytes | memoryview) -> None:
        """Put `data` at the beginning of the place. Raises OipError when it is too long for it."""
        if len(data) > self.byte_size:
            raise _invalid(
                f"an output needs {len(data)} bytes; {self.byte_size} are kept for it in region {self._region.status.name!r}"
            )
        self._region.write(memoryview(data), self._offset)

    def release(self) -> None:
        """Nothing is read or written any more."""
        if self._held:
            self._held = False
            self._region.let_go()


class _Region:
    """An open shared memory object. The descriptor is closed when the region is and nobody holds it."""

    def __init__(self, status: RegionStatus, descriptor: int, *, locked: bool, writable: bool) -> None:
        self.status = status
        self._descriptor = descriptor
        self._locked_by_client = locked
        self._writable = writable
        self._lock = threading.Lock()
        self._holders = 1

    @property
    def abandoned(self) -> bool:
        """Whether the client locked the object while it registered it, and has let go since."""
        return self._locked_by_client and _lockable(self._descriptor)

    def hold(self) -> None:
        with self._lock:
            self._holders += 1

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            os.close(self._descriptor)

    def read_into(self, missing: list[memoryview], offset: int) -> None:
        position = self.status.offset + offset
        while missing:
            copied = os.preadv(self._descriptor, missing, position)
            if copied == 0:
                raise self._cut_short()
            position += copied
            while missing and copied >= len(missing[0]):
                copied -= len(missing.pop(0))
            if copied:
                missing[0] = missing[0][copied:]

    def write(self, data: memoryview, offset: int) -> None:
        if not self._writable:
            raise _invalid(f"region {self.status.name!r} may only be read; outputs cannot be put into it")
        position = self.status.offset + offset
        data = data.cast("B")
        if os.fstat(self._descriptor).st_size < position + len(data):
            raise self._cut_short()
        while data:
            copied = os.pwrite(self._descriptor, data, position)
            position += copied
            data = data[copied:]

    def _cut_short(self) -> OipError:
        return _invalid(f"the object {self.status.key!r} behind region {self.status.name!r} is shorter than it was")


def _lockable(descriptor: int) -> bool:
    """Whether nobody holds an exclusive lock on the object. Probed with a shared one, which two can hold at once: a probe is
    never taken for a client by another server's probe.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _open(folder: Path, name: str, key: str) -> tuple[int, bool]:
    """The object's descriptor, and whether it may be written to. Raises OipError."""
    plain = key.removeprefix("/")
    portable = plain.isascii() and plain.isprintable() and 0 < len(plain) <= _LONGEST_NAME
    if not portable or "/" in plain or plain in (".", ".."):
        raise _invalid(f"region {name!r}: the key must be the plain name of a POSIX shared memory object, such as '/pictures'")
    if plain.startswith(_SEMAPHORES):
        raise _invalid(f"region {name!r}: {key!r} is a semaphore and no shared memory object")
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        with contextlib.suppress(PermissionError):
            return os.open(folder / plain, os.O_RDWR | flags), True
        return os.open(folder / plain, os.O_RDONLY | flags), False
    except FileNotFoundError:
        raise OipError(Status.NOT_FOUND, f"region {name!r}: there is no shared memory object {key!r}") from None
    except OSError:
        raise _invalid(f"region {name!r}: the shared memory object {key!r} cannot be opened") from None


def _check_object(descriptor: int, name: str, key: str, end: int) -> None:
    """Refuse what is no shared memory, and what is too short. Raises OipError."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise _invalid(f"region {name!r}: {key!r} is no shared memory object")
    if end > found.st_size:
        raise _invalid(f"region {name!r}: it would end at byte {end}, but the object {key!r} has {found.st_size} bytes")


def _check_access(descriptor: int, name: str, key: str, *, owned: bool) -> bool:
    """Whether the object may be written to; `owned`: the client showed that it is its own. Raises OipError for what not even
    may be read.
    """
    found = os.fstat(descriptor)
    if owned and found.st_uid == os.geteuid():
        return True
    if not found.st_mode & stat.S_IROTH:
        raise _invalid(
            f"region {name!r}: the shared memory object {key!r} is not open to all; open it (chmod 666), hold an exclusive "
            "lock on it (flock), or use a server with a token"
        )
    return bool(found.st_mode & stat.S_IWOTH)


def _invalid(message: str) -> OipError:
    return OipError(Status.INVALID_ARGUMENT, message)
