"""The kinds of values that keys of fleet.yaml have, checked without Python's leniency (True is no number, "5" is text)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
NAME_RULE = "a name of 1 to 63 letters, digits, '_', '.' or '-' that begins with a letter or digit"
LONGEST_NAME = 63


class Keys(BaseModel):
    """A mapping of fleet.yaml: no key but those named, no value but of the kind named."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        field_title_generator=lambda name, _: name,
        model_title_generator=lambda keys: keys.__name__.removesuffix("Keys").lower(),
    )


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may stand at a key, as the end of the sentence 'write ...'."""

    text: str


def number(value: object) -> float:
    """Whole numbers are numbers too; booleans, which Python counts among the whole numbers, are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("not a finite number") from None


def pair(value: object) -> object:
    """One size stands for a square."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return as_tuple(value)


def as_tuple(value: object) -> object:
    """A list is what YAML has for a tuple."""
    return tuple(value) if isinstance(value, list) else value


def url_alone(value: object) -> object:
    """A plain URL is short for `{url: URL}`."""
    return {"url": value} if isinstance(value, str) else value


def plain(text: str) -> str:
    """Text without control characters or halves of surrogate pairs, which no file name and no address can hold."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError("holds a control character")
    return text


def or_else(short_form: JsonDict) -> Callable[[JsonDict], None]:
    """Add the short form that a validator takes to the JSON Schema of an optional key."""

    def add(schema: JsonDict) -> None:
        choices = schema["anyOf"]
        if isinstance(choices, list):
            choices.insert(0, short_form)

    return add


# Last in each `Annotated`, so that it runs before the bounds are checked and the schema still knows them as bounds of a number.
NUMBER = BeforeValidator(number)

Positive = Annotated[float, Field(gt=0), NUMBER]
Share = Annotated[float, Field(ge=0, le=1), NUMBER]
MOST_MASKS = 32
Mask = Annotated[
    list[Annotated[tuple[Share, Share], BeforeValidator(as_tuple)]],
    Field(min_length=3, max_length=100),
]
"""A polygon: its corners (x, y) as shares of width and height."""
Name = Annotated[str, Field(pattern=NAME_PATTERN), Allowed(NAME_RULE)]
Text = Annotated[str, Field(min_length=1), AfterValidator(plain), Allowed("text")]
Side = Annotated[int, Field(multiple_of=32, ge=32, le=4096)]
