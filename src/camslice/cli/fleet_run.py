"""What `run` does: read the fleet, start a session, follow changes of the file, report."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

from camslice.cli.output import print_json, stderr
from camslice.cli.preparation import Prepared, prepare, resolved_models
from camslice.cli.session import Listen, Session
from camslice.cli.signals import Signals
from camslice.cli.summary import no_camera_started, objective_met, print_summary
from camslice.fleet.errors import CamsliceError, FleetError, SourceError
from camslice.fleet.spec import load_fleet
from camslice.fleet.types import Fleet, Store
from camslice.web.address import parse_listen
from camslice.web.server import require_token

log = logging.getLogger(__name__)

DEFAULT_STORE = "sqlite:///camslice.db"
_LOOK_S = 0.25
_LOOK_AT_FILE_EVERY_S = 1.0
INTERRUPTED = 130


def run_fleet(
    path: Path,
    *,
    duration_s: float | None,
    listen: str | None,
    store: str | None,
    token_file: Path | None,
    accept_licence: frozenset[str],
    as_json: bool,
) -> int:
    """Run until stopped; returns the exit code."""
    signals = Signals()
    where = None if listen is None else listening(listen, token_file)
    prepared = prepare(_with_store(load_fleet(path), store), accept_licence)
    session = Session(prepared.fleet, prepared.models, path.parent, where)
    with session:
        if session.url:
            stderr().print(f"page: {session.url}", highlight=False)
        _follow(session, path, prepared, signals, duration_s, store, accept_licence)
    report = session.running.report()
    if as_json:
        print_json(report)
    else:
        print_summary(report, prepared.fleet.objective.drop_rate)
    if signals.interrupted:
        return INTERRUPTED
    if fault := no_camera_started(report):
        raise SourceError(fault)
    return 0 if signals.stopping or objective_met(report) else 1


def listening(address: str, token_file: Path | None) -> Listen:
    """Read HOST:PORT and the token. Raises CamsliceError, also when the address is open to others and there is no token."""
    host, port = parse_listen(address)
    token = os.environ.get("CAMSLICE_TOKEN") or None
    if token_file is not None:
        try:
            token = token_file.read_text().strip()
        except OSError as error:
            raise FleetError(f"--token-file {token_file}: {error.strerror}; name a file that can be read.") from error
    require_token(host, token)
    return Listen(host, port, token)


def _with_store(fleet: Fleet, url: str | None) -> Fleet:
    if url is None:
        return fleet if fleet.store is not None else replace(fleet, store=Store(DEFAULT_STORE))
    return replace(fleet, store=None if url == "none" else Store(url))


def _follow(
    session: Session,
    path: Path,
    prepared: Prepared,
    signals: Signals,
    duration_s: float | None,
    store: str | None,
    accept_licence: frozenset[str],
) -> None:
    """Until it is time to stop: read the fleet file again when it changed."""
    started_s = looked_s = time.monotonic()
    seen = _state_of(path)
    while True:
        left_s = _LOOK_S if duration_s is None else duration_s - (time.monotonic() - started_s)
        if left_s <= 0 or signals.wait(min(_LOOK_S, left_s)) or session.over():
            return
        now = time.monotonic()
        if not signals.reload and now - looked_s < _LOOK_AT_FILE_EVERY_S:
            continue
        looked_s = now
        state = _state_of(path)
        if state != seen or signals.reload:
            seen, signals.reload = state, False
            _declare_again(session, path, prepared.fleet, store, accept_licence)


def _declare_again(session: Session, path: Path, before: Fleet, store: str | None, accept_licence: frozenset[str]) -> None:
    """Make the fleet what the file says now; what is wrong with it is said, and the old fleet goes on."""
    try:
        fleet = _with_store(load_fleet(path), store)
        if (fleet.store, fleet.sinks) != (before.store, before.sinks):
            raise FleetError(f"{path}: store and sinks are opened at the start: restart `camslice run` to change them.")
        session.running.declare(fleet, resolved_models(fleet, accept_licence))
        session.running.problem = None
        log.info("%s was read again", path)
    except CamsliceError as error:
        session.running.problem = f"the fleet file was changed and is not followed: {error}"
        log.error("%s", session.running.problem)


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
