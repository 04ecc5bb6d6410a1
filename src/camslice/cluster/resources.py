"""Kinds of objects as lightkube's clients and watches take them: plain mappings, of whatever group."""

from __future__ import annotations

from typing import Any

from lightkube.core.resource_registry import resource_registry
from lightkube.generic_resource import create_global_resource, create_namespaced_resource

from camslice.cluster.client import Kind


def resource(kind: Kind) -> Any:
    """The class for a kind; the same each time, for lightkube makes none twice and does not find those of the core group."""
    known = resource_registry.get(kind.api_version, kind.kind)
    if known is not None:
        return known
    group, _, version = kind.api_version.rpartition("/")
    make = create_namespaced_resource if kind.namespaced else create_global_resource
    return make(group, version, kind.kind, kind.plural)
