"""What `web` does: connect to the cluster, serve the page, end in order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from camslice.cli.fleet_run import listening
from camslice.cli.output import stderr
from camslice.cli.signals import Signals
from camslice.cli.token import read_token
from camslice.fleet.errors import CamsliceError, StoreError
from camslice.web.cluster.app import create_cluster_app
from camslice.web.cluster.fleet import ClusterFleet
from camslice.web.cluster.pod_client import pod_asker
from camslice.web.cluster.stored import Stored
from camslice.web.server import WebServer

log = logging.getLogger(__name__)

INTERRUPTED = 130
_LOOK_S = 0.5


def run_web(
    *,
    listen: str,
    store: str | None,
    store_file: Path | None,
    namespace: str | None,
    fleet: str | None,
    kubeconfig: Path | None,
    token_file: Path | None,
    pod_token_file: Path | None,
) -> int:
    """Serve until stopped; returns the exit code."""
    signals = Signals()
    where = listening(listen, token_file)
    stored = _stored(store, store_file)
    ask = pod_asker(_token_as_it_is(pod_token_file or token_file))
    try:
        from camslice.web.cluster.kube import connect
    except ImportError:
        raise CamsliceError("showing a cluster needs lightkube; install it with: pip install 'camslice[cluster]'") from None
    cluster = connect(kubeconfig, namespace)
    cluster.start()
    shown = ClusterFleet(cluster, ask, fleet)
    server = WebServer(
        create_cluster_app(shown, token=where.token, ask=ask, stored=stored),
        where.host,
        where.port,
    )
    shown.start()
    try:
        server.start()
        signals.note()
        stderr().print(f"page: {server.url}")
        while not signals.wait(_LOOK_S):
            signals.take_reload()
    finally:
        server.stop()
        shown.close()
        if stored is not None:
            stored.close()
    return INTERRUPTED if signals.interrupted else 0


def _stored(url: str | None, file: Path | None) -> Stored | None:
    """The store of --store or --store-file, unopened; the file is read now and whenever the store is opened."""
    if url is not None and file is not None:
        raise StoreError("--store and --store-file name the same thing; give one of them")
    if file is not None:
        _url_in(file)
        return Stored(lambda: _url_in(file))
    return None if url is None else Stored(lambda: url)


def _url_in(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StoreError(f"--store-file {file}: {why}; name a file that can be read") from None


def _token_as_it_is(file: Path | None) -> Callable[[], str | None]:
    """The token as its file says now: a Secret may change under us. What cannot be read once is asked for again."""

    def token() -> str | None:
        try:
            return read_token(file)
        except CamsliceError as error:
            log.warning("%s", error)
            return None

    return token
