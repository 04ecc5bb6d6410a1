"""Measures a profile step by step: costs of a frame, memory, what sharing costs, and how many streams the machine carries.

Every step's result goes into the journal, so that a measurement that is broken off goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from camslice.fleet.figures import Provenance
from camslice.fleet.profile import CPU, Profile, ProfiledModel
from camslice.measure.machine import fingerprint
from camslice.measure.profile.agenda import Agenda, Reporter
from camslice.measure.profile.capacity import CapacitySearch
from camslice.measure.profile.costs import measured_costs
from camslice.measure.profile.identity import available_memory_mb, this_machine
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.observe import Observe, Rates
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.shared import measured_sharing
from camslice.measure.profile.stage_costs import SOURCES
from camslice.measure.profile.subject import Subject


def measure_profile(
    subject: Subject,
    settings: Settings,
    observe: Observe,
    journal: Journal,
    reporter: Reporter,
    clock: Callable[[], float] = time.monotonic,
) -> Profile:
    """The profile of a model on this machine. Raises CamsliceError when the model or the clip cannot be measured."""
    until_s = None if settings.budget_s is None else clock() + settings.budget_s
    agenda = Agenda(settings, reporter)
    # Loads first: until this process computes the model itself, its memory is that of a supervisor.
    shared = measured_sharing(settings, observe, journal, agenda.begin, available_memory_mb())
    costs = measured_costs(subject, settings, journal, agenda.begin)
    machine = this_machine(costs.model.device or "")
    accelerator_ms = None if machine.accelerator == CPU else costs.accelerator_ms
    rates = Rates(costs.decode_ms_per_frame, costs.inference_cpu_ms, accelerator_ms)
    search = CapacitySearch(settings, observe, journal, agenda, rates, until_s=until_s, clock=clock)
    capacity = search.run(shared.most_fps(settings.topology), shared.most_streams(settings.topology, available_memory_mb()))
    return Profile(
        name=f"{subject.info.name} on {machine.name}",
        about=_about(costs.model, settings),
        date=datetime.now(UTC).date().isoformat(),
        provenance=Provenance.MEASURED,
        machine=machine,
        model=costs.model,
        covers=shared.coverage(settings.topology),
        video=costs.video,
        decode=costs.decode,
        stages=costs.stages,
        other_cpu_ms=shared.other_cpu_ms(costs),
        batches=costs.batches,
        memory=shared.memory,
        sharing=shared.points,
        capacity=(capacity,),
        settings=_settings(settings),
        sources=SOURCES,
    )


def circumstances(subject: Subject, settings: Settings) -> Mapping[str, object]:
    """Everything that the results of the steps depend on: what a journal is good for."""
    clip = subject.clip.stat()
    return {
        "machine": fingerprint(),
        "model": subject.info.sha256,
        "spec": repr(subject.spec),
        "clip": [str(subject.clip), clip.st_size, clip.st_mtime_ns],
        "settings": repr(settings),
    }


def _about(model: ProfiledModel, settings: Settings) -> str:
    quick = "; measured quickly, so the capacity is a bracket and no interval" if settings.is_quick else ""
    return f"{model.name} with {model.backend} on {model.device}, {model.precision}, measured by camslice{quick}"


def _settings(settings: Settings) -> Mapping[str, float | int | str | bool]:
    return {
        "quick": settings.is_quick,
        "seed": settings.seed,
        "frames": settings.frames,
        "batch_s": settings.batch_s,
        "closed_loop_s": settings.closed_loop_s,
        "warm_up_s": settings.warm_up_s,
        "trial_frames": settings.trial_frames,
        "trial_s": settings.trial_s,
        "longest_trial_s": settings.longest_trial_s,
        "first_share": settings.first_share,
        "edge_trials": settings.edge_trials,
    }
