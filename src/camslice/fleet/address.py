"""Addresses to listen on: what they mean, who may reach them, and taking them."""

from __future__ import annotations

import errno
import ipaddress
import socket

from camslice.fleet.errors import MachineError

_SHORTEST_TOKEN = 16


def parse_listen(text: str) -> tuple[str, int]:
    """`HOST:PORT`, `[IPV6]:PORT` or `:PORT` (all addresses) as (host, port). Raises MachineError.

    >>> parse_listen("[::1]:8080")
    ('::1', 8080)
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise MachineError(f"cannot listen on {text!r}: write HOST:PORT, such as 127.0.0.1:8080")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`. A name other than localhost counts as reachable."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_token(host: str, token: str | None, what: str) -> None:
    """Raise MachineError when `host` can be reached from other machines and `token` is missing or easily guessed.

    `what` would be open, such as "the page".
    """
    if token is not None and len(token) < _SHORTEST_TOKEN:
        raise MachineError(
            f"the token is too short: use {_SHORTEST_TOKEN} characters or more, such as `openssl rand -hex 16` gives"
        )
    if token is None and not is_loopback(host):
        raise MachineError(
            f"{what} would be open to everyone who can reach {host or 'any address of this machine'}: set a token "
            "(CAMSLICE_TOKEN or --token-file), or listen on 127.0.0.1"
        )


def url_of(host: str, port: int) -> str:
    """The address to open in a browser on this machine."""
    name = "localhost" if host in {"", "0.0.0.0", "::"} else host  # noqa: S104 (compared, not bound)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening TCP socket at `host`:`port` (0 picks a free port). Raises MachineError with one sentence."""
    where = f"{host or 'all addresses'}, port {port}"
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise MachineError(f"cannot listen on {where}: no such host name") from None
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise MachineError(f"cannot listen on {where}: {_WHY.get(error.errno or 0, str(error))}") from None
    return listening


_WHY = {
    errno.EADDRINUSE: "the port is in use by another program; choose another one",
    errno.EADDRNOTAVAIL: "that is no address of this machine",
    errno.EACCES: "ports below 1024 need more rights; choose another one",
}
