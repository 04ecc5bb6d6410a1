"""One thing that a machine has or lacks: what `doctor` reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from camslice.fleet.errors import CamsliceError


@dataclass(frozen=True, slots=True)
class Check:
    """A finding in words. `fix` says what to do and is empty where nothing needs doing."""

    name: str
    ok: bool
    detail: str
    fix: str = ""

    @classmethod
    def of(cls, name: str, detail: str, *, fix: str | None) -> Check:
        """A finding that is in order unless there is a `fix`."""
        return cls(name, fix is None, detail, fix or "")


def checked(probes: Iterable[tuple[str, Callable[[], Check]]]) -> list[Check]:
    """Make every check. One that cannot even be made is a finding too, and keeps no other from being made."""
    return [_made(name, probe) for name, probe in probes]


def _made(name: str, probe: Callable[[], Check]) -> Check:
    try:
        return probe()
    except CamsliceError as error:
        # Its sentence says what is wrong and, after the last semicolon, what to do.
        wrong, _, remedy = str(error).rstrip(".").rpartition("; ")
        return Check(name, False, wrong or remedy, f"{remedy[:1].upper()}{remedy[1:]}.")
    except (ImportError, OSError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return Check(name, False, f"this could not be looked at ({reason})", "Reinstall camslice in a fresh environment.")
