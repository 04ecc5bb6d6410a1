"""Workers that break the rules lose their connection; nobody else notices, and nothing is left of them."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camslice.engine.protocol import InferenceTimes
from camslice.engine.slotted.address import connect
from camslice.engine.slotted.memory import MemoryPlan, make_memory, map_memory
from camslice.engine.slotted.wire import Done, Hello, Outcome, Start, Welcome, WireError
from camslice.fleet.errors import EngineAwayError
from tests.unit.engine.slotted.held_engine import HeldEngine
from tests.unit.engine.slotted.sharing import Sharing, ask, model, sharing, wait_for
from tests.unit.engine.tiny_models import SIDE

HELLO = Hello("tiny", "0" * 64, SIDE, SIDE, 2)


@pytest.fixture
def engine() -> HeldEngine:
    return HeldEngine(max_batch=2)


@pytest.fixture
def shared(engine: HeldEngine) -> Iterator[Sharing]:
    with sharing(engine) as shared:
        yield shared


def let_in(shared: Sharing) -> tuple[socket.socket, int]:
    """A bare connection that was welcomed, and the descriptor that came with it."""
    connection = connect(shared.address)
    connection.settimeout(20)
    connection.send(HELLO.packed())
    _, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
    return connection, descriptors[0]


def is_hung_up(connection: socket.socket) -> bool:
    """Whether the server ends the connection (and says nothing more)."""
    connection.settimeout(20)
    try:
        return connection.recv(4096) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "packet",
    [
        b"x",
        b"\0" * 84,
        b"z" * 9000,
        HELLO.packed()[:40],
        HELLO.packed() + b"\xff",
        HELLO.packed().replace(b"slots-1", b"slots-9"),
        Hello("tiny", "0" * 64, SIDE, SIDE, 65).packed(),
        Start(0, 1, None).packed(),
    ],
)
def test_a_greeting_that_is_none_ends_the_connection(shared: Sharing, packet: bytes) -> None:
    friend = shared.client()
    with connect(shared.address) as connection:
        connection.send(packet)
        assert is_hung_up(connection)
    assert ask(friend, 9).wait().values == [[[9, 9]]]


@pytest.mark.parametrize(
    "packet",
    [
        b"x",
        HELLO.packed(),
        Start(2, 1, None).packed(),
        Start(2**32 - 1, 1, None).packed(),
        Start(0, 0, None).packed(),
        Start(0, 3, None).packed(),
        Start(0, 1, None).packed() + b"x",
    ],
)
def test_a_batch_that_does_not_exist_ends_the_connection(shared: Sharing, packet: bytes) -> None:
    friend = shared.client()
    connection, descriptor = let_in(shared)
    os.close(descriptor)
    with connection:
        connection.send(packet)
        assert is_hung_up(connection)
    assert ask(friend, 9).wait().values == [[[9, 9]]]


def test_a_batch_started_twice_ends_the_connection_and_runs_into_nowhere(engine: HeldEngine, shared: Sharing) -> None:
    friend = shared.client()
    connection, descriptor = let_in(shared)
    os.close(descriptor)
    engine.hold()
    with connection:
        connection.send(Start(0, 1, None).packed())
        connection.send(Start(0, 1, None).packed())
        assert is_hung_up(connection)
    engine.answer()
    engine.at_once = True
    assert ask(friend, 9).wait().values == [[[9, 9]]]


def test_who_does_not_wait_to_be_let_in_is_hung_up_on() -> None:
    with sharing() as shared, connect(shared.address) as connection:
        connection.send(HELLO.packed())
        connection.send(Start(0, 1, None).packed())
        assert is_hung_up(connection)


def test_descriptors_that_nobody_asked_for_are_not_kept(shared: Sharing) -> None:
    friend = shared.client()
    before = descriptors()
    for _ in range(20):
        connection, descriptor = let_in(shared)
        os.close(descriptor)
        with connection, Path("/dev/null").open() as unwanted:
            socket.send_fds(connection, [Start(0, 1, None).packed()], [unwanted.fileno()] * 3)
            assert Done.unpacked(connection.recv(4096)).outcome is Outcome.ANSWERED
    wait_for(lambda: descriptors() <= before)
    assert ask(friend, 9).wait().values == [[[9, 9]]]


def test_a_worker_that_dies_gives_back_what_it_had_started(engine: HeldEngine, shared: Sharing) -> None:
    friend = shared.client()
    connection, descriptor = let_in(shared)
    os.close(descriptor)
    engine.hold()
    connection.send(Start(0, 1, None).packed())
    wait_for(lambda: len(engine.started) == 1)
    connection.send(Start(1, 1, None).packed())
    wait_for(lambda: shared.server.waiting() == 1)
    connection.close()
    wait_for(lambda: shared.server.connections() == 1)
    answer = ask(friend, 5)
    wait_for(lambda: shared.server.waiting() == 2)
    engine.answer()
    wait_for(lambda: len(engine.started) == 2)
    engine.answer()
    assert answer.wait().values == [[[5, 5]]]
    assert engine.started[1] == [5]  # what the dead worker had waiting was not computed


def test_the_memory_can_be_shrunk_by_nobody(shared: Sharing) -> None:
    connection, descriptor = let_in(shared)
    with connection, pytest.raises(PermissionError):
        os.ftruncate(descriptor, 4096)
    os.close(descriptor)


def test_memory_that_could_shrink_or_is_too_small_is_not_mapped(tmp_path: Path) -> None:
    plain = os.memfd_create("plain", os.MFD_ALLOW_SEALING)
    os.ftruncate(plain, 4096)
    with pytest.raises(ValueError, match="not sealed"):
        map_memory(plain, 4096)
    os.close(plain)
    short = make_memory(4096)
    with pytest.raises(ValueError, match="length is greater"):
        map_memory(short, 8192)
    os.close(short)


def test_a_hundred_workers_that_came_and_went_leave_nothing(shared: Sharing) -> None:
    def come_and_go() -> None:
        client = shared.client()
        assert ask(client, 1).wait().error is None
        shared.clients.remove(client)
        client.close()

    def left() -> tuple[int, int]:
        gc.collect()
        return descriptors(), maps()

    for _ in range(3):
        come_and_go()
    wait_for(lambda: shared.server.connections() == 0)
    before = left()
    for _ in range(100):
        come_and_go()
    wait_for(lambda: shared.server.connections() == 0)
    wait_for(lambda: left() <= before)


def test_nobody_listens() -> None:
    with pytest.raises(EngineAwayError, match="no engine process listens"):
        connect("unix-abstract:camslice-nobody")


@pytest.mark.parametrize(
    ("unpack", "message"),
    [
        (Hello.unpacked, HELLO),
        (Start.unpacked, Start(3, 2, 12345)),
        (Start.unpacked, Start(3, 2, None)),
        (Done.unpacked, Done(1, Outcome.FAILED, InferenceTimes(1, 9, 2, 3, 4, 5, 6), "the device failed: größer")),
        (Welcome.unpacked, Welcome(HeldEngine().info, MemoryPlan(2, 3, 64, 32, ((84, 10), (6,))))),
    ],
)
def test_messages_survive_the_way(unpack: Callable[[bytes], object], message: Hello | Start | Done | Welcome) -> None:
    assert unpack(message.packed()) == message


@pytest.mark.parametrize("unpack", [Hello.unpacked, Start.unpacked, Done.unpacked, Welcome.unpacked])
@pytest.mark.parametrize("packet", [b"", b"{}", b"null", b'{"plan": 3}', b"\xff" * 64, b"\7" * 200])
def test_what_is_no_message_is_an_error_of_the_wire(unpack: Callable[[bytes], object], packet: bytes) -> None:
    with pytest.raises(WireError):
        unpack(packet)


def test_a_model_of_the_same_name_and_other_weights_is_not_taken_for_it(shared: Sharing) -> None:
    with connect(shared.address) as connection:
        connection.send(Hello("tiny", model(sha256="1" * 64).sha256, SIDE, SIDE, 0).packed())
        wait_for(lambda: shared.server.connections() == 1)
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def maps() -> int:
    return Path("/proc/self/maps").read_text().count("memfd:camslice-slots")
