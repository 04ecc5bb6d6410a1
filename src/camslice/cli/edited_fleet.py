"""A fleet file edited in place: what was measured is written into it, and nothing else changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from camslice.fleet.errors import CamsliceError, FleetError
from camslice.fleet.secret_files import variables
from camslice.fleet.spec import parse_fleet
from camslice.fleet.types import Fleet

_MARK = b"\xef\xbb\xbf"


def edit_fleet(path: Path, before: Fleet, edit: Callable[[str], str], same: Callable[[Fleet, Fleet], bool], what: str) -> Fleet:
    """Put `edit` of its text in the file's place, at once. Returns the fleet that it declares then.

    Raises FleetError when the two fleets are not the `same`, in all that the edit may change, or the file cannot be written;
    `what` names the part of it that is written in a way nobody can edit.
    """
    raw = path.read_bytes()
    text = raw.decode("utf-8-sig")
    try:
        edited = edit(text)
        after = parse_fleet(edited, path.parent.resolve(), variables(), str(path))
    except (ValueError, CamsliceError):
        after = None
    if after is None or not same(before, after):
        raise FleetError(f"{path}: {what} written in a way that cannot be edited safely; paste the lines yourself.")
    if after != before:
        _replace(path, (_MARK if raw.startswith(_MARK) else b"") + edited.encode("utf-8"))
    return after


def _replace(path: Path, content: bytes) -> None:
    """Put a new file in the old one's place at once, so that nobody reads half of it."""
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.chmod(target.stat().st_mode & 0o7777)
        beside.replace(target)
    except OSError as error:
        raise FleetError(f"{path}: it cannot be written ({error.strerror}); paste the lines yourself.") from None
    finally:
        beside.unlink(missing_ok=True)
