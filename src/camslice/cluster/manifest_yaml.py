"""An object of a cluster as text for people: no anchors, and texts of several lines as such."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml


def manifest_text(manifest: dict[str, Any]) -> str:
    """The same object gives the same text."""
    text: str = yaml.dump(manifest, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=120)
    return text


_ODD_BREAKS = "\x85\u2028\u2029\ufeff"
"""Characters that YAML takes for line breaks, or for none."""


@cache
def _dumper() -> type[yaml.SafeDumper]:
    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _data: object) -> bool:
            return True

        def represent_text(self, data: str) -> yaml.Node:
            style = "|" if "\n" in data.rstrip("\n") else None
            if any(odd in data for odd in _ODD_BREAKS):
                style = '"'
            node: yaml.Node = self.represent_scalar("tag:yaml.org,2002:str", data, style=style)
            return node

    Dumper.add_representer(str, Dumper.represent_text)
    return Dumper
