"""Live figures without Prometheus: two looks at pods' own counts, some seconds apart, and what lies between them.

Pods are asked through the API server, a fleet on one machine at its page.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from camslice.cluster.client import POD, Cluster, Manifest, RequestError
from camslice.cluster.names import FLEET, HTTP_PORT, ROLE, SHAPE
from camslice.cluster.verify.buckets import Buckets
from camslice.cluster.verify.figures import Frames, Group, Kept, Live, LiveStream
from camslice.fleet.accounting import FrameCounts
from camslice.fleet.errors import ClusterError
from camslice.fleet.histogram import Histogram
from camslice.fleet.types import StreamKey
from camslice.stream.watching.steward import PolicyState
from camslice.web.guard import cookie_of
from camslice.web.state_json import PodState, read_state

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class _Told:
    """What a pod said, when (monotonic seconds)."""

    state: PodState
    at_s: float
    shape: str | None


Look = Callable[[], Mapping[str, _Told]]


def live_of_page(url: str, seconds: float, token: str | None) -> Live:
    """Of `camslice run` at that address. Raises ClusterError."""
    host = urlsplit(url).hostname
    if urlsplit(url).scheme not in ("http", "https") or not host:
        raise ClusterError(f"--page {url.partition('?')[0]}: write an address such as http://127.0.0.1:8080.")
    root = url.partition("?")[0].rstrip("/")

    def look() -> Mapping[str, _Told]:
        return {root: _Told(_read(_fetched(f"{root}/api/state", root, token), root), time.monotonic(), None)}

    live = _between(look, seconds, f"the page at {root}")
    status = json.loads(_fetched(f"{root}/api/status", root, token))
    usd = (status.get("fleet") or {}).get("usd_per_camera_month")
    return replace(live, usd_per_camera_month=usd)


def live_of_pods(cluster: Cluster, namespace: str, fleet: str, seconds: float, token: str | None) -> Live:
    """Of the camera pods of a fleet. Raises ClusterError."""
    headers = {} if token is None else {"Cookie": cookie_of(token)}
    silent: dict[str, str] = {}

    def look() -> Mapping[str, _Told]:
        told: dict[str, _Told] = {}
        for pod in cluster.list(POD, namespace, labels=f"{FLEET}={fleet},{ROLE}=camera"):
            name = pod["metadata"]["name"]
            path = f"{POD.path(namespace, name)}:{HTTP_PORT}/proxy/api/state"
            try:
                told[name] = _Told(_read(cluster.text(path, headers=headers), name), time.monotonic(), _shape_of(pod, fleet))
            except RequestError as error:
                silent[name] = f"pod {name} does not tell its figures (status {error.code})"
        return told

    live = _between(look, seconds, f"pods of {namespace}/{fleet}")
    return replace(live, remarks=tuple(silent.values()))


def _shape_of(pod: Manifest, fleet: str) -> str | None:
    selector = (pod.get("spec") or {}).get("nodeSelector") or {}
    shape = (pod["metadata"].get("labels") or {}).get(SHAPE) or selector.get(SHAPE)
    return None if shape is None else (shape if shape.startswith(f"{fleet}.") else f"{fleet}.{shape}")


def _between(look: Look, seconds: float, source: str) -> Live:
    """Two looks. A pod that started anew in between counts from its start, one that is gone does not count."""
    before = look()
    time.sleep(seconds)
    after = look()
    if not after:
        raise ClusterError(f"{source}: none tells its figures; see that they run, and that --token-file holds their token.")
    stages: dict[tuple[str, str | None], dict[str, list[Buckets]]] = defaultdict(lambda: defaultdict(list))
    frames: dict[tuple[str, str | None], Frames] = defaultdict(Frames)
    streams: dict[StreamKey, LiveStream] = {}
    states: Counter[str] = Counter()
    for name, told in after.items():
        old = before.get(name)
        same = old is not None and old.state.instance == told.state.instance
        first = old.state if same and old is not None else None
        lasted_s = told.at_s - old.at_s if same and old is not None else told.state.uptime_s
        for model, of_model in told.state.stages.items():
            for stage, histogram in of_model.items():
                earlier = None if first is None else first.stages.get(model, {}).get(stage)
                stages[model, told.shape][stage].append(Buckets.of(_since(histogram, earlier)))
        for stream, counts in _counts(told.state, first):
            frames[stream.model, told.shape] += _frames(counts)
            fps = counts.analysed / lasted_s if lasted_s > 0 else 0.0
            known = streams.get(stream)
            streams[stream] = LiveStream(stream.camera, stream.model, fps + (known.fps if known else 0.0))
        states.update(str(state) for state, _ in told.state.cameras.values())
    groups = tuple(
        Group(model, shape, frames[model, shape], {stage: Buckets.merged(each) for stage, each in found.items()})
        for (model, shape), found in sorted(stages.items(), key=str)
    )
    if not any(group.frames.captured for group in groups):
        raise ClusterError(f"{source}: no frame fell due within {seconds:g} s; see the cameras' states, or look longer.")
    return Live(source, seconds, groups, tuple(streams.values()), dict(states), kept=tuple(_kept(before, after, frames)))


def _kept(
    before: Mapping[str, _Told], after: Mapping[str, _Told], frames: Mapping[tuple[str, str | None], Frames]
) -> Iterator[Kept]:
    """Of each model with a policy, as it is now; inferences between the two looks."""
    states: dict[str, list[PolicyState]] = defaultdict(list)
    inferences: Counter[str] = Counter()
    for name, told in after.items():
        old = before.get(name)
        same = old is not None and old.state.instance == told.state.instance
        earlier = {engine.model: engine.work.inferences for engine in old.state.engines} if same and old is not None else {}
        for engine in told.state.engines:
            inferences[engine.model] += engine.work.inferences - earlier.get(engine.model, 0)
            if engine.policy is not None:
                states[engine.model].append(engine.policy)
    for model, of_model in sorted(states.items()):
        due = sum(each.captured for (name, _), each in frames.items() if name == model)
        yield Kept.measured(
            model,
            Counter(state.policy for state in of_model),
            sum((state.recall or 0.0) * state.audited for state in of_model),
            sum(state.audited for state in of_model),
            overloaded=any(state.overloaded for state in of_model),
            inferences_per_frame=inferences[model] / due if due else None,
            reasons={state.policy: state.reason for state in of_model},
        )


def _counts(now: PodState, before: PodState | None) -> Iterator[tuple[StreamKey, FrameCounts]]:
    old = {} if before is None else {stream.key: stream.frames for stream in before.streams}
    for stream in now.streams:
        yield stream.key, stream.frames if stream.key not in old else stream.frames - old[stream.key]


def _frames(counts: FrameCounts) -> Frames:
    return Frames(counts.captured, counts.analysed, counts.gated, counts.predicted, counts.dropped)


def _since(now: Histogram, before: Histogram | None) -> Histogram:
    if before is None:
        return now
    counts = now.counts - before.counts
    return Histogram(counts.clip(min=0), max(0.0, now.sum_ms - before.sum_ms), now.max_ms)


def _read(text: str, name: str) -> PodState:
    try:
        return read_state(json.loads(text))
    except ValueError:
        raise ClusterError(f"{name} answers /api/state with what is no state of a pod; it may be of another version.") from None


def _fetched(url: str, root: str, token: str | None) -> str:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    request = Request(url)  # noqa: S310 - http or https, checked by who calls
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return str(answer.read().decode("utf-8"))
    except HTTPError as error:
        advice = "give its token with --token-file" if error.code in (401, 403) else "check the address"
        raise ClusterError(f"{root} answers with status {error.code}; {advice}.") from None
    except (URLError, OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "reason", None) or error
        raise ClusterError(f"{root} cannot be reached ({reason}); check that `camslice run` serves its page there.") from None


def formats_of(live: Live, sizes: Mapping[str, tuple[int, int]]) -> Sequence[LiveStream]:
    """The streams with what their cameras send, as the store has it."""
    return [LiveStream(each.camera, each.model, each.fps, sizes.get(each.camera, each.format)) for each in live.streams]
