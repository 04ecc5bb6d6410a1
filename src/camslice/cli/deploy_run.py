"""What `deploy` does: render, check, apply, prune, wait; or show the difference; or go back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from camslice.cli.output import print_json, stderr, stdout
from camslice.cli.render_run import Asked, render_plan
from camslice.cluster.apply.changes import Change, What
from camslice.cluster.apply.deploying import Deployed, Wanted, deploy, differences, last_but_one, prune, without_nodes
from camslice.cluster.apply.waiting import FleetLook, look
from camslice.cluster.checks import Finding, examine_cluster, needs_of, operator_image
from camslice.cluster.client import CAMERA, Cluster, RequestError, connect
from camslice.cluster.wire import object_name
from camslice.fleet.errors import ClusterError
from camslice.plan.plan_yaml import load_plan

_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Deploy:
    """The options as they were written; see `camslice deploy --help`."""

    asked: Asked
    kubeconfig: Path | None
    context: str | None
    namespace: str | None
    diff: bool
    rollback: bool
    wait_s: float
    take_over: bool


def run_deploy(options: Deploy, *, as_json: bool) -> int:
    """Returns the exit code. Raises CamsliceError."""
    with connect(options.kubeconfig, options.context, options.namespace) as cluster:
        asked = replace(options.asked, namespace=cluster.namespace)
        wanted, warnings, back_to = _wanted(cluster, options, asked)
        findings = examine_cluster(cluster, cluster.namespace, needs_of(wanted.objects))
        warnings += _judged(findings)
        if options.diff:
            return _show(differences(cluster, wanted, take_over=options.take_over), warnings, as_json=as_json)
        return _deploy(cluster, wanted, options, warnings, back_to, as_json=as_json)


def _wanted(cluster: Cluster, options: Deploy, asked: Asked) -> tuple[Wanted, list[str], int | None]:
    """What is to be in the cluster, what is to be said of it, and which revision it goes back to."""
    if options.rollback:
        name = _fleet_name(asked)
        revision = last_but_one(cluster, cluster.namespace, name)
        return Wanted(name, cluster.namespace, revision.objects), [], revision.number
    made = render_plan(replace(asked, image=asked.image or _chart_image(cluster)))
    return Wanted(made.fleet.name, cluster.namespace, tuple(made.objects)), list(made.warnings), None


def _chart_image(cluster: Cluster) -> str | None:
    """None where we may not look: then it is the chart's default."""
    try:
        return operator_image(cluster, cluster.namespace)
    except RequestError:
        return None


def _fleet_name(asked: Asked) -> str:
    """Which fleet a plan is for, whatever has become of its file."""
    if asked.name is not None:
        return object_name(asked.name)
    plan = load_plan(asked.plan)
    path = asked.fleet or (None if plan.fleet is None else Path(plan.fleet.path))
    if path is None:
        raise ClusterError(f"{asked.plan}: it does not say which fleet it is for; name it with --name.")
    return object_name(path.stem)


def _judged(findings: Sequence[Finding]) -> list[str]:
    """What is worth a warning. Raises ClusterError for what a deploy cannot do without."""
    wrong = [finding for finding in findings if not finding.check.ok]
    for finding in wrong:
        if finding.blocks:
            raise ClusterError(finding.sentence)
    noted = [finding for finding in findings if finding.check.ok and finding.check.fix]
    return [finding.sentence for finding in (*wrong, *noted)]


def _deploy(
    cluster: Cluster, wanted: Wanted, options: Deploy, warnings: list[str], back_to: int | None, *, as_json: bool
) -> int:
    _note(warnings)
    with stderr().status("applying") as status:
        done = Counter[str]()

        def told(change: Change) -> None:
            done[change.what] += 1
            status.update(f"applying: {sum(done.values())} of {len(wanted.objects)} objects")

        deployed = deploy(cluster, wanted, take_over=options.take_over, back_to=back_to, told=told)
    if not as_json:
        _print_changes(deployed)
    last = _wait(cluster, wanted, options.wait_s)
    changes = list(deployed.changes)
    may_go: Callable[..., bool] = (lambda _: True) if last is not None and last.ready else without_nodes(cluster)
    pruned, left = prune(cluster, wanted, may_go) if deployed.left else ([], deployed.left)
    changes += [*pruned, *(Change(ref, What.LEFT) for ref in sorted(left))]
    if as_json:
        print_json(deployed_object(deployed, changes, last, warnings))
    else:
        _print_end(wanted, pruned, [str(ref) for ref in sorted(left)], last)
    return 0 if last is None or last.ready else 1


def deployed_object(
    deployed: Deployed, changes: Sequence[Change], last: FleetLook | None, warnings: Sequence[str]
) -> dict[str, object]:
    """The object of `--json`."""
    return {
        "revision": deployed.revision.number,
        "back_to": deployed.revision.back_to,
        "objects": [_object(change) for change in changes if change.what not in (What.PRUNED, What.LEFT)],
        "changes": {what.value: sum(change.what is what for change in changes) for what in What},
        "pruned": [_object(change) for change in changes if change.what in (What.PRUNED, What.LEFT)],
        "ready": None if last is None else last.ready,
        "why_not": None if last is None or last.ready else last.why_not,
        "conditions": [] if last is None else [asdict(each) for each in last.conditions],
        "cameras": {} if last is None else dict(last.cameras),
        "pods": {} if last is None else dict(last.pods),
        "nodes": {} if last is None else dict(last.nodes),
        "pending": {} if last is None else dict(last.pending),
        "events": [] if last is None else list(last.events),
        "warnings": list(warnings),
    }


def _object(change: Change) -> dict[str, object]:
    ref = change.ref
    return {"kind": ref.kind, "namespace": ref.namespace or None, "name": ref.name, "what": change.what.value}


def _wait(cluster: Cluster, wanted: Wanted, wait_s: float) -> FleetLook | None:
    """The last look: ready, or out of time. None when nobody waits. New words of the cluster are shown once."""
    if wait_s <= 0:
        return None
    cameras = sum(each["kind"] == CAMERA.kind for each in wanted.objects)
    until_s, told = time.monotonic() + wait_s, set[str]()
    interactive = stderr().is_terminal
    with stderr().status("waiting for the fleet") if interactive else nullcontext() as status:
        while True:
            began_s = time.monotonic()
            now = look(cluster, wanted.namespace, wanted.fleet, cameras)
            took_s = time.monotonic() - began_s
            sentences = [*now.events, *(f"{count} pending: {said}" for said, count in now.pending.items())]
            for sentence in sentences:
                key = sentence.partition(" pending: ")[2] or sentence
                if key not in told:
                    told.add(key)
                    stderr().print(sentence, soft_wrap=True)
            if status is not None:
                status.update(now.line)
            elif now.line not in told:
                told.add(now.line)
                stderr().print(now.line, soft_wrap=True)
            if now.ready or time.monotonic() >= until_s:
                return now
            time.sleep(max(_LOOK_S, 4 * took_s))  # a fleet of thousands is not looked at all the time


def _show(changes: Sequence[Change], warnings: Sequence[str], *, as_json: bool) -> int:
    different = [change for change in changes if change.what is not What.UNCHANGED]
    if as_json:
        print_json(
            {
                "objects": [{**_object(change), "diff": change.diff} for change in changes],
                "changes": {what.value: sum(change.what is what for change in changes) for what in What},
                "warnings": list(warnings),
            }
        )
        return 1 if different else 0
    _note(warnings)
    for change in different:
        print(change.diff, end="")  # noqa: T201 - the command's answer
    stdout().print(_counted(changes) if different else "nothing would change")
    return 1 if different else 0


def _print_changes(deployed: Deployed) -> None:
    for change in deployed.changes:
        if change.what is not What.UNCHANGED and change.ref.kind != CAMERA.kind:
            stdout().print(f"{change.what.value:<9} {change.ref}", soft_wrap=True)
    cameras = [change for change in deployed.changes if change.ref.kind == CAMERA.kind]
    stdout().print(f"cameras   {_counted(cameras)}; revision {deployed.revision.number}")


def _print_end(wanted: Wanted, pruned: Sequence[Change], left: Sequence[str], last: FleetLook | None) -> None:
    for change in pruned:
        stdout().print(f"{change.what.value:<9} {change.ref}", soft_wrap=True)
    if left:
        stdout().print(f"left until the fleet is ready without them: {', '.join(left)}", soft_wrap=True)
    if last is None:
        stdout().print(f"applied; see kubectl -n {wanted.namespace} get camerafleet {wanted.fleet}")
        return
    stdout().print(last.line)
    if last.ready:
        stdout().print(f"fleet {wanted.fleet} is ready")
    else:
        stdout().print(f"fleet {wanted.fleet} is not ready: {last.why_not}", soft_wrap=True)


def _counted(changes: Sequence[Change]) -> str:
    counts = Counter(change.what.value for change in changes)
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "none"


def _note(warnings: Sequence[str]) -> None:
    for warning in warnings:
        stderr().print(f"note: {warning}", soft_wrap=True)
