"""Write the reference pages that say what the code says: `python tools/reference.py` (a test compares them)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
GENERATED = "<!-- written by tools/reference.py: change the code's own words, then run `make reference` -->\n"

Schema = Mapping[str, object]


class Parameter(Protocol):
    """An argument or option of a command, as typer has it."""

    opts: list[str]
    secondary_opts: list[str]
    required: bool
    hidden: bool
    default: object
    param_type_name: str

    def make_metavar(self, ctx: object) -> str:
        """How its value is called."""
        ...


class Command(Protocol):
    """A command or a group of commands, as typer has it."""

    name: str
    help: str | None
    hidden: bool
    params: list[Parameter]
    commands: dict[str, Command]


def main() -> None:
    """Write every generated page."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)


def pages() -> dict[str, str]:
    """What each generated page should say, by file name."""
    return {"cli.md": command_line(), "fleet-yaml.md": fleet_file()}


def command_line() -> str:
    """Every command with its arguments and options."""
    import typer
    from camslice.cli.main import app

    root = cast("Command", typer.main.get_command(app))
    parts = [
        "# Command line\n",
        GENERATED,
        "Output for people goes to standard output, progress and logs to standard error. With `--json` a command prints one\n"
        "JSON object instead: [JSON output](json.md), which also lists the exit codes.\n",
    ]
    for words, command in _leaves(root, ("camslice",)):
        parts += [f"## {' '.join(words)}\n", f"{_paragraphs(command.help)}\n", *_usage(words, command)]
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


def _leaves(command: Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Command]]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield words, command
        return
    for name, each in inner.items():
        if not each.hidden:
            yield from _leaves(each, (*words, name))


def _usage(words: tuple[str, ...], command: Command) -> Iterator[str]:
    shown = [parameter for parameter in command.params if not parameter.hidden and "--help" not in parameter.opts]
    arguments = [parameter for parameter in shown if parameter.param_type_name == "argument"]
    options = [parameter for parameter in shown if parameter.param_type_name == "option"]
    usage = " ".join([*words, *(_argument(each) for each in arguments), *(["[OPTIONS]"] if options else [])])
    yield f"```text\n{usage}\n```\n"
    rows = [(_argument(each), "", _help(each)) for each in arguments] + [
        (_option(each), _default(each), _help(each)) for each in options
    ]
    if rows:
        yield _table(("", "default", "meaning"), [(f"`{name}`", default, text) for name, default, text in rows])


def _argument(parameter: Parameter) -> str:
    metavar = parameter.make_metavar(_context())
    return metavar if parameter.required else f"[{metavar.strip('[]')}]"


def _option(parameter: Parameter) -> str:
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return names if getattr(parameter, "is_flag", False) else f"{names} {parameter.make_metavar(_context())}"


def _context() -> object:
    import typer
    from camslice.cli.main import app

    return typer.Context(typer.main.get_command(app))


def _help(parameter: Parameter) -> str:
    return _one_line(getattr(parameter, "help", None) or "")


def _default(parameter: Parameter) -> str:
    value = parameter.default
    if (
        parameter.required
        or value is None
        or callable(value)
        or getattr(parameter, "is_flag", False)
        or type(value).__name__ == "Sentinel"
    ):
        return ""
    return f"`{getattr(value, 'value', value)}`" if value not in ([], (), "") else ""


def _in_order_of_use(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for key, value in _properties(schema).items():
        match = re.search(r'"#/\$defs/(\w+)"', json.dumps(value))
        if match:
            yield key, definitions[match.group(1)]


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
    yield _table(("key", "value", "default", "meaning"), rows)


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
        return f"list of {_plural(_kind(cast('Schema', inner), definitions))}"
    if value.get("type") == "object":
        return "names, each with keys, see below"
    return f"{_TYPES[str(value.get('type'))]}{_range(value)}"


_TYPES = {"string": "text", "number": "number", "integer": "whole number", "boolean": "`true` or `false`"}


def _plural(kind: str) -> str:
    return kind.replace("text", "texts").replace("number", "numbers").replace("keys, see", "entries, see")


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
        else f"`{_number(default) if not isinstance(default, bool) else default}`"
    )


def _meaning(key: str, value: Schema, definitions: Mapping[str, Schema]) -> str:
    if "description" in value:
        return _one_line(str(value["description"]))
    match = re.search(r'"#/\$defs/(\w+)"', json.dumps(value))
    return f"{_one_line(str(definitions[match.group(1)]['description']))} [Keys](#{key})" if match else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    keep = [i for i, title in enumerate(head) if i in (0, len(head) - 1) or any(row[i] for row in rows) or title != "default"]
    lines = [[head[i] for i in keep], ["---"] * len(keep), *([row[i].replace("|", "\\|") for i in keep] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _paragraphs(text: str | None) -> str:
    return re.sub(r"[ \t]+$", "", (text or "").replace("\b", "").strip(), flags=re.MULTILINE)


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
