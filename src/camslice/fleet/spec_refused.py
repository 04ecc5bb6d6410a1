"""Keys and values of features that are not there yet: refused by name, so that nobody believes that they work."""

from __future__ import annotations

from collections.abc import Mapping

from camslice.fleet.yaml_lines import KeyPath

_KEYS: Mapping[str, Mapping[str, str]] = {
    "": {
        "precision": "a precision for the whole fleet is",
        "zones": "zones are",
        "rules": "rules are",
    },
    "cameras": {
        "zones": "zones are",
        "rules": "rules are",
        "policy": "policies are",
    },
    "models": {"policy": "policies are"},
    "sinks": {"mqtt": "MQTT sinks are", "webhook": "webhook sinks are"},
}

_VALUES: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("models", "precision"): {"fp16": "auto, bf16, fp32 or int8"},
}


def refused_key(path: KeyPath) -> str | None:
    """Why the key at `path` is refused, as the end of a sentence; None if it is just unknown."""
    feature = _KEYS.get(_section(path), {}).get(str(path[-1]))
    return f"{feature} not there yet in this version; remove the key" if feature else None


def refused_value(path: KeyPath, value: object) -> str | None:
    """Why a value that a later version will take is refused, as the end of a sentence; None for any other."""
    instead = _VALUES.get((_section(path), str(path[-1])), {}).get(value) if isinstance(value, str) else None
    return f"{value} is not there yet in this version; write {instead}" if instead else None


def _section(path: KeyPath) -> str:
    return str(path[0]) if len(path) > 1 else ""
