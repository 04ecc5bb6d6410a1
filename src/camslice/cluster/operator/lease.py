"""Only the holder of the Lease acts. Lost, or not renewed in time, it must stop at once: another may be acting already.

The age of somebody else's Lease is measured by our own clock, from when we saw it change: clocks of two machines differ.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from camslice.cluster.client import Cluster, Kind, Manifest, RequestError
from camslice.fleet.errors import ClusterError

logger = logging.getLogger(__name__)

LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
DURATION_S = 15
_EVERY_S = 4.0


class Lease:
    """`on_lost` is called once, from the renewing thread, when the Lease is no longer ours."""

    def __init__(self, cluster: Cluster, namespace: str, name: str, identity: str, on_lost: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._path = LEASE.path(namespace, name)
        self._collection = LEASE.path(namespace)
        self._name = name
        self._identity = identity
        self._on_lost = on_lost
        self._ending = threading.Event()
        self._seen: tuple[str, float] = ("", 0.0)
        self.held = False

    def acquire(self, stop: threading.Event) -> bool:
        """Wait until it is ours; False when told to stop. Raises ClusterError when it cannot be read or made."""
        told = ""
        while not stop.is_set():
            holder = self._try()
            if holder is None:
                self.held = True
                threading.Thread(target=self._renew, name="lease", daemon=True).start()
                return True
            if holder != told:
                logger.warning("%s holds the lease %s; waiting", holder, self._name)
                told = holder
            stop.wait(_EVERY_S / 2)
        return False

    def release(self) -> None:
        """Give it back, so that the next one need not wait."""
        self._ending.set()
        if not self.held:
            return
        self.held = False
        try:
            lease = self._read()
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"]["holderIdentity"] = ""
                self._cluster.json("PUT", self._path, None, lease)
        except (ClusterError, KeyError) as error:
            logger.warning("the lease was not given back: %s", error)

    def _renew(self) -> None:
        renewed_s = time.monotonic()
        while not self._ending.wait(_EVERY_S):
            try:
                holder = self._try()
                if holder is not None:
                    self._lose(f"{holder} has it now")
                    return
                renewed_s = time.monotonic()
            except ClusterError as error:
                if time.monotonic() - renewed_s > DURATION_S - _EVERY_S:
                    self._lose(str(error))
                    return

    def _lose(self, why: str) -> None:
        if not self._ending.is_set():
            self.held = False
            self._on_lost(why)

    def _try(self) -> str | None:
        """Take or renew it. Returns who has it otherwise."""
        try:
            lease = self._read()
        except RequestError as error:
            if error.code != 404:
                raise
            self._cluster.json("POST", self._collection, None, self._new())
            return None
        spec = lease.setdefault("spec", {})
        holder = str(spec.get("holderIdentity") or "")
        version = str(lease["metadata"].get("resourceVersion"))
        if version != self._seen[0]:
            self._seen = (version, time.monotonic())
        duration_s = float(spec.get("leaseDurationSeconds") or DURATION_S)
        if holder not in ("", self._identity) and time.monotonic() - self._seen[1] < duration_s:
            return holder
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        if holder != self._identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        spec |= {"holderIdentity": self._identity, "leaseDurationSeconds": DURATION_S, "renewTime": now}
        try:
            self._cluster.json("PUT", self._path, None, lease)
        except RequestError as error:
            if error.code == 409:  # somebody was faster
                return holder or "somebody else"
            raise
        return None

    def _read(self) -> Manifest:
        return self._cluster.json("GET", self._path)

    def _new(self) -> Manifest:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self._name},
            "spec": spec,
        }
