"""What an apply changes in an object, in the words of a unified diff. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from camslice.cluster.apply.revisions import Ref
from camslice.cluster.client import Manifest
from camslice.cluster.names import GROUP

APPLIED_BY = f"{GROUP}/applied-by"
"""Annotation of everything that a deploy applies: NAMESPACE/FLEET. What lacks it, or says another, is never touched."""
_OF_THE_SERVER = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


class What(StrEnum):
    """What becomes of an object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PRUNED = "pruned"
    """Applied by an earlier deploy of the same fleet, and no longer wanted."""
    LEFT = "left"
    """No longer wanted, and kept as long as the fleet still needs it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes, or became, of one object; `diff` is a unified diff of YAML, empty where nothing changes."""

    ref: Ref
    what: What
    diff: str = ""


def marked(manifest: Manifest, namespace: str, fleet: str) -> Manifest:
    """The object with the annotation that makes it this fleet's."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED_BY: f"{namespace}/{fleet}"}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def is_ours(found: Mapping[str, Any], namespace: str, fleet: str) -> bool:
    """Whether a deploy of this fleet applied the object."""
    annotations = (found.get("metadata") or {}).get("annotations") or {}
    return bool(annotations.get(APPLIED_BY) == f"{namespace}/{fleet}")


def change_of(ref: Ref, before: Manifest | None, after: Manifest | None) -> Change:
    """From the object as it is (None: it is not) to the object as it will be (None: it will not)."""
    old, new = (None if each is None else plain(each) for each in (before, after))
    if old is None:
        what = What.CREATED
    elif new is None:
        what = What.PRUNED
    else:
        what = What.UNCHANGED if old == new else What.CHANGED
    return Change(ref, what, "" if what is What.UNCHANGED else _diff(str(ref), old, new))


def plain(found: Manifest) -> Manifest:
    """An object without what the server keeps in it, and without its status."""
    metadata = {key: value for key, value in found.get("metadata", {}).items() if key not in _OF_THE_SERVER}
    return {**{key: value for key, value in found.items() if key != "status"}, "metadata": metadata}


def _diff(name: str, old: Manifest | None, new: Manifest | None) -> str:
    before, after = ([] if each is None else _lines(each) for each in (old, new))
    return "".join(difflib.unified_diff(before, after, f"{name} (now)", f"{name} (then)"))


def _lines(manifest: Manifest) -> list[str]:
    return yaml.safe_dump(manifest, sort_keys=True, allow_unicode=True, width=120).splitlines(keepends=True)
