"""What docs/reference/helm-values.md says of the charts: descriptions from values.schema.json, defaults from values.yaml."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHARTS = {
    "camslice": "The operator, the page, and what belongs to them. Once per namespace that has fleets.",
    "camslice-crds": "The kinds CameraFleet and Camera. Once per cluster, before the other.",
}
_HEAD = """# Values of the Helm charts

<!-- written by tools/helm_values.py: change the charts' own words, then run `make reference` -->

What `helm install --set` and `--values` take: [Install on Kubernetes](../how-to/install-on-kubernetes.md). Values are checked
against the chart's `values.schema.json`; a key that is not here is refused by name.
"""

Schema = Mapping[str, Any]


def page() -> str:
    """The page as it should be."""
    return "\n".join([_HEAD, *(_chart(name, about) for name, about in CHARTS.items())])


def _chart(name: str, about: str) -> str:
    folder = ROOT / "deploy" / "helm" / name
    schema = json.loads((folder / "values.schema.json").read_text())
    values = yaml.safe_load((folder / "values.yaml").read_text())
    rows = [f"| `{key}` | {default} | {said} |" for key, default, said in _rows(schema, schema, values)]
    return "\n".join([f"## {name}", "", about, "", "| value | default | |", "|---|---|---|", *rows, ""])


def _rows(root: Schema, schema: Schema, values: Schema, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for key, value in values.items():
        said = schema["properties"][key]
        if "$ref" in said:
            said = root["$defs"][said["$ref"].rpartition("/")[2]]
        if isinstance(value, dict) and said.get("additionalProperties") is False:
            yield f"{prefix}{key}", "", said["description"]
            yield from _rows(root, said, value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", f"`{json.dumps(value)}`", _words(said)


def _words(said: Schema) -> str:
    choices = said.get("enum")
    return said["description"] + (f" One of {', '.join(f'`{each}`' for each in choices)}." if choices else "")
