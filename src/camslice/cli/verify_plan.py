"""What a plan promised, as `verify` compares it: the plan's own figures, and its stages by simulating its nodes once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from camslice.cli.render_run import fleet_path
from camslice.cli.simulate_load import Described, described_by_plan
from camslice.cluster.shapes import node_shapes
from camslice.cluster.verify.figures import Planned, Predicted
from camslice.fleet.errors import CamsliceError
from camslice.fleet.policy import FULL
from camslice.fleet.profile import Profile
from camslice.fleet.spec import load_fleet
from camslice.fleet.types import StreamFormat
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.plan import Plan, PlannedNode, PlannedPolicy
from camslice.plan.simulation.simulate import simulate
from camslice.plan.simulation.translate import node_of

_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Promise:
    """A plan and what it promised. `described`: its nodes as they are simulated, by shape; empty without its profiles."""

    plan: Plan
    planned: Planned
    described: Mapping[str, Described]
    remarks: tuple[str, ...]


def promise_of(path: Path, plan: Plan, fleet: Path | None, catalogue: Path | None) -> Promise:
    """Raises CamsliceError for a catalogue that lacks the plan's types."""
    remarks: list[str] = []
    names = [each.name for each in node_shapes(plan, load_catalogue(catalogue))]
    described: dict[str, Described] = {}
    groups: list[Predicted] = []
    for name, node in zip(names, plan.nodes, strict=True):
        try:
            described[name] = described_by_plan(path, node.shape, None, catalogue)
        except CamsliceError as error:
            remarks.append(f"stages are not compared: {str(error).rstrip('.')}")
        groups += _predicted(name, node, plan, described.get(name))
    nodes: Counter[tuple[str, str]] = Counter()
    for each in plan.nodes:
        nodes[each.instance_type, each.purchase.value] += each.count
    for spare in plan.spares:
        nodes[spare.instance_type, spare.purchase.value] += spare.count
    planned = Planned(
        streams=_streams(path, plan, fleet, remarks),
        groups=tuple(groups),
        nodes=dict(nodes),
        usd_per_month=plan.usd_per_month,
        other_usd_per_month=plan.usd_per_month - plan.usd_per_month_nodes_only,
        usd_per_camera_month=plan.usd_per_camera_month,
        hours_per_month=plan.hours_per_month,
        cameras=plan.cameras,
        profiles={each.model: each.machine for each in plan.profiles},
        policies=_policies(plan),
    )
    return Promise(plan, planned, described, tuple(dict.fromkeys(remarks)))


def simulated_means(promise: Promise, model: str) -> Callable[[Profile], Mapping[str, float]]:
    """For a re-fit: the mean of each stage of that model over the plan's nodes, were its profile that one."""

    def means(profile: Profile) -> Mapping[str, float]:
        sums: Counter[str] = Counter()
        frames = 0.0
        for node, each in zip(promise.plan.nodes, promise.described.values(), strict=True):
            if any(pod.model == model for pod in each.load.pods):
                found = _stage_ms(replace(each, profiles={**each.profiles, model: profile}), model)
                weight = float(node.count * node.streams_per_node)
                frames += weight
                for stage, mean in found.items():
                    sums[stage] += mean * weight  # type: ignore[assignment] # sums are not whole
        return {stage: total / frames for stage, total in sums.items()} if frames else {}

    return means


def _predicted(name: str, node: PlannedNode, plan: Plan, described: Described | None) -> list[Predicted]:
    classes = {each.name: each for each in plan.classes}
    found = []
    for model in sorted({classes[each].model for each in node.contents}):
        held = [(classes[each], streams) for each, streams in node.contents.items() if classes[each].model == model]
        streams = sum(number for _, number in held)
        fps = sum(each.fps * number for each, number in held) / streams if streams else 0.0
        found.append(
            Predicted(
                model=model,
                shape=name,
                instance_type=node.instance_type,
                topology=node.topology,
                streams=streams * node.count,
                fps=fps,
                p_all_ms=node.predicted.p_all_ms,
                high_ms=node.predicted.high_ms,
                drop_rate=node.predicted.drop_rate,
                stage_ms={} if described is None else _stage_ms(described, model),
            )
        )
    return found


def _policies(plan: Plan) -> Mapping[str, Mapping[str, PlannedPolicy | None]]:
    measured = {(each.model, each.policy): each for each in plan.policies}
    model_of = {each.name: each.model for each in plan.classes}
    found: dict[str, dict[str, PlannedPolicy | None]] = {}
    for node in plan.nodes:
        for model in sorted({model_of[name] for name in node.contents}):
            name = node.policies.get(model, FULL.name)
            found.setdefault(model, {})[name] = measured.get((model, name))
    return found


def _stage_ms(described: Described, model: str) -> Mapping[str, float]:
    seconds = min(described.seconds or _LONGEST_S, _LONGEST_S)
    simulated = simulate(node_of(described.load, described.profiles), seconds, described.seed or 0)
    outcome = simulated.models.get(model, simulated.node)
    return {stage: mean for stage, each in outcome.stages.items() if (mean := each.mean) is not None}


def _streams(path: Path, plan: Plan, fleet: Path | None, remarks: list[str]) -> Mapping[str, tuple[float, StreamFormat]]:
    """Each stream's rate and format: from the fleet file that was planned, else from the only class of its model."""
    names = [name for node in plan.nodes for held in node.placements for name in held]
    known: dict[str, tuple[float, StreamFormat]] = {}
    for each in plan.classes:
        known.setdefault(each.model, (each.fps, each.format))
    exact: dict[str, tuple[float, StreamFormat]] = {}
    if len(plan.classes) > len(known):
        try:
            for camera in load_fleet(fleet_path(path, plan, fleet)).cameras:
                for model in camera.models:
                    exact[f"{camera.name}/{model}"] = (camera.fps, camera.stream or known[model][1])
        except CamsliceError as error:
            remarks.append(f"cameras' own rates are not known: {str(error).rstrip('.')}")
    return {name: exact.get(name, known[name.rpartition("/")[2]]) for name in names}
