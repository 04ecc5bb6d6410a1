"""Attacks by the shared-memory extension: names, places and sizes that nobody was given, and files that change."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from random import Random
from urllib.parse import quote

from camslice.engine.oip.descriptors import calls
from tests.soak.fuzz.drafts import Draft, good_picture
from tests.soak.fuzz.models import STEADY
from tests.soak.fuzz.target import Answer, Target
from tests.soak.fuzz.values import int64, json_value, mutated, word
from tests.soak.fuzz.wire import as_protobuf, json_text

SHM = Path("/dev/shm")
PREFIX = f"camslice-fuzz-{os.getpid()}"
PICTURE_BYTES = 12_288
FOREIGN = (
    "", "/", ".", "..", "/..", "../etc/passwd", "/../../etc/passwd", "/etc/passwd", "a/b", "//etc/passwd", "\0", "a\0b",
    "\u2215etc\u2215passwd", "x" * 256, "x" * 100_000,
    f"/{PREFIX}-link", f"/{PREFIX}-fifo", f"/{PREFIX}-folder", f"/{PREFIX}-loop", "/nothing-here",
)  # fmt: skip
"""Keys that must never be opened."""


def lay_out() -> None:
    """Make what the attacks name: a proper object, and things that are none."""
    (SHM / f"{PREFIX}-good").write_bytes(b"\xc8" * 65_536)
    (SHM / f"{PREFIX}-small").write_bytes(b"\xc8" * 10)
    (SHM / f"{PREFIX}-link").symlink_to("/etc/passwd")
    (SHM / f"{PREFIX}-loop").symlink_to(SHM / f"{PREFIX}-loop")
    os.mkfifo(SHM / f"{PREFIX}-fifo")
    (SHM / f"{PREFIX}-folder").mkdir()


def clear() -> None:
    """Take all of it away."""
    for path in SHM.glob(f"{PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def foreign_keys(target: Target, chance: Random) -> None:
    """Keys of what is no shared memory, or not the client's."""
    key = chance.choice(FOREIGN)
    for answer in (register(target, word(chance), key, 1, 0), over_http(target, "foreign", key, 1, 0)):
        assert answer.status not in {"OK", "HTTP 200"}, f"{key!r} was registered"


def wild_places(target: Target, chance: Random) -> None:
    """Offsets and sizes beyond the object, beyond 64 bits, and below zero."""
    offset, size = int64(chance), int64(chance)
    answer = register(target, f"wild-{target.number}", f"/{PREFIX}-good", size, offset)
    assert answer.status != "OK" or (offset >= 0 and size > 0 and offset + size <= 65_536), (offset, size)
    over_http(target, "wild", f"/{PREFIX}-good", chance.choice((size, offset, json_value(chance))), offset)
    unregister(target, f"wild-{target.number}")


def mutated_registrations(target: Target, chance: Random) -> None:
    """Registrations some bytes of which are wrong."""
    name = chance.choice(("SystemSharedMemoryRegister", "SystemSharedMemoryUnregister", "SystemSharedMemoryStatus"))
    request = calls()[name][0](name="good")
    if name == "SystemSharedMemoryRegister":
        request.key, request.byte_size = f"/{PREFIX}-good", 65_536
    target.ask(name, mutated(request.SerializeToString(), chance))


def registered(target: Target, chance: Random) -> None:
    """The regions that other attacks name are there, now and then."""
    register(target, "good", f"/{PREFIX}-good", chance.choice((65_536, PICTURE_BYTES)), 0)
    register(target, "small", f"/{PREFIX}-small", 10, 0)


def cut_short(target: Target, chance: Random) -> None:
    """An object that shrinks, grows or goes between its registration and its use, and while it is used."""
    path = SHM / f"{PREFIX}-cut-{target.number}"
    path.write_bytes(b"\xc8" * PICTURE_BYTES)
    name = f"cut-{target.number}"
    try:
        register(target, name, f"/{path.name}", PICTURE_BYTES, 0)
        asked = as_protobuf(in_region(name), chance).SerializeToString()
        waiting = [target.begin("ModelInfer", asked)]
        os.truncate(path, chance.choice((0, 1, 4096, PICTURE_BYTES - 1, 10 * PICTURE_BYTES)))
        waiting += [target.begin("ModelInfer", asked) for _ in range(3)]
        if chance.random() < 0.5:
            path.unlink()
        if chance.random() < 0.5:
            unregister(target, name)
        for call in waiting:
            target.wait(call)
    finally:
        path.unlink(missing_ok=True)
        unregister(target, name)


def in_region(region: str, model: str = STEADY) -> Draft:
    """A request whose one picture lies at the beginning of a region."""
    picture = good_picture()
    picture.data = b""
    picture.parameters = {"shared_memory_region": region, "shared_memory_byte_size": PICTURE_BYTES}
    return Draft(model, [picture])


def thousands(target: Target, chance: Random) -> None:
    """As many regions as the server will take, and more; then none."""
    first = chance.randrange(10**6)
    for i in range(chance.choice((50, 300))):
        register(target, f"many-{first + i}", f"/{PREFIX}-good", 1, i)
    for answer in (target.ask("SystemSharedMemoryUnregister", b""), target.http("POST", "/v2/systemsharedmemory/unregister")):
        assert answer.status in {"OK", "HTTP 200"}


def register(target: Target, name: str, key: str, byte_size: int, offset: int) -> Answer:
    """Over gRPC, where numbers have 64 bits."""
    kind = calls()["SystemSharedMemoryRegister"][0]
    return target.ask(
        "SystemSharedMemoryRegister",
        kind(name=_utf8(name), key=_utf8(key), byte_size=byte_size & 2**64 - 1, offset=offset & 2**64 - 1),
    )


def over_http(target: Target, name: str, key: object, byte_size: object, offset: object) -> Answer:
    """Over HTTP, where they have none."""
    body = json_text({"key": key, "byte_size": byte_size, "offset": offset})
    return target.http("POST", f"/v2/systemsharedmemory/region/{quote(name, safe='')}/register", body)


def unregister(target: Target, name: str) -> None:
    target.ask("SystemSharedMemoryUnregister", calls()["SystemSharedMemoryUnregister"][0](name=name))


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
