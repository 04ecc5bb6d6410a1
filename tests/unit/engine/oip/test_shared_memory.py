"""The system shared-memory extension: a client reaches what it registered, and nothing else, whatever it says."""

from __future__ import annotations

import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.engine.oip.client.region import Region
from camslice.engine.oip.descriptions import RegionStatus
from camslice.engine.oip.limits import Limits
from camslice.engine.oip.messages import OipError, SharedMemory, Status
from camslice.engine.oip.shared_memory import FOLDER, SharedMemoryRegions

CONTENT = bytes(range(100))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Stands in for /dev/shm, with one object in it and a secret beside it."""
    folder = tmp_path / "shm"
    folder.mkdir()
    (folder / "pictures").write_bytes(CONTENT)
    (folder / "pictures").chmod(0o666)
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


@pytest.fixture
def regions(folder: Path) -> Iterator[SharedMemoryRegions]:
    regions = SharedMemoryRegions(Limits(regions=3, region_bytes=250), folder)
    yield regions
    regions.unregister_all()
    assert not open_below(folder), "a descriptor was left open"


def open_below(folder: Path) -> list[str]:
    """The files of this folder that this process holds open. Only those: what earlier tests left to the garbage collector
    may be closed at any moment."""
    links = [descriptor for descriptor in Path("/proc/self/fd").iterdir() if descriptor.is_symlink()]
    return [target for target in map(target_of, links) if target.startswith(f"{folder}/")]


def target_of(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # closed since it was listed: the descriptor of the listing itself
        return ""


def refusal(regions: SharedMemoryRegions, *registered: object) -> Status:
    with pytest.raises(OipError) as caught:
        regions.register(*registered)  # type: ignore[arg-type]  # per test
    return caught.value.status


def read(regions: SharedMemoryRegions, region: str, offset: int, size: int) -> bytes:
    place = regions.place(SharedMemory(region, offset, size))
    try:
        return place.array(0, (size,)).tobytes()
    finally:
        place.release()


def test_a_region_is_a_part_of_an_object_under_a_name(regions: SharedMemoryRegions) -> None:
    regions.register("r", "/pictures", 50, 20)
    assert read(regions, "r", 5, 10) == CONTENT[25:35]
    assert regions.status() == [RegionStatus("r", "/pictures", 20, 50)]
    assert regions.status("r") == regions.status()


def test_a_key_may_come_without_its_slash(regions: SharedMemoryRegions) -> None:
    regions.register("r", "pictures", 100)
    assert read(regions, "r", 0, 100) == CONTENT


@pytest.mark.parametrize(
    "key",
    [
        "", "/", "//pictures", ".", "..", "/..", "../secret", "/../secret", "x/../../secret", "/etc/passwd", "a/b",
        "pictures\0", "pictures\n", "p\u00efctures", "\udcff", "x" * 256,
    ],
)  # fmt: skip
def test_a_key_is_a_plain_name(regions: SharedMemoryRegions, key: str) -> None:
    assert refusal(regions, "r", key, 1) is Status.INVALID_ARGUMENT
    assert regions.status() == []


@given(st.text(max_size=40))
def test_no_key_leads_out_of_the_folder(key: str) -> None:
    regions = SharedMemoryRegions(Limits(), Path("/proc/self/fdinfo/..") / "no-such-folder")
    with pytest.raises(OipError):
        regions.register("r", key, 1)


def test_what_is_no_shared_memory_object_is_refused(regions: SharedMemoryRegions, folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "inner-link").symlink_to("pictures")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        for name in ("link", "inner-link", "folder", "pipe", "socket"):
            assert refusal(regions, "r", name, 1) is Status.INVALID_ARGUMENT
    assert refusal(regions, "r", "missing", 1) is Status.NOT_FOUND


@pytest.mark.parametrize("name", ["sem.lock", "/sem.lock"])
def test_a_semaphore_is_no_shared_memory(regions: SharedMemoryRegions, folder: Path, name: str) -> None:
    (folder / "sem.lock").write_bytes(bytes(32))
    (folder / "sem.lock").chmod(0o666)
    assert refusal(regions, "r", name, 1) is Status.INVALID_ARGUMENT


def test_an_object_is_used_as_far_as_anybody_may_use_it(regions: SharedMemoryRegions, folder: Path) -> None:
    """Any program on this machine could otherwise read through the server what only the server's user may read."""
    (folder / "pictures").chmod(0o600)
    assert refusal(regions, "r", "pictures", 1) is Status.INVALID_ARGUMENT
    (folder / "pictures").chmod(0o644)
    regions.register("r", "pictures", 4)
    assert read(regions, "r", 0, 4) == CONTENT[:4]
    place = regions.place(SharedMemory("r", 0, 4))
    with pytest.raises(OipError, match="only be read"):
        place.write(b"abcd")
    place.release()


@pytest.mark.parametrize("shown", ["a lock", "a token"])
def test_a_private_object_is_used_by_whoever_shows_that_it_is_its_own(
    regions: SharedMemoryRegions, folder: Path, shown: str
) -> None:
    (folder / "pictures").chmod(0o600)
    with (folder / "pictures").open("rb+") as client:
        if shown == "a lock":
            fcntl.flock(client, fcntl.LOCK_EX)
        regions.register("r", "pictures", 4, trusted=shown == "a token")
        place = regions.place(SharedMemory("r", 0, 4))
        place.write(b"abcd")
        place.release()
    assert (folder / "pictures").read_bytes()[:4] == b"abcd"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
def test_a_private_object_of_another_user_is_never_used(regions: SharedMemoryRegions, folder: Path) -> None:
    os.chown(folder / "pictures", 12345, 12345)
    (folder / "pictures").chmod(0o600)
    with (folder / "pictures").open("rb+") as client:
        fcntl.flock(client, fcntl.LOCK_EX)
        with pytest.raises(OipError):
            regions.register("r", "pictures", 1, trusted=True)
    (folder / "pictures").chmod(0o666)
    regions.register("r", "pictures", 1)


def test_two_servers_that_look_at_one_object_are_not_taken_for_its_clients(regions: SharedMemoryRegions, folder: Path) -> None:
    with (folder / "pictures").open("rb+") as other_server:
        fcntl.flock(other_server, fcntl.LOCK_SH)
        regions.register("r", "pictures", 100)
    regions.forget_abandoned()
    assert [region.name for region in regions.status()] == ["r"]


@pytest.mark.parametrize(("size", "offset"), [(0, 0), (-1, 0), (1, -1), (101, 0), (100, 1), (1, 100), (2**63, 0), (1, 2**63)])
def test_a_region_lies_within_its_object(regions: SharedMemoryRegions, size: int, offset: int) -> None:
    assert refusal(regions, "r", "pictures", size, offset) is Status.INVALID_ARGUMENT


def test_a_name_is_given_once_until_it_is_free_again(regions: SharedMemoryRegions) -> None:
    regions.register("r", "pictures", 10)
    assert refusal(regions, "r", "pictures", 20) is Status.ALREADY_EXISTS
    regions.unregister("r")
    regions.unregister("r")
    regions.register("r", "pictures", 20)
    assert regions.status()[0].byte_size == 20


def test_names_and_bytes_are_limited(regions: SharedMemoryRegions) -> None:
    assert refusal(regions, "", "pictures", 1) is Status.INVALID_ARGUMENT
    assert refusal(regions, "x" * 256, "pictures", 1) is Status.INVALID_ARGUMENT
    regions.register("a", "pictures", 100)
    regions.register("b", "pictures", 100)
    assert refusal(regions, "c", "pictures", 51) is Status.OVERLOADED
    regions.register("c", "pictures", 1)
    assert refusal(regions, "d", "pictures", 1) is Status.OVERLOADED


def test_a_region_that_is_not_registered_is_not_found(regions: SharedMemoryRegions) -> None:
    with pytest.raises(OipError) as caught:
        regions.status("r")
    assert caught.value.status is Status.NOT_FOUND
    with pytest.raises(OipError) as caught:
        regions.place(SharedMemory("pictures", 0, 1))
    assert caught.value.status is Status.NOT_FOUND


wild = st.one_of(st.integers(-2, 60), st.sampled_from([2**31, 2**32, 2**63 - 1, 2**63, 2**64, -(2**63)]))


@settings(max_examples=300)
@given(wild, wild)
def test_no_tensor_reaches_beyond_its_region(offset: int, size: int) -> None:
    name = f"camslice-test-{uuid.uuid4().hex}"
    (FOLDER / name).write_bytes(CONTENT)
    (FOLDER / name).chmod(0o666)
    regions = SharedMemoryRegions(Limits())
    try:
        regions.register("r", name, 50, 20)
        if offset >= 0 and size >= 1 and offset + size <= 50:
            assert read(regions, "r", offset, size) == CONTENT[20 + offset : 20 + offset + size]
        else:
            with pytest.raises(OipError) as caught:
                regions.place(SharedMemory("r", offset, size))
            assert caught.value.status is Status.INVALID_ARGUMENT
    finally:
        regions.unregister_all()
        (FOLDER / name).unlink()


def test_outputs_are_written_where_they_belong(regions: SharedMemoryRegions, folder: Path) -> None:
    regions.register("r", "pictures", 50, 20)
    place = regions.place(SharedMemory("r", 10, 4))
    place.write(b"abc")
    with pytest.raises(OipError, match="needs 5 bytes"):
        place.write(b"abcde")
    place.release()
    assert (folder / "pictures").read_bytes() == CONTENT[:30] + b"abc" + CONTENT[33:]


def test_a_file_cut_short_by_its_client_is_an_error_and_no_crash(regions: SharedMemoryRegions, folder: Path) -> None:
    regions.register("r", "pictures", 100)
    place = regions.place(SharedMemory("r", 0, 100))
    os.truncate(folder / "pictures", 60)
    with pytest.raises(OipError, match="shorter than it was"):
        place.array(0, (100,))
    with pytest.raises(OipError, match="shorter than it was"):
        place.write(bytes(100))
    assert (folder / "pictures").stat().st_size == 60
    assert place.array(0, (60,)).tobytes() == CONTENT[:60]
    place.release()


def test_a_region_outlives_its_file_and_its_name(regions: SharedMemoryRegions, folder: Path) -> None:
    regions.register("r", "pictures", 100)
    (folder / "pictures").unlink()
    (folder / "pictures").write_bytes(b"another object")
    place = regions.place(SharedMemory("r", 0, 100))
    regions.unregister("r")
    with pytest.raises(OipError):
        regions.place(SharedMemory("r", 0, 100))
    assert place.array(0, (100,)).tobytes() == CONTENT
    place.release()
    place.release()


def test_an_object_that_may_only_be_read_takes_no_outputs(
    regions: SharedMemoryRegions, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def open_for_reading(path: Path, flags: int) -> int:
        if flags & os.O_RDWR:
            raise PermissionError
        return really_open(path, flags)

    monkeypatch.setattr(os, "open", open_for_reading)
    regions.register("r", "pictures", 100)
    assert read(regions, "r", 0, 100) == CONTENT
    place = regions.place(SharedMemory("r", 0, 100))
    with pytest.raises(OipError, match="only be read"):
        place.write(b"x")
    place.release()


def test_a_picture_is_read_straight_into_several_arrays(regions: SharedMemoryRegions) -> None:
    regions.register("r", "pictures", 100)
    place = regions.place(SharedMemory("r", 10, 60))
    planes = [np.zeros((4, 6), np.uint8), np.zeros((2, 3), np.uint8), np.zeros(3, np.float32)]
    place.read_into(planes, 2)
    assert b"".join(plane.tobytes() for plane in planes) == CONTENT[12 : 12 + 24 + 6 + 12]
    place.release()


def test_the_region_of_a_client_that_held_a_lock_and_ended_is_forgotten(regions: SharedMemoryRegions, folder: Path) -> None:
    (folder / "spare").write_bytes(CONTENT)
    with (folder / "pictures").open("rb+") as client:
        fcntl.flock(client, fcntl.LOCK_EX)
        regions.register("mine", "/pictures", 100)
        regions.register("other", "/spare", 100)
        assert {region.name for region in regions.status()} == {"mine", "other"}
    regions.register("new", "/spare", 50)
    assert {region.name for region in regions.status()} == {"other", "new"}, "a client that never held a lock stays"


def test_our_own_regions_are_locked_while_they_are_mapped(folder: Path) -> None:
    regions = SharedMemoryRegions(Limits(), folder)
    region = Region(100, folder)
    with region.named():
        regions.register("mine", region.key, 100)
    regions.register("another", "/pictures", 10)
    assert len(regions.status()) == 2
    del region
    regions.register("third", "/pictures", 10)
    assert {found.name for found in regions.status()} == {"another", "third"}
    regions.unregister_all()
