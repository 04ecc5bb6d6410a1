"""What a profile must be besides well-formed: the data's own integrity, one sentence for each fault."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from camslice.fleet.figures import Figure, Provenance, RawHistogram
from camslice.fleet.histogram import BINS
from camslice.fleet.policy import LADDER
from camslice.fleet.profile import Capacity, Profile
from camslice.fleet.stages import STAGES

_ROUNDING = 1e-5
_SHA256 = re.compile(r"[0-9a-f]{64}")


def faults(profile: Profile) -> Iterator[str]:
    """Each thing that is wrong, as `where: what`. None for a sound profile."""
    yield from _head(profile)
    for path, figure in profile.figures():
        yield from _figure(path, figure, profile)
    yield from _costs(profile)
    yield from _fits(profile)
    for index, point in enumerate(profile.sharing):
        if point.pods < 1 or point.streams_per_pod < 1:
            yield f"sharing[{index}]: {point.pods} pods of {point.streams_per_pod} streams are none; both are at least 1"
        for name, histogram in point.histograms.items():
            yield from _histogram(f"sharing[{index}].histograms.{name}", histogram)
    for index, capacity in enumerate(profile.capacity):
        yield from _capacity(f"capacity[{index}]", capacity)
    for index, price in enumerate(profile.prices):
        if price.cameras < 1:
            yield f"prices[{index}].cameras: {price.cameras}; a price is shared by at least one camera"
    yield from _policies(profile)


def _head(profile: Profile) -> Iterator[str]:
    try:
        date.fromisoformat(profile.date)
    except ValueError:
        yield f"date: {profile.date!r} is no date; write YYYY-MM-DD"
    if not profile.covers.topologies:
        yield "covers.topologies: empty; name the topologies that the figures hold for"
    if profile.model.sha256 is not None and not _SHA256.fullmatch(profile.model.sha256):
        yield "model.sha256: not 64 hexadecimal digits"


def _figure(path: str, figure: Figure, profile: Profile) -> Iterator[str]:
    if figure.provenance is not Provenance.MEASURED and figure.source is None:
        yield f"{path}: {figure.provenance} and without a source; name one of `sources`"
    if figure.source is not None and figure.source not in profile.sources:
        yield f"{path}: its source {figure.source!r} is not among `sources`"
    if figure.value < 0:
        yield f"{path}: {figure.value:g} is below zero, which no figure of a profile can be"
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    if not low <= figure.value <= high:
        yield f"{path}: {figure.value:g} lies outside its own range {low:g} to {high:g}"


def _fits(profile: Profile) -> Iterator[str]:
    fitted = {path for path, figure in profile.figures() if figure.provenance is Provenance.FITTED}
    for index, fit in enumerate(profile.fits):
        for path, value in fit.items():
            if path not in fitted:
                yield f"fits[{index}]: there is no fitted figure {path}"
            if value < 0:
                yield f"fits[{index}]: {path} is {value:g}, below zero, which no figure of a profile can be"


def _costs(profile: Profile) -> Iterator[str]:
    sizes = [batch.size for batch in profile.batches]
    if sizes != sorted(set(sizes)) or any(size < 1 for size in sizes):
        yield f"batches: sizes {sizes}; each size once, from 1 upwards"
    names = [cost.stage for cost in profile.stages]
    if unknown := sorted(set(names) - set(STAGES)):
        yield f"stages: there is no stage {', '.join(unknown)}; there are {', '.join(STAGES)}"
    if len(set(names)) < len(names):
        yield "stages: a stage stands there twice"
    together = [point.contexts for point in profile.contexts.concurrency]
    if together != sorted(set(together)) or any(contexts < 1 for contexts in together):
        yield f"contexts.concurrency: {together} contexts; each number once, from 1 upwards"
    for cost in profile.decode:
        if cost.cpu_ms_per_megapixel.value == 0:
            yield f"decode: {cost.codec} takes no time, which cannot be"


def _policies(profile: Profile) -> Iterator[str]:
    known = [policy.name for policy in LADDER]
    names = [each.policy for each in profile.policies]
    if unknown := sorted(set(names) - set(known)):
        yield f"policies: there is no policy {', '.join(unknown)}; there are {', '.join(known)}"
    if len(set(names)) < len(names):
        yield "policies: a policy stands there twice"
    for each in profile.policies:
        shares = {"full_share": each.full_share, "moving_share": each.activity.moving_share, "recall": each.recall}
        for name, share in shares.items():
            if share is not None and share.value > 1:
                yield f"policies.{each.policy}: {name} is {share.value:g}, and a share is at most 1"
        if each.full_share.value > each.inferences_per_frame.value + _ROUNDING:
            yield f"policies.{each.policy}: more full frames than inferences"


def _capacity(path: str, capacity: Capacity) -> Iterator[str]:
    held, broke = capacity.bracket
    if held < 0 or (broke is not None and broke <= held):
        yield f"{path}.bracket: {held} to {broke}; what broke the objective is more than what held it"
    if not 0 < capacity.percentile < 100 or not 0 <= capacity.drop_rate < 1 or capacity.fps <= 0 or capacity.latency_ms <= 0:
        yield f"{path}: the objective is none (latency_ms, percentile, drop_rate, fps)"
    for index, trial in enumerate(capacity.trials):
        if trial.streams < 1 or not 0 <= trial.dropped <= trial.frames:
            yield f"{path}.trials[{index}]: {trial.dropped} of {trial.frames} frames dropped at {trial.streams} streams"
        if trial.total is not None:
            yield from _histogram(f"{path}.trials[{index}].total", trial.total)


def _histogram(path: str, histogram: RawHistogram) -> Iterator[str]:
    places = [where for where, _ in histogram.bins]
    if places != sorted(set(places)) or any(not 0 <= where < BINS for where in places):
        yield f"{path}: its bins are not in order, or not below {BINS}"
    if any(count < 1 for _, count in histogram.bins):
        yield f"{path}: a bin that is listed holds at least one frame"
