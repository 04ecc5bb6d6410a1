"""What may stand at a place of fleet.yaml, read off the classes that validate it, so that errors and checks cannot disagree."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from camslice.fleet.spec_values import Allowed, Keys
from camslice.fleet.yaml_lines import KeyPath


def allowed_at(keys: type[Keys], path: KeyPath) -> str:
    """What may stand at `path` below a mapping of `keys`, as the end of the sentence 'write ...'."""
    annotation: object = keys
    text = "a mapping of keys and values"
    for part in path:
        annotation, notes = _step(annotation, part)
        text = notes[-1] if notes else text
    return text


def known_keys(keys: type[Keys], path: KeyPath) -> list[str]:
    """The keys that the mapping at `path` may have, in alphabetical order; none where there is no mapping of known keys."""
    annotation: object = keys
    for part in path:
        annotation, _ = _step(annotation, part)
    return sorted(name for option in _mappings(annotation) for name in option.model_fields)


def _step(annotation: object, part: str | int) -> tuple[object, list[str]]:
    """The annotation one part further down a path, and what it says of itself, the most telling last."""
    for mapping in _mappings(annotation):
        if isinstance(part, str) and part in mapping.model_fields:
            field = mapping.model_fields[part]
            return field.annotation, [*_notes(field.annotation), *_texts(field.metadata)]
    for option in _options(annotation):
        if get_origin(option) in {list, tuple, dict}:
            inner: object = get_args(option)[-1]
            return inner, [*_required(inner), *_notes(inner)]
    return None, []


def _mappings(annotation: object) -> list[type[Keys]]:
    return [option for option in _options(annotation) if isinstance(option, type) and issubclass(option, Keys)]


def _options(annotation: object) -> list[object]:
    """The annotation without its notes, and each choice of a union on its own."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return [inner for choice in get_args(annotation) for inner in _options(choice)]
    return [annotation]


def _notes(annotation: object) -> list[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        return [*_notes(inner), *_texts(metadata)]
    if origin in {Union, UnionType}:
        return [text for choice in get_args(annotation) for text in _notes(choice)]
    return []


def _texts(metadata: list[object]) -> list[str]:
    return [note.text for note in metadata if isinstance(note, Allowed)]


def _required(annotation: object) -> list[str]:
    return [
        f"a mapping with at least {', '.join(name for name, field in mapping.model_fields.items() if field.is_required())}"
        for mapping in _mappings(annotation)
    ]
