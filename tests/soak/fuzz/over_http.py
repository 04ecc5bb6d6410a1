"""Attacks by HTTP requests that are at least HTTP."""

from __future__ import annotations

import json
import struct
import zlib
from random import Random
from urllib.parse import quote

from tests.soak.fuzz.bends import bend
from tests.soak.fuzz.drafts import good_draft
from tests.soak.fuzz.models import STEADY, STORMED
from tests.soak.fuzz.target import TOKEN, Target
from tests.soak.fuzz.values import bent_json, integer, json_bytes, json_value, mutated, noise, word
from tests.soak.fuzz.wire import as_json, json_text

INFER = f"/v2/models/{STEADY}/infer"
HEADER = "Inference-Header-Content-Length"
PATHS = (
    "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats", f"/v2/models/{STEADY}",
    f"/v2/models/{STEADY}/versions/1/config", f"/v2/models/{STEADY}/stats", "/v2/repository/index",
    "/v2/systemsharedmemory/status", "/v2/cudasharedmemory/status",
    "/v2/trace/setting", "/v2/logging", "/", "//v2", "/v2/../v2", "/metrics", "/docs", "/openapi.json",
)  # fmt: skip


def spoiled_fields(target: Target, chance: Random) -> None:
    """A good request, a few fields of which are wrong."""
    draft = good_draft(chance, chance.choice((STEADY, STEADY, STORMED)))
    bend(draft, chance)
    asked, behind = as_json(draft, chance)
    header = json_text(asked)
    version = f"/versions/{quote(draft.version[:99], safe='')}" if draft.version else ""
    target.http(
        "POST", f"/v2/models/{quote(draft.model, safe='')[:30_000]}{version}/infer", header + behind, {HEADER: str(len(header))}
    )


def spoiled_json(target: Target, chance: Random) -> None:
    """JSON of the wrong shape, or none."""
    asked, behind = as_json(good_draft(chance, STEADY), chance)
    header = json_bytes(bent_json(asked, chance), chance)
    if chance.random() < 0.3:
        header = mutated(header, chance)
    target.http("POST", INFER, header + behind, {HEADER: str(len(header))} if chance.random() < 0.9 else {})


def deep_json(target: Target, chance: Random) -> None:
    """Nesting without end, in every place that may nest."""
    depth = chance.choice((50, 500, 100_000))
    deep = chance.choice(("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth, '{"a":' * depth + "1" + "}" * depth))
    body = chance.choice(
        (deep, f'{{"inputs":{deep}}}', f'{{"inputs":[{{"name":"picture","datatype":"UINT8","shape":[1],"data":{deep}}}]}}')
    )
    path = chance.choice((INFER, "/v2/repository/index", "/v2/systemsharedmemory/region/deep/register"))
    target.http("POST", path, body.encode())


def wrong_header_length(target: Target, chance: Random) -> None:
    """The length of the JSON, wrong."""
    asked, behind = as_json(good_draft(chance, STEADY), chance)
    header = json_text(asked)
    wrong = chance.choice(
        (0, 1, len(header) - 1, len(header) + 1, len(header + behind), 10**9, -1, 2**64, 10**30, integer(chance))
    )
    text = chance.choice(
        (str(wrong), str(wrong), f" {wrong}", f"+{wrong}", f"{wrong}.0", "", "0x10", "\u00b2", "1_0", "9" * 5000)
    )
    target.http("POST", INFER, header + behind, {HEADER: text})


def wrong_addresses(target: Target, chance: Random) -> None:
    """Paths and methods that nobody serves."""
    path = chance.choice(PATHS)
    if chance.random() < 0.5:
        path = "/".join(
            quote(chance.choice((part, word(chance)[:300])), safe=chance.choice(("", "%"))) for part in path.split("/")
        )
    method = chance.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"))
    target.http(method, f"/{path.lstrip('/')}", noise(chance, 100) if chance.random() < 0.5 else b"")


def wrong_bodies(target: Target, chance: Random) -> None:
    """Calls other than inference with bodies of anything."""
    path = chance.choice(
        ("/v2/repository/index", "/v2/repository/models/nobody/load", "/v2/systemsharedmemory/region/bodies/register")
    )
    body = chance.choice((json.dumps(json_value(chance, 3)).encode(), noise(chance, 200), b"{}", b"null", b"1" * 1_100_000))
    target.http("POST", path, body)


def wrong_headers(target: Target, chance: Random) -> None:
    """Encodings, conditions and tokens that are not wanted."""
    asked, behind = as_json(good_draft(chance, STEADY), chance)
    header = json_text(asked)
    bomb = zlib.compress(bytes(1_000_000))
    choices = (
        {"Content-Encoding": "gzip"}, {"Content-Encoding": "deflate"}, {"Expect": "100-continue"}, {"Expect": "200-ok"},
        {"Upgrade": "websocket", "Connection": "Upgrade"}, {"Upgrade": "h2c", "Connection": "Upgrade"},
        {"Origin": "http://evil"}, {"Content-Type": "multipart/form-data; boundary=x"}, {"Accept": "text/plain;q=nan"},
        {"Range": "bytes=0-0"}, {"Connection": "close"},
    )  # fmt: skip
    target.http(
        "POST", INFER, bomb if chance.random() < 0.2 else header + behind, chance.choice(choices) | {HEADER: str(len(header))}
    )


def wrong_token(target: Target, chance: Random) -> None:
    """Others' tokens, and nearly the right one."""
    token = chance.choice(("", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "a" * 5000, "\xff\xfe"))
    assert target.http("POST", INFER, noise(chance, 5000), token=token).status == "HTTP 401"


def huge_numbers(target: Target, chance: Random) -> None:
    """Numbers in JSON for which no machine has room."""
    number = chance.choice(
        ("9" * 400, "9" * 4299, "9" * 4301, "1" + "0" * 100_000, "1e400", "-1e400", "1e-400", "NaN", "-Infinity", str(2**64))
    )
    place = chance.choice(
        ('"shape":[{}],"data":[1]', '"shape":[1],"data":[{}]', '"shape":[1],"parameters":{{"binary_data_size":{}}}',
         '"shape":[1,{},1,3],"data":[1]',
         '"shape":[1],"parameters":{{"shared_memory_region":"good","shared_memory_byte_size":{}}}')
    ).format(number)  # fmt: skip
    body = f'{{"parameters":{{"timeout":{number}}},"inputs":[{{"name":"picture","datatype":"UINT8",{place}}}]}}'
    if chance.random() < 0.5:
        body = body.replace(f'"timeout":{number}', "")
    target.http("POST", INFER, body.encode())


def lying_elements(target: Target, chance: Random) -> None:
    """BYTES whose lengths lie, sent as binary data."""
    length = chance.choice((0, 5, 2**31, 2**32 - 1))
    data = struct.pack("<I", length) + noise(chance, 50)
    count = chance.choice((0, 1, 2, 65, 2**31 - 1))
    tensor = {"name": "jpeg", "datatype": "BYTES", "shape": [count], "parameters": {"binary_data_size": len(data)}}
    header = json_text({"inputs": [tensor]})
    target.http("POST", INFER, header + data, {HEADER: str(len(header))})
