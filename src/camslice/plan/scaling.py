"""A profile of a machine that nobody measured: a measured one made faster or slower by a factor that the user declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.profile import Profile

_SOURCE = "scale"


def scaled(profile: Profile, factor: float) -> Profile:
    """The profile with all its times divided by `factor`, each marked assumed; itself for a factor of 1.

    Memory stays as it is. What was seen as a whole (sharing, capacity, prices, other fits) is left out, for it does not
    scale like that.
    """
    if factor == 1.0:
        return profile

    def of(figure: Figure | None) -> Figure | None:
        return None if figure is None else _sure(figure)

    def _sure(figure: Figure) -> Figure:
        low, high = (None if end is None else end / factor for end in (figure.low, figure.high))
        return Figure(figure.value / factor, Provenance.ASSUMED, _SOURCE, low, high)

    sources: Mapping[str, str] = {
        **profile.sources,
        _SOURCE: f"assumed: {profile.name}, taken to be {factor:g} times as fast, as the fleet file says",
    }
    contexts = profile.contexts
    return replace(
        profile,
        name=f"{profile.name} x {factor:g}",
        provenance=Provenance.ASSUMED,
        decode=tuple(replace(each, cpu_ms_per_megapixel=_sure(each.cpu_ms_per_megapixel)) for each in profile.decode),
        stages=tuple(replace(each, cpu_ms=of(each.cpu_ms), accelerator_ms=of(each.accelerator_ms)) for each in profile.stages),
        other_cpu_ms=of(profile.other_cpu_ms),
        batches=tuple(
            replace(
                each,
                accelerator_ms=_sure(each.accelerator_ms),
                saturated_ms=of(each.saturated_ms),
                cpu_ms=of(each.cpu_ms),
            )
            for each in profile.batches
        ),
        contexts=replace(contexts, accelerator_ms_per_frame=of(contexts.accelerator_ms_per_frame)),
        policies=tuple(
            replace(each, gate_cpu_ms=_sure(each.gate_cpu_ms), own_cpu_ms=_sure(each.own_cpu_ms)) for each in profile.policies
        ),
        sharing=(),
        capacity=(),
        prices=(),
        fits=(),
        sources=sources,
    )
