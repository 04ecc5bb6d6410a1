"""Which profile speaks for which machine: a measured (or published) one of the same processor, accelerator and way of sharing.

Nothing is assumed that the user did not declare: a machine for which there is no profile is rejected, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from camslice.fleet.errors import PlanError
from camslice.fleet.profile import Profile
from camslice.fleet.types import ModelSpec, Scale, Topology
from camslice.plan.catalogue.instance_type import InstanceType


@dataclass(frozen=True, slots=True)
class KnownProfile:
    """A profile, where it was found (the name or path by which the user knows it), and the hash of what it said."""

    profile: Profile
    where: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Covering:
    """The profile that speaks for a model on a machine. `factor`: how many times as fast the machine is assumed to be."""

    known: KnownProfile
    factor: float = 1.0


def profiles_by_model(
    models: Mapping[str, ModelSpec], used: Iterable[str], profiles: Sequence[KnownProfile]
) -> dict[str, tuple[KnownProfile, ...]]:
    """For each model that a camera uses the profiles that are of it.

    Raises PlanError for a profile of a model that the fleet does not have, and for a model without any.
    """
    found: dict[str, list[KnownProfile]] = {name: [] for name in dict.fromkeys(used)}
    for known in profiles:
        of = [name for name, spec in models.items() if _is_of(known.profile, spec)]
        if not of:
            theirs = ", ".join(f"{name} (weights {spec.weights})" for name, spec in models.items())
            raise PlanError(
                f"{known.where}: this profile is of the model {known.profile.model.name}, and the fleet has {theirs}; give a "
                "profile of a model of the fleet."
            )
        for name in of:
            if name in found:
                found[name].append(known)
    for name, have in found.items():
        if not have:
            weights = models[name].weights
            raise PlanError(
                f"models.{name}: there is no profile of it; measure one with `camslice profile {weights}` and give it by "
                "--profile."
            )
    return {name: tuple(have) for name, have in found.items()}


def covering(
    profiles: Sequence[KnownProfile], instance_type: InstanceType, topology: Topology, scales: Sequence[Scale]
) -> Covering | str:
    """The profile that holds for this machine and way of sharing, the surest first; or why none does."""
    direct = [known for known in profiles if why_not(known.profile, instance_type, topology) is None]
    if direct:
        return Covering(min(direct, key=lambda known: known.profile.provenance.rank))
    for scale in scales:
        if any(fnmatchcase(instance_type.name, pattern) for pattern in scale.instance_types):
            for known in profiles:
                if scale.profile in (known.where, known.profile.name) and topology in known.profile.covers.topologies:
                    return Covering(known, scale.factor)
    reasons = dict.fromkeys(str(why_not(known.profile, instance_type, topology)) for known in profiles)
    return f"no profile ({'; '.join(reasons)})"


def why_not(profile: Profile, instance_type: InstanceType, topology: Topology) -> str | None:
    """Why the profile says nothing of this machine and topology; None when it does."""
    machine, covers = profile.machine, profile.covers
    if machine.accelerator.lower() != instance_type.accelerator_name.lower():
        return f"{profile.name} is of {_accelerator(machine.accelerator)}, not {_accelerator(instance_type.accelerator_name)}"
    if machine.cpu_family != instance_type.cpu_family:
        return f"{profile.name} is of {machine.cpu_family}, not {instance_type.cpu_family}"
    if covers.instance_types and not any(fnmatchcase(instance_type.name, pattern) for pattern in covers.instance_types):
        return f"{profile.name} covers {', '.join(covers.instance_types)} only"
    if topology not in covers.topologies:
        return f"{profile.name} does not cover {topology}"
    return None


def _accelerator(name: str) -> str:
    return "a machine without an accelerator" if name == "cpu" else f"a {name}"


def _is_of(profile: Profile, spec: ModelSpec) -> bool:
    weights = spec.weights.rsplit("/", 1)[-1].removesuffix(".onnx").removesuffix(".xml").removesuffix(".pt")
    return profile.model.name in (spec.name, spec.weights, weights)
