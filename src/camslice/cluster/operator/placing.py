"""Which shard each stream is to be in, when nodes are lost and spares stand by: the pure placement, asked in three steps.

1. Streams that are not on a lost node, among the shards of the plan. A newcomer never takes a spare.
2. Streams of lost nodes, among all shards whose node is there, those with a pod that is ready first: analysed again at once.
3. Those for which there is no room stay where they were, and wait for a node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from camslice.cluster.placement.place import Place, Rules, Stream, place
from camslice.cluster.placement.shards import Shard
from camslice.fleet.types import StreamKey


@dataclass(frozen=True, slots=True)
class Situation:
    """`lost`: shards whose pod was on a node that is lost; `ready`: shards with a pod that is ready."""

    shards: Sequence[Shard]
    lost: frozenset[str]
    ready: frozenset[str]


def placed(
    streams: Sequence[Stream], now: Mapping[StreamKey, str], situation: Situation, rules: Rules
) -> tuple[dict[StreamKey, Place], dict[StreamKey, str]]:
    """Places, and refused streams with the reason."""
    stranded = {each.key for each in streams if now.get(each.key) in situation.lost}
    planned = [shard for shard in situation.shards if not shard.spare and shard.name not in situation.lost]
    calm = replace(rules, compact=rules.compact and not stranded)
    first = place([each for each in streams if each.key not in stranded], planned, now, calm)
    if not stranded:
        return dict(first.places), dict(first.refused)
    standing = _ready_first([shard for shard in situation.shards if shard.name not in situation.lost], situation.ready)
    held = {key: at.shard for key, at in first.places.items()}
    wanted = [each for each in streams if each.key in held or each.key in stranded]
    second = place(wanted, standing, held, calm)
    held = {key: at.shard for key, at in second.places.items()}
    waiting = {key: now[key] for key in second.refused}
    third = place(wanted, situation.shards, {**held, **waiting}, calm)
    return dict(third.places), {**first.refused, **third.refused}


def _ready_first(shards: Sequence[Shard], ready: frozenset[str]) -> list[Shard]:
    ordered = sorted(shards, key=lambda shard: (shard.name not in ready, shard.rank))
    return [replace(shard, rank=rank) for rank, shard in enumerate(ordered)]
