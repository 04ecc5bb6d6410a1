"""Attacks on the models themselves: loaded and unloaded while others ask them."""

from __future__ import annotations

from random import Random
from urllib.parse import quote

from camslice.engine.oip.descriptors import calls
from tests.soak.fuzz.drafts import good_draft
from tests.soak.fuzz.target import Target
from tests.soak.fuzz.values import word
from tests.soak.fuzz.wire import as_protobuf

STEADY = "steady"
"""The model that nobody unloads: a good request for it is always answered right."""
STORMED = "stormed"


def load_storm(target: Target, chance: Random) -> None:
    """The model is loaded and unloaded beside requests for it."""
    asked = as_protobuf(good_draft(chance, STORMED), chance)
    waiting = []
    for _ in range(chance.randint(1, 4)):
        name = chance.choice(("RepositoryModelLoad", "RepositoryModelUnload"))
        waiting.append(target.begin(name, calls()[name][0](model_name=STORMED)))
        waiting += [target.begin("ModelInfer", asked) for _ in range(chance.randrange(5))]
    for call in waiting:
        target.wait(call)


def load_nobody(target: Target, chance: Random) -> None:
    """Models that are not there, and parameters that are not supported."""
    name = chance.choice(("RepositoryModelLoad", "RepositoryModelUnload"))
    unknown = f"no {word(chance)}".encode("utf-8", "replace").decode()
    request = calls()[name][0](model_name=unknown)
    if chance.random() < 0.3:
        request.parameters["config"].string_param = "{}"
    assert target.ask(name, request).status in {"NOT_FOUND", "UNIMPLEMENTED"}
    doing = "load" if name.endswith("Load") else "unload"
    path = f"/v2/repository/models/{quote(unknown, safe='')[:30_000]}/{doing}"
    assert target.http("POST", path).status in {"HTTP 404", "HTTP 400", "HTTP 501"}
