"""Where an engine process is found: a socket with a name in Linux' abstract namespace, which leaves no file behind.

The name is 128 random bits and both ends check that the other runs as the same user. Whoever listens may hand the
descriptor on: connections made while nobody accepts wait in its queue, so an engine process can be replaced.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct

from camslice.fleet.errors import EngineAwayError

SCHEME = "unix-abstract:"
_WAITING_CONNECTIONS = 128
_CREDENTIALS = struct.Struct("3i")


def listen() -> tuple[socket.socket, str]:
    """A listening socket of its own, and the address at which it is reached. The caller closes it."""
    name = f"camslice-{secrets.token_hex(16)}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"\0{name}")
    listener.listen(_WAITING_CONNECTIONS)
    return listener, f"{SCHEME}{name}"


def connect(address: str) -> socket.socket:
    """A connection to `address`; never blocks. Raises EngineAwayError when nobody listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.setblocking(False)
        connection.connect("\0" + address.removeprefix(SCHEME))
        if not is_same_user(connection):
            raise EngineAwayError(f"{address} belongs to another user")
        connection.setblocking(True)
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError):
            raise EngineAwayError(f"no engine process listens at {address}: {error.strerror}") from error
        raise
    return connection


def is_same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end runs as the user that we are."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    return bool(user == os.geteuid())
