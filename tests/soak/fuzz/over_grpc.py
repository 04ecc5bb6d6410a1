"""Attacks by gRPC calls."""

from __future__ import annotations

from random import Random

from camslice.engine.oip.descriptors import calls
from tests.soak.fuzz.bends import bend
from tests.soak.fuzz.drafts import good_draft
from tests.soak.fuzz.models import STEADY, STORMED
from tests.soak.fuzz.target import TOKEN, Target
from tests.soak.fuzz.values import int64, mutated, noise, word
from tests.soak.fuzz.wire import as_protobuf

DANGEROUS = {"RepositoryModelLoad", "RepositoryModelUnload"}
"""Calls that change what others are answered have attacks of their own."""


def spoiled_fields(target: Target, chance: Random) -> None:
    """A good request, a few fields of which are wrong."""
    draft = good_draft(chance, chance.choice((STEADY, STEADY, STORMED)))
    bend(draft, chance)
    target.ask("ModelInfer", as_protobuf(draft, chance))


def mutated_bytes(target: Target, chance: Random) -> None:
    """A good request, a few bytes of which are wrong."""
    draft = good_draft(chance, STEADY)
    target.ask("ModelInfer", mutated(as_protobuf(draft, chance).SerializeToString(), chance))


def garbage(target: Target, chance: Random) -> None:
    """No request at all, to any call."""
    name = chance.choice([name for name in (*calls(), "Nothing") if name not in {*DANGEROUS, "ModelStreamInfer"}])
    target.ask(name, noise(chance, 400))


def hostile_structure(target: Target, chance: Random) -> None:
    """Messages that would take many times their size in memory once parsed."""
    piece = chance.choice((b"\x2a\x00", b"\x3a\x00", b"\x32\x02\x0a\x00", b"\x22\x02\x0a\x00", b"\x2a\x04\x1a\x02\x00\x00"))
    target.ask("ModelInfer", piece * chance.choice((10, 1000, 1025, 100_000)))


def wrong_questions(target: Target, chance: Random) -> None:
    """Questions about models, versions and regions that are not there."""
    name = chance.choice(
        ("ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics", "RepositoryIndex", "SystemSharedMemoryStatus")
    )
    request = calls()[name][0]()
    for field in ("name", "version", "repository_name"):
        if field in request.DESCRIPTOR.fields_by_name and chance.random() < 0.7:
            setattr(request, field, chance.choice((STEADY, "1", word(chance).encode("utf-8", "replace").decode())))
    target.ask(name, request)


def wrong_token(target: Target, chance: Random) -> None:
    """Others' tokens, and nearly the right one."""
    token = chance.choice((None, "", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "a" * 5000))
    draft = good_draft(chance, STEADY)
    assert target.ask("ModelInfer", as_protobuf(draft, chance), token=token).status == "UNAUTHENTICATED"


def hurry(target: Target, chance: Random) -> None:
    """Deadlines that cannot be kept, and calls that are given up."""
    message = as_protobuf(good_draft(chance, STEADY), chance)
    if chance.random() < 0.5:
        message.parameters["timeout"].int64_param = chance.choice((1, 100, 5000, int64(chance)))
        target.ask("ModelInfer", message)
    elif chance.random() < 0.5:
        target.ask("ModelInfer", message, deadline_s=chance.choice((1e-4, 1e-3, 5e-3)))
    else:
        call = target.begin("ModelInfer", message)
        call.cancel()
        target.wait(call)


def burst(target: Target, chance: Random) -> None:
    """More at once than the queue has room for."""
    message = as_protobuf(good_draft(chance, STEADY), chance).SerializeToString()
    waiting = [target.begin("ModelInfer", message) for _ in range(chance.choice((20, 100, 300)))]
    for call in waiting:
        target.wait(call)
