"""profile.json in and out, and the profiles that come with camslice: the border between files and frozen values.

The same profile gives the same bytes. What is not known (None) and what is empty is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from camslice.fleet.errors import ProfileError
from camslice.fleet.histogram import GROWTH, LOWEST_MS
from camslice.fleet.json_layout import laid_out
from camslice.fleet.profile import Profile
from camslice.fleet.profile_checks import faults

SCHEMA = "camslice.profile/1"
_LARGEST_FILE_BYTES = 64_000_000
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_BINS = {"lowest_ms": LOWEST_MS, "growth": GROWTH}


def load_profile(name: str) -> Profile:
    """The profile of that name that comes with camslice, or the one in the file at that path. Raises ProfileError."""
    path = Path(name)
    if name in shipped_profiles() and not path.exists():
        return parse_profile(_shipped_folder().joinpath(_file_name(name)).read_text("utf-8"), name)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            raise ProfileError(f"{name}: this is larger than a profile can be (64 MB); check that it is the right file.")
        return parse_profile(content.decode("utf-8"), name)
    except FileNotFoundError:
        known = ", ".join(shipped_profiles())
        raise ProfileError(
            f"{name}: there is no such file; write one with `camslice profile`, or name one that is there already: {known}."
        ) from None
    except UnicodeDecodeError:
        raise ProfileError(f"{name}: this is not UTF-8 text; check that it is the right file.") from None
    except OSError as error:
        raise ProfileError(f"{name}: it cannot be read ({error.strerror}); give a readable profile.") from None


@cache
def shipped_profiles() -> tuple[str, ...]:
    """The names of the profiles that come with camslice."""
    files = (Path(entry.name) for entry in _shipped_folder().iterdir())
    return tuple(sorted(file.stem.replace("_", "-") for file in files if file.suffix == ".json"))


def parse_profile(text: str, origin: str) -> Profile:
    """The profile that `text` holds. `origin` names it in errors. Raises ProfileError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ProfileError(f"{origin}: this is not JSON ({error}); write it again with `camslice profile`.") from None
    except RecursionError:
        raise ProfileError(f"{origin}: this is no profile; write one with `camslice profile`.") from None
    if not isinstance(data, dict) or "schema" not in data:
        raise ProfileError(f"{origin}: this is no profile, for it names no schema; write one with `camslice profile`.")
    if (schema := data.pop("schema")) != SCHEMA:
        raise ProfileError(f"{origin}: its schema is {schema!r}, and this camslice reads {SCHEMA}; measure the profile again.")
    if data.pop("histogram_bins", _BINS) != _BINS:
        raise ProfileError(f"{origin}: its histograms have other bins than {_BINS}; measure the profile again.")
    try:
        profile = _adapter().validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise ProfileError(f"{origin}: {_sentence(_first(error))}.") from None
    for fault in faults(profile):
        raise ProfileError(f"{origin}: {fault}.")
    return profile


def profile_object(profile: Profile) -> dict[str, object]:
    """The profile as plain values for JSON."""
    return {"schema": SCHEMA, "histogram_bins": _BINS, **_plain_fields(profile)}


def profile_text(profile: Profile) -> str:
    """The text of profile.json."""
    return laid_out(profile_object(profile))


@cache
def _adapter() -> TypeAdapter[Profile]:
    return TypeAdapter(Profile)


def _shipped_folder() -> resources.abc.Traversable:
    return resources.files("camslice.fleet").joinpath("profiles")


def _file_name(name: str) -> str:
    return f"{name.replace('-', '_')}.json"


def _first(error: ValidationError) -> ErrorDetails:
    """The mistake to name: of a misspelt key that it is unknown, rather than that the right one is missing."""
    details = error.errors(include_url=False)
    return next((each for each in details if each["type"] in _UNKNOWN), details[0])


def _sentence(details: ErrorDetails) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"]).lstrip(".")
    if details["type"] in _UNKNOWN:
        unknown = str(details["loc"][-1])
        near = get_close_matches(unknown, _known_keys(), n=1)
        return f"{place}: unknown key" + (f"; did you mean {near[0]}?" if near else "; remove it")
    if details["type"] in ("missing", "missing_argument"):
        return f"{place} is missing; measure the profile again or write it in"
    said = details["msg"][:1].lower() + details["msg"][1:]
    value = details["input"]
    found = "" if isinstance(value, dict | list) else f", not {value!r}"
    return f"{place}: {said}{found}"


def _known_keys() -> list[str]:
    import camslice.fleet.figures
    import camslice.fleet.profile

    classes = [*vars(camslice.fleet.profile).values(), *vars(camslice.fleet.figures).values()]
    return sorted({each.name for kind in classes if isinstance(kind, type) and is_dataclass(kind) for each in fields(kind)})


def _plain_fields(value: object) -> dict[str, object]:
    pairs = ((each, _plain(getattr(value, each.name))) for each in fields(value))  # type: ignore[arg-type] # a dataclass
    return {each.name: plain for each, plain in pairs if not (_may_be_absent(each) and plain in (None, [], {}))}


def _may_be_absent(of: Field[object]) -> bool:
    return of.default is not MISSING or of.default_factory is not MISSING


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    if is_dataclass(value):
        return _plain_fields(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value
