"""The values of the charts and their schemas say the same; what helm makes of them is tried in tests/cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from camslice.cluster.operator import rbac
from tests.docs_blocks import ROOT
from tests.unit.deploy.recipes import CHARTS

BOTH = ("camslice", "camslice-crds")


def schema_of(chart: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((CHARTS / chart / "values.schema.json").read_text())
    return schema


def values_of(chart: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    return values


def closed(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a schema that names its keys, with its path."""
    if schema.get("additionalProperties") is False:
        yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from closed(inner, f"{path}.{key}".lstrip("."))


@pytest.mark.parametrize("chart", BOTH)
def test_the_defaults_are_allowed(chart: str) -> None:
    jsonschema.Draft202012Validator(schema_of(chart)).validate(values_of(chart))


@pytest.mark.parametrize("chart", BOTH)
def test_every_key_has_a_default_and_a_description_and_no_other_key_is_taken(chart: str) -> None:
    root = schema_of(chart)
    objects = list(closed(root))
    assert objects[0] == ("", root)
    for path, schema in objects:
        values: Any = values_of(chart)
        for part in path.split(".") if path else []:
            values = values[part]
        known = {key: said for key, said in schema["properties"].items() if (path, key) != ("", "global")}
        assert set(known) == set(values), path
        for key, said in known.items():
            described = root["$defs"][said["$ref"].rpartition("/")[2]] if "$ref" in said else said
            assert described.get("description"), f"{path}.{key}"


@pytest.mark.parametrize("chart", BOTH)
def test_every_value_is_used_by_a_template_and_every_value_used_is_known(chart: str) -> None:
    text = "\n".join(path.read_text() for path in sorted((CHARTS / chart / "templates").rglob("*")) if path.is_file())
    for variable, value in {"$policy": "networkPolicy", "$monitoring": "monitoring"}.items():
        text = text.replace(f"{variable}.", f".Values.{value}.")
    for whole in ("operator", "web"):  # handed over whole to the template that places pods
        text += "".join(f"\n.Values.{whole}.{key}" for key in re.findall(r"\{\{- with \.(\w+) \}\}", text))
    used = set(re.findall(r"\.Values\.([\w.]+)", text))
    known = {path for path, _ in leaves(values_of(chart))}
    for path in known:
        assert any(path == name or path.startswith(f"{name}.") for name in used), f"no template uses {path}"
    for name in used:
        assert any(path == name or path.startswith(f"{name}.") for path in known), f"a template uses {name}"


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value and "." not in str(value.keys()):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_pages_name_only_values_that_there_are() -> None:
    known = {path for path, _ in leaves(values_of("camslice"))} | {path for path, _ in leaves(values_of("camslice-crds"))}
    for page in ("install-on-kubernetes", "watch-a-cluster"):
        for value in re.findall(r"--set ([\w.]+)=", (ROOT / "docs" / "how-to" / f"{page}.md").read_text()):
            assert value in known, f"{page}: {value}"


def test_the_chart_gives_the_operator_the_rules_that_its_code_names() -> None:
    told = yaml.safe_load((CHARTS / "camslice" / "files" / "rbac.yaml").read_text())
    assert told == {"namespaced": list(rbac.NAMESPACED), "cluster": list(rbac.CLUSTER)}
