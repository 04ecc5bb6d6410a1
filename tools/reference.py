"""Write the reference pages that say what the code says: `python tools/reference.py` (a test compares them)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import benchmarks_page
import helm_values
import kinds_page
from markdown_table import plural, table

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
GENERATED = "<!-- written by tools/reference.py: change the code's own words, then run `make reference` -->\n"

Schema = Mapping[str, object]


def main() -> None:
    """Write every generated page."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)


def pages() -> dict[str, str]:
    """What each generated page should say, by file name."""
    return {
        "cli.md": command_line(),
        "fleet-yaml.md": fleet_file(),
        "benchmarks.md": benchmarks_page.measured(),
        "helm-values.md": helm_values.page(),
        "kinds.md": kinds_page.page(GENERATED),
    }


def command_line() -> str:
    """What every command says with `--help`."""
    from camslice.cli.main import COMMANDS

    parts = [
        "# Command line\n",
        GENERATED,
        "Output for people goes to standard output, progress and logs to standard error. With `--json` a command prints one\n"
        "JSON object instead: [JSON output](json.md), which also lists the exit codes.\n",
    ]
    for name in COMMANDS:
        inner = re.search(r"^Commands:\n(.*)", _help(name), re.MULTILINE | re.DOTALL)
        calls = [(name, each) for each in re.findall(r"^  (\w+)", inner.group(1), re.MULTILINE)] if inner else [(name,)]
        parts += [f"## camslice {' '.join(words)}\n\n```text\n{_help(*words)}\n```\n" for words in calls]
    return "\n".join(parts)


def fleet_file() -> str:
    """Every key of fleet.yaml."""
    from camslice.fleet.schema import fleet_schema

    schema = fleet_schema()
    definitions = cast("Mapping[str, Schema]", schema["$defs"])
    parts = [
        "# fleet.yaml\n",
        GENERATED,
        f"{schema['description']}\n",
        "A key that is not listed here is an error that names the nearest one that is. `camslice schema` prints the same as a\n"
        "JSON Schema, for editors:\n",
        "```console\n$ camslice schema > fleet.schema.json\n```\n",
        *_keys(schema, definitions),
    ]
    for title, definition in _in_order_of_use(schema, definitions):
        parts += [f"## {title}\n", f"{definition['description']}\n", *_keys(definition, definitions)]
    return "\n".join(parts)


def _help(*words: str) -> str:
    from typer.testing import CliRunner

    from camslice.cli.main import command_line as application

    environment = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    said = CliRunner(env=environment).invoke(application(words), [*words, "--help"], prog_name="camslice", terminal_width=100)
    if said.exit_code != 0:
        raise SystemExit(f"camslice {' '.join(words)} --help: {said.output}")
    return "\n".join(line.rstrip() for line in said.output.strip().splitlines())


def _in_order_of_use(
    schema: Schema, definitions: Mapping[str, Schema], parent: str = "", taken: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Schema]]:
    """Each mapping under the key that holds it, with the key around it where an outer mapping has that name already."""
    properties = _properties(schema)
    for key, value in properties.items():
        match = re.search(r'"#/\$defs/(\w+)"', json.dumps(value))
        if match:
            inner = definitions[match.group(1)]
            yield f"{key} of {parent}" if key in taken else key, inner
            yield from _in_order_of_use(inner, definitions, key, taken | properties.keys())


def _keys(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[str]:
    required = cast("list[str]", schema.get("required", []))
    rows = [
        (
            f"`{key}`" + (" (required)" if key in required else ""),
            _kind(value, definitions),
            _value(value),
            _meaning(key, value, definitions),
        )
        for key, value in _properties(schema).items()
    ]
    yield table(("key", "value", "default", "meaning"), rows)


def _properties(schema: Schema) -> Mapping[str, Schema]:
    return cast("Mapping[str, Schema]", schema.get("properties", {}))


def _kind(value: Schema, definitions: Mapping[str, Schema]) -> str:
    if "anyOf" in value:
        kinds = [_kind(each, definitions) for each in cast("list[Schema]", value["anyOf"]) if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in value or "const" in value:
        choices = cast("list[object]", value.get("enum", [value.get("const")]))
        return ", ".join(f"`{choice}`" for choice in choices)
    if "$ref" in value or "allOf" in value:
        return "keys, see below"
    if value.get("type") == "array":
        inner = value.get("items") or cast("list[Schema]", value.get("prefixItems", [{}]))[0]
        return f"list of {plural(_kind(cast('Schema', inner), definitions))}"
    if value.get("type") == "object":
        return "names, each with keys, see below"
    return f"{_TYPES[str(value.get('type'))]}{_range(value)}"


_TYPES = {"string": "text", "number": "number", "integer": "whole number", "boolean": "`true` or `false`"}


def _range(value: Schema) -> str:
    if "minimum" in value and value["minimum"] == value.get("maximum"):
        return f" {_number(value['minimum'])}, nothing else yet"
    words = {
        "multipleOf": "multiple of",
        "minimum": "from",
        "exclusiveMinimum": "above",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    said = [f"{word} {_number(value[name])}" for name, word in words.items() if name in value]
    return f", {' '.join(said)}" if said else ""


def _number(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _value(value: Schema) -> str:
    default = value.get("default")
    return (
        ""
        if default is None or isinstance(default, dict | list)
        else f"`{_number(default) if not isinstance(default, bool) else str(default).lower()}`"
    )


def _meaning(key: str, value: Schema, definitions: Mapping[str, Schema]) -> str:
    if "description" in value:
        return _one_line(str(value["description"]))
    match = re.search(r'"#/\$defs/(\w+)"', json.dumps(value))
    return f"{_one_line(str(definitions[match.group(1)]['description']))} [Keys](#{key})" if match else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
