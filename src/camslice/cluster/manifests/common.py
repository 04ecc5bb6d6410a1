"""What all objects of a fleet have in common: labels, owner, names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from camslice.cluster.names import API_VERSION, FLEET, FLEET_KIND, MANAGED_BY, OPERATOR
from camslice.cluster.objects import FleetObject

Manifest = dict[str, Any]
UID = 65532
"""The one user of all camera pods: MPS lets a GPU be shared by one user at a time."""


TMP = "/tmp"  # noqa: S108 - a volume of the pod's own


def metadata(
    fleet: FleetObject, name: str, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
) -> Manifest:
    """Of an object that belongs to the fleet and goes with it."""
    made: Manifest = {
        "name": name,
        "namespace": fleet.namespace,
        "labels": {MANAGED_BY: OPERATOR, FLEET: fleet.name, **(labels or {})},
    }
    if annotations:
        made["annotations"] = dict(annotations)
    if fleet.uid:
        made["ownerReferences"] = [
            {
                "apiVersion": API_VERSION,
                "kind": FLEET_KIND,
                "name": fleet.name,
                "uid": fleet.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ]
    return made


def digest(value: object) -> str:
    """A short name for a value: equal values have equal ones."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]
