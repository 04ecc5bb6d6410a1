"""Where a server listens, as gRPC names it, and whether that is this very host."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

_UNIX = ("unix:", "unix-abstract:")


@dataclass(frozen=True, slots=True)
class Address:
    """`url` as declared; `target` is gRPC's word for it; `secure` asks for TLS; `same_host`: its memory may be ours too."""

    url: str
    target: str
    secure: bool
    same_host: bool


def address_of(url: str) -> Address:
    """Read grpc://HOST:PORT, grpcs://HOST:PORT, unix:/PATH or unix-abstract:NAME, which `fleet.spec` has checked."""
    if url.startswith(_UNIX):
        return Address(url, url, secure=False, same_host=True)
    scheme, _, target = url.partition("://")
    host = target.rpartition(":")[0].strip("[]")
    return Address(url, target, secure=scheme == "grpcs", same_host=_is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
