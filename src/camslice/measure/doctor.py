"""Every check that doctor makes, in the order in which a machine is set up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from camslice.fleet.types import Fleet
from camslice.measure import fleet_checks, library_checks, machine_checks
from camslice.measure.checks import Check, checked

MACHINE: Sequence[tuple[str, Callable[[], Check]]] = (
    ("python", machine_checks.python),
    ("processor", machine_checks.processor),
    ("memory", machine_checks.memory),
    ("shared memory", machine_checks.shared_memory),
    ("cache", machine_checks.cache_disk),
    ("decoders", library_checks.decoders),
    ("network cameras", library_checks.network_cameras),
    ("hardware decoders", library_checks.hardware_decoders),
    ("opencv", library_checks.opencv),
    ("openvino", library_checks.openvino),
    ("onnxruntime", library_checks.onnxruntime),
    ("gpu", machine_checks.gpu),
    ("model files", partial(library_checks.model_files, needed=True)),
    ("cluster", machine_checks.cluster),
    ("telemetry", library_checks.telemetry),
)

FLEET: Sequence[tuple[str, Callable[[Fleet], Check]]] = (
    ("load", fleet_checks.load),
    ("topology", fleet_checks.topology),
    ("mailboxes", fleet_checks.mailboxes),
    ("sources", fleet_checks.sources),
    ("camera decoders", fleet_checks.decoders),
    ("models", fleet_checks.models),
    ("precision", fleet_checks.precisions),
)


def examine(fleet: Fleet | None) -> list[Check]:
    """What this machine has and lacks; with a fleet, what it will take, too. Changes nothing and opens no connection."""
    if fleet is None:
        return checked(MACHINE)
    decided_by_fleet = {"model files": partial(library_checks.model_files, needed=False)}
    of_machine = [(name, decided_by_fleet.get(name, probe)) for name, probe in MACHINE]
    return checked([*of_machine, *((name, partial(probe, fleet)) for name, probe in FLEET)])
