"""What pydantic found wrong, as sentences for the one who wrote the file: where, what, what is allowed, what was perhaps meant.

A value is shown only when it is a single one, short, and without the credentials of any address in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from camslice.fleet.errors import FleetError
from camslice.fleet.secrets import redact_address
from camslice.fleet.spec_allowed import allowed_at, known_keys
from camslice.fleet.spec_refused import refused_key, refused_value
from camslice.fleet.spec_values import NAME_RULE, Keys
from camslice.fleet.yaml_lines import Document, KeyPath

_MOST_SENTENCES = 20
_LONGEST_VALUE = 60


def sentences(error: ValidationError, keys: type[Keys], document: Document) -> list[str]:
    """One sentence for each mistake that validating `document` against `keys` found, in the order of the file."""
    found: dict[str, int] = {}
    for details in error.errors(include_url=False, include_input=False, include_context=False):
        found.setdefault(_sentence(details, keys, document), document.line(details["loc"]) or 0)
    return sorted(found, key=lambda sentence: found[sentence])


def raise_all(mistakes: list[str]) -> None:
    """Raise FleetError with one line for each mistake, if there is any."""
    if not mistakes:
        return
    more = len(mistakes) - _MOST_SENTENCES
    tail = [f"({more} more of these.)"] if more > 0 else []
    raise FleetError("\n".join([*mistakes[:_MOST_SENTENCES], *tail]))


def shown(value: object) -> str:
    """A value as an error may show it."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        text = redact_address(value)
        short = text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
        return json.dumps(short, ensure_ascii=not short.isprintable())
    if isinstance(value, int) and abs(value) >= 10**_LONGEST_VALUE:
        return "a number with so many digits"
    return json.dumps(value, default=lambda _: "this")


def _sentence(details: ErrorDetails, keys: type[Keys], document: Document) -> str:
    kind, path = details["type"], details["loc"]
    if path and path[-1] == "[key]":
        return f"{document.place(path[:-2], line_of=path[:-1])}: {shown(path[-2])} is not allowed as a name; write {NAME_RULE}."
    if kind == "extra_forbidden":
        return _extra_key(path, keys, document)
    allowed = allowed_at(keys, path)
    if kind == "missing":
        return f"{document.place(path)} is missing; write {allowed}."
    path, value = _written(document.data, path)
    place = document.place(path)
    if path and (refusal := refused_value(path, value)):
        return f"{place}: {refusal}."
    if value is None:
        return f"{place} has no value; write {allowed}."
    quotes = ", in quotes" if kind == "string_type" and isinstance(value, bool | int | float) else ""
    return f"{place}: {shown(value)} is not allowed; write {allowed}{quotes}."


def _extra_key(path: KeyPath, keys: type[Keys], document: Document) -> str:
    place = document.place(path)
    if refusal := refused_key(path):
        return f"{place}: {refusal}."
    known = known_keys(keys, path[:-1])
    nearest = get_close_matches(str(path[-1]).lower(), known, n=1, cutoff=0.6)
    if nearest:
        return f"{place}: unknown key; did you mean {nearest[0]}? Known here: {', '.join(known)}."
    if _written(document.data, path)[1] is None:
        around = document.place(path[:-1], line_of=path)
        return f"{around}: there is a word without a value; put an address that holds a comma in quotes."
    return f"{place}: unknown key; known here: {', '.join(known)}."


def _written(data: object, path: KeyPath) -> tuple[KeyPath, object]:
    """How much of `path` the user wrote (a short form ends before the path of what it is short for), and what stands there."""
    for depth, part in enumerate(path):
        inside = isinstance(data, Mapping) and part in data
        if not inside and not (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            return path[:depth], data
        data = data[part]  # type: ignore[index]  # a mapping or a list that has it, by the line above
    return path, data
