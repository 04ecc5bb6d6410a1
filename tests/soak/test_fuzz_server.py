"""A server's worst clients: random and mutated requests over every door, and it neither fails, hangs nor grows.

`CAMSLICE_FUZZ_REQUESTS=100000 pytest -s tests/soak/test_fuzz_server.py` for the long run; the short one is part of every test
run. `CAMSLICE_FUZZ_SEED` chooses other attacks; the number of one that failed is in the error's notes.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from tests.serve_process import ServeProcess
from tests.soak.fuzz import honest, memory
from tests.soak.fuzz.health import Health, health
from tests.soak.fuzz.kinds import attack
from tests.soak.fuzz.models import STEADY, STORMED
from tests.soak.fuzz.target import TOKEN, Target
from tests.tiny_detector import tiny_detector

ATTACKS = int(os.environ.get("CAMSLICE_FUZZ_REQUESTS", "2000"))
"""Each is one request or more."""
SEED = os.environ.get("CAMSLICE_FUZZ_SEED", "1")
CLIENTS = 4
MOST_GROWTH_MB = 64.0
"""What the heap keeps of the largest requests; a leak of 1 kB per request would be more than twice that in the long run."""
MOST_MORE_FILES = 4
MOST_MORE_THREADS = 16
"""OpenVINO keeps those of models that were loaded at the same time. One lost per load would be hundreds in the long run."""
SETTLE_S = 20.0

Seen = Counter[tuple[str, str]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServeProcess]:
    weights = [tmp_path / f"{name}.onnx" for name in (STEADY, STORMED)]
    for each in weights:
        tiny_detector(each)
    memory.lay_out()
    try:
        with ServeProcess(*map(str, weights), environment={"CAMSLICE_TOKEN": TOKEN}) as server:
            yield server
    finally:
        memory.clear()


@pytest.mark.timeout(120 + ATTACKS / 50)
def test_a_server_outlives_its_worst_clients(server: ServeProcess) -> None:
    began_s = time.monotonic()
    seen = attacked(server, range(ATTACKS // 10))
    before = settled(server, None)
    seen += attacked(server, range(ATTACKS // 10, ATTACKS))
    after = settled(server, before)
    tell(seen, before, after, time.monotonic() - began_s)
    assert after.pss_mb - before.pss_mb < MOST_GROWTH_MB
    assert after.threads - before.threads <= MOST_MORE_THREADS
    assert after.files - before.files <= MOST_MORE_FILES
    code, report = server.end()
    assert code == 0
    assert "internal" not in chain.from_iterable(model["refused"] for model in report["models"])
    assert not tracebacks(server.log())
    assert TOKEN not in server.log()


def tracebacks(log: str) -> list[str]:
    """The first lines of each, with what was said before it."""
    lines = log.splitlines()
    return ["\n".join(lines[max(0, at - 2) : at + 30]) for at, line in enumerate(lines) if line.startswith("Traceback")]


def attacked(server: ServeProcess, numbers: range) -> Seen:
    """What a few clients at once were answered."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        shares = [clients.submit(attacks, server, i, numbers[i::CLIENTS]) for i in range(CLIENTS)]
    return sum((share.result() for share in shares), Seen())


def attacks(server: ServeProcess, client: int, numbers: range) -> Seen:
    with closing(Target(server.grpc, server.http, client)) as target:
        for number in numbers:
            attack(target, SEED, number)
        return target.seen


def settled(server: ServeProcess, before: Health | None) -> Health:
    """What the server holds when everybody has gone, all models are loaded, and one good request of every kind was answered."""
    with closing(Target(server.grpc, server.http, CLIENTS)) as target:
        honest.everything(target)
    until_s = time.monotonic() + SETTLE_S
    now = health(server.pid)
    while before is not None and now.files - before.files > MOST_MORE_FILES and time.monotonic() < until_s:
        time.sleep(0.2)
        now = health(server.pid)
    return now


def tell(seen: Seen, before: Health, after: Health, took_s: float) -> None:
    """For who runs it with -s."""
    statuses, kinds = Counter[str](), Counter[str]()
    for (kind, status), count in seen.items():
        statuses[status] += count
        kinds[kind] += count
    print(f"\n{seen.total()} requests in {took_s:.0f} s, {before} -> {after}")
    for counts in (kinds, statuses):
        print(", ".join(f"{name} {count}" for name, count in counts.most_common()))
