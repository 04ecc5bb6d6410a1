"""What `plan` does: read everything, plan, write plan.yaml and the plot, print."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from camslice.cli.known_profiles import known_profile
from camslice.cli.output import print_json, stderr
from camslice.cli.plan_memory import remembered_verdicts
from camslice.cli.plan_table import print_answer
from camslice.fleet.errors import CamsliceError
from camslice.fleet.profile_json import shipped_profiles
from camslice.fleet.spec import load_fleet
from camslice.plan.answer import Answer, answer
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.cost.lines import CostSettings
from camslice.plan.cost.node_price import PriceRules
from camslice.plan.infeasible import sentence
from camslice.plan.optimise.solve import solve
from camslice.plan.plan import FleetFile, Plan
from camslice.plan.plan_yaml import load_plan, plan_object, plan_text
from camslice.plan.planner import Question

_PLOTS = (".svg", ".png", ".html")


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice plan --help`."""

    fleet: Path
    profiles: tuple[str, ...]
    catalogue: Path | None
    budget: float | None
    out: Path | None
    plot: Path | None
    keep: Path | None
    nodes_only: bool
    accept_old_spot: bool
    hours_per_month: float
    seed: int


def run_plan(asked: Asked, *, as_json: bool) -> bool:
    """Plan and print. Returns whether there is a plan that keeps everything. Raises CamsliceError for bad input."""
    _check_places(asked)
    question = question_of(asked)
    with remembered_verdicts() as remembered, stderr().status("planning") as status:
        found = answer(question, solve, remembered, lambda words: status.update(f"planning: {words}"))
    if found.plan is not None:
        plan = _with_fleet(asked, found.plan)
        found = replace(found, plan=plan)
        _write(asked, plan)
    if as_json:
        print_json(answer_object(found))
    else:
        print_answer(found, question)
    if asked.out is not None and found.plan is not None:
        stderr().print(f"plan: {asked.out}")
    return found.feasible


def question_of(asked: Asked) -> Question:
    """Everything that the options name, read. Raises CamsliceError."""
    if not asked.profiles:
        raise CamsliceError(
            "--profile is missing: a plan rests on what was measured; write a profile with `camslice profile MODEL`, or name "
            f"one that comes along ({', '.join(shipped_profiles())})."
        )
    fleet = load_fleet(asked.fleet)
    return Question(
        fleet,
        tuple(known_profile(name) for name in dict.fromkeys(asked.profiles)),
        load_catalogue(asked.catalogue),
        PriceRules(datetime.now(UTC).date(), asked.accept_old_spot),
        CostSettings(asked.hours_per_month, ingest=fleet.planning.ingest),
        asked.budget,
        asked.nodes_only,
        asked.seed,
        current=None if asked.keep is None else load_plan(asked.keep),
    )


def answer_object(found: Answer) -> dict[str, object]:
    """The object of `--json`."""
    said: dict[str, object] = {"feasible": found.feasible}
    if found.plan is not None:
        said |= plan_object(found.plan)
        for node, planned in zip(said["nodes"], found.plan.nodes, strict=True):  # type: ignore[call-overload] # a list of nodes
            node["streams_per_node"] = planned.streams_per_node
            node["predicted"] |= node["predicted"].pop("latency")
    else:
        said |= {"usd_per_month": None, "usd_per_camera_month": None, "nodes": [], "frontier": [], "profiles": []}
        said["rejected"] = [
            {"instance_type": each.instance_type, "topology": each.topology.value, "reason": each.reason}
            for each in found.rejected
        ]
    said["feasible"] = found.feasible
    said["solve_s"] = round(found.solve_s, 3)
    said["simulations"] = found.simulations
    if not found.feasible:
        said["ways_out"] = [
            {"demand": each.demand, "asked": each.asked, "feasible_at": each.feasible_at} for each in found.ways_out
        ]
        said["why"] = sentence(found.ways_out)
    return said


def _with_fleet(asked: Asked, plan: Plan) -> Plan:
    """The plan with where its fleet file lies, seen from where the plan will."""
    folder = (Path() if asked.out is None else asked.out.parent).resolve()
    path = os.path.relpath(asked.fleet.resolve(), folder)
    return replace(plan, fleet=FleetFile(Path(path).as_posix(), hashlib.sha256(asked.fleet.read_bytes()).hexdigest()))


def _write(asked: Asked, plan: Plan) -> None:
    if asked.out is not None:
        asked.out.write_text(plan_text(plan), "utf-8")
    if asked.plot is not None:
        from camslice.cli.plan_plot import draw_frontier

        draw_frontier(plan, asked.plot)


def _check_places(asked: Asked) -> None:
    for option, path in (("--out", asked.out), ("--plot", asked.plot)):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            what = "is a folder" if path.is_dir() else "its folder does not exist"
            raise CamsliceError(f"{option} {path}: {what}; name a file in a folder that exists.")
    if asked.plot is not None and asked.plot.suffix.lower() not in _PLOTS:
        raise CamsliceError(f"--plot {asked.plot}: name a file that ends in {', '.join(_PLOTS)}.")
