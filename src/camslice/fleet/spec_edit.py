"""A fleet file with `stream` filled in where cameras lack it, and every other character as it was.

The place is found by the marks of YAML's own parser. Whether the edit did what it should is not taken for granted: the caller
compares what the file says before and after (`same_but_streams`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import yaml

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
    inserted = [_insertion(text, entry, streams[index]) for index, entry in _entries(text) if index in streams]
    for place, words in sorted((each for each in inserted if each is not None), reverse=True):
        text = text[:place] + words + text[place:]
    return text


def same_but_streams(before: Fleet, after: Fleet) -> bool:
    """Whether two fleets are equal in all but what their cameras send."""
    bare = (
        replace(fleet, cameras=tuple(replace(camera, stream=None) for camera in fleet.cameras)) for fleet in (before, after)
    )
    return next(bare) == next(bare)


def _entries(text: str) -> list[tuple[int, yaml.MappingNode]]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "cameras" and isinstance(value, yaml.SequenceNode):
            return [(index, entry) for index, entry in enumerate(value.value) if isinstance(entry, yaml.MappingNode)]
    raise ValueError("no list of cameras")


def _insertion(text: str, entry: yaml.MappingNode, stream: StreamFormat) -> tuple[int, str] | None:
    """Where to insert what; None if there is a stream already."""
    if any(key.value == "stream" for key, _ in entry.value):
        return None
    if not entry.value:
        raise ValueError("an empty entry")
    words = f"stream: {stream_text(stream)}"
    if entry.flow_style:
        return entry.value[-1][1].end_mark.index, f", {words}"
    first_key, first_value = entry.value[0]
    end = text.find("\n", first_value.end_mark.index)
    newline = "\r\n" if "\r\n" in text else "\n"
    line = " " * first_key.start_mark.column + words
    return (len(text), newline + line) if end < 0 else (end + 1, line + newline)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
