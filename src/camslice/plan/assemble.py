"""The plan of a solution: its nodes with what each holds, needs and will do, its cost line by line, and its remarks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from camslice.fleet.figures import Provenance
from camslice.fleet.policy import PATIENCE
from camslice.fleet.types import StreamKey, Topology
from camslice.plan.capacity.limits import planned_pods, why_too_full
from camslice.plan.capacity.shares import RESOURCES, memory_mb
from camslice.plan.catalogue.instance_type import Purchase
from camslice.plan.cost.lines import CostLines, NodeGroup
from camslice.plan.cost.spot import blind_minutes
from camslice.plan.eligibility import KnownProfile
from camslice.plan.frontier import frontier_of
from camslice.plan.judge import Judge, Verdict
from camslice.plan.node_kind import NodeKind
from camslice.plan.optimise.placement import StandingNode, place
from camslice.plan.optimise.problem import Contents, Shape, Solution
from camslice.plan.plan import Plan, PlannedNode, PlannedPolicy, Predicted, Saving, SpareNode, UsedProfile
from camslice.plan.planner import Drawn, by_name, costs, demanded_usd_per_month
from camslice.plan.policies import planned_policy, words_of
from camslice.plan.ranges import range_of
from camslice.plan.reasons import rejections
from camslice.plan.search import Found


def assembled(
    drawn: Drawn,
    found: Found,
    further: Sequence[Drawn] = (),
    usd_at_full_frames: float = math.inf,
    notes: Sequence[str] = (),
) -> Plan:
    """The plan that rents what was found; every stream has a place.

    `further`: the same question with other policies, for the frontier; `usd_at_full_frames`: what the plan comes to with none
    (infinite: there is no such plan). `notes` are further remarks.
    """
    question, demand = drawn.question, drawn.demand
    solution = found.solution
    nodes = _nodes(drawn, solution)
    spares = tuple(_spare(drawn, shape) for shape in solution.spares if shape.count)
    lines = costs(question, _groups(drawn, solution), question.fleet.cameras)
    counted = lines.usd_per_month_nodes_only if question.nodes_only else lines.usd_per_month
    fixed = drawn.usd_fixed_per_month
    most = demanded_usd_per_month(question, question.fleet.objective, demand.cameras)
    used = _used(drawn, solution)
    policies = _policies(drawn, solution)
    saving = None if not policies else _saving(usd_at_full_frames, counted)
    bound = min(counted, solution.lower_bound_usd_per_month + fixed)
    return Plan(
        counted <= most + _CENT / 2,
        demand.cameras,
        round(counted, 2),
        round(counted / demand.cameras, 4),
        round(lines.usd_per_month_nodes_only, 2),
        round(lines.usd_per_camera_month_nodes_only, 4),
        round(bound, 2),
        solution.optimal or bound >= counted - _CENT,
        solution.solver,
        question.settings.hours_per_month,
        question.fleet.objective,
        demand.classes,
        nodes,
        spares,
        lines.nodes if question.nodes_only else lines.lines,
        used,
        rejections(drawn, solution),
        frontier_of((drawn, *further)),
        (*notes, *_of_policies(policies, saving, nodes), *_remarks(drawn, nodes, used, lines, solution)),
        {"origin": question.catalogue.origin, "date": question.catalogue.date},
        policies=policies,
        saving=saving,
    )


def _policies(drawn: Drawn, solution: Solution) -> tuple[PlannedPolicy, ...]:
    """Those of the nodes that are rented, once for each profile."""
    found: dict[tuple[str, str], PlannedPolicy] = {}
    for shape in solution.shapes:
        candidate = drawn.candidate(drawn.search.kind_of(shape.option))
        for of, count in zip(drawn.demand.classes, shape.contents, strict=True):
            looking = candidate.kind.looking.get(of.model)
            if count and looking is not None:
                known = candidate.coverings[of.model].known
                found[of.model, known.where] = planned_policy(of.model, known, looking.policy)
    return tuple(found.values())


def _saving(usd_at_full_frames: float, usd: float) -> Saving:
    if math.isinf(usd_at_full_frames):
        return Saving()
    return Saving(round(usd_at_full_frames, 2), round(1.0 - usd / usd_at_full_frames, 4))


def _of_policies(policies: Sequence[PlannedPolicy], saving: Saving | None, nodes: Sequence[PlannedNode]) -> Iterator[str]:
    yield from map(words_of, policies)
    if saving is None:
        return
    usd, share = saving.usd_per_month_at_full_frames, saving.share
    if usd is None or share is None:
        yield "no fleet keeps the objective with full frames: the whole plan rests on that cameras are no busier"
    else:
        yield f"with full frames it would be ${usd:,.2f} a month: {100 * share:.0f} % is saved as long as cameras are no busier"
    yield (
        f"predicted latencies count that each frame waits for others to share its canvas for {100 * PATIENCE:.0f} % of the "
        "objective; bursts of full frames are not simulated"
    )
    full = sum(node.count for node in nodes if not node.policies)
    if full:
        yield f"{full} nodes are planned with full frames, for their profiles say nothing of the policy"


def _nodes(drawn: Drawn, solution: Solution) -> tuple[PlannedNode, ...]:
    names = [each.name for each in drawn.demand.classes]
    streams = {name: tuple(map(_words, keys)) for name, keys in drawn.demand.streams.items()}
    places = place(solution.shapes, streams, names, _standing(drawn.question.current)).nodes
    return tuple(
        _node(drawn, shape, number, held) for number, (shape, held) in enumerate(zip(solution.shapes, places, strict=True), 1)
    )


def _standing(current: Plan | None) -> tuple[StandingNode, ...]:
    """The nodes of a plan that stands already, by the name of their kind."""
    nodes = () if current is None else current.nodes
    return tuple(StandingNode(node.shape.rpartition("#")[0], held) for node in nodes for held in node.placements)


def _node(drawn: Drawn, shape: Shape, number: int, held: tuple[tuple[str, ...], ...]) -> PlannedNode:
    kind = drawn.search.kind_of(shape.option)
    price = drawn.candidate(kind).price
    verdict = drawn.judge.verdict(kind, shape.contents, confirmed=True)
    others = [each.predicted for each in drawn.judge.alternatives(kind, shape.contents)]
    low_ms, high_ms = range_of(None if each is None else each.p_all_ms for each in others)
    classes = drawn.demand.classes
    shares = [drawn.table.shares(kind, index) for index in range(len(classes))]
    cpu = [0.0 if each is None else each.use[RESOURCES.index("cpu")] for each in shares]
    return PlannedNode(
        f"{kind.name}#{number}",
        kind.instance_type.name,
        price.region,
        price.purchase,
        shape.count,
        kind.topology,
        kind.streams_per_pod,
        price.usd_per_hour,
        by_name(shape.contents, [each.name for each in classes]),
        planned_pods(kind, shape.contents, classes, cpu),
        held,
        _with_range(verdict, low_ms, high_ms),
        binding_constraint(drawn, kind, shape.contents, verdict),
        _utilisation(kind, shape.contents, drawn, verdict),
        {model: looking.policy for model, looking in kind.looking.items()},
    )


def binding_constraint(drawn: Drawn, kind: NodeKind, contents: Contents, verdict: Verdict) -> str:
    """What keeps a node from holding one stream more, of the class that it has most of; `none` where one more would do."""
    index = max(range(len(contents)), key=lambda each: contents[each])
    one_more = tuple(count + (each == index) for each, count in enumerate(contents))
    limit = why_too_full(kind, one_more, drawn.demand.classes)
    if limit is not None:
        return limit
    if drawn.judge.holds(kind, one_more):
        return "none"
    return _busiest(drawn.judge, kind, one_more, verdict)


def _busiest(judge: Judge, kind: NodeKind, contents: Contents, verdict: Verdict) -> str:
    busy = judge.verdict(kind, contents).utilisation or verdict.utilisation
    name = max(("cpu", "accelerator"), key=lambda each: busy.get(each, 0.0))
    return name if busy.get(name, 0.0) >= _AT_ITS_END else "latency"


_AT_ITS_END = 0.85
_CENT = 0.01


def _utilisation(kind: NodeKind, contents: Contents, drawn: Drawn, verdict: Verdict) -> Mapping[str, float]:
    pods = kind.pods(contents, drawn.demand.classes)
    memory = sum(memory_mb(kind.profiles[pod.model].memory, len(pod.streams)) or 0.0 for pod in pods)
    on_accelerator = 0.0
    column = RESOURCES.index("accelerator_memory")
    models: set[str] = set()
    for index, (of, count) in enumerate(zip(drawn.demand.classes, contents, strict=True)):
        shares = drawn.table.shares(kind, index)
        if shares is not None and count:
            on_accelerator += shares.use[column] * count + (0.0 if of.model in models else shares.fixed[column])
            models.add(of.model)
    servers = max(1, kind.shape.accelerators) if kind.topology is Topology.REMOTE else 0
    found = {
        "cpu": verdict.utilisation.get("cpu", 0.0),
        "accelerator": verdict.utilisation.get("accelerator", 0.0),
        "memory": memory / kind.allocatable.memory_mb,
        "accelerator_memory": on_accelerator,
        "pods": (len(pods) + servers) / kind.allocatable.pods if kind.allocatable.pods else math.inf,
    }
    return {name: round(share, 4) for name, share in found.items()}


def _with_range(verdict: Verdict, low_ms: float | None, high_ms: float | None) -> Predicted:
    predicted = verdict.predicted
    if predicted is None:
        raise ValueError("a node that is rented was simulated")
    return Predicted(
        predicted.latency, predicted.p_all_ms, predicted.drop_rate, predicted.seconds, predicted.seed, low_ms, high_ms
    )


def _spare(drawn: Drawn, shape: Shape) -> SpareNode:
    kind = drawn.search.kind_of(shape.option)
    price = drawn.candidate(kind).price
    return SpareNode(kind.instance_type.name, price.region, price.purchase, shape.count, price.usd_per_hour)


def _groups(drawn: Drawn, solution: Solution) -> list[NodeGroup]:
    groups = []
    for shapes, what in ((solution.shapes, ""), (solution.spares, "spare ")):
        for shape in shapes:
            kind = drawn.search.kind_of(shape.option)
            price = drawn.candidate(kind).price
            groups.append(NodeGroup(kind.instance_type, shape.count, price.usd_per_hour, price.purchase, price.region, what))
    return groups


def _used(drawn: Drawn, solution: Solution) -> tuple[UsedProfile, ...]:
    used: dict[tuple[str, str, float], UsedProfile] = {}
    for shape in solution.shapes:
        candidate = drawn.candidate(drawn.search.kind_of(shape.option))
        for of, count in zip(drawn.demand.classes, shape.contents, strict=True):
            if count:
                covering = candidate.coverings[of.model]
                key = (of.model, covering.known.where, covering.factor)
                used[key] = _used_profile(of.model, covering.known, covering.factor)
    return tuple(used.values())


def _used_profile(model: str, known: KnownProfile, factor: float) -> UsedProfile:
    profile = known.profile
    provenance = max((profile.provenance, *profile.provenances), key=lambda each: each.rank)
    if factor != 1.0:
        return UsedProfile(model, profile.machine.name, Provenance.ASSUMED, known.where, known.sha256, factor)
    return UsedProfile(model, profile.machine.name, provenance, known.where, known.sha256)


def _remarks(
    drawn: Drawn, nodes: Sequence[PlannedNode], used: Sequence[UsedProfile], lines: CostLines, solution: Solution
) -> list[str]:
    remarks = [
        f"rests on {each.provenance} figures of {each.model} ({each.where})"
        + ("" if each.scale is None else f", taken to be {each.scale:g} times as fast on other machines")
        for each in used
        if each.provenance is not Provenance.MEASURED
    ]
    for each in used:
        profile = next(known.profile for known in drawn.question.profiles if known.where == each.where)
        if profile.memory.pod_mb is None:
            remarks.append(f"{each.where} says nothing of a pod's memory, which is therefore not counted")
        if not profile.decode:
            remarks.append(f"{each.where} says nothing of decoding, which is therefore not counted")
    for node in nodes:
        high_ms, most_ms = node.predicted.high_ms, drawn.question.fleet.objective.latency_ms
        if node.predicted.low_ms is not None and (high_ms is None or high_ms > most_ms):
            remarks.append(
                f"{node.shape} keeps the objective by the likeliest figures, and breaks it by others that fit as well "
                "(`planning: {robust: true}` would plan by all of them)"
            )
        if node.purchase is Purchase.SPOT:
            interruption = drawn.question.catalogue.find(node.instance_type).interruption
            remarks.append(f"{node.instance_type} by spot: {blind_minutes(interruption).words}")
    per_camera = lines.usd_per_camera_month_nodes_only
    remarks.append(
        f"nodes alone come to ${per_camera:.2f} per camera and month, everything to ${lines.usd_per_camera_month:.2f}"
    )
    if not solution.optimal:
        remarks.append("not proven to be the cheapest: see lower_bound_usd_per_month")
    return remarks


def _words(key: StreamKey) -> str:
    return f"{key.camera}/{key.model}"
