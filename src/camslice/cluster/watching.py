"""Objects of one kind, listed once and watched from then on, whatever happens in between.

A watch that ends is begun again where it stopped. Where the server has forgotten that place everything is listed again, and
whoever listens is told what is there, for what is missing went meanwhile: a list alone does not say that.

A connection can end without a word, and then a watch would be silent for ever. The server sends a bookmark each minute even
where nothing happens; a watch that hears nothing for longer is begun again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from camslice.cluster.client import AwayError, Cluster, Kind, RequestError
from camslice.fleet.errors import ClusterError
from camslice.fleet.secrets import redact

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]
Place = tuple[str, str]
"""Namespace ("" for kinds without) and name."""

WATCH_S = 240
"""After so long the server ends a watch."""
_SILENCE_S = 100.0
_BREATH_S, _WORTH_S = 0.1, 5.0
"""Pause between one watch and the next, where the one before lasted for so long."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_GONE = 410
"""The server has forgotten what happened since."""


class Listener:
    """What is told of objects of one kind, from the watch's thread."""

    def put(self, manifest: Manifest) -> None:
        """It is there, or has changed."""

    def gone(self, manifest: Manifest) -> None:
        """It was deleted."""

    def listed(self, places: set[Place], version: int) -> None:
        """These, and no others, were there at that version."""

    def sight(self, seen: bool) -> None:
        """Whether the server answers. Told when that changes."""


class Watched:
    """Tells a listener of all objects of a kind, from a thread of its own. `lists`: how often everything was read; `silences`:
    how often a watch broke off; `defects`: how often what we do with an object failed.

    `begin` lists once before it returns, so whoever asks then knows everything there is.
    """

    def __init__(self, cluster: Cluster, kind: Kind, namespace: str | None, labels: str, listener: Listener) -> None:
        """`labels`: a selector, empty for all."""
        self.name = kind.plural
        self._cluster = cluster
        self._kind = kind
        self._namespace = namespace
        self._labels = labels
        self._listener = listener
        self._version: str | None = None
        self._ending = threading.Event()
        self._sees = True
        self._thread = threading.Thread(target=self._run, name=f"watch {self.name}", daemon=True)
        self._begun = False
        self._sign_s = time.monotonic()
        self.lists = 0
        self.silences = 0
        self.defects = 0

    def begin(self) -> None:
        """List, then watch. Raises ClusterError when the first list fails; it can be tried again then."""
        self._list()
        self._begun = True
        self._thread.start()

    def end(self) -> None:
        """Tell of nothing more."""
        self._ending.set()

    @property
    def alive(self) -> bool:
        """Whether it follows, or tries to; so it is before the beginning."""
        return not self._begun or self._thread.is_alive()

    def silent_s(self) -> float:
        """For how long it has neither heard anything nor tried anew; 0 before the beginning."""
        return time.monotonic() - self._sign_s if self._begun else 0.0

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._ending.is_set():
            began_s = time.monotonic()
            self._follow()
            if time.monotonic() - began_s >= _WORTH_S:
                pause_s = _FIRST_PAUSE_S
                self._ending.wait(_BREATH_S)
            else:  # it ended as soon as it had begun
                self._ending.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _follow(self) -> None:
        """Until something ends it. What is to be known for the next time is in `_version`."""
        self._sign_s = time.monotonic()
        agreed = False
        try:
            if self._version is None:
                self._list()
            for line in self._cluster.lines(self._kind.path(self._namespace), self._query(), _SILENCE_S):
                self._sign_s, agreed = time.monotonic(), True
                if self._ending.is_set():
                    return
                self._look(True)
                if line:
                    self._take(json.loads(line))
        except AwayError as error:
            if agreed:  # perhaps only this connection has ended
                self.silences += 1
                logger.info("watching %s broke off: %s", self.name, error)
            else:
                self._trouble(error)
        except ClusterError as error:
            self._version = None
            if not (isinstance(error, RequestError) and error.code == _GONE):
                self._trouble(error)
        except Exception:
            self._version = None
            logger.exception("watching %s met a defect; reading everything again", self.name)

    def _query(self) -> dict[str, str]:
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_S)}
        query |= {"resourceVersion": self._version or ""}
        return query | ({"labelSelector": self._labels} if self._labels else {})

    def _list(self) -> None:
        places: set[Place] = set()
        version = ""
        for page in self._cluster.pages(self._kind, self._namespace, labels=self._labels):
            self._sign_s = time.monotonic()
            version = str((page.get("metadata") or {}).get("resourceVersion") or "")
            for manifest in page.get("items") or ():
                places.add(_place(manifest))
                self._tell(self._listener.put, manifest)
        self.lists += 1
        self._listener.listed(places, int(version or 0))
        self._look(True)
        self._version = version

    def _take(self, event: Manifest) -> None:
        kind, manifest = event["type"], event["object"]
        if kind == "ERROR":
            raise RequestError(int(manifest.get("code") or 500), redact(str(manifest.get("message") or "no reason is given")))
        if kind in ("ADDED", "MODIFIED"):
            self._tell(self._listener.put, manifest)
        elif kind == "DELETED":
            self._tell(self._listener.gone, manifest)
        self._version = manifest["metadata"].get("resourceVersion", self._version)

    def _tell(self, what: Callable[[Manifest], None], manifest: Manifest) -> None:
        try:
            what(manifest)
        except Exception:  # one object that is stumbled over must not hide the others
            self.defects += 1
            logger.exception("%s %s met a defect and is left out", self.name, "/".join(_place(manifest)))

    def _trouble(self, error: ClusterError) -> None:
        """A warning when it begins, for it is the same each time."""
        logger.log(logging.WARNING if self._sees else logging.INFO, "watching %s: %s", self.name, error)
        self._look(False)

    def _look(self, seen: bool) -> None:
        if seen != self._sees:
            self._sees = seen
            self._listener.sight(seen)


def _place(manifest: Manifest) -> Place:
    metadata = manifest["metadata"]
    return metadata.get("namespace") or "", metadata["name"]
