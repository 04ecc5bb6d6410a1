"""A fit as a profile, from which nodes are simulated and plans are made: every figure `fitted`, with its range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from camslice.fleet.figures import Figure, Provenance, rounded
from camslice.fleet.profile import (
    Contexts,
    Coverage,
    Profile,
    ProfiledMachine,
    ProfiledModel,
    SharingPoint,
    StageCost,
)
from camslice.fleet.types import Topology
from camslice.plan.fitting.fit import Fit
from camslice.plan.fitting.model import SPINNING_THREADS, Structure
from camslice.plan.fitting.parameters import Space
from camslice.plan.fitting.structure import alone_ms
from camslice.plan.fitting.table import Row, Sharing
from camslice.plan.simulation.node import Step, Where

FIT, TABLE, TAKEN = "fit", "table", "taken-as-known"
_STAGES = ("preprocess", "inference", "postprocess")
_SETS = 12
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Named:
    """What a table does not say: of what it is, and when this was made (YYYY-MM-DD)."""

    name: str
    accelerator: str
    cpu_family: str
    model: str
    date: str
    instance_types: tuple[str, ...] = ()


def profile_of(fit: Fit, named: Named, source: str) -> Profile:
    """The profile of a fit; `source` says where the table comes from."""
    used = ", ".join(str(each.row.pods) for each in fit.rows if each.used)
    profile = Profile(
        name=named.name,
        about=f"{named.model} on {named.accelerator}, fitted to a table of pods; nothing in here was measured by camslice",
        date=named.date,
        provenance=Provenance.FITTED,
        machine=ProfiledMachine(
            named.name, "unknown", named.cpu_family, "unknown", accelerator=named.accelerator, accelerators=1
        ),
        model=ProfiledModel(named.model, "unknown"),
        covers=Coverage((Topology.DEDICATED, Topology.SLICED), named.instance_types),
        stages=stages_of(fit),
        contexts=contexts_of(fit),
        sharing=tuple(_point(each.row) for each in fit.rows if each.row.sharing is Sharing.TIME_SLICING),
        sources={
            FIT: f"Fitted by camslice to the rows of {used} pods: {fit.figures} independent figures, {len(fit.parameters)} "
            f"free parameters, so that {'several sets fit equally well' if fit.unidentified else 'each is pinned down'}.",
            TABLE: source,
            TAKEN: "Not fitted, for no table of latencies shows it: a pod spins while it waits for the accelerator.",
        },
    )
    return replace(profile, fits=fits_of(fit))


def stages_of(fit: Fit) -> tuple[StageCost, ...]:
    """What a frame costs in each stage."""
    costs = [_costs(fit.structure, each) for each in fit.sets]

    def figure(stage: str, what: str) -> Figure:
        return _figure([each[stage][what] for each in costs])

    return tuple(StageCost(name, *(figure(name, what) for what in ("cpu_ms", "accelerator_ms", "visits"))) for name in _STAGES)


def contexts_of(fit: Fit) -> Contexts:
    """How pods get in each other's way."""
    spinning = Figure(SPINNING_THREADS if fit.structure.cpu else 0.0, Provenance.ASSUMED, TAKEN)
    return Contexts(
        accelerator_ms_per_frame=_figure([_saturated_ms(fit.structure, each) for each in fit.sets]),
        slice_ms=_parameter(fit, "slice_ms"),
        switch_ms=_parameter(fit, "switch_ms"),
        spinning_threads=spinning,
        extra_threads=_parameter(fit, "extra_threads"),
        hyper_thread_yield=_parameter(fit, "hyper_thread_yield"),
    )


def fits_of(fit: Fit) -> tuple[Mapping[str, float], ...]:
    """A few sets that lie far from each other, as values by the paths of the profile's figures."""
    return tuple(_paths(fit.structure, each) for each in _apart(fit))


def _paths(structure: Structure, values: Mapping[str, float]) -> dict[str, float]:
    costs = _costs(structure, values)
    found = {f"stages[{index}].{what}": value for index, stage in enumerate(_STAGES) for what, value in costs[stage].items()}
    found["contexts.accelerator_ms_per_frame"] = _saturated_ms(structure, values)
    for name in ("slice_ms", "switch_ms", "extra_threads", "hyper_thread_yield"):
        if name in values:
            found[f"contexts.{name}"] = values[name]
    return {path: rounded(value, _DIGITS) for path, value in found.items()}


def _apart(fit: Fit) -> Sequence[Mapping[str, float]]:
    """Each the one that lies farthest from all taken before, beginning with the best."""
    used = [each.row for each in fit.rows if each.used] or [each.row for each in fit.rows]
    space: Space = fit.structure.space(alone_ms(used, fit.structure))
    places = np.array([[each.place(one[each.name]) for each in space.parameters] for one in fit.sets])
    taken = [0]
    while len(taken) < min(_SETS, len(fit.sets)):
        distance = np.min(np.linalg.norm(places[:, None, :] - places[None, taken, :], axis=2), axis=1)
        taken.append(int(np.argmax(distance)))
    return [fit.sets[index] for index in taken[1:]]


def _costs(structure: Structure, values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    found = {name: {"cpu_ms": 0.0, "accelerator_ms": 0.0, "visits": 0.0} for name in _STAGES}
    for step in structure.steps(values):
        cost = found[step.stage]
        if step.where is Where.CPU:
            cost["cpu_ms"] += step.ms
        else:
            cost["accelerator_ms"] += step.ms
            cost["visits"] += 1.0
    return found


def _saturated_ms(structure: Structure, values: Mapping[str, float]) -> float:
    visits: list[Step] = [step for step in structure.steps(values) if step.where is Where.ACCELERATOR]
    turns = sum(math.ceil(step.ms / values["slice_ms"]) for step in visits)
    return sum(step.ms for step in visits) + turns * values["switch_ms"]


def _parameter(fit: Fit, name: str) -> Figure | None:
    return _figure([each[name] for each in fit.sets]) if name in fit.best else None


def _figure(of_sets: Sequence[float]) -> Figure:
    """The best set's value, and the range over all."""
    value, low, high = (rounded(each, _DIGITS) for each in (of_sets[0], min(of_sets), max(of_sets)))
    if low == high:
        return Figure(value, Provenance.FITTED, FIT)
    return Figure(value, Provenance.FITTED, FIT, low, high)


def _point(row: Row) -> SharingPoint:
    published = {stage: Figure(ms, Provenance.PUBLISHED, TABLE) for stage, ms in row.stage_ms.items()}
    vcpu = None if row.cores is None else round(row.cores)
    return SharingPoint(
        Topology.SLICED,
        row.pods,
        vcpu=vcpu,
        physical_cores=None if vcpu is None else max(1, vcpu // 2),
        total_ms=Figure(row.mean_ms, Provenance.PUBLISHED, TABLE),
        stage_ms=published,
    )
