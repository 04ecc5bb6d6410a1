"""Only the holder of the Lease acts. Lost, or not renewed in time, it must stop at once: another may be acting already.

Two clocks count. Our own right to act ends `GIVEN_UP_AFTER_S` after the last renewal that was answered was *sent*, for the
server may have taken note of it then and answered late. The age of somebody else's Lease is measured from when we saw it
change, because clocks of two machines differ.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from camslice.cluster.client import Cluster, Kind, Manifest, RequestError, passes
from camslice.fleet.errors import ClusterError

logger = logging.getLogger(__name__)

LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
DURATION_S = 15
"""For so long nobody else takes it."""
GIVEN_UP_AFTER_S = 11.0
"""Our right to act ends so long after a renewal, 4 s before others may take it: time for requests that are on their way."""
_EVERY_S, _AGAIN_S = 4.0, 1.0
_PATIENCE_S = 3.0
"""Of a request for the Lease: two that hang leave time for a third before it is given up."""
_STARTING_S = 30.0
"""An API server that was away answers before it has read who may do what: for so long it may refuse what is allowed."""
_REFUSALS = (401, 403)


class Lease:
    """`on_lost` is called once, from a thread of its own, when the Lease is no longer ours. Owns two threads: one renews, the
    other looks at the clock, for a renewal may hang."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        on_lost: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._path = LEASE.path(namespace, name)
        self._collection = LEASE.path(namespace)
        self._name = name
        self._identity = identity
        self._on_lost = on_lost
        self._clock = clock
        self._ending = threading.Event()
        self._losing = threading.Lock()
        self._seen: tuple[str, float] = ("", 0.0)
        self._mine: Manifest | None = None
        self._good_until_s: float | None = None
        self._trouble = "nothing was answered in time"

    @property
    def held(self) -> bool:
        """Whether we may act at this moment."""
        good_until_s = self._good_until_s
        return good_until_s is not None and self._clock() < good_until_s

    def acquire(self, stop: threading.Event) -> bool:
        """Wait until it is ours; False when told to stop.

        An API server that is away, or busy, is waited for. Raises ClusterError for what waiting cannot mend.
        """
        told: set[object] = set()
        away_s: float | None = None
        while not stop.is_set():
            kind: object
            try:
                holder = self.attempt()
                if holder is None:
                    for name, work in (("lease renewal", self._renew), ("lease guard", self._guard)):
                        threading.Thread(target=work, name=name, daemon=True).start()
                    return True
                kind, words = holder, f"{holder} holds the lease {self._name}"
            except ClusterError as error:
                starting = away_s is not None and self._clock() - away_s < _STARTING_S
                if passes(error):
                    away_s = self._clock()
                elif not (starting and isinstance(error, RequestError) and error.code in _REFUSALS):
                    raise
                kind, words = getattr(error, "code", None), f"the lease {self._name} cannot be asked for: {error}"
            if kind not in told:
                logger.warning("%s; waiting", words)
                told.add(kind)
            stop.wait(_EVERY_S / 2)
        return False

    def attempt(self) -> str | None:
        """Take or renew it, once. Returns who has it otherwise. Raises ClusterError."""
        sent_s = self._clock()
        holder = self._take()
        with self._losing:
            if holder is None and not self._ending.is_set():  # an answer that comes after the end changes nothing
                self._good_until_s = sent_s + GIVEN_UP_AFTER_S
        return holder

    def release(self) -> None:
        """Give it back, so that the next one need not wait. Nothing of ours may be on its way any more."""
        self._ending.set()
        if not self.held:
            return
        self._good_until_s = None
        try:
            lease = self._read()
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"]["holderIdentity"] = ""
                self._cluster.json("PUT", self._path, None, lease, patience_s=_PATIENCE_S)
        except (ClusterError, KeyError) as error:
            logger.warning("the lease was not given back: %s", error)

    def _renew(self) -> None:
        pause_s = _EVERY_S
        while not self._ending.wait(pause_s):
            try:
                holder = self.attempt()
            except ClusterError as error:
                self._trouble, pause_s = str(error), _AGAIN_S
                continue
            if holder is not None:
                self._lose(f"{holder} has it now")
                return
            pause_s = _EVERY_S

    def _guard(self) -> None:
        while (good_until_s := self._good_until_s) is not None and (left_s := good_until_s - self._clock()) > 0:
            if self._ending.wait(left_s):
                return
        self._lose(self._trouble)

    def _lose(self, why: str) -> None:
        with self._losing:
            if self._ending.is_set():
                return
            self._ending.set()
            self._good_until_s = None
        self._on_lost(why)

    def _take(self) -> str | None:
        if self._mine is not None and self._written(self._mine):
            return None
        if self._ending.is_set():  # it was given back meanwhile, and is not to be taken again
            return "nobody"
        try:
            lease = self._read()
        except RequestError as error:
            if error.code != 404:
                raise
            return None if self._written(None) else "somebody else"
        spec = lease.setdefault("spec", {})
        holder = str(spec.get("holderIdentity") or "")
        version = str(lease["metadata"].get("resourceVersion"))
        if version != self._seen[0]:
            self._seen = (version, self._clock())
        duration_s = float(spec.get("leaseDurationSeconds") or DURATION_S)
        if holder not in ("", self._identity) and self._clock() - self._seen[1] < duration_s:
            return holder
        return None if self._written(lease) else holder or "somebody else"

    def _written(self, lease: Manifest | None) -> bool:
        """As ours: over `lease`, or a new one. False when somebody wrote it since it was read, or took it away."""
        self._mine = None
        try:
            if lease is None:
                self._mine = self._cluster.json("POST", self._collection, None, self._new(), patience_s=_PATIENCE_S)
                return True
            spec = dict(lease["spec"])
            if spec.get("holderIdentity") != self._identity:
                spec["acquireTime"] = _now()
                spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
            spec |= {"holderIdentity": self._identity, "leaseDurationSeconds": DURATION_S, "renewTime": _now()}
            self._mine = self._cluster.json("PUT", self._path, None, {**lease, "spec": spec}, patience_s=_PATIENCE_S)
        except RequestError as error:
            if error.code == 409 or (error.code == 404 and lease is not None):
                return False
            raise
        return True

    def _read(self) -> Manifest:
        return self._cluster.json("GET", self._path, patience_s=_PATIENCE_S)

    def _new(self) -> Manifest:
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": _now(),
            "renewTime": _now(),
            "leaseTransitions": 0,
        }
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": {"name": self._name}, "spec": spec}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
