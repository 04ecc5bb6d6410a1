"""Places of streams: all of them, within what each pod has room for, and with as few moves as can be."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from camslice.cluster.objects import FleetObject, ModelObject, NodeShape, PodShape, Slot
from camslice.cluster.placement.place import Placement, Rules, Stream, place
from camslice.cluster.placement.shards import Shard, shards_of
from camslice.fleet.types import Objective, StreamFormat, StreamKey, Topology

SMALL, LARGE = StreamFormat(640, 360, 25.0, "h264", 500.0), StreamFormat(1920, 1080, 25.0, "h264", 4000.0)


def fleet(pods: Sequence[PodShape], nodes: int = 1, spare_nodes: int = 0) -> FleetObject:
    shape = NodeShape("g4dn", "g4dn.xlarge", "us-east-1", "on_demand", nodes, Topology.SLICED, 0.526, tuple(pods))
    models = (ModelObject("people", {}), ModelObject("cars", {}))
    return FleetObject("street", "default", "", 1, Objective(), models, (shape,), "camslice", spare_nodes=spare_nodes)


def pod(*slots: Slot, count: int = 1, name: str = "people-0") -> PodShape:
    return PodShape(name, count, 500, 800.0, 1, slots)


def stream(number: int, fps: float = 5.0, model: str = "people", sends: StreamFormat | None = None) -> Stream:
    return Stream(StreamKey(f"camera-{number}", model), fps, sends)


slots = some.builds(
    Slot,
    some.sampled_from(["people", "cars"]),
    some.sampled_from([1.0, 5.0, 10.0]),
    some.integers(1, 3),
    some.sampled_from([None, SMALL, LARGE]),
)
shapes = some.lists(slots, min_size=1, max_size=3)
wishes = some.lists(
    some.tuples(some.sampled_from([1.0, 5.0, 10.0]), some.sampled_from(["people", "cars"]), some.sampled_from([SMALL, LARGE])),
    max_size=12,
)


def streams_of(wanted: Sequence[tuple[float, str, StreamFormat]]) -> list[Stream]:
    return [stream(number, fps, model, sends) for number, (fps, model, sends) in enumerate(wanted)]


def fits(each: Stream, slot: Slot, fps: float) -> bool:
    known = each.format is not None and slot.format is not None
    small = not known or each.pixels <= slot.format.width * slot.format.height  # type: ignore[union-attr]
    return slot.model == each.key.model and fps <= slot.fps and small


def assignable(streams: Sequence[tuple[Stream, float]], pod_slots: Sequence[Slot]) -> bool:
    """Whether every stream gets a slot of its own: by augmenting paths, which shares nothing with the code under test."""
    single = [slot for slot in pod_slots for _ in range(slot.streams)]
    owner: dict[int, int] = {}

    def find(index: int, seen: set[int]) -> bool:
        each, fps = streams[index]
        for at, slot in enumerate(single):
            if at in seen or not fits(each, slot, fps):
                continue
            seen.add(at)
            if at not in owner or find(owner[at], seen):
                owner[at] = index
                return True
        return False

    return all(find(index, set()) for index in range(len(streams)))


def check(placement: Placement, streams: Sequence[Stream], shards: Sequence[Shard]) -> None:
    assert placement.places.keys() | placement.refused.keys() == {each.key for each in streams}
    assert not placement.places.keys() & placement.refused.keys()
    by_key = {each.key: each for each in streams}
    for shard in shards:
        held = [(by_key[key], at.fps) for key, at in placement.places.items() if at.shard == shard.name]
        assert assignable(held, shard.pod.slots), shard.name
    assert {at.shard for at in placement.places.values()} <= {shard.name for shard in shards}


@given(shapes, wishes, some.integers(1, 3), some.booleans(), some.none() | some.integers(1, 3))
def test_no_stream_is_lost_or_doubled_and_no_pod_is_overfull(
    pod_slots: list[Slot], wanted: list[tuple[float, str, StreamFormat]], nodes: int, degrade: bool, most: int | None
) -> None:
    shards = shards_of(fleet([pod(*pod_slots, count=2)], nodes))
    streams = streams_of(wanted)
    placement = place(streams, shards, {}, Rules(most, degrade))
    check(placement, streams, shards)
    if most is not None:
        cameras: Counter[int] = Counter()
        node_of = {shard.name: shard.node for shard in shards}
        for node, _camera in {(node_of[at.shard], key.camera) for key, at in placement.places.items()}:
            cameras[node] += 1
        assert max(cameras.values(), default=0) <= most


@given(shapes, wishes, some.integers(1, 3))
def test_nobody_is_refused_for_whom_there_is_a_place(
    pod_slots: list[Slot], wanted: list[tuple[float, str, StreamFormat]], nodes: int
) -> None:
    shards = shards_of(fleet([pod(*pod_slots)], nodes))
    streams = streams_of(wanted)
    placement = place(streams, shards, {})
    if placement.refused:
        everything = [slot for shard in shards for slot in shard.pod.slots]
        placed = [(each, each.fps) for each in streams if each.key in placement.places]
        first = next(each for each in streams if each.key in placement.refused)
        assert not assignable([*placed, (first, first.fps)], everything)


@given(shapes, wishes, some.integers(1, 2), some.data())
def test_adding_or_removing_a_camera_moves_no_other_without_need(
    pod_slots: list[Slot], wanted: list[tuple[float, str, StreamFormat]], nodes: int, data: some.DataObject
) -> None:
    shards = shards_of(fleet([pod(*pod_slots)], nodes))
    streams = streams_of(wanted)
    before = place(streams, shards, {})
    now = {key: at.shard for key, at in before.places.items()}
    assert place(streams, shards, now).moved == ()
    if streams:
        gone = data.draw(some.sampled_from(streams))
        after = place([each for each in streams if each is not gone and each.key in now], shards, now)
        assert after.moved == ()


@settings(max_examples=60)
@given(
    some.lists(some.tuples(some.sampled_from([1.0, 5.0]), some.integers(0, 3)), min_size=1, max_size=4),
    some.sampled_from([1.0, 5.0]),
)
def test_a_newcomer_moves_as_few_others_as_it_can(there: list[tuple[float, int]], fps: float) -> None:
    shards = shards_of(fleet([pod(Slot("people", 1.0, 1), Slot("people", 5.0, 1), count=2)], 2))
    streams = [stream(number, rate) for number, (rate, _) in enumerate(there)]
    now: dict[StreamKey, str] = {}
    for each, (_, at) in zip(streams, there, strict=True):
        held = [(other, other.fps) for other in streams if now.get(other.key) == shards[at].name]
        if assignable([*held, (each, each.fps)], shards[at].pod.slots):
            now[each.key] = shards[at].name
    streams = [each for each in streams if each.key in now] + [stream(99, fps)]
    placement = place(streams, shards, now)
    fewest = fewest_moves(streams, shards, now)
    if fewest is None:
        assert placement.refused
    else:
        assert not placement.refused
        assert len(placement.moved) <= fewest + _greedy_slack(placement)


def _greedy_slack(placement: Placement) -> int:
    """Slots of one pod are taken greedily, so at most the newcomer's own chain may be one longer than the best."""
    return 1 if placement.moved else 0


def fewest_moves(streams: Sequence[Stream], shards: Sequence[Shard], now: Mapping[StreamKey, str]) -> int | None:
    best = None
    for choice in itertools.product(shards, repeat=len(streams)):
        held = {
            shard.name: [(each, each.fps) for each, at in zip(streams, choice, strict=True) if at is shard] for shard in shards
        }
        if all(assignable(held[shard.name], shard.pod.slots) for shard in shards):
            moves = sum(each.key in now and now[each.key] != at.name for each, at in zip(streams, choice, strict=True))
            best = moves if best is None else min(best, moves)
    return best


def test_streams_of_a_lost_node_go_where_there_is_room_and_others_stay() -> None:
    shards = shards_of(fleet([pod(Slot("people", 5.0, 2), count=2)], nodes=2, spare_nodes=1))
    streams = [stream(number) for number in range(8)]
    now = {key: at.shard for key, at in place(streams, shards, {}).places.items()}
    left = [shard for shard in shards if shard.node != 0]
    after = place(streams, left, now)
    assert not after.refused
    lost = {key for key, at in now.items() if at in {shard.name for shard in shards if shard.node == 0}}
    assert set(after.moved) == lost


def test_a_node_that_is_not_needed_is_emptied_by_the_fewest_moves() -> None:
    shards = shards_of(fleet([pod(Slot("people", 5.0, 1), count=4)], nodes=3))
    streams = [stream(number) for number in range(12)]
    now = {key: at.shard for key, at in place(streams, shards, {}).places.items()}
    node_of = {shard.name: shard.node for shard in shards}
    on = {node: [each for each in streams if node_of[now[each.key]] == node] for node in range(3)}
    left = [*on[0][:1], *on[1][:2], *on[2][:2]]
    assert place(left, shards, now).moved == ()
    compacted = place(left, shards, now, Rules(compact=True))
    assert {node_of[at.shard] for at in compacted.places.values()} == {1, 2}
    assert compacted.moved == (on[0][0].key,)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (stream(1, 5.0, "cars"), "no place for model cars"),
        (stream(1, 50.0), "up to 5 frames/s"),
        (stream(2, 5.0), "every place that keeps the objective is taken"),
    ],
)
def test_a_refusal_says_why(wanted: Stream, words: str) -> None:
    shards = shards_of(fleet([pod(Slot("people", 5.0, 1))]))
    placement = place([stream(1), wanted] if wanted.key.camera == "camera-2" else [wanted], shards, {})
    assert words in placement.refused[wanted.key]


def test_a_camera_that_is_too_fast_is_slowed_down_where_that_is_allowed() -> None:
    shards = shards_of(fleet([pod(Slot("people", 2.0, 1), Slot("people", 5.0, 1))]))
    placement = place([stream(1, 10.0)], shards, {}, Rules(degrade=True))
    assert placement.places[StreamKey("camera-1", "people")].fps == 5.0


def test_engines_of_topology_remote_hold_no_streams() -> None:
    engine = replace(pod(name="engine"), role="engine")
    assert [shard.pod.name for shard in shards_of(fleet([pod(Slot("people", 5.0, 2)), engine]))] == ["people-0"]
