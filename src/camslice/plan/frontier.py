"""Cost against latency against recall: what each kind of node would cost per camera at several loads, what its latency would
be, and how much of what full frames show would still be detected.

A point is a node with the fleet's own mixture of streams, so many of them; a fleet of such nodes costs their price, shared.
What is no better than another point in any of the three is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from camslice.fleet.policy import FULL
from camslice.plan.node_kind import NodeKind
from camslice.plan.optimise.problem import Contents
from camslice.plan.plan import FrontierPoint
from camslice.plan.planner import Drawn
from camslice.plan.policies import recall_of

_FRACTIONS = (1.0, 0.75, 0.5, 0.25)
_MOST_KINDS = 12


def frontier_of(ways: Sequence[Drawn]) -> tuple[FrontierPoint, ...]:
    """The points that nothing beats, the cheapest first. `ways`: the question with each choice of policies."""
    points = [point for drawn in ways for point in _of_way(drawn)]
    return tuple(
        sorted(
            (point for point in dict.fromkeys(points) if not any(_beats(other, point) for other in points)),
            key=lambda point: (point.usd_per_camera_month, point.p95, point.instance_type, point.policy),
        )
    )


def _of_way(drawn: Drawn) -> list[FrontierPoint]:
    promising = sorted(
        (each for each in drawn.candidates if _carries_all(drawn, each.kind)),
        key=lambda each: (each.price.usd_per_month / max(1, most_of_mixture(drawn, each.kind)), each.kind.name),
    )
    return [point for each in promising[:_MOST_KINDS] for point in _points(drawn, each.kind, each.price.usd_per_month)]


def most_of_mixture(drawn: Drawn, kind: NodeKind) -> int:
    """The most streams of the fleet's mixture on one node, as far as it is known: simulated or by resources alone."""
    demand = drawn.demand
    streams = sum(each.streams for each in demand.classes)
    return min(
        streams,
        *(
            math.floor(drawn.table.most(kind, index) * streams / each.streams + 1e-9)
            for index, each in enumerate(demand.classes)
        ),
    )


def mixture(drawn: Drawn, streams: int) -> Contents:
    """So many streams in about the fleet's proportions: the largest remainders are rounded up."""
    classes = drawn.demand.classes
    total = sum(each.streams for each in classes)
    exact = [each.streams * streams / total for each in classes]
    counts = [math.floor(each) for each in exact]
    by_remainder = sorted(range(len(classes)), key=lambda index: counts[index] - exact[index])
    for index in by_remainder[: streams - sum(counts)]:
        counts[index] += 1
    return tuple(counts)


def _points(drawn: Drawn, kind: NodeKind, usd_per_month: float) -> list[FrontierPoint]:
    most, policy = most_of_mixture(drawn, kind), _policy(kind)
    demand = drawn.demand
    per_camera = sum(each.streams for each in demand.classes) / demand.cameras
    points = []
    for streams in dict.fromkeys(max(1, round(most * fraction)) for fraction in _FRACTIONS if most):
        sketch = drawn.judge.sketch(kind, mixture(drawn, streams))
        predicted = sketch.predicted
        if sketch.holds and predicted is not None:
            nodes = math.ceil(demand.cameras * per_camera / streams)
            usd = (nodes * usd_per_month + drawn.usd_fixed_per_month) / demand.cameras
            points.append(
                FrontierPoint(
                    round(usd, 4), predicted.latency.p95, kind.topology, kind.instance_type.name, _recall(drawn, kind), policy
                )
            )
    return points


def _recall(drawn: Drawn, kind: NodeKind) -> float:
    """Of the model that loses most."""
    models = {each.model for each in drawn.demand.classes}
    looking = {model: kind.looking[model].policy if model in kind.looking else None for model in models}
    return round(min(recall_of(kind.profiles[model], looking[model]) for model in models), 4)


def _policy(kind: NodeKind) -> str:
    """By name; of several models each one's, where they differ."""
    names = dict.fromkeys(looking.policy for looking in kind.looking.values())
    return "/".join(names) or FULL.name


def _carries_all(drawn: Drawn, kind: NodeKind) -> bool:
    return all(drawn.table.bound(kind, index) > 0 for index in range(len(drawn.demand.classes)))


def _beats(one: FrontierPoint, other: FrontierPoint) -> bool:
    left, right = ((point.usd_per_camera_month, point.p95, -point.recall) for point in (one, other))
    return left != right and all(mine <= theirs for mine, theirs in zip(left, right, strict=True))
