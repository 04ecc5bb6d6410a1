"""A fleet file with what was measured filled in (cameras' `stream`, models' `evaluated`), and every other character as it was.

The place is found by the marks of YAML's own parser. Whether the edit did what it should is not taken for granted: the caller
compares what the file says before and after (`same_but_streams`, `same_but_evaluated`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import yaml

from camslice.fleet.policy import Evaluated
from camslice.fleet.types import Fleet, StreamFormat


def stream_text(stream: StreamFormat) -> str:
    """The value of a camera's `stream` as YAML on one line."""
    return (
        f"{{width: {stream.width}, height: {stream.height}, fps: {_number(stream.fps)}, codec: {stream.codec}, "
        f"kbps: {_number(stream.kbps)}}}"
    )


def with_streams(text: str, streams: Mapping[int, StreamFormat]) -> str:
    """`text` of a fleet file with the streams added to the entries of `cameras` of these indices that have none.

    Raises ValueError where the place cannot be found.
    """
    lacking = [(index, entry) for index, entry in _entries(text) if index in streams and _value(entry, "stream") is None]
    inserted = [_insertion(text, entry, f"stream: {stream_text(streams[index])}") for index, entry in lacking]
    for place, words in sorted(inserted, reverse=True):
        text = text[:place] + words + text[place:]
    return text


def with_evaluated(text: str, model: str, evaluated: Sequence[Evaluated]) -> str:
    """`text` of a fleet file with these as what was evaluated of the model, instead of what the file says of that.

    Raises ValueError where the place cannot be found.
    """
    entry = _value(_value(yaml.compose(text, Loader=yaml.SafeLoader), "models"), model)
    if not isinstance(entry, yaml.MappingNode):
        raise ValueError("no such model")
    words = f"[{', '.join(_evaluated_text(each) for each in evaluated)}]"
    before = _value(entry, "evaluated")
    if before is None:
        place, inserted = _insertion(text, entry, f"evaluated: {words}")
        return text[:place] + inserted + text[place:]
    if not isinstance(before, yaml.SequenceNode) or not before.flow_style:
        raise ValueError("its list is not in brackets")
    return text[: before.start_mark.index] + words + text[before.end_mark.index :]


def same_but_streams(before: Fleet, after: Fleet) -> bool:
    """Whether two fleets are equal in all but what their cameras send."""
    bare = (
        replace(fleet, cameras=tuple(replace(camera, stream=None) for camera in fleet.cameras)) for fleet in (before, after)
    )
    return next(bare) == next(bare)


def same_but_evaluated(before: Fleet, after: Fleet) -> bool:
    """Whether two fleets are equal in all but what was evaluated of their models."""
    bare = (
        replace(fleet, models={name: replace(model, evaluated=()) for name, model in fleet.models.items()})
        for fleet in (before, after)
    )
    return next(bare) == next(bare)


def _evaluated_text(each: Evaluated) -> str:
    return (
        f"{{policy: {each.policy}, recall: {_number(each.recall)}, low: {_number(each.low)}, cost: {_number(each.cost)}, "
        f"frames: {each.frames}}}"
    )


def _entries(text: str) -> list[tuple[int, yaml.MappingNode]]:
    cameras = _value(yaml.compose(text, Loader=yaml.SafeLoader), "cameras")
    if not isinstance(cameras, yaml.SequenceNode):
        raise ValueError("no list of cameras")
    return [(index, entry) for index, entry in enumerate(cameras.value) if isinstance(entry, yaml.MappingNode)]


def _value(node: object, key: str) -> yaml.Node | None:
    """What stands at a key of a mapping."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _insertion(text: str, entry: yaml.MappingNode, words: str) -> tuple[int, str]:
    """Where to insert what, to add `words` to the mapping."""
    if not entry.value:
        raise ValueError("an empty entry")
    if entry.flow_style:
        return entry.value[-1][1].end_mark.index, f", {words}"
    first_key, first_value = entry.value[0]
    end = text.find("\n", first_value.end_mark.index)
    newline = "\r\n" if "\r\n" in text else "\n"
    line = " " * first_key.start_mark.column + words
    return (len(text), newline + line) if end < 0 else (end + 1, line + newline)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
