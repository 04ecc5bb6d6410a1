"""How far a prediction moves with figures that are not known exactly: a node simulated with all costs low, and all high.

These are corners: figures of one fit hang together, so that the true range is mostly narrower.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.profile import Profile
from camslice.plan.judge import Judge
from camslice.plan.node_kind import NodeKind
from camslice.plan.optimise.problem import Contents

Value = TypeVar("Value")

_MORE_IS_BETTER = frozenset({"hyper_thread_yield", "throughput", "fps"})


def range_of(judge: Judge, kind: NodeKind, contents: Contents) -> tuple[float | None, float | None]:
    """The objective's percentile in ms at both corners; None where nothing is uncertain, or where it is infinite."""
    best = {model: corner(profile, worst=False) for model, profile in kind.profiles.items()}
    worst = {model: corner(profile, worst=True) for model, profile in kind.profiles.items()}
    if best == worst:
        return None, None
    found = []
    for profiles in (best, worst):
        predicted = judge.verdict(replace(kind, profiles=profiles), contents).predicted
        found.append(None if predicted is None else predicted.p_all_ms)
    return found[0], found[1]


def corner(profile: Profile, *, worst: bool) -> Profile:
    """The profile with every figure that is fitted, and has a range, at that end of it at which a node carries less (or more).

    Intervals of measured figures are left alone: what was measured is not in doubt as a whole.
    """
    return _moved(profile, "", worst)


def _moved(value: Value, name: str, worst: bool) -> Value:
    if isinstance(value, Figure):
        return _end(value, worst=worst != (name in _MORE_IS_BETTER))  # type: ignore[return-value] # a Figure for a Figure
    if isinstance(value, tuple):
        return tuple(_moved(each, name, worst) for each in value)  # type: ignore[return-value] # a tuple of the same kinds
    if is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: _moved(getattr(value, each.name), each.name, worst) for each in fields(value)}
        return replace(value, **changed)
    return value


def _end(figure: Figure, *, worst: bool) -> Figure:
    end = figure.high if worst else figure.low
    if end is None or figure.provenance is Provenance.MEASURED:
        return figure
    return replace(figure, value=end)
