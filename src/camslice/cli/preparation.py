"""From a declared fleet to one that can start: weights found, sources looked at."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from camslice.cli.fetching import FetchBars
from camslice.cli.output import stderr
from camslice.fleet.errors import SourceError
from camslice.fleet.types import CameraSpec, Fleet
from camslice.measure.precisions import time_once
from camslice.models.expected import expected_hashes, refuse_other_weights
from camslice.models.licences import AcceptLicence
from camslice.models.model import ModelInfo
from camslice.models.resolve import resolve
from camslice.video.check import check_source

log = logging.getLogger(__name__)


def resolved_models(fleet: Fleet, accept: AcceptLicence, *, every: bool = False) -> dict[str, ModelInfo]:
    """The weights of every model that a camera uses (of `every` model, also while there are no cameras), and no others than
    CAMSLICE_WEIGHTS_SHA256 asks for. Raises ModelError."""
    named = set(fleet.models)
    used = named if every else {model for camera in fleet.cameras for model in camera.models} or named
    expected = expected_hashes(os.environ)
    found = {}
    for name, spec in fleet.models.items():
        if name in used:
            found[name] = resolve(spec, accept=accept, progress=FetchBars())
            refuse_other_weights(spec, found[name], expected)
    return found


def time_precisions(fleet: Fleet, models: Mapping[str, ModelInfo]) -> None:
    """Have each model with an INT8 version and `precision: auto` timed on this machine, unless it was before."""
    for name, info in models.items():
        time_once(info, fleet.models[name], stderr().print)


def look_at_sources(fleet: Fleet, *, refuse: bool) -> None:
    """A camera with a bad source is shown as failed. With `refuse` there is nothing to run when every one is bad.

    Raises SourceError.
    """
    by_source = {camera.watched: _fault(camera) for camera in fleet.cameras}
    faults = {camera.name: fault for camera in fleet.cameras if (fault := by_source[camera.watched])}
    if refuse and fleet.cameras and len(faults) == len(fleet.cameras):
        name, fault = next(iter(faults.items()))
        others = f" (none of the {len(faults)} cameras can start)" if len(faults) > 1 else ""
        raise SourceError(f"camera {name}: {fault}{others}")
    for name, fault in faults.items():
        log.warning("camera %s: %s", name, fault)


def _fault(camera: CameraSpec) -> str | None:
    try:
        check_source(camera)
    except SourceError as error:
        return str(error)
    return None
