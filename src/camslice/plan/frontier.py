"""Cost against latency: what each kind of node would cost per camera at several loads, and what its latency would be.

A point is a node with the fleet's own mixture of streams, so many of them; a fleet of such nodes costs their price, shared.
What is both dearer and slower than another point is left out.
"""

from __future__ import annotations

import math

from camslice.plan.node_kind import NodeKind
from camslice.plan.optimise.problem import Contents
from camslice.plan.plan import FrontierPoint
from camslice.plan.planner import Drawn

_FRACTIONS = (1.0, 0.75, 0.5, 0.25)
_MOST_KINDS = 12


def frontier_of(drawn: Drawn) -> tuple[FrontierPoint, ...]:
    """The points that nothing beats, the cheapest first."""
    promising = sorted(
        (each for each in drawn.candidates if _carries_all(drawn, each.kind)),
        key=lambda each: (each.price.usd_per_month / max(1, most_of_mixture(drawn, each.kind)), each.kind.name),
    )
    points = [point for each in promising[:_MOST_KINDS] for point in _points(drawn, each.kind, each.price.usd_per_month)]
    return tuple(
        sorted(
            (point for point in points if not any(_beats(other, point) for other in points)),
            key=lambda point: (point.usd_per_camera_month, point.p95, point.instance_type),
        )
    )


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
    most = most_of_mixture(drawn, kind)
    demand = drawn.demand
    per_camera = sum(each.streams for each in demand.classes) / demand.cameras
    points = []
    for streams in dict.fromkeys(max(1, round(most * fraction)) for fraction in _FRACTIONS if most):
        sketch = drawn.judge.sketch(kind, mixture(drawn, streams))
        predicted = sketch.predicted
        if sketch.holds and predicted is not None:
            nodes = math.ceil(demand.cameras * per_camera / streams)
            usd = (nodes * usd_per_month + drawn.usd_fixed_per_month) / demand.cameras
            points.append(FrontierPoint(round(usd, 4), predicted.latency.p95, kind.topology, kind.instance_type.name))
    return points


def _carries_all(drawn: Drawn, kind: NodeKind) -> bool:
    return all(drawn.table.bound(kind, index) > 0 for index in range(len(drawn.demand.classes)))


def _beats(one: FrontierPoint, other: FrontierPoint) -> bool:
    better = one.usd_per_camera_month <= other.usd_per_camera_month and one.p95 <= other.p95
    return better and (one.usd_per_camera_month < other.usd_per_camera_month or one.p95 < other.p95)
