"""Who may use the server: whoever knows the token, or anyone on this machine where there is none."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from urllib.parse import unquote

from camslice.engine.oip.messages import OipError, Status


def admits(token: str | None, authorization: str | None) -> bool:
    """Whether a request with this `authorization` header may come in. Takes as long for any wrong token."""
    if token is None:
        return True
    scheme, _, bearer = (authorization or "").partition(" ")
    offered = bearer.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(offered, token.encode())


DEMAND = "this needs the token: send it in the header authorization, after the word Bearer"


def require_this_host(peer: str) -> None:
    """Raise OipError (INVALID_ARGUMENT) unless the client at `peer`, in gRPC's or in plain words, shares our memory."""
    if not is_this_host(peer):
        raise OipError(
            Status.INVALID_ARGUMENT, "shared memory is for clients on the server's own host; send tensors in requests"
        )


def is_this_host(peer: str) -> bool:
    """Whether `ipv4:HOST:PORT`, `ipv6:%5BHOST%5D:PORT`, `unix:...`, `unix-abstract:...` or a bare address is of this host.

    >>> is_this_host("ipv6:%5B::1%5D:4711"), is_this_host("192.0.2.1")
    (True, False)
    """
    scheme, colon, rest = peer.partition(":")
    if colon and scheme in {"unix", "unix-abstract"}:
        return True
    host = unquote(rest).rpartition(":")[0].strip("[]") if scheme in {"ipv4", "ipv6"} else peer
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or _is_ours(str(address), socket.AF_INET if address.version == 4 else socket.AF_INET6)


def _is_ours(address: str, family: socket.AddressFamily) -> bool:
    """Whether one of this host's interfaces has the address: nobody can listen on another's."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
