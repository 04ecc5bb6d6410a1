"""Kubernetes' own schemas, by kubernetes-validate, which by itself reads megabytes of them anew for every object."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from kubernetes_validate import utils

utils.schema_contents = cache(utils.schema_contents)
utils.all_versions = cache(utils.all_versions)


def validate(each: Mapping[str, Any], minor: str) -> None:
    """Raise kubernetes_validate.ValidationError where a Kubernetes of this minor does not know a key, or not its value."""
    utils.validate(dict(each), minor, strict=True)
