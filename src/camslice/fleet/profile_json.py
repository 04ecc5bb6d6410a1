"""profile.json in and out, and the profiles that come with camslice: the border between files and frozen values.

The same profile gives the same bytes. What is not known (None) and what is empty is left out.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

import camslice.fleet.figures
import camslice.fleet.profile
from camslice.fleet.dataclass_border import first_fault, plain_fields
from camslice.fleet.errors import ProfileError
from camslice.fleet.histogram import GROWTH, LOWEST_MS
from camslice.fleet.json_layout import laid_out
from camslice.fleet.profile import Profile
from camslice.fleet.profile_checks import faults

SCHEMA = "camslice.profile/1"
_LARGEST_FILE_BYTES = 64_000_000
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
        raise ProfileError(f"{origin}: {first_fault(error, (camslice.fleet.profile, camslice.fleet.figures))}.") from None
    for fault in faults(profile):
        raise ProfileError(f"{origin}: {fault}.")
    return profile


def profile_object(profile: Profile) -> dict[str, object]:
    """The profile as plain values for JSON."""
    return {"schema": SCHEMA, "histogram_bins": _BINS, **plain_fields(profile)}


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
