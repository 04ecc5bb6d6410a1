"""What deploys of a fleet have applied: an inventory of objects, and the last few revisions to go back to.

Both are ConfigMaps beside the fleet, compressed. The inventory is written before anything is applied and again after something
was taken away, so that it never forgets an object that may be there. A revision is `applying` until everything in it was
applied; only one that was is gone back to.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from camslice.cluster.client import APPLIED, CONFIG_MAP, Cluster, Kind, Manifest, kind_of
from camslice.cluster.names import GROUP, MANAGED_BY
from camslice.fleet.errors import ClusterError

KEPT = 5
DEPLOYED = f"{GROUP}/deployed"
"""Label of these ConfigMaps: the fleet they belong to."""
_MANAGER = "camslice"
_LARGEST_BYTES = 1_000_000
"""Of a ConfigMap, which may have 1 MiB in all."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """An object that was applied. `namespace` is empty for those of the whole cluster."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Ref:
        """Of an object to apply."""
        metadata = manifest["metadata"]
        return cls(manifest["kind"], metadata.get("namespace", "") if kind_of(manifest).namespaced else "", metadata["name"])

    @property
    def where(self) -> Kind:
        """Where the API server has it."""
        return next(kind for kind in APPLIED if kind.kind == self.kind)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Revision:
    """What one deploy applied. `made_at`: UTC, as in 2026-01-31T12:00:00Z. `back_to`: the revision it went back to, if any."""

    number: int
    objects: tuple[Manifest, ...]
    complete: bool
    made_at: str
    back_to: int | None = None


class Records:
    """The inventory and revisions of the fleet of that name in a namespace."""

    def __init__(self, cluster: Cluster, namespace: str, fleet: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._fleet = fleet

    def inventory(self) -> frozenset[Ref]:
        """Everything that deploys of this fleet applied and that may be there still. Raises ClusterError."""
        found = self._cluster.get(CONFIG_MAP, self._name("inventory"), self._namespace)
        return frozenset() if found is None else frozenset(Ref(*each) for each in self._read(found, "objects"))

    def keep_inventory(self, refs: Iterable[Ref]) -> None:
        """Write it. Raises ClusterError."""
        listed = [[each.kind, each.namespace, each.name] for each in sorted(refs)]
        self._write(self._name("inventory"), {}, {"objects": listed})

    def revisions(self) -> list[Revision]:
        """Those kept, the oldest first. Raises ClusterError."""
        found = []
        for each in self._cluster.list(CONFIG_MAP, self._namespace, labels=f"{DEPLOYED}={self._fleet}"):
            data = each.get("data") or {}
            if "revision" in data:
                back_to = int(data["backTo"]) if data.get("backTo") else None
                objects = tuple(self._read(each, "objects"))
                found.append(Revision(int(data["revision"]), objects, data.get("state") == "applied", data["madeAt"], back_to))
        return sorted(found, key=lambda each: each.number)

    def keep(self, revision: Revision) -> None:
        """Write it, over what was known of it. Raises ClusterError."""
        data = {
            "revision": str(revision.number),
            "state": "applied" if revision.complete else "applying",
            "madeAt": revision.made_at,
        }
        if revision.back_to is not None:
            data["backTo"] = str(revision.back_to)
        self._write(self._name(str(revision.number)), data, {"objects": list(revision.objects)})

    def finish(self, revision: Revision) -> None:
        """Everything in it was applied: say so, and forget the oldest ones beyond the last five. Raises ClusterError."""
        self.keep(replace(revision, complete=True))
        for old in forgotten(self.revisions()):
            self._cluster.delete(CONFIG_MAP, self._name(str(old.number)), self._namespace)

    def _name(self, what: str) -> str:
        return f"camslice-deploy-{self._fleet}-{what}"

    def _write(self, name: str, data: Mapping[str, str], packed: Mapping[str, object]) -> None:
        binary = {key: _packed(value) for key, value in packed.items()}
        if sum(map(len, binary.values())) > _LARGEST_BYTES:
            raise ClusterError(
                f"fleet {self._fleet}: its objects are more than a ConfigMap holds, even compressed; deploy several fleets."
            )
        manifest: Manifest = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "namespace": self._namespace,
                "labels": {MANAGED_BY: _MANAGER, DEPLOYED: self._fleet},
            },
            "data": dict(data),
            "binaryData": binary,
        }
        self._cluster.apply(CONFIG_MAP, manifest, force=True)

    def _read(self, found: Manifest, key: str) -> list[Any]:
        name = found["metadata"]["name"]
        try:
            read = json.loads(gzip.decompress(b64decode(found["binaryData"][key])))
        except (KeyError, OSError, EOFError, ValueError, TypeError):
            raise ClusterError(f"ConfigMap {name}: this is not what deploy wrote there; delete it and deploy again.") from None
        return list(read)


def target(revisions: Sequence[Revision]) -> Revision | None:
    """The revision to go back to: the newest complete one that holds something else than the last one. None: there is none."""
    if not revisions:
        return None
    last = revisions[-1]
    return next((each for each in reversed(revisions[:-1]) if each.complete and each.objects != last.objects), None)


def forgotten(revisions: Sequence[Revision]) -> list[Revision]:
    """Those that are not kept: all but the last five, and all but the last complete one that differs from the newest."""
    back = target(revisions)
    return [each for each in revisions[:-KEPT] if back is None or each.number != back.number]


def _packed(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return b64encode(gzip.compress(text, 9, mtime=0)).decode()
