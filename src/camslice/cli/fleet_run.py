"""What `run` does: read the fleet, start a session, follow changes of the file, report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from camslice.cli.fetching import asking
from camslice.cli.fleet_file import FleetFile
from camslice.cli.follow import Follower
from camslice.cli.output import print_json, stderr
from camslice.cli.preparation import look_at_sources, resolved_models, time_precisions
from camslice.cli.session import Listen, Session
from camslice.cli.signals import Signals
from camslice.cli.summary import no_camera_started, objective_met, print_summary
from camslice.cli.token import FollowedToken, read_token
from camslice.fleet.address import parse_listen, require_token
from camslice.fleet.errors import FleetError, SourceError
from camslice.models.licences import accepting

INTERRUPTED = 130


def run_fleet(
    file: FleetFile,
    *,
    duration_s: float | None,
    drain_s: float,
    listen: str | None,
    token_file: Path | None,
    accept_licence: frozenset[str],
    as_json: bool,
) -> int:
    """Run until stopped, and when SIGTERM stops it, `drain_s` longer for those who take over; returns the exit code."""
    signals = Signals()
    where = None if listen is None else listening(listen, token_file)
    declared = file.declared()
    if declared.fleet is None:
        raise declared.fault or FleetError(f"{file.path}: it declares no fleet.")
    fleet, placed = declared.fleet, declared.placed
    models = resolved_models(fleet, asking(accept_licence), every=placed is not None)
    time_precisions(fleet, models)
    look_at_sources(fleet, refuse=placed is None)
    # Once it runs nobody is asked any more: models of a changed file may only have licences that were accepted.
    resolve = partial(resolved_models, accept=accepting(accept_licence), every=placed is not None)
    with Session(fleet, models, resolve, file.path.parent, where, placed) as session:
        signals.note()
        if session.url:
            stderr().print(f"page: {session.url}")
        follower = Follower(session, file, declared, signals)
        follower.until_stopped(duration_s)
        if signals.stopping and drain_s > 0:
            follower.until_taken_over(drain_s)
    report = session.running.report()
    if as_json:
        print_json(report)
    else:
        print_summary(report, fleet.objective)
    return _exit_code(report, signals)


def listening(address: str, token_file: Path | None) -> Listen:
    """Read HOST:PORT and the token. Raises CamsliceError, also when the address is open to others and there is no token."""
    host, port = parse_listen(address)
    token = read_token(token_file)
    require_token(host, token, "the page")
    return Listen(host, port, token if token_file is None or token is None else FollowedToken(token_file, token, host))


def _exit_code(report: Mapping[str, object], signals: Signals) -> int:
    if signals.interrupted:
        return INTERRUPTED
    if signals.stopping:
        return 0
    if fault := no_camera_started(report):
        raise SourceError(fault)
    return 0 if objective_met(report) else 1
