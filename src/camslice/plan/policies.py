"""Which policies a plan may rest on: those that were measured, and kept as much as the objective demands.

Nothing is assumed of cameras that nobody looked at: without a measurement a plan knows full frames only, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camslice.fleet.errors import PlanError
from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.policy import FULL, LADDER
from camslice.fleet.profile import CPU, PolicyCost, Profile
from camslice.fleet.types import Fleet, Pace
from camslice.plan.eligibility import KnownProfile
from camslice.plan.plan import PlannedPolicy
from camslice.plan.simulation.load import Looking

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Allowed:
    """`by_model`: for each model the policies that keep the objective, the cheapest first; those of a model that has none are
    full frames alone, and `why_not` says why in a sentence for each."""

    by_model: Mapping[str, tuple[str, ...]]
    why_not: tuple[str, ...] = ()

    @property
    def cheapest(self) -> Mapping[str, str]:
        """For each model that may be looked at with less."""
        return {model: names[0] for model, names in self.by_model.items()}

    @property
    def others(self) -> tuple[Mapping[str, str], ...]:
        """What else may be chosen: the second of each model, the third, and so on, a model with fewer keeping its last."""
        most = max((len(names) for names in self.by_model.values()), default=0)
        return tuple(
            {model: names[min(number, len(names) - 1)] for model, names in self.by_model.items()} for number in range(1, most)
        )


def allowed_policies(fleet: Fleet, profiles: Mapping[str, Sequence[KnownProfile]]) -> Allowed:
    """What the fleet allows and its profiles know. A policy must keep the recall by every profile of its model that has it."""
    if fleet.objective.recall >= 1.0 or fleet.policy == FULL.name:
        return Allowed({})
    if fleet.pace is not Pace.LIVE:
        return Allowed({}, (f"at pace {fleet.pace} every frame is analysed in full, whatever `objective.recall` allows",))
    found: dict[str, tuple[str, ...]] = {}
    reasons: list[str] = []
    for model, known in profiles.items():
        names = _keeping(fleet, known)
        if names:
            found[model] = names
        else:
            reasons.append(_why_none(fleet, model, known))
    return Allowed(found, tuple(reasons))


def policy_cost(profile: Profile, name: str | None) -> PolicyCost | None:
    """What the profile knows of the policy of that name."""
    return next((each for each in profile.policies if each.policy == name), None)


def looking_of(profiles: Mapping[str, Profile], policies: Mapping[str, str]) -> Mapping[str, Looking]:
    """By model, for a simulation; a model whose profile does not know its policy is looked at in full."""
    found = {model: policy_cost(profiles[model], name) for model, name in policies.items() if model in profiles}
    return {
        model: Looking(each.policy, each.inferences_per_frame.value, each.gate_cpu_ms.value, each.own_cpu_ms.value)
        for model, each in found.items()
        if each is not None
    }


def looking_as_planned(profiles: Mapping[str, Profile], policies: Mapping[str, str]) -> Mapping[str, Looking]:
    """The same for a node of a plan. Raises PlanError for a policy that the profile does not know (any more)."""
    found = looking_of(profiles, policies)
    for model, name in policies.items():
        if model not in found:
            raise PlanError(
                f"models.{model}: its profile says nothing of the policy {name}, on which the plan rests; plan again."
            )
    return found


def recall_of(profile: Profile, policy: str | None) -> float:
    """The share of full-frame, full-precision detections that is kept; 1 for full frames of which nothing else was measured,
    for they are what the objective's 1.0 means."""
    cost = policy_cost(profile, policy or FULL.name)
    return 1.0 if cost is None or cost.recall is None else cost.recall.value


def planned_policy(model: str, known: KnownProfile, name: str) -> PlannedPolicy:
    """How a plan says what it rests on; the profile knows the policy, and its recall."""
    cost = policy_cost(known.profile, name)
    if cost is None or cost.recall is None:
        raise ValueError("a policy that is planned was measured")
    return PlannedPolicy(model, name, cost.recall, cost.inferences_per_frame, cost.activity, known.where)


def words_of(policy: PlannedPolicy) -> str:
    """A policy of a plan in a sentence, for its reader."""
    recall, activity = policy.recall, policy.activity
    low = "" if recall.low is None else f", at least {recall.low:.3f}"
    return (
        f"{policy.model} is analysed by policy {policy.policy}: recall {recall.value:.3f}{low} ({recall.provenance}, "
        f"{policy.where}), {policy.inferences_per_frame.value:.2f} inferences per frame; assumes cameras as busy as "
        f"{', '.join(activity.clips)}: {100 * activity.moving_share.value:.1f} % of the picture moving, "
        f"{activity.detections_per_frame.value:.1f} detections per frame"
    )


def _keeping(fleet: Fleet, known: Sequence[KnownProfile]) -> tuple[str, ...]:
    costs = {
        policy.name: [(each.profile, cost) for each in known if (cost := policy_cost(each.profile, policy.name)) is not None]
        for policy in LADDER
        if policy.regions and fleet.policy in (AUTO, policy.name)
    }
    keeping = {
        name: sum(_relative_cost(profile, cost) for profile, cost in found) / len(found)
        for name, found in costs.items()
        if found and all(_keeps(cost.recall, fleet.objective.recall) for _, cost in found)
    }
    return tuple(sorted((name for name, cost in keeping.items() if cost < 1.0), key=lambda name: (keeping[name], name)))


def _keeps(recall: Figure | None, demanded: float) -> bool:
    """By the lower end of what was measured."""
    return recall is not None and (recall.value if recall.low is None else recall.low) >= demanded


def _relative_cost(profile: Profile, cost: PolicyCost) -> float:
    """What a frame takes under a policy, of what it takes in full: of the processor where that computes the model, else of the
    accelerator."""
    share = cost.inferences_per_frame.value
    if profile.machine.accelerator != CPU:
        return share
    stages_ms = sum(each.cpu_ms.value for each in profile.stages if each.cpu_ms is not None)
    other_ms = 0.0 if profile.other_cpu_ms is None else profile.other_cpu_ms.value
    less_ms = share * stages_ms + other_ms + cost.gate_cpu_ms.value + cost.own_cpu_ms.value
    return less_ms / (stages_ms + other_ms) if stages_ms else 1.0


def _why_none(fleet: Fleet, model: str, known: Sequence[KnownProfile]) -> str:
    measured = {cost.policy: cost for each in known for cost in each.profile.policies if cost.policy != FULL.name}
    weights = fleet.models[model].weights
    where = ", ".join(each.where for each in known)
    into = next((each.where for each in known if each.profile.provenance is Provenance.MEASURED), None)
    first = "" if into else f"give a profile of your own machine (`camslice profile {weights}`), and "
    asked = f"{first}`camslice eval --policy all --model {weights} CLIP... --into {into or 'profile.json'}` measures it"
    whole = f"{model} is planned with full frames, though `objective.recall` is {fleet.objective.recall:g}"
    if not measured:
        return f"{whole}: {where} says nothing of policies, and nobody knows how busy its cameras are; {asked}"
    if fleet.policy != AUTO and fleet.policy not in measured:
        return f"{whole}: {where} says nothing of policy {fleet.policy}; {asked}"
    wanted = [cost for cost in measured.values() if fleet.policy in (AUTO, cost.policy)]
    keeping = [cost for cost in wanted if _keeps(cost.recall, fleet.objective.recall)]
    if keeping:
        return f"{whole}: the policies that keep it cost as much as full frames on clips as busy as those of {where}"
    best = max((_lower_end(cost.recall) for cost in wanted), default=0.0)
    return f"{whole}: no policy that {where} knows surely keeps it (the best one at least {best:.3f})"


def _lower_end(recall: Figure | None) -> float:
    if recall is None:
        return 0.0
    return recall.value if recall.low is None else recall.low
