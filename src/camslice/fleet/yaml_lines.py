"""YAML whose keys know their lines, so that every complaint about a value can say where it stands.

Nodes are composed by PyYAML and turned into plain values here, because a constructor forgets lines, lets a key that is
given twice win silently and follows aliases without bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from camslice.fleet.errors import FleetError

KeyPath = tuple[str | int, ...]
"""Where a value stands: `("cameras", 0, "fps")`."""

_MOST_VALUES = 500_000
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values, and the lines they came from. `lines` is empty for what was not read from a file."""

    origin: str
    data: object
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def place(self, path: KeyPath, line_of: KeyPath | None = None) -> str:
        """Where `path` stands, as errors begin: `fleet.yaml:12: cameras[0].fps`. `line_of` lends its line."""
        line = self.line(path if line_of is None else line_of)
        start = f"{self.origin}:{line}" if line else self.origin
        return f"{start}: {path_text(path)}" if path else start

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(text: str, origin: str) -> Document:
    """Read one YAML document. `origin` names it in errors.

    Raises FleetError for what is not YAML, for a key given twice, for tags and merge keys, and for aliases that multiply beyond
    reason.
    """
    try:
        # The pure Python loader on purpose: nesting too deep raises here, and overruns the stack in the one written in C.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise FleetError(_not_yaml(error, text, origin)) from None
    except RecursionError:
        raise FleetError(f"{origin}: this is nested too deeply to be a fleet; write at most {_DEEPEST} levels.") from None
    if root is None:
        return Document(origin, None)
    reader = _Reader(origin)
    return Document(origin, reader.value(root, ()), reader.lines)


def path_text(path: KeyPath) -> str:
    """A path as the user would say it: `cameras[0].fps`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" if text else shown_key(part)
    return text


def shown_key(key: str) -> str:
    """A key as an error may show it. What looks like a piece of an address torn apart by a comma is kept back."""
    return "***" if re.search(r"[@/\s]", key.strip()) or not key.isprintable() or len(key) > 64 else key


class _Reader:
    """Turns nodes into values and notes their lines."""

    def __init__(self, origin: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._origin = origin
        self._scalars = yaml.constructor.SafeConstructor()
        self._values = 0

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        self.lines.setdefault(path, _line(node))
        self._values += 1
        if self._values > _MOST_VALUES or len(path) > _DEEPEST:
            limits = f"{_MOST_VALUES} values or {_DEEPEST} levels"
            raise FleetError(f"{self._at(node)}: this grows beyond {limits}; use fewer aliases, and `count` for many cameras.")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            here = (*path, key)
            if key in values:
                first = self.lines[here]
                raise FleetError(f"{self._at(key_node)}: {path_text(here)} is given twice (first on line {first}); keep one.")
            self.lines[here] = _line(key_node)
            values[key] = self.value(value_node, here)
        return values

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise FleetError(f"{self._at(node)}: a key must be a plain word, not a list or a mapping.")
        if node.tag == "tag:yaml.org,2002:merge":
            raise FleetError(f"{self._at(node)}: merge keys (<<) are not allowed; write the keys out, or use `count`.")
        return str(node.value)

    def _scalar(self, node: yaml.Node) -> object:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind in {"str", "timestamp", "value"}:
            return str(node.value)
        if kind not in {"int", "float", "bool", "null"}:
            raise FleetError(f"{self._at(node)}: YAML tags are not allowed; write a plain value.")
        try:
            value: object = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, OverflowError):
            raise FleetError(f"{self._at(node)}: this value does not read as {kind}; write a plain value.") from None
        return value

    def _at(self, node: yaml.Node) -> str:
        return f"{self._origin}:{_line(node)}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _not_yaml(error: yaml.YAMLError, text: str, origin: str) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        # Quoted words in YAML's own sentence are pieces of the file, which may be pieces of a password.
        problem = re.sub(r"('[][{}:,?-]')|'[^']*'", lambda quoted: quoted[1] or "'...'", error.problem or "it cannot be read")
        line = error.problem_mark.line + 1
        return f"{origin}:{line}: this is not YAML ({problem}); check indentation, colons and quotes."
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{origin}:{line}: this holds a character that YAML does not allow; save the file as plain UTF-8 text."
    return f"{origin}: this is not YAML; check indentation, colons and quotes."
