"""All kinds of attack, and how often each comes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.soak.fuzz import honest, memory, models, over_grpc, over_http, sockets, streams
from tests.soak.fuzz.target import Target

Attack = Callable[[Target, Random], None]

SHARES: dict[Attack, float] = {
    honest.asks: 10,
    over_grpc.spoiled_fields: 20,
    over_grpc.mutated_bytes: 12,
    over_grpc.garbage: 4,
    over_grpc.hostile_structure: 2,
    over_grpc.wrong_questions: 3,
    over_grpc.wrong_token: 1,
    over_grpc.hurry: 4,
    over_grpc.burst: 0.2,
    over_http.spoiled_fields: 14,
    over_http.spoiled_json: 10,
    over_http.deep_json: 1,
    over_http.wrong_header_length: 3,
    over_http.wrong_addresses: 4,
    over_http.wrong_bodies: 3,
    over_http.wrong_headers: 3,
    over_http.wrong_token: 1,
    over_http.huge_numbers: 2,
    over_http.lying_elements: 2,
    memory.foreign_keys: 3,
    memory.wild_places: 4,
    memory.mutated_registrations: 3,
    memory.registered: 2,
    memory.cut_short: 2,
    memory.thousands: 0.05,
    streams.mixed: 3,
    streams.broken_off: 1,
    streams.left_open: 1,
    sockets.garbage: 2,
    sockets.http2_frames: 2,
    sockets.wrong_framing: 2,
    sockets.half_a_request: 2,
    sockets.slow_client: 0.5,
    sockets.endless_upload: 0.3,
    sockets.pipelined: 0.3,
    models.load_storm: 0.3,
    models.load_nobody: 1,
}


def attack(target: Target, seed: str, number: int) -> None:
    """Make attack `number` of this seed: the same one each time."""
    chance = Random(f"{seed}:{number}")
    (kind,) = chance.choices(list(SHARES), SHARES.values())
    target.kind = f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"
    try:
        kind(target, chance)
    except Exception as error:
        error.add_note(f"attack {number} of seed {seed}: {target.kind}")
        raise
