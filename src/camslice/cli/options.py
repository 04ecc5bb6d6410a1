"""Reading option values that have a fixed set of choices."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from camslice.fleet.errors import CamsliceError

Choice = TypeVar("Choice", bound=StrEnum)


def one_of(choices: type[Choice], value: str, option: str) -> Choice:
    """The choice that `value` names. Raises CamsliceError that lists what is allowed."""
    try:
        return choices(value)
    except ValueError as error:
        raise CamsliceError(f"{option} {value}: choose one of {', '.join(choices)}.") from error
