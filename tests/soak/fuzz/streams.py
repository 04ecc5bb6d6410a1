"""Attacks by streaming inference: streams of anything, broken off anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from threading import Event

from tests.soak.fuzz.bends import bend
from tests.soak.fuzz.drafts import good_draft
from tests.soak.fuzz.models import STEADY
from tests.soak.fuzz.target import Target
from tests.soak.fuzz.values import mutated, noise
from tests.soak.fuzz.wire import as_protobuf


def mixed(target: Target, chance: Random) -> None:
    """Good, spoiled and broken requests in one stream, each of which is answered."""
    bodies = [_body(chance) for _ in range(chance.randint(1, 12))]
    assert len(target.stream(bodies)) == len(bodies)


def broken_off(target: Target, chance: Random) -> None:
    """The client goes while its requests are computed."""
    bodies = [_body(chance) for _ in range(chance.randint(1, 80))]
    target.stream(bodies, stop_after=chance.randrange(4))


def left_open(target: Target, chance: Random) -> None:
    """The client neither sends nor ends nor goes, until its time is over."""
    target.stream(_then_nothing([_body(chance) for _ in range(chance.randrange(5))]), deadline_s=0.1)


def _body(chance: Random) -> bytes:
    draft = good_draft(chance, STEADY)
    if chance.random() < 0.4:
        bend(draft, chance)
    body: bytes = as_protobuf(draft, chance).SerializeToString()
    match chance.randrange(6):
        case 0:
            return mutated(body, chance)
        case 1:
            return noise(chance, 100)
    return body


def _then_nothing(bodies: list[bytes]) -> Iterator[bytes]:
    yield from bodies
    Event().wait(0.2)
