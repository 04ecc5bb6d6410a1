"""Which real node each shard is on, or could be: what a node's failure takes, and which node can be emptied, is about those.

The plan counts nodes, the scheduler chooses them. A shard with a pod is where its pod is. One without gets, in thought, a free
place of its kind on a node that is in use, the fullest first; its pod will prefer that node when it is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from camslice.cluster.operator.values import SeenPod
from camslice.cluster.placement.shards import Shard

_REAL = 1_000_000
"""Numbers of real nodes begin here; below are nodes of the plan that nobody has bought yet."""


def on_real_nodes(
    shards: Mapping[str, Shard], pods: Mapping[str, SeenPod], alive: Mapping[str, Sequence[SeenPod]]
) -> tuple[list[Shard], dict[str, str]]:
    """The shards with the number of their real node, and for those without a pod the name of the node that has room for it.

    `pods`: all that there are, those included that are going away; `alive`: those of each shard that are not.
    """
    used: Counter[tuple[str, str, str]] = Counter()
    for pod in pods.values():
        if pod.node is not None and pod.shard in shards and not pod.ended:
            shard = shards[pod.shard]
            used[pod.node, shard.shape.name, shard.pod.name] += 1
    there: Counter[str] = Counter()
    for (node, _, _), number in used.items():
        there[node] += number
    names = sorted(there, key=lambda node: (-there[node], node))
    number_of = {node: _REAL + index for index, node in enumerate(names)}
    found: list[Shard] = []
    wanted: dict[str, str] = {}
    for name, shard in sorted(shards.items(), key=lambda each: each[1].rank):
        at = alive[name][-1].node if alive.get(name) else None
        if at is None and not alive.get(name) and not shard.spare:
            of_kind = (shard.shape.name, shard.pod.name)
            at = next((node for node in names if 0 < used[node, *of_kind] < shard.pod.count), None)
            if at is not None:
                used[at, *of_kind] += 1
                wanted[name] = at
        found.append(shard if at is None else replace(shard, node=number_of[at]))
    return found, wanted
