"""Frozen dataclasses out to plain values and back in: the border that profile.json and plan.yaml share.

Nothing comes in but what the dataclasses declare: unknown keys, numbers that are none and values of another kind are
refused, each in half a sentence that names the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from enum import StrEnum
from types import ModuleType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


def plain_fields(value: object) -> dict[str, object]:
    """A dataclass as values for JSON or YAML; what may be absent and is empty is left out."""
    pairs = ((each, _plain(getattr(value, each.name))) for each in fields(value))  # type: ignore[arg-type] # a dataclass
    return {each.name: plain for each, plain in pairs if not (_may_be_absent(each) and plain in (None, [], {}))}


def first_fault(error: ValidationError, modules: Iterable[ModuleType]) -> str:
    """The mistake to name, as `place: what`. Of a misspelt key it says that it is unknown, with the nearest one of those that
    the dataclasses of `modules` have, rather than that the right one is missing."""
    details = error.errors(include_url=False)
    return _sentence(next((each for each in details if each["type"] in _UNKNOWN), details[0]), modules)


def _sentence(details: ErrorDetails, modules: Iterable[ModuleType]) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"]).lstrip(".")
    if details["type"] in _UNKNOWN:
        near = get_close_matches(str(details["loc"][-1]), _known_keys(modules), n=1)
        return f"{place}: unknown key" + (f"; did you mean {near[0]}?" if near else "; remove it")
    if details["type"] in ("missing", "missing_argument"):
        return f"{place} is missing; have the file written anew, or write it in"
    said = details["msg"][:1].lower() + details["msg"][1:]
    value = details["input"]
    found = "" if isinstance(value, dict | list) else f", not {value!r}"
    return f"{place}: {said}{found}"


def _known_keys(modules: Iterable[ModuleType]) -> list[str]:
    classes = [kind for module in modules for kind in vars(module).values()]
    return sorted({each.name for kind in classes if isinstance(kind, type) and is_dataclass(kind) for each in fields(kind)})


def _may_be_absent(of: Field[object]) -> bool:
    return of.default is not MISSING or of.default_factory is not MISSING


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    if is_dataclass(value):
        return plain_fields(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value
