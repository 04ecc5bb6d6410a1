"""Addresses that the server listens on: HOST:PORT, or for gRPC a name that only this machine's processes reach."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from camslice.fleet.address import bound_socket, parse_listen, require_token
from camslice.fleet.errors import MachineError

_ABSTRACT = "unix-abstract:"
_LONGEST_NAME = 107
"""Bytes of `sun_path`, less the zero that an abstract name begins with."""


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host (a name or a number, empty for all addresses) and a port, 0 for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def take(self) -> socket.socket:
        """A listening socket there. Raises MachineError with one sentence."""
        return bound_socket(self.host, self.port)

    def require_token(self, token: str | None) -> None:
        """Raise MachineError when others can reach this address and no token keeps them out."""
        require_token(self.host, token, "the server")


@dataclass(frozen=True, slots=True)
class AbstractAddress:
    """A name in Linux's abstract socket namespace: no file, nothing left behind, no way in from another machine."""

    name: str

    def __str__(self) -> str:
        return f"{_ABSTRACT}{self.name}"

    def take(self) -> socket.socket:
        """A listening socket there. Raises MachineError with one sentence."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(f"\0{self.name}")
            listening.listen(128)
        except OSError as error:
            listening.close()
            in_use = error.errno == errno.EADDRINUSE
            why = "the name is in use by another program; choose another one" if in_use else str(error)
            raise MachineError(f"cannot listen on {self}: {why}") from None
        return listening

    def require_token(self, token: str | None) -> None:
        """Raise MachineError when the token is easily guessed."""
        require_token("localhost", token, "the server")


Address = TcpAddress | AbstractAddress


def parse_address(text: str) -> Address:
    """`HOST:PORT` or `unix-abstract:NAME`. Raises MachineError.

    >>> str(parse_address("unix-abstract:camslice"))
    'unix-abstract:camslice'
    """
    if not text.startswith(_ABSTRACT):
        return TcpAddress(*parse_listen(text))
    name = text.removeprefix(_ABSTRACT)
    if not 0 < len(name.encode()) <= _LONGEST_NAME or "\0" in name:
        raise MachineError(f"cannot listen on {text!r}: write {_ABSTRACT}NAME, with a name of 1 to {_LONGEST_NAME} bytes")
    return AbstractAddress(name)
