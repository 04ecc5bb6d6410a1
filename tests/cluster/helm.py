"""The real helm, and what a chart renders to."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.harness.programs import program
from tests.unit.deploy.recipes import CHARTS

Object = dict[str, Any]
NAMESPACE = "shop"
NEWEST = "1.36.3"
_PATIENCE_S = 240


class HelmError(Exception):
    """What helm said when it ended with another code than 0."""


def helm(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Run helm and return its standard output. Raises HelmError."""
    done = subprocess.run(
        [program("helm"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
        env=os.environ | dict(environment or {}),
    )
    if done.returncode:
        raise HelmError(done.stdout + done.stderr)
    return done.stdout


def rendered(
    chart: str, values: Mapping[str, Any] | None = None, *, kube: str = NEWEST, release: str = "camslice"
) -> list[Object]:
    """The objects of a chart under deploy/helm, hooks and tests too."""
    text = helm("template", release, CHARTS / chart, "--namespace", NAMESPACE, "--kube-version", kube, *as_options(values))
    return [document for document in yaml.safe_load_all(text) if document]


def as_options(values: Mapping[str, Any] | None) -> Sequence[str]:
    """Values as helm takes them on its command line."""
    return [part for key, value in (values or {}).items() for part in ("--set-json", f"{key}={json.dumps(value)}")]


def of_kind(objects: Sequence[Object], kind: str, name: str | None = None) -> list[Object]:
    """Those of a kind, or the one of that name."""
    return [each for each in objects if each["kind"] == kind and name in {None, each["metadata"]["name"]}]


def one(objects: Sequence[Object], kind: str, name: str) -> Object:
    """The one of that kind and name."""
    [found] = of_kind(objects, kind, name)
    return found


def pods_of(objects: Sequence[Object]) -> dict[str, Object]:
    """The pod templates (metadata and spec) of everything that makes pods, by KIND/NAME."""
    templates = {}
    for each in objects:
        if each["kind"] in {"Deployment", "Job"}:
            templates[f"{each['kind']}/{each['metadata']['name']}"] = each["spec"]["template"]
        elif each["kind"] == "Pod":
            templates[f"Pod/{each['metadata']['name']}"] = each
    return templates
