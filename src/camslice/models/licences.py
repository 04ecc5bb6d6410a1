"""Licences that ask something of the user: accepted once, remembered in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

from camslice.fleet.errors import ModelError
from camslice.models.cache import files_folder, unwritable_cache

OPEN_LICENCES = frozenset({"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause"})
"""Licences (SPDX names) that let camslice's users do what camslice's own licence lets them do."""

AcceptLicence = Callable[[str, str], bool]
"""Asked with a file's name and its licence; says whether the user accepts it."""


def accepting(licences: Collection[str]) -> AcceptLicence:
    """Accept those licences and no others."""
    return lambda name, licence: licence in licences


NO_LICENCE: AcceptLicence = accepting(())
"""Accepts nothing that would have to be accepted."""


def require_licence(name: str, licence: str, accept: AcceptLicence) -> None:
    """Return when `licence` is open, was accepted before, or is accepted now. Raises ModelError that says what to do."""
    if licence in OPEN_LICENCES or licence in accepted_before():
        return
    if not accept(name, licence):
        raise ModelError(
            f"{name} is under {licence}, which asks more of you than camslice's own licence; "
            f"accept it with --accept-licence {licence} if its terms suit you."
        )
    _remember(licence)


def accepted_before() -> frozenset[str]:
    """The licences that were accepted on this machine so far."""
    try:
        return frozenset(json.loads(_record().read_text()))
    except (OSError, ValueError, TypeError):
        return frozenset()


def _remember(licence: str) -> None:
    try:
        _record().parent.mkdir(parents=True, exist_ok=True)
        _record().write_text(json.dumps(sorted({*accepted_before(), licence})))
    except OSError as error:
        raise unwritable_cache(error) from error


def _record() -> Path:
    return files_folder() / "accepted-licences.json"
