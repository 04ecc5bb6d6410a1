"""Places for all streams, given where they are now. A pure function; the same question has the same answer.

A stream fits a slot of its model that is at least as fast and as large, so slots of one kind (model, rate, pixels) are alike
wherever they are. A stream without a place takes the tightest kind that is free. If none is, streams are shifted along the
shortest chain of kinds that ends in a free one: the fewest moves by which it can be placed at all. Streams and shards are
looked at once each and kinds are few, so thousands of cameras take milliseconds.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from camslice.cluster.placement.shards import Shard
from camslice.fleet.types import StreamFormat, StreamKey

UNKNOWN_PIXELS = 0
"""Of a stream or a slot whose format nobody stated: it fits any slot, or is fit for any stream."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream to be placed: frames per second wanted, and what the camera sends."""

    key: StreamKey
    fps: float
    format: StreamFormat | None = None

    @property
    def pixels(self) -> int:
        """Of a picture of the camera."""
        return UNKNOWN_PIXELS if self.format is None else self.format.width * self.format.height


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream is, and at which rate (below the wanted one where it had to be degraded)."""

    shard: str
    fps: float


@dataclass(frozen=True, slots=True)
class Placement:
    """`places` of streams; `refused` ones with the reason in a sentence; `moved`: streams that had another place before."""

    places: Mapping[StreamKey, Place]
    refused: Mapping[StreamKey, str]
    moved: tuple[StreamKey, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """`cameras_per_node`: the most whose loss one node may cause. `degrade`: slower rather than not at all. `compact`: move
    streams so that a node becomes empty, where that is possible."""

    cameras_per_node: int | None = None
    degrade: bool = False
    compact: bool = False


def place(
    streams: Sequence[Stream], shards: Sequence[Shard], now: Mapping[StreamKey, str], rules: Rules = Rules()
) -> Placement:
    """`now`: the shard of each stream that has one. Shards that are lost are left out of `shards`."""
    board = _Board(shards, rules)
    ordered = sorted(streams, key=lambda each: (-each.fps, -each.pixels, each.key))
    kept = [each for each in ordered if each.key in now and board.keep(each, now[each.key])]
    known = {each.key for each in kept}
    refused: dict[StreamKey, str] = {}
    for stream in (each for each in ordered if each.key not in known):
        if not (board.put(stream) or board.shift(stream) or (rules.degrade and board.degrade(stream))):
            refused[stream.key] = board.why_not(stream)
    if rules.compact and not refused:
        board.compact()
    places = dict(sorted(board.places.items()))
    moved = tuple(key for key, at in places.items() if key in now and now[key] != at.shard)
    return Placement(places, refused, moved)


@dataclass(slots=True)
class _Kind:
    """Slots that are alike. `free`: a heap of shards with room (some may have none any more); `held`: streams in such slots."""

    model: str
    fps: float
    pixels: int
    room: dict[int, int] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    held: dict[StreamKey, Stream] = field(default_factory=dict)

    def fits(self, stream: Stream, fps: float | None = None) -> bool:
        wanted = stream.fps if fps is None else fps
        large_enough = UNKNOWN_PIXELS in (stream.pixels, self.pixels) or stream.pixels <= self.pixels
        return self.model == stream.key.model and wanted <= self.fps + 1e-9 and large_enough


class _Board:
    """Who has which place; changes as streams are placed."""

    def __init__(self, shards: Sequence[Shard], rules: Rules) -> None:
        self.places: dict[StreamKey, Place] = {}
        self._rules = rules
        self._shards = {shard.rank: shard for shard in shards}
        self._rank_of = {shard.name: shard.rank for shard in shards}
        self._kind_of: dict[StreamKey, _Kind] = {}
        self._received: set[int] = set()
        self._stuck: set[tuple[str, float, int]] = set()
        self._cameras: dict[int, dict[str, int]] = {shard.node: {} for shard in shards}
        kinds: dict[tuple[str, float, int], _Kind] = {}
        for shard in shards:
            for slot in shard.pod.slots:
                pixels = UNKNOWN_PIXELS if slot.format is None else slot.format.width * slot.format.height
                kind = kinds.setdefault((slot.model, slot.fps, pixels), _Kind(slot.model, slot.fps, pixels))
                kind.room[shard.rank] = kind.room.get(shard.rank, 0) + slot.streams
        self._kinds = [kinds[key] for key in sorted(kinds)]  # of one model: the slowest and smallest first
        for kind in self._kinds:
            kind.free = sorted(kind.room)

    def keep(self, stream: Stream, shard: str) -> bool:
        """Leave it where it is, if there is still such a place."""
        rank = self._rank_of.get(shard)
        if rank is None or not self._node_takes(stream, rank):
            return False
        for kind in self._fitting(stream):
            if kind.room.get(rank, 0) > 0:
                self._take(stream, kind, rank, stream.fps)
                return True
        return False

    def put(self, stream: Stream) -> bool:
        """Into the tightest kind that is free, there into the shard that fills first."""
        for kind in self._fitting(stream):
            if (rank := self._free_in(kind, stream)) is not None:
                self._take(stream, kind, rank, stream.fps)
                return True
        return False

    def shift(self, stream: Stream) -> bool:
        """Make room along the shortest chain of kinds: the stream takes a slot whose holder goes on to the next kind."""
        alike = (stream.key.model, stream.fps, stream.pixels)
        if alike in self._stuck:
            return False
        came_from: dict[int, tuple[int, StreamKey] | None] = {id(kind): None for kind in self._fitting(stream)}
        by_id = {id(kind): kind for kind in self._kinds}
        waiting = deque(came_from)
        while waiting:
            here = by_id[waiting.popleft()]
            for other in self._kinds:
                if id(other) in came_from or other.model != here.model:
                    continue
                mover = next((key for key, held in sorted(here.held.items()) if other.fits(held)), None)
                if mover is None:
                    continue
                came_from[id(other)] = (id(here), mover)
                if self._free_in(other, here.held[mover]) is not None and self._follow(stream, other, came_from, by_id):
                    return True
                waiting.append(id(other))
        if self._rules.cameras_per_node is None:
            self._stuck.add(alike)  # places only get fewer
        return False

    def degrade(self, stream: Stream) -> bool:
        """Into the fastest slot that is free, slower than it wants."""
        slower = [kind for kind in self._kinds if kind.fits(stream, 0.0) and kind.fps < stream.fps]
        for kind in sorted(slower, key=lambda each: -each.fps):
            if (rank := self._free_in(kind, stream)) is not None:
                self._take(stream, kind, rank, kind.fps)
                return True
        return False

    def why_not(self, stream: Stream) -> str:
        """In a sentence."""
        of_model = [kind for kind in self._kinds if kind.model == stream.key.model]
        if not of_model:
            return f"the plan has no place for model {stream.key.model}; plan the fleet again"
        if not self._fitting(stream):
            fastest = max(kind.fps for kind in of_model)
            return (
                f"the plan holds {stream.key.model} at up to {fastest:g} frames/s of pictures no larger than planned, and "
                f"{stream.fps:g} are wanted; plan the fleet again"
            )
        if any(kind.free for kind in self._fitting(stream)):
            return f"each node with room has {self._rules.cameras_per_node} cameras already, the most that one node may take"
        return "every place that keeps the objective is taken; plan the fleet again with this camera in it"

    def compact(self) -> None:
        """Empty nodes whose streams find room on others in use: first those that hold fewest, so that few are moved."""
        held: Counter[int] = Counter(self._shards[self._rank_of[at.shard]].node for at in self.places.values())
        for node in sorted(held, key=lambda each: (held[each], -each)):
            if node not in self._received:
                self._empty(node)

    def _empty(self, node: int) -> bool:
        there = [key for key, at in sorted(self.places.items()) if self._shards[self._rank_of[at.shard]].node == node]
        before = {key: (self._kind_of[key], self._rank_of[self.places[key].shard], self.places[key].fps) for key in there}
        streams = {key: self._kind_of[key].held[key] for key in there}
        done: list[StreamKey] = []
        for key in sorted(there, key=lambda each: (-streams[each].fps, -streams[each].pixels, each)):
            goal = self._goal_outside(node, streams[key])
            if goal is None:
                for back in done:
                    self._release(back)
                for back in done:
                    kind, rank, fps = before[back]
                    self._take(streams[back], kind, rank, fps)
                return False
            kind, rank = goal
            self._release(key)
            self._take(streams[key], kind, rank, before[key][2])
            done.append(key)
        self._received |= {self._shards[self._rank_of[self.places[key].shard]].node for key in there}
        return True

    def _goal_outside(self, node: int, stream: Stream) -> tuple[_Kind, int] | None:
        """A free place on another node that is in use."""
        for kind in self._fitting(stream):
            for rank in sorted(set(kind.free)):
                at = self._shards[rank].node
                if at != node and kind.room[rank] > 0 and self._cameras[at] and self._node_takes(stream, rank):
                    return kind, rank
        return None

    def _follow(
        self,
        stream: Stream,
        last: _Kind,
        came_from: Mapping[int, tuple[int, StreamKey] | None],
        by_id: Mapping[int, _Kind],
    ) -> bool:
        """Walk the chain back from its free end, moving each holder on; False where a node's limit forbids one of the steps."""
        chain: list[tuple[Stream, _Kind]] = []
        kind = last
        while (step := came_from[id(kind)]) is not None:
            origin, mover = by_id[step[0]], step[1]
            chain.append((origin.held[mover], kind))
            kind = origin
        undo: list[tuple[Stream, _Kind, int, float]] = []
        for moving, into in [*chain, (stream, kind)]:
            rank = self._free_in(into, moving)
            if rank is None:
                for each, back, at, fps in reversed(undo):
                    self._release(each.key)
                    self._take(each, back, at, fps)
                return False
            if moving is not stream:
                was = self.places[moving.key]
                undo.append((moving, self._kind_of[moving.key], self._rank_of[was.shard], was.fps))
                self._release(moving.key)
            self._take(moving, into, rank, moving.fps)
        return True

    def _fitting(self, stream: Stream) -> list[_Kind]:
        return [kind for kind in self._kinds if kind.fits(stream)]

    def _free_in(self, kind: _Kind, stream: Stream) -> int | None:
        """The shard that fills first of those with such a slot free, on a node that may take the camera."""
        passed: list[int] = []
        found = None
        while kind.free:
            rank = kind.free[0]
            if kind.room[rank] <= 0:
                heapq.heappop(kind.free)
            elif self._node_takes(stream, rank):
                found = rank
                break
            else:
                passed.append(heapq.heappop(kind.free))
        for rank in passed:
            heapq.heappush(kind.free, rank)
        return found

    def _node_takes(self, stream: Stream, rank: int) -> bool:
        cameras = self._cameras[self._shards[rank].node]
        most = self._rules.cameras_per_node
        return most is None or stream.key.camera in cameras or len(cameras) < most

    def _take(self, stream: Stream, kind: _Kind, rank: int, fps: float) -> None:
        shard = self._shards[rank]
        kind.room[rank] -= 1
        kind.held[stream.key] = stream
        self._kind_of[stream.key] = kind
        cameras = self._cameras[shard.node]
        cameras[stream.key.camera] = cameras.get(stream.key.camera, 0) + 1
        self.places[stream.key] = Place(shard.name, fps)

    def _release(self, key: StreamKey) -> None:
        kind, rank = self._kind_of.pop(key), self._rank_of[self.places.pop(key).shard]
        kind.room[rank] += 1
        heapq.heappush(kind.free, rank)
        del kind.held[key]
        cameras = self._cameras[self._shards[rank].node]
        cameras[key.camera] -= 1
        if not cameras[key.camera]:
            del cameras[key.camera]


def streams_in(placement: Placement, shard: str) -> Iterable[StreamKey]:
    """The streams that have their place there."""
    return (key for key, at in placement.places.items() if at.shard == shard)
