"""The JSON Schema of fleet.yaml, for editors: made from the very classes that validate it."""

from __future__ import annotations

from camslice.fleet.spec_keys import FleetKeys


def fleet_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of a fleet file. Keys of features that are not there yet are not in it."""
    schema: dict[str, object] = FleetKeys.model_json_schema(mode="validation")
    _close_maps(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "camslice fleet.yaml"}


def _close_maps(schema: object) -> None:
    """Forbid names that no pattern allows: JSON Schema lets them pass unless told not to."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        for inner in schema.values():
            _close_maps(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _close_maps(inner)
