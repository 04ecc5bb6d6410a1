"""What keeps a machine from carrying more: named from how busy each resource was where the objective broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from camslice.fleet.profile import Constraint, Trial

SATURATED = 0.85
"""A resource this busy is at its end: what is left goes to the system, to starting threads and to uneven arrivals."""

FULL = 0.95
"""All processors of the machine this busy, other programs included: there was no more to be had for these streams."""

CPU, MACHINE, ACCELERATOR, MEMORY, DECODE, INFERENCE = "cpu", "machine", "accelerator", "memory", "decode", "inference"
"""Keys of `Trial.busy`: shares of the usable cores (cpu, and of it decode and inference), of all processors of the machine
whoever used them, of the accelerator's time (only where it is not the processor), and of the memory that can be had."""


def binding_constraint(trials: Sequence[Trial], broke: int | None, out_of_memory: bool) -> tuple[Constraint, str]:
    """The constraint and the evidence for it, in a sentence.

    `broke` is the smallest load that broke the objective (None: none did), `out_of_memory` whether memory forbade more.
    """
    busy = busy_at(trials, broke)
    if broke is None and out_of_memory:
        return Constraint.MEMORY, "no load broke the objective, and more streams do not fit into memory"
    if broke is None:
        most = max((trial.streams for trial in trials), default=0)
        return _busiest(busy), f"no load that was tried broke the objective; at {most} streams, the largest, {_evidence(busy)}"
    return _name(busy), f"at {broke} streams, where the objective broke, {_evidence(busy)}"


def busy_at(trials: Sequence[Trial], broke: int | None) -> dict[str, float]:
    """How busy each resource was where the objective broke (None: at the largest load): the mean of the trials there."""
    where = max((trial.streams for trial in trials), default=0) if broke is None else broke
    there = [trial for trial in trials if trial.streams == where and trial.met is (broke is None)]
    names = dict.fromkeys(name for trial in there for name in trial.busy)
    return {name: round(fmean(trial.busy[name] for trial in there if name in trial.busy), 3) for name in names}


def _name(busy: Mapping[str, float]) -> Constraint:
    if busy.get(MEMORY, 0.0) >= 1.0:
        return Constraint.MEMORY
    if busy.get(ACCELERATOR, 0.0) >= max(SATURATED, busy.get(CPU, 0.0)):
        return Constraint.ACCELERATOR
    if busy.get(CPU, 0.0) >= SATURATED or busy.get(MACHINE, 0.0) >= FULL:
        return Constraint.DECODE if busy.get(DECODE, 0.0) > busy.get(INFERENCE, 0.0) else Constraint.CPU
    return Constraint.ACCELERATOR if busy.get(ACCELERATOR, 0.0) >= SATURATED else Constraint.LATENCY


def _busiest(busy: Mapping[str, float]) -> Constraint:
    """The resource that will be at its end first."""
    kinds = {CPU: Constraint.CPU, ACCELERATOR: Constraint.ACCELERATOR, MEMORY: Constraint.MEMORY}
    seen = {name: busy[name] for name in kinds if name in busy}
    return kinds[max(seen, key=lambda name: seen[name])] if seen else Constraint.LATENCY


def _evidence(busy: Mapping[str, float]) -> str:
    words = {
        CPU: "of the usable cores were busy with these streams",
        DECODE: "with decoding",
        INFERENCE: "with inference",
        MACHINE: "of all processors were busy, with other programs too",
        ACCELERATOR: "of the accelerator's time was used",
        MEMORY: "of the memory to be had was taken",
    }
    said = [f"{busy[name]:.0%} {text}" for name, text in words.items() if name in busy]
    return ", ".join(said) or "nothing was seen of its resources"
