"""What `verify` does: read the plan and what is live, compare, print; and fit a profile to it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from camslice.cli.output import print_json, stderr
from camslice.cli.token import read_token
from camslice.cli.verify_plan import Promise, promise_of, simulated_means
from camslice.cli.verify_pods import formats_of, live_of_page, live_of_pods
from camslice.cli.verify_table import print_verdict
from camslice.cluster.client import NODE, connect
from camslice.cluster.names import FLEET
from camslice.cluster.verify.buckets import Buckets
from camslice.cluster.verify.compare import Verdict, compare, live_cameras
from camslice.cluster.verify.figures import Frames, Live
from camslice.cluster.verify.nodes import live_nodes
from camslice.cluster.verify.prometheus import read_live
from camslice.cluster.verify.refit import refitted
from camslice.cluster.wire import object_name
from camslice.fleet.errors import CamsliceError, ClusterError
from camslice.fleet.profile_json import profile_text
from camslice.fleet.stages import STAGES
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.plan import Plan
from camslice.plan.plan_yaml import load_plan

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES_S = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice verify --help`."""

    plan: Path
    prometheus: str | None
    page: str | None
    window: str
    seconds: float
    match: str | None
    tolerance: float
    refit: Path | None
    store: str | None
    fleet: Path | None
    name: str | None
    namespace: str | None
    kubeconfig: Path | None
    context: str | None
    catalogue: Path | None
    token_file: Path | None


def run_verify(asked: Asked, *, as_json: bool) -> bool:
    """Returns whether all is as planned. Raises CamsliceError."""
    window_s = duration_s(asked.window)
    if asked.prometheus is not None and asked.page is not None:
        raise ClusterError("--prometheus and --page both say where live figures are; give one of them.")
    if asked.refit is not None and not asked.refit.absolute().parent.is_dir():
        raise ClusterError(f"--refit {asked.refit}: its folder does not exist; name a file in a folder that does.")
    plan = load_plan(asked.plan)
    with stderr().status("simulating what was planned"):
        promise = promise_of(asked.plan, plan, asked.fleet, asked.catalogue)
    live = _live(asked, plan, window_s)
    if asked.store is not None:
        live = replace(live, streams=tuple(formats_of(live, _sizes(asked.store, live))))
    verdict = compare(promise.planned, live, plan.objective, asked.tolerance)
    profiles = [] if asked.refit is None else _refit(promise, live, asked.plan, asked.refit)
    said = verdict_object(promise, live, verdict, asked.tolerance) | ({"refit": profiles} if asked.refit is not None else {})
    if as_json:
        print_json(said)
    else:
        print_verdict(said)
    return verdict.met


def verdict_object(promise: Promise, live: Live, verdict: Verdict, tolerance: float) -> dict[str, object]:
    """The object of `--json`."""
    planned, plan = promise.planned, promise.plan
    objective = plan.objective
    worst = (
        None if any(each.p_all_ms is None for each in planned.groups) else max(each.p_all_ms or 0.0 for each in planned.groups)
    )
    return {
        "source": live.source,
        "seconds": live.seconds,
        "tolerance": tolerance,
        "streams": {"planned": len(planned.streams), "live": len(live.streams), "cameras": dict(live.states)},
        "objective": {
            "latency_ms": objective.latency_ms,
            "percentile": objective.percentile,
            "p_all_ms": _rounded(verdict.p_all_ms),
            "drop_rate": round(verdict.drop_rate, 6),
            "recall": _rounded(verdict.recall, 4),
            "usd_per_camera_month": objective.usd_per_camera_month,
            "met": verdict.objective_met,
        },
        "predicted": {
            "p_all_ms": _rounded(worst),
            "usd_per_month": round(planned.usd_per_month, 2),
            "usd_per_camera_month": round(planned.usd_per_camera_month, 2),
            "nodes": [{"instance_type": type_, "purchase": how, "count": n} for (type_, how), n in planned.nodes.items()],
            "policies": [
                {
                    "model": each.model,
                    "policy": each.policy,
                    "recall": _rounded(each.recall.value, 4),
                    "recall_low": _rounded(each.recall.low, 4),
                    "inferences_per_frame": _rounded(each.inferences_per_frame.value),
                }
                for each in plan.policies
            ],
            "groups": [
                {
                    "model": each.model,
                    "shape": each.shape,
                    "instance_type": each.instance_type,
                    "topology": each.topology.value,
                    "streams": each.streams,
                    "p_all_ms": _rounded(each.p_all_ms),
                    "high_ms": _rounded(each.high_ms),
                    "drop_rate": round(each.drop_rate, 6),
                    "stage_means_ms": {stage: _rounded(ms) for stage, ms in each.stage_ms.items()},
                }
                for each in planned.groups
            ],
        },
        "live": {
            "p_all_ms": _rounded(verdict.p_all_ms),
            "usd_per_month": None if verdict.usd_per_month is None else round(verdict.usd_per_month, 2),
            "usd_per_camera_month": None if verdict.usd_per_camera_month is None else round(verdict.usd_per_camera_month, 2),
            "cameras": live_cameras(live),
            "analysed_fps": round(sum(stream.fps for stream in live.streams), 2),
            "nodes": None if live.nodes is None else [asdict(node) for node in live.nodes],
            "policies": [
                {
                    "model": each.model,
                    "policies": dict(each.policies),
                    "recall": _rounded(each.recall, 4),
                    "audited": round(each.audited),
                    "overloaded": each.overloaded,
                    "inferences_per_frame": _rounded(each.inferences_per_frame),
                }
                for each in live.kept
            ],
            "groups": [
                {
                    "model": group.model,
                    "shape": group.shape,
                    "frames": {name: round(count) for name, count in asdict(group.frames).items()},
                    "drop_rate": round(group.frames.drop_rate, 6),
                    "p_all_ms": _rounded(group.p_all_ms(objective.percentile)),
                    "stages": {
                        stage: group.stages[stage].as_latency() for stage in (*STAGES, "total") if stage in group.stages
                    },
                }
                for group in live.groups
            ],
        },
        "drift": [asdict(each) for each in verdict.drift],
        "met": verdict.met,
        "remarks": [*promise.remarks, *live.remarks],
    }


def duration_s(text: str) -> float:
    """Seconds of a duration such as 90s, 10m, 1h or 1h30m. Raises ClusterError."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ClusterError(f"--window {text}: write a duration such as 90s, 10m or 1h.")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if seconds < 1.0:
        raise ClusterError(f"--window {text}: give a second or more.")
    return seconds


def _live(asked: Asked, plan: Plan, window_s: float) -> Live:
    token = read_token(asked.token_file)
    fleet = _fleet_name(asked, plan)
    if asked.page is not None:
        with stderr().status(f"watching the page for {asked.seconds:g} s"):
            return live_of_page(asked.page, asked.seconds, token)
    in_cluster = asked.prometheus is None or asked.kubeconfig is not None or asked.context is not None
    if not in_cluster:
        return read_live(asked.prometheus or "", fleet, window_s, asked.match, token)
    with connect(asked.kubeconfig, asked.context, asked.namespace) as cluster:
        nodes = tuple(live_nodes(cluster.list(NODE, labels=f"{FLEET}={fleet}"), plan, load_catalogue(asked.catalogue)))
        if asked.prometheus is not None:
            live = read_live(asked.prometheus, fleet, window_s, asked.match, token)
        else:
            with stderr().status(f"watching the pods for {asked.seconds:g} s"):
                live = live_of_pods(cluster, cluster.namespace, fleet, asked.seconds, token)
    return replace(live, nodes=nodes) if nodes else live


def _fleet_name(asked: Asked, plan: Plan) -> str:
    path = asked.fleet or (None if plan.fleet is None else Path(plan.fleet.path))
    return object_name(asked.name or (asked.plan.stem if path is None else path.stem))


def _sizes(url: str, live: Live) -> Mapping[str, tuple[int, int]]:
    """The size of the newest picture of each camera, as far as the store has one of the last seconds."""
    from camslice.events.store.queries import StoredResults

    since_s = time.time() - max(_SIZES_S, live.seconds)
    with StoredResults(url) as stored:
        return {each.stream.camera: (each.width, each.height) for each in stored.latest() if each.captured_at_s >= since_s}


def _refit(promise: Promise, live: Live, plan: Path, out: Path) -> list[dict[str, object]]:
    """Write a profile for each model of the plan; with several, each beside the named file. Returns what was done."""
    if not promise.described:
        raise CamsliceError(
            "--refit: the profiles that the plan rests on are not at hand; keep them where the plan names them."
        )
    profiles = next(iter(promise.described.values())).profiles
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    done: list[dict[str, object]] = []
    for model, profile in profiles.items():
        groups = [group for group in live.groups if group.model == model]
        frames = sum((group.frames for group in groups), Frames())
        means = {}
        for stage in STAGES:
            mean = Buckets.merged(group.stages[stage] for group in groups if stage in group.stages).mean
            if mean is not None:
                means[stage] = mean
        if not means:
            continue
        about = f"{round(frames.analysed)} frames of {live.source} in {live.seconds:g} s, plan {plan.name}, {date}"
        with stderr().status(f"fitting {profile.name}"):
            fitted, factors = refitted(profile, means, simulated_means(promise, model), about, date)
            after = simulated_means(promise, model)(fitted)
        path = out if len(profiles) == 1 else out.with_name(f"{out.stem}-{object_name(model)}{out.suffix}")
        path.write_text(profile_text(fitted), "utf-8")
        stages = [
            {
                "stage": stage,
                "live_ms": _rounded(ms),
                "refit_ms": _rounded(after.get(stage)),
                "factor": _rounded(factors.get(stage)),
            }
            for stage, ms in means.items()
        ]
        done.append({"model": model, "path": str(path), "profile": fitted.name, "stages": stages})
    return done


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)
