"""How long a whole plan takes: from a fleet, profiles and a catalogue to plan.yaml, with every node that is rented simulated.

The case study's fleet of 54 and of 540 cameras, each topology alone and all of them, on g4dn; and large mixed fleets (8
models, 5 rates) on all instance types, of synthetic profiles (`benchmarks/synthetic_profiles.py`). Each plan is made in a
process of its own, whose peak memory is kept: once with nothing known (the compiled simulator loaded, as its compilation is
kept between processes), and again with what was simulated remembered, as `camslice plan` does. Both must give the same plan.

    python -m benchmarks.planning
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks.record import RESULTS, spread, write_result
from benchmarks.synthetic_profiles import synthetic_fleet, synthetic_profiles
from camslice.cli.known_profiles import known_profile
from camslice.fleet.spec import load_fleet
from camslice.fleet.types import Fleet, Topology
from camslice.plan.answer import Answer, answer
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.cost.lines import CostSettings
from camslice.plan.cost.node_price import PriceRules
from camslice.plan.judge import Verdict
from camslice.plan.optimise.solve import solve
from camslice.plan.plan_yaml import plan_text
from camslice.plan.planner import Question

CASE_STUDY = Path(__file__).parents[1] / "examples" / "case-study" / "fleet.yaml"
CASES = [f"case-study/{cameras}/{of}" for cameras in (54, 540) for of in ("dedicated", "sliced", "remote", "all")]
LARGE = [f"synthetic/{cameras}/all" for cameras in (1_000, 10_000)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", help="make these again, and leave the others as they were recorded")
    parser.add_argument("--once", help="make one plan, such as synthetic/1000/all, and print its figures")
    given = parser.parse_args()
    if given.once:
        print(json.dumps(once(given.once)))
        return
    known = json.loads((RESULTS / "planning.json").read_text())["plans"] if given.only else {}
    made = {name: repeated(name, given.rounds) for name in given.only or (*CASES, *LARGE)}
    plans = {**known, **made}
    print(write_result("planning", {"plans": {name: plans[name] for name in (*CASES, *LARGE) if name in plans}}))


def repeated(name: str, rounds: int) -> dict[str, object]:
    """Figures of one plan, made so many times, each time in a new process."""
    command = [sys.executable, "-m", "benchmarks.planning", "--once", name]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(rounds)]
    figures = {**found[0], **{key: spread([each[key] for each in found]) for key in ("cold_s", "remembered_s", "solve_s")}}
    figures["rounds"] = rounds
    figures["peak_memory_mb"] = max(each["peak_memory_mb"] for each in found)
    print(f"{name}: {figures}", file=sys.stderr)
    return figures


def once(name: str) -> dict[str, object]:
    """Plan with nothing known, and again with all that was simulated."""
    question = question_of(name)
    answer(question_of("case-study/2/sliced"), solve)  # loads the compiled simulators and the solver
    answer(question_of("case-study/2/remote"), solve)
    remembered: dict[str, Verdict] = {}
    found, text, cold_s = timed(question, remembered)
    _, again, remembered_s = timed(question, remembered)
    assert again == text, "what was remembered has changed the plan"
    plan = found.plan
    assert plan is not None
    return {
        "cameras": plan.cameras,
        "usd_per_month": plan.usd_per_month,
        "gap": round(plan.usd_per_month / plan.lower_bound_usd_per_month - 1, 5),
        "nodes": sum(each.count for each in plan.nodes),
        "shapes": len(plan.nodes),
        "simulations": found.simulations,
        "cold_s": cold_s,
        "remembered_s": remembered_s,
        "solve_s": found.solve_s,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1),
    }


def timed(question: Question, remembered: dict[str, Verdict]) -> tuple[Answer, str, float]:
    """The answer, its plan.yaml, and the seconds that both took."""
    began_s = time.perf_counter()
    found = answer(question, solve, remembered)
    text = "" if found.plan is None else plan_text(found.plan)
    return found, text, time.perf_counter() - began_s


def question_of(name: str) -> Question:
    """What is to be planned: KIND/CAMERAS/TOPOLOGY."""
    kind, cameras, topology = name.split("/")
    catalogue = load_catalogue()
    if kind == "synthetic":
        fleet, profiles = synthetic_fleet(int(cameras)), synthetic_profiles(catalogue)
    else:
        fleet, profiles = case_study_fleet(int(cameras)), (known_profile("t4-case-study"),)
    if topology != "all":
        fleet = replace(fleet, planning=replace(fleet.planning, topologies=(Topology(topology),)))
    return Question(fleet, profiles, catalogue, PriceRules(date(2026, 11, 28)), CostSettings(ingest=fleet.planning.ingest))


def case_study_fleet(cameras: int) -> Fleet:
    """The example's, with another number of cameras."""
    fleet = load_fleet(CASE_STUDY)
    return replace(fleet, cameras=tuple(replace(fleet.cameras[0], name=f"camera-{number}") for number in range(cameras)))


if __name__ == "__main__":
    main()
