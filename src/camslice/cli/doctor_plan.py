"""What `doctor --plan` looks at: what `render` would refuse, what the plan needs of a cluster, and what AWS lets us rent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from camslice.cli.aws import aws_client, told_plainly
from camslice.cli.render_run import Asked, render_plan
from camslice.cluster.checks import Needs, needs_of
from camslice.cluster.cloud.account import RIGHTS, account_checks
from camslice.cluster.cloud.rented import rented
from camslice.cluster.rendering import Rendered
from camslice.fleet.errors import ClusterError
from camslice.measure.checks import Check, checked
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.plan_yaml import load_plan

_SOMEWHERE = ("a-claim", None, None, None)
"""Where weights lie is for `render` and `deploy` to ask; here it would only be in the way."""


@dataclass(frozen=True, slots=True)
class PlanLook:
    """What was found. `needs` of a cluster; None where the plan cannot be rendered."""

    checks: list[Check]
    needs: Needs | None


def look_at_plan(plan: Path, catalogue: Path | None, cluster_name: str) -> PlanLook:
    """Raises CamsliceError for a plan or a catalogue that cannot be read."""
    asked = Asked(plan, None, None, None, "default", None, catalogue, _SOMEWHERE, cluster_name, "a-role")
    made: list[Rendered] = []

    def plan_check() -> Check:
        made.append(render_plan(asked))
        pods = sum(each.count * pod.count for each in load_plan(plan).nodes for pod in each.pods)
        return Check("plan", True, f"{plan}: can be rendered: {len(made[0].cameras)} cameras in {pods} pods")

    load_plan(plan)
    checks = checked([("plan", plan_check)])
    if not made:
        return PlanLook(checks, None)
    checks += _of_account(plan, catalogue, made[0].fleet.name, cluster_name)
    return PlanLook(checks, needs_of(made[0].objects))


def _of_account(plan: Path, catalogue: Path | None, fleet: str, cluster_name: str) -> Iterator[Check]:
    """Quotas and zones. Nobody who cannot ask AWS is told that something is wrong: only that it was not asked."""
    wanted = rented(load_plan(plan), load_catalogue(catalogue))
    if not wanted:
        return
    try:
        client = aws_client("quotas and zones are asked for", ClusterError)
        with told_plainly(ClusterError, RIGHTS):
            yield from account_checks(client, wanted, fleet, cluster_name)
    except ClusterError as error:
        why, _, remedy = str(error).rstrip(".").rpartition("; ")
        yield Check("quota", True, f"AWS was not asked for quotas and zones: {why}", f"{remedy[:1].upper()}{remedy[1:]}.")
