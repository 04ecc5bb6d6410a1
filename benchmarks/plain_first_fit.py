"""First fit decreasing as a textbook has it, for comparison: nothing of the package's own optimiser is used.

Streams come in the order of what one costs on the option that carries its class the cheapest, the dearest first. Each goes to
the first node with room; when there is none, a node of the cheapest option for its class is added. Streams of a class come one
after the other, so that those that a node takes are put there at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from camslice.plan.optimise.problem import Option, Problem

ROUNDING = 1e-9


@dataclass(slots=True)
class Node:
    """A node being filled: what is left of each resource, and of which models and classes there are streams."""

    option: Option
    left: list[float]
    models: set[str]
    held: dict[int, int]


def plain_first_fit(problem: Problem) -> float:
    """US dollars per month. Every class has an option that carries it."""
    models = [each.model for each in problem.classes]
    best = [cheapest(problem, index) for index in range(len(models))]
    nodes: list[Node] = []
    for index in sorted(range(len(models)), key=lambda index: -best[index][0]):
        left = problem.classes[index].count
        for node in nodes:
            left -= put(node, index, models[index], left)
            if not left:
                break
        while left:
            option = best[index][1]
            nodes.append(Node(option, [1.0] * len(option.resources), set(), {}))
            left -= put(nodes[-1], index, models[index], left)
    return math.fsum(node.option.usd_per_month for node in nodes)


def cheapest(problem: Problem, index: int) -> tuple[float, Option]:
    """What a stream of that class costs where it is cheapest, and where."""
    able = [(each.usd_per_month / each.most[index], number) for number, each in enumerate(problem.options) if each.most[index]]
    rate, number = min(able)
    return rate, problem.options[number]


def put(node: Node, index: int, model: str, count: int) -> int:
    """Put as many streams there as fit, and return how many."""
    option = node.option
    fixed = [0.0] * len(node.left) if model in node.models else option.fixed[index]
    room = [left - once + ROUNDING for left, once in zip(node.left, fixed, strict=True)]
    if min(room) < 0.0:
        return 0
    most = option.most[index] - node.held.get(index, 0)
    fit = min([count, most, *(int(left / use) for left, use in zip(room, option.use[index], strict=True) if use > 0.0)])
    if fit > 0:
        node.left = [left - once - fit * use for left, once, use in zip(node.left, fixed, option.use[index], strict=True)]
        node.models.add(model)
        node.held[index] = node.held.get(index, 0) + fit
    return max(0, fit)
