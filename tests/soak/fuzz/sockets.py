"""Attacks below HTTP and gRPC: bytes that are neither, requests that never end, connections that are left."""

from __future__ import annotations

import socket
import struct
from random import Random

from tests.soak.fuzz.models import STEADY
from tests.soak.fuzz.target import TOKEN, Target
from tests.soak.fuzz.values import mutated, noise

DOORS = ("grpc", "http")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_CLIENT_HELLO = bytes.fromhex("16030100310100002d0303") + bytes(32) + bytes.fromhex("000002130101000000")
_LINES = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /v2 HTTP/1.0\r\n\r\n",
    b"GET /v2 HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET /v2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n X: folded\r\n\r\n",
    b"GET http://a/v2 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /%ff%00%c0%ae HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v2 HTTP/1.1\r\nHost: a\r\nX: \xff\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v2 HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET\r\n",
    b"\r\n" * 50,
    b"\0" * 100,
)


def garbage(target: Target, chance: Random) -> None:
    """No protocol at all, or the wrong one."""
    choices = (
        noise(chance, 3000),
        _PREFACE + noise(chance, 500),
        _CLIENT_HELLO,
        chance.choice(_LINES),
        mutated(_good_post(), chance),
    )
    target.raw(chance.choice(DOORS), [chance.choice(choices)], half_close=chance.random() < 0.3)


def http2_frames(target: Target, chance: Random) -> None:
    """A proper beginning, then frames of random kinds, lengths and streams."""
    frames = [_frame(0x4, 0, 0, b"")]
    for _ in range(chance.randrange(1, 12)):
        payload = noise(chance, 60)
        frames.append(_frame(chance.randrange(12), chance.randrange(256), chance.choice((0, 1, 1, 3, 2**31 - 1)), payload))
    target.raw("grpc", [_PREFACE, b"".join(frames)], half_close=chance.random() < 0.3)


def wrong_framing(target: Target, chance: Random) -> None:
    """Bodies whose length is wrong, said twice, or not a number."""
    lines = (
        b"Content-Length: -1",
        b"Content-Length: 1e3",
        b"Content-Length: 3",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: gzip",
    )
    bodies = (
        b"",
        b"abc",
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-1\r\n\r\n",
        b"ffffffffffffffff\r\nabc",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"1;" + b"x" * 70_000,
    )
    target.raw("http", [_head(chance.choice(lines)) + chance.choice(bodies)], half_close=chance.random() < 0.5)


def half_a_request(target: Target, chance: Random) -> None:
    """A request broken off in the middle: closed, half-closed, reset, or left."""
    whole = chance.choice((_good_post(), _PREFACE + _frame(0x4, 0, 0, b"") + _frame(0x1, 0x4, 1, b"\x82\x86\x84")))
    part = whole[: chance.randrange(len(whole))]
    door = "grpc" if whole.startswith(_PREFACE) else "http"
    if chance.random() < 0.3:
        with target.connect(door) as connection:
            connection.sendall(part)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        target.seen[target.kind, "raw, reset"] += 1
    else:
        target.raw(door, [part], half_close=chance.random() < 0.5, hold=chance.random() < 0.5)


def slow_client(target: Target, chance: Random) -> None:
    """One that sends a few bytes now and the rest never, while others go on."""
    whole = _good_post()
    cut = chance.randrange(1, len(whole))
    target.raw("http", [whole[:cut], whole[cut : cut + 10]], hold=True, listen_s=0.01)


def endless_upload(target: Target, chance: Random) -> None:
    """Chunks without end, to calls that take little and to addresses that do not exist."""
    path = chance.choice((b"/v2/repository/index", b"/nowhere", b"/v2/systemsharedmemory/region/endless/register"))
    head = (
        b"POST "
        + path
        + b" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        + TOKEN.encode()
        + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = chance.randbytes(65_536)
    target.endless(head, b"%x\r\n%s\r\n" % (len(chunk), chunk), most=32 << 20)


def pipelined(target: Target, chance: Random) -> None:
    """Many requests before the first answer is read."""
    target.raw("http", [_good_post() * chance.choice((2, 10, 60))], listen_s=0.2)


def _good_post() -> bytes:
    body = b'{"inputs":[{"name":"jpeg","datatype":"BYTES","shape":[1],"data":["no picture"]}]}'
    return _head(b"Content-Length: %d" % len(body)) + body


def _head(*lines: bytes) -> bytes:
    first = b"POST /v2/models/" + STEADY.encode() + b"/infer HTTP/1.1"
    return b"\r\n".join([first, b"Host: localhost", b"Authorization: Bearer " + TOKEN.encode(), *lines, b"", b""])


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
