"""Keys as fleet.yaml writes them (latency_ms) and as Kubernetes does (latencyMs)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_UNDERSCORE = re.compile(r"_([a-z0-9])")
_CAPITAL = re.compile(r"([A-Z])")


def camel(key: str) -> str:
    """`latency_ms` as `latencyMs`."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), key)


def snake(key: str) -> str:
    """`latencyMs` as `latency_ms`."""
    return _CAPITAL.sub(lambda found: "_" + found[1].lower(), key)


def with_keys(value: Any, renamed: Callable[[str], str]) -> Any:
    """`value` with the keys of all its mappings renamed, however deep; a mapping never has keys that a user made up."""
    if isinstance(value, dict):
        return {renamed(key): with_keys(inner, renamed) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [with_keys(inner, renamed) for inner in value]
    return value
