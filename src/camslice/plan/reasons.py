"""Why each alternative was not chosen: every instance type and topology that is not in the plan has a reason."""

from __future__ import annotations

import math

from camslice.plan.node_kind import NodeKind
from camslice.plan.optimise.problem import Solution
from camslice.plan.options import Candidate
from camslice.plan.plan import Rejected
from camslice.plan.planner import Drawn


def rejections(drawn: Drawn, solution: Solution) -> tuple[Rejected, ...]:
    """In the catalogue's order; of kinds that differ only in pods or partitions the best one speaks."""
    chosen = {
        (shape.option.instance_type, shape.option.topology) for shape in solution.shapes if shape.count and any(shape.contents)
    }
    best: dict[tuple[str, str], tuple[float, Rejected]] = {}
    for candidate in drawn.candidates:
        kind = candidate.kind
        if (kind.instance_type.name, kind.topology) in chosen:
            continue
        usd, reason = _reason(drawn, candidate)
        key = (kind.instance_type.name, kind.topology.value)
        if key not in best or usd < best[key][0]:
            best[key] = (usd, Rejected(kind.instance_type.name, kind.topology, reason))
    return (*(rejected for _, rejected in best.values()), *drawn.rejected)


def _reason(drawn: Drawn, candidate: Candidate) -> tuple[float, str]:
    kind = candidate.kind
    lost = [each.name for index, each in enumerate(drawn.demand.classes) if drawn.table.most(kind, index) == 0]
    if len(lost) == len(drawn.demand.classes):
        return math.inf, _why_none(drawn, kind)
    usd, simulated = usd_per_camera(drawn, candidate)
    words = "at least " if not simulated else ""
    also = f"; it cannot carry {', '.join(lost)}" if lost else ""
    most = max(drawn.table.most(kind, index) for index in range(len(drawn.demand.classes)))
    return usd, f"dearer: {words}${usd:.2f} per camera and month ({most} streams on a node at the most){also}"


def usd_per_camera(drawn: Drawn, candidate: Candidate) -> tuple[float, bool]:
    """Dollars per camera and month of a fleet of nodes of this kind alone, as far as it carries the streams, and whether its
    capacities are simulated; else it is what they come to at the least."""
    kind, demand = candidate.kind, drawn.demand
    nodes = 0.0
    exact = True
    for index, each in enumerate(demand.classes):
        most = drawn.table.most(kind, index)
        exact &= drawn.table.is_exact(kind, index)
        nodes += each.streams / most if most else 0.0
    return (math.ceil(nodes - 1e-9) * candidate.price.usd_per_month + drawn.usd_fixed_per_month) / demand.cameras, exact


def _why_none(drawn: Drawn, kind: NodeKind) -> str:
    classes = drawn.demand.classes
    for index in range(len(classes)):
        if drawn.table.bound(kind, index) > 0:
            alone = tuple(1 if each == index else 0 for each in range(len(classes)))
            predicted = drawn.judge.verdict(kind, alone).predicted
            if predicted is not None:
                return (
                    f"one stream alone breaks the objective (p95 {predicted.latency.p95:.0f} ms, "
                    f"{100 * predicted.drop_rate:.1f} % dropped)"
                )
    return "its resources do not even hold one stream"
