"""JSON laid out for people and for version control: what fits on a line stays on one, long rows of numbers are filled."""

from __future__ import annotations

import json
from collections.abc import Iterator

_WIDTH = 120


def laid_out(value: object) -> str:
    """The text of `value`, with a line break at its end. NaN and infinity are refused (ValueError)."""
    return _text(value, "", 0) + "\n"


def _text(value: object, indent: str, used: int) -> str:
    """`value` where `used` columns of the line are taken; further lines begin with `indent`."""
    short = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(indent) + used + len(short) <= _WIDTH or not isinstance(value, dict | list):
        return short
    inner = indent + " "
    if isinstance(value, dict):
        items = (f"{json.dumps(key, ensure_ascii=False)}: " for key in value)
        lines = [f"{inner}{key}{_text(each, inner, len(key))}" for key, each in zip(items, value.values(), strict=True)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if all(_is_small(each) for each in value):
        return "[\n" + ",\n".join(_filled(value, inner)) + f"\n{indent}]"
    return "[\n" + ",\n".join(inner + _text(each, inner, 0) for each in value) + f"\n{indent}]"


def _is_small(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, list) and all(isinstance(each, int | float) for each in value))


def _filled(values: list[object], indent: str) -> Iterator[str]:
    line = ""
    for value in values:
        short = json.dumps(value, allow_nan=False)
        if line and len(line) + 2 + len(short) >= _WIDTH:
            yield line
            line = ""
        line = f"{line}, {short}" if line else indent + short
    if line:
        yield line
