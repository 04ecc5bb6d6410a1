"""Live figures from a Prometheus server that scrapes the pods, or the page of one machine."""

from __future__ import annotations

import http.client
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from camslice.cluster.verify.buckets import Buckets
from camslice.cluster.verify.figures import Frames, Group, Kept, Live, LiveStream
from camslice.fleet.errors import ClusterError
from camslice.fleet.policy import LADDER
from camslice.fleet.secrets import redact_address

_TIMEOUT_S = 30.0
_POLICIES = frozenset(policy.name for policy in LADDER)
_DROPPED = ("superseded", "stale", "failed")
Sample = tuple[Mapping[str, str], float]


def read_live(url: str, fleet: str, window_s: float, match: str | None, token: str | None = None) -> Live:
    """Over the last `window_s` seconds. `match`: label matchers such as job="camslice"; without, the series of that fleet, or
    all where none names a fleet. Raises ClusterError."""
    server = Prometheus(url, token)
    matchers, remarks = match or "", []
    if match is None:
        matchers = f'fleet="{_quoted(fleet)}"'
        if not server.ask(f"camslice_build_info{{{matchers}}}"):
            named = server.ask('camslice_build_info{fleet!=""}')
            if named:
                others = ", ".join(sorted({labels["fleet"] for labels, _ in named}))
                raise ClusterError(f"{server.name} has no series of fleet {fleet}, but of {others}; choose with --match.")
            matchers = ""
            remarks.append("no series names a fleet, so all that the server has are taken as this one's")
    window, selected = f"[{round(window_s)}s]", f"{{{matchers}}}"

    def increase(series: str, by: str) -> list[Sample]:
        return server.ask(f"sum by (model, shape, {by}) (increase({series}{selected}{window}))")

    bins = increase("camslice_stage_duration_seconds_bucket", "stage, le")
    sums = increase("camslice_stage_duration_seconds_sum", "stage")
    fates = increase("camslice_frames_total", "fate")
    captured = server.ask(f"sum by (model, shape) (increase(camslice_frames_captured_total{selected}{window}))")
    rates = server.ask(
        f"max by (camera, model) (avg_over_time(camslice_camera_analysed_frames_per_second{selected}{window})"
        f" and camslice_camera_analysed_frames_per_second{selected})"
    )
    kept = tuple(_kept(server, selected, window, captured))
    states = server.ask(f"sum by (state) (camslice_cameras{selected})")
    groups = tuple(_groups(bins, sums, fates, captured))
    if not groups:
        raise ClusterError(
            f"{server.name} has no frames of the last {window_s:g} s; see that it scrapes the pods (or `camslice run` at "
            "/metrics), or choose series with --match."
        )
    usd = server.ask(f"max(camslice_fleet_usd_per_camera_month{selected} or camslice_usd_per_camera_month{selected})")
    return Live(
        source=f"Prometheus at {server.name}",
        seconds=window_s,
        groups=groups,
        streams=tuple(LiveStream(labels["camera"], labels["model"], value) for labels, value in rates),
        states={labels["state"]: round(value) for labels, value in states if value},
        usd_per_camera_month=usd[0][1] if usd else None,
        remarks=tuple(remarks),
        kept=kept,
    )


class Prometheus:
    """A server, asked over HTTP. `name` is its address without credentials."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Raises ClusterError for what is no address of a server."""
        parts = urlsplit(url)
        self.name = redact_address(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClusterError(f"--prometheus {self.name}: write an address such as http://127.0.0.1:9090.")
        self._url = url.rstrip("/")
        self._token = token

    def ask(self, query: str) -> list[Sample]:
        """The instant vector that a query gives; what is not a number is left out. Raises ClusterError."""
        request = Request(f"{self._url}/api/v1/query?{urlencode({'query': query})}")  # noqa: S310 - http or https, see above
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                read = json.load(answer)
        except HTTPError as error:
            raise ClusterError(f"{self.name} answers with status {error.code}; check the address and the token.") from None
        except (URLError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ClusterError(f"{self.name} cannot be reached ({reason}); check the address of --prometheus.") from None
        except ValueError:
            raise ClusterError(f"{self.name} answers with what is no JSON; check that it is a Prometheus server.") from None
        return list(_samples(read))


def _samples(read: Any) -> Iterator[Sample]:
    for each in read.get("data", {}).get("result", ()) if isinstance(read, dict) else ():
        value = float(each["value"][1])
        if math.isfinite(value):
            yield {str(key): str(text) for key, text in each["metric"].items()}, value


def _groups(bins: list[Sample], sums: list[Sample], fates: list[Sample], captured: list[Sample]) -> Iterator[Group]:
    up_to: dict[tuple[str, str], dict[str, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for labels, value in bins:
        up_to[_key(labels)][labels["stage"]][float(labels["le"]) * 1000.0] = value
    totals = {(*_key(labels), labels["stage"]): value * 1000.0 for labels, value in sums}
    frames: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for labels, value in fates:
        frames[_key(labels)][labels["fate"]] = value
    due = {_key(labels): value for labels, value in captured}
    for key in sorted({*up_to, *frames}):
        told = frames[key]
        dropped = sum(told.get(fate, 0.0) for fate in _DROPPED)
        stages = {
            stage: Buckets.cumulative(counts, totals.get((*key, stage), 0.0))
            for stage, counts in up_to[key].items()
            if max(counts.values(), default=0.0) > 0.0
        }
        counted = Frames(
            due.get(key, 0.0), told.get("analysed", 0.0), told.get("gated", 0.0), told.get("predicted", 0.0), dropped
        )
        if stages or dropped > 0.0:
            yield Group(key[0], key[1] or None, counted, stages)


def _kept(server: Prometheus, selected: str, window: str, captured: list[Sample]) -> Iterator[Kept]:
    """Of each model with a policy, as it is now; inferences over the window."""

    def by_model(query: str) -> dict[str, float]:
        return {labels["model"]: value for labels, value in server.ask(query)}

    in_force: dict[str, dict[str, int]] = defaultdict(dict)
    for labels, value in server.ask(f"count by (model, policy) (camslice_policy_info{selected})"):
        if labels["policy"] in _POLICIES:
            in_force[labels["model"]][labels["policy"]] = round(value)
    if not in_force:
        return
    audited = by_model(f"sum by (model) (camslice_recall_audited_frames{selected})")
    recalls = by_model(f"sum by (model) (camslice_recall_ratio{selected} * camslice_recall_audited_frames{selected})")
    overloaded = by_model(f"max by (model) (camslice_policy_overloaded{selected})")
    inferences = by_model(f"sum by (model) (increase(camslice_inferences_total{selected}{window}))")
    due: dict[str, float] = defaultdict(float)
    for labels, value in captured:
        due[labels.get("model", "")] += value
    for model, policies in sorted(in_force.items()):
        yield Kept.measured(
            model,
            policies,
            recalls.get(model, 0.0),
            audited.get(model, 0.0),
            overloaded=overloaded.get(model, 0.0) > 0.0,
            inferences_per_frame=inferences[model] / due[model] if model in inferences and due[model] else None,
        )


def _key(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("model", ""), labels.get("shape", "")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
