"""A profile whose costs are fitted to live stage times: the next plan starts from what is, not from what was measured.

What is live is a stage's wall time under load; what a profile holds is its cost. So costs are scaled stage by stage until the
simulation of the plan's own nodes gives the live means: a fixed point, reached in a few rounds because a stage's time grows
with its cost. `queue` and `network` are not scaled: the one follows from the others, the other is not a cost of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.profile import CPU, Profile

SCALED = ("decode", "preprocess", "inference", "postprocess")
SOURCE = "verify"
ROUNDS = 4
_MOST, _LEAST = 20.0, 0.05
_LEAST_MS = 0.02
"""A stage below this, predicted or live, says nothing about its cost."""
_NEAR = 0.02


def refitted(
    profile: Profile,
    live_ms: Mapping[str, float],
    simulated_ms: Callable[[Profile], Mapping[str, float]],
    about: str,
    date: str,
) -> tuple[Profile, Mapping[str, float]]:
    """The profile and the factors by which costs were scaled, by stage. `live_ms`: mean by stage; `simulated_ms`: what a
    profile makes of the plan's nodes; `about`: where the figures come from."""
    factors = dict.fromkeys(SCALED, 1.0)
    for _ in range(ROUNDS):
        found = simulated_ms(scaled_by(profile, factors, about, date))
        steps = {
            stage: live_ms[stage] / found[stage]
            for stage in SCALED
            if live_ms.get(stage, 0.0) > _LEAST_MS and found.get(stage, 0.0) > _LEAST_MS
        }
        factors = {stage: min(_MOST, max(_LEAST, factor * steps.get(stage, 1.0))) for stage, factor in factors.items()}
        if all(abs(step - 1.0) <= _NEAR for step in steps.values()):
            break
    return scaled_by(profile, factors, about, date), factors


def scaled_by(profile: Profile, factors: Mapping[str, float], about: str, date: str) -> Profile:
    """The profile with these factors on its costs. Each figure that changes is fitted, its range unknown; what was measured of
    capacities and prices is left out, for it holds no more."""
    inference = factors["inference"]

    def by(figure: Figure | None, factor: float) -> Figure | None:
        return None if figure is None else _times(figure, factor)

    contexts = profile.contexts
    on_cpu = profile.machine.accelerator == CPU
    return replace(
        profile,
        name=profile.name if profile.name.endswith("-refit") else f"{profile.name}-refit",
        about=f"{profile.about} Costs fitted to live figures: {about}.",
        date=date,
        provenance=Provenance.FITTED,
        decode=tuple(
            replace(each, cpu_ms_per_megapixel=_times(each.cpu_ms_per_megapixel, factors["decode"])) for each in profile.decode
        ),
        stages=tuple(
            replace(
                each,
                cpu_ms=by(each.cpu_ms, factors.get(each.stage, 1.0)),
                accelerator_ms=by(each.accelerator_ms, factors.get(each.stage, 1.0)),
            )
            for each in profile.stages
        ),
        other_cpu_ms=by(profile.other_cpu_ms, inference if on_cpu else 1.0),
        batches=tuple(
            replace(
                each,
                accelerator_ms=_times(each.accelerator_ms, inference),
                saturated_ms=by(each.saturated_ms, inference),
                cpu_ms=by(each.cpu_ms, inference),
            )
            for each in profile.batches
        ),
        contexts=replace(contexts, accelerator_ms_per_frame=by(contexts.accelerator_ms_per_frame, inference)),
        sharing=tuple(
            replace(
                point,
                stage_ms={stage: _times(figure, factors.get(stage, 1.0)) for stage, figure in point.stage_ms.items()},
                total_ms=None,
            )
            for point in profile.sharing
        ),
        capacity=(),
        prices=(),
        fits=(),
        sources={**profile.sources, SOURCE: about},
    )


def _times(figure: Figure, factor: float) -> Figure:
    if factor == 1.0:
        return figure
    return Figure(float(f"{figure.value * factor:.6g}"), Provenance.FITTED, SOURCE)
