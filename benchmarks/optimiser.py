"""How long it takes to find the cheapest nodes, how far they are from the bound, and what simpler ways would find.

The problems are synthetic (`benchmarks/synthetic_fleet.py`): real instance types and prices, invented models. From filled
tables, in a warm process: for each fleet the optimiser, plain first fit decreasing and a direct mixed-integer programme take
turns. The programme is the textbook one, streams to nodes and a type for each node. It gets the three options that are cheapest
for each class, as many nodes as the optimiser needed and a tenth more, and CP-SAT for as long as the optimiser took or
`--milp-seconds`, whichever is longer. Peak memory is that of a process of its own that solves the fleet once.

    python -m benchmarks.optimiser
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

import numpy as np
from ortools.sat.python import cp_model

from benchmarks.plain_first_fit import plain_first_fit
from benchmarks.record import spread, write_result
from benchmarks.synthetic_fleet import synthetic_problem
from camslice.plan.optimise.dominance import NONE, dominators
from camslice.plan.optimise.problem import Problem, Solution
from camslice.plan.optimise.solve import solve
from camslice.plan.optimise.tables import MICRO, PARTS, Tables, tables_of

SMALL = (50, 100, 200, 500, 1000)
LARGE = (10_000, 100_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--milp-seconds", type=float, default=10.0)
    parser.add_argument("--once", type=int, help="solve a fleet of so many cameras and print the peak memory")
    given = parser.parse_args()
    if given.once:
        solve(synthetic_problem(given.once))
        print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6))
        return
    solve(synthetic_problem(100))
    problem = synthetic_problem(LARGE[0])
    result = {
        "problems": "synthetic: real instance types and prices, invented models",
        "classes": len(problem.classes),
        "options": len(problem.options),
        "instance_types": len({each.instance_type for each in problem.options}),
        "seeds": given.seeds,
        "rounds": given.rounds,
        "small": {str(cameras): small(cameras, given.seeds) for cameras in SMALL},
        "large": {str(cameras): large(cameras, given) for cameras in LARGE},
    }
    print(write_result("optimiser", result))


def small(cameras: int, seeds: Sequence[int]) -> dict[str, object]:
    """Fleets of a few nodes: proven optimal or not, and how long that took."""
    found = [solve(synthetic_problem(cameras, seed)) for seed in seeds]
    for each in found:
        print(f"{cameras} cameras: {told(each)}", file=sys.stderr)
    return {
        "seconds": spread([each.seconds for each in found]),
        "nodes": [nodes(each) for each in found],
        "optimal": [each.optimal for each in found],
        "gap": [gap(each) for each in found],
    }


def large(cameras: int, given: argparse.Namespace) -> dict[str, object]:
    """Many nodes: time and gap of every round, and what the other two find in their turns."""
    seconds, gaps, shapes, counts, over_plain, plain_s, over_milp = [], [], [], [], [], [], []
    for seed in given.seeds:
        problem = synthetic_problem(cameras, seed)
        for number in range(given.rounds):
            began_s = time.perf_counter()
            solution = solve(problem)
            seconds.append(time.perf_counter() - began_s)
            began_s = time.perf_counter()
            plain_usd = plain_first_fit(problem)
            plain_s.append(time.perf_counter() - began_s)
            over_plain.append(plain_usd / solution.usd_per_month)
            if number == 0:
                milp_usd = direct_milp(problem, nodes(solution), max(seconds[-1], given.milp_seconds))
                over_milp.append(None if milp_usd is None else round(milp_usd / solution.usd_per_month, 4))
                gaps.append(gap(solution))
                shapes.append(len(solution.shapes))
                counts.append(nodes(solution))
                print(
                    f"{cameras} cameras: {told(solution)}, first fit {over_plain[-1]:.3f}, MILP {over_milp[-1]}",
                    file=sys.stderr,
                )
    return {
        "seconds": spread(seconds),
        "gap": gaps,
        "shapes": shapes,
        "nodes": counts,
        "first_fit_over_ours": spread(over_plain),
        "first_fit_seconds": spread(plain_s),
        "milp_over_ours": over_milp,
        "milp_seconds": max(median(seconds), given.milp_seconds),
        "peak_memory_mb": peak_memory_mb(cameras),
    }


def direct_milp(problem: Problem, needed: int, seconds: float) -> float | None:
    """US dollars per month of what CP-SAT finds for streams to nodes and a type for each node; None for nothing."""
    tables = tables_of(problem, [each.count for each in problem.classes])
    tables = tables.only(np.flatnonzero(dominators(tables) == NONE))
    began_s = time.perf_counter()
    model = cp_model.CpModel()
    classes = range(len(tables.demand))
    slots = needed + max(2, needed // 10)
    likely = likely_options(tables)
    cost = []
    held: list[list[cp_model.IntVar]] = [[] for _ in classes]
    for _ in range(slots):
        used = [model.new_bool_var("") for _ in likely]
        model.add_at_most_one(used)
        cost += [int(tables.cost[option]) * chosen for option, chosen in zip(likely, used, strict=True)]
        streams = [model.new_int_var(0, int(tables.most[likely, index].max()), "") for index in classes]
        there = [model.new_bool_var("") for _ in range(tables.models)]
        for index in classes:
            held[index].append(streams[index])
            most = int(tables.most[likely, index].max())
            model.add(streams[index] <= most * there[int(tables.model[index])])
            model.add(streams[index] <= sum(int(tables.most[o, index]) * u for o, u in zip(likely, used, strict=True)))
        for option, chosen in zip(likely, used, strict=True):
            for number in range(tables.use.shape[2]):
                weights = [*tables.use[option, :, number].tolist(), *tables.fixed[option, :, number].tolist()]
                taken = cp_model.LinearExpr.weighted_sum([*streams, *there], weights)
                model.add(taken <= PARTS).only_enforce_if(chosen)
        if time.perf_counter() - began_s > seconds:
            return None  # writing it down has taken all the time
    for index in classes:
        model.add(sum(held[index]) >= int(tables.demand[index]))
    model.minimize(sum(cost))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = max(0.1, seconds - (time.perf_counter() - began_s))
    status = solver.solve(model)
    return solver.objective_value / MICRO if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None


def likely_options(tables: Tables) -> list[int]:
    """The three that are cheapest for each class alone: fewer options than there are, in favour of the programme."""
    rate = np.where(tables.most > 0, tables.cost[:, None] / np.maximum(tables.most, 1), np.inf)
    return [int(option) for option in np.unique(np.argsort(rate, axis=0, kind="stable")[:3])]


def peak_memory_mb(cameras: int) -> float:
    """Of a process that solves one such fleet."""
    command = [sys.executable, "-m", "benchmarks.optimiser", "--once", str(cameras)]
    return round(float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)), 1)


def nodes(solution: Solution) -> int:
    return sum(each.count for each in solution.shapes)


def gap(solution: Solution) -> float:
    return round(solution.usd_per_month / solution.lower_bound_usd_per_month - 1, 5)


def told(solution: Solution) -> str:
    proven = "optimal" if solution.optimal else f"within {gap(solution):.2%}"
    return f"{nodes(solution)} nodes of {len(solution.shapes)} shapes, {proven}, {solution.seconds:.2f} s"


if __name__ == "__main__":
    main()
