"""What `run` does: read the fleet, start a session, follow changes of the file, report."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from camslice.cli.fetching import asking
from camslice.cli.fleet_file import FleetFile
from camslice.cli.output import print_json, stderr
from camslice.cli.preparation import refuse_if_no_camera_can_start, resolved_models
from camslice.cli.session import Listen, Session
from camslice.cli.signals import Signals
from camslice.cli.summary import no_camera_started, objective_met, print_summary
from camslice.cli.token import read_token
from camslice.fleet.address import parse_listen, require_token
from camslice.fleet.errors import CamsliceError, FleetError, SourceError
from camslice.fleet.types import Fleet
from camslice.models.licences import accepting

log = logging.getLogger(__name__)

INTERRUPTED = 130
_LOOK_S = 0.25
_LOOK_AT_FILE_EVERY_S = 1.0


def run_fleet(
    file: FleetFile,
    *,
    duration_s: float | None,
    listen: str | None,
    token_file: Path | None,
    accept_licence: frozenset[str],
    as_json: bool,
) -> int:
    """Run until stopped; returns the exit code."""
    signals = Signals()
    where = None if listen is None else listening(listen, token_file)
    fleet = file.read()
    models = resolved_models(fleet, asking(accept_licence))
    refuse_if_no_camera_can_start(fleet)
    # Once it runs nobody is asked any more: models of a changed file may only have licences that were accepted.
    resolve = partial(resolved_models, accept=accepting(accept_licence))
    with Session(fleet, models, resolve, file.path.parent, where) as session:
        signals.note()
        if session.url:
            stderr().print(f"page: {session.url}")
        _follow(session, file, fleet, signals, duration_s)
    report = session.running.report()
    if as_json:
        print_json(report)
    else:
        print_summary(report, fleet.objective.drop_rate)
    return _exit_code(report, signals)


def listening(address: str, token_file: Path | None) -> Listen:
    """Read HOST:PORT and the token. Raises CamsliceError, also when the address is open to others and there is no token."""
    host, port = parse_listen(address)
    token = read_token(token_file)
    require_token(host, token, "the page")
    return Listen(host, port, token)


def _follow(session: Session, file: FleetFile, started_with: Fleet, signals: Signals, duration_s: float | None) -> None:
    """Until it is time to stop: read the fleet file again when it changed or somebody asks for it."""
    started_s = looked_s = time.monotonic()
    while True:
        left_s = _LOOK_S if duration_s is None else duration_s - (time.monotonic() - started_s)
        if left_s <= 0 or signals.wait(min(_LOOK_S, left_s)) or session.over():
            return
        now_s = time.monotonic()
        look = now_s - looked_s >= _LOOK_AT_FILE_EVERY_S
        looked_s = now_s if look else looked_s
        if signals.take_reload() or (look and file.changed()):
            _declare_again(session, file, started_with)


def _declare_again(session: Session, file: FleetFile, started_with: Fleet) -> None:
    """Make the fleet what the file says now; what is wrong with it is said, and the old fleet goes on."""
    try:
        fleet = file.read()
        if (fleet.store, fleet.sinks) != (started_with.store, started_with.sinks):
            raise FleetError(f"{file.path}: store and sinks are opened at the start: restart `camslice run` to change them.")
        session.running.declare(fleet)
        session.running.problem = None
        log.info("%s was read again", file.path)
    except CamsliceError as error:
        session.running.problem = f"the fleet file was changed and is not followed: {error}"
        log.error("%s", session.running.problem)


def _exit_code(report: Mapping[str, object], signals: Signals) -> int:
    if signals.interrupted:
        return INTERRUPTED
    if signals.stopping:
        return 0
    if fault := no_camera_started(report):
        raise SourceError(fault)
    return 0 if objective_met(report) else 1
