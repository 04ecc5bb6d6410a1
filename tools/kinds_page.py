"""The page of the two kinds in a cluster, from their definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from markdown_table import plural, table

_ABOUT = {
    "CameraFleet": "What is demanded of a fleet, its models, and the nodes and pods that a plan found for it. "
    "[`camslice render`](../how-to/render.md) writes it.",
    "Camera": "A camera of a fleet. Add one, change it or remove it with `kubectl`; its pod follows, and others do not pause.",
}


def page(generated: str) -> str:
    """`generated`: the remark that somebody else writes this file."""
    from camslice.cluster.crds.definitions import definitions

    parts = [
        "# CameraFleet and Camera\n",
        generated,
        "The two kinds that the chart `camslice-crds` brings. Their keys are those of [fleet.yaml](fleet-yaml.md), in the form "
        "of Kubernetes.\n",
    ]
    for definition in definitions().values():
        parts += _kind(definition["spec"])
    return "\n".join(parts)


def _kind(spec: dict[str, Any]) -> Iterator[str]:
    names, version = spec["names"], spec["versions"][0]
    yield f"## {names['kind']}\n"
    short = names["shortNames"][0]
    yield f"{_ABOUT[names['kind']]} `{spec['group']}/{version['name']}`, `kubectl get {short}`.\n"
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    for part in ("spec", "status"):
        yield from _tables(properties[part], f"{names['kind']} {part}")


def _tables(schema: dict[str, Any], title: str) -> Iterator[str]:
    yield f"### {title}\n"
    required = schema.get("required", [])
    rows, inner = [], []
    for key, value in schema["properties"].items():
        held = value["items"] if value["type"] == "array" else value
        if held["type"] == "object":
            inner.append((held, f"{title.replace(' spec', '').replace(' status', '')} {key}"))
        rows.append(
            (
                f"`{key}`" + (" (required)" if key in required else ""),
                _value(value),
                f"`{json.dumps(value['default'])}`" if "default" in value else "",
                value.get("description", "") or ("see below" if held["type"] == "object" else ""),
            )
        )
    yield table(("key", "value", "default", "meaning"), rows)
    if rules := schema.get("x-kubernetes-validations"):
        yield "Refused unless:\n"
        yield "".join(f"- {rule['message']}\n" for rule in rules)
    for held, name in inner:
        yield from _tables(held, name)


def _value(value: dict[str, Any]) -> str:
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if value["type"] == "array":
        held = value["items"]
        return "list of entries" if held["type"] == "object" else f"list of {plural(_value(held))}"
    return {
        "object": "keys",
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "`true` or `false`",
    }[value["type"]]
