"""Write the reference pages that say what the code says: `python tools/reference.py` (a test compares them)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, cast

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
GENERATED = "<!-- written by tools/reference.py: change the code's own words, then run `make reference` -->\n"

Schema = Mapping[str, object]


def main() -> None:
    """Write every generated page."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)


def pages() -> dict[str, str]:
    """What each generated page should say, by file name."""
    return {"cli.md": command_line(), "fleet-yaml.md": fleet_file(), "benchmarks.md": measured()}


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


def measured() -> str:
    """What the benchmarks recorded."""
    ceilings = [_result(f"ceiling-{name}") for name in ("yolov8n", "yolox-nano")]
    against, agreement = _result("vs-ultralytics"), _result("agreement")
    machine = against["machine"]
    ceiling_rows = [
        (
            f"{each['model']} {each['input'][0]} px",
            f"{_median(each, 'end_to_end'):.1f}",
            f"{_median(each, 'bare'):.1f}",
            "{min:.2f} / {median:.2f} / {max:.2f}".format(**each["ratio"]),
            f"{each['goal']:.2f}",
        )
        for each in ceilings
    ]
    their_names = {"pods": "one Ultralytics process per camera", "best": "Ultralytics at its best: OpenVINO, one process"}
    rows = [("camslice run", f"{against['sustained_fps']['ours']:.1f}", "", "")] + [
        (name, f"{against['sustained_fps'][key]:.1f}", f"{against['ours_over'][key]:.2f}", f"{against['goals'][key]:.2f}")
        for key, name in their_names.items()
    ]
    scores = [(name, f"{each['map_50_95']:.4f}", f"{each['map_50']:.4f}") for name, each in agreement["accuracy"].items()]
    versions = ", ".join(f"{name} {version}" for name, version in against["versions_of_theirs"].items())
    boxes = agreement["boxes_on_dataset"]
    return "\n".join(
        [
            "# Benchmarks\n",
            "<!-- written by tools/reference.py from benchmarks/results: run a benchmark, then `make reference` -->\n",
            f"Measured on {machine['cores']} cores of an {machine['cpu']} ({', '.join(machine['cpu_features'])}), "
            f"{machine['distribution']}, on a shared machine: read the ratios, which come from runs in turns, not the "
            "frames/s.\n",
            "## The whole way of a frame against bare inference\n",
            "Decode, scale, infer, decode boxes, count and store, over the same compiled model alone in OpenVINO's "
            f"asynchronous queue. {ceilings[0]['cameras']} cameras of a 768 x 576 clip, each as fast as it can "
            "(`benchmarks/ceiling.py`).\n",
            _table(("model", "whole, frames/s", "bare, frames/s", "ratio min / median / max", "goal"), ceiling_rows),
            "![Whole against bare, YOLOv8n](../pictures/ceiling-yolov8n.svg)\n",
            "![Whole against bare, YOLOX-nano](../pictures/ceiling-yolox-nano.svg)\n",
            "## Against Ultralytics\n",
            f"The most frames/s of {against['cameras']} cameras at which the objective still holds: p95 at most 500 ms over "
            "all captured frames, at most 1 % dropped. The rate climbs in steps of 5 %, the systems take turns, all on the "
            f"same weights ({against['weights']}), clip and input of {against['input'][0]} x {against['input'][1]} px "
            f"({versions}; `benchmarks/vs_ultralytics.py`).\n",
            _table(("system", "frames/s", "camslice over it", "goal"), rows),
            "![camslice and Ultralytics](../pictures/vs-ultralytics.svg)\n",
            *_by_pods(),
            "## The same answers?\n",
            f"{agreement['dataset']['pictures']} labelled pictures, one evaluator for both. A small set: compare the rows, "
            "not published figures. Ultralytics pads to the smallest rectangle by default and camslice to the model's square; "
            "`input_size:` sets a rectangle (`benchmarks/agreement.py`).\n",
            _table(("system", "mAP 50-95", "mAP 50"), scores),
            f"On the same square {boxes['matched']} boxes match and differ by at most {boxes['largest_px']} px; "
            f"{len(boxes['only_ours'])} are only ours and {len(boxes['only_theirs'])} only theirs.\n",
        ]
    )


def _by_pods() -> Iterator[str]:
    """Numbers of pods side by side, once somebody has measured them."""
    if not (RESULTS / "vs-ultralytics-pods.json").exists():
        return
    result = _result("vs-ultralytics-pods")
    names = {
        "sliced": "camslice, a pod per camera",
        "pooled": "camslice, all cameras in one pod",
        "theirs": "engine ultralytics, a pod per camera",
        "best": "engine ultralytics, OpenVINO, one pod",
        "as-found": "Ultralytics alone, a process per camera",
    }
    figures = {"fps": "{median:.1f}", "p95_ms": "{median:.0f}", "memory_mb_per_camera": "{median:.0f}"}
    yield "### By numbers of pods\n"
    yield (
        f"A closed loop: each camera takes its next frame when it has the answer to the last. Medians of {result['rounds']} "
        f"turns of {result['seconds_per_turn']:g} s; the systems take turns, all on the same weights ({result['weights']}), "
        f"clip and input of {result['input'][0]} x {result['input'][1]} px (`benchmarks/ultralytics_pods.py`).\n"
    )
    yield _table(
        ("system", "cameras", "frames/s", "p95 ms", "MB of PSS per camera"),
        [
            (
                names[row["system"]],
                str(row["pods"]),
                *(words.format(**row[name]) if row[name] else "; ".join(row["problems"]) for name, words in figures.items()),
            )
            for row in sorted(result["rows"], key=lambda row: int(row["pods"]))
        ],
    )


def _result(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / f"{name}.json").read_text()))


def _median(result: Mapping[str, Any], side: str) -> float:
    return float(median(turn[side]["fps"] for turn in result["turns"]))


def _help(*words: str) -> str:
    from typer.testing import CliRunner

    from camslice.cli.main import command_line as application

    environment = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    said = CliRunner(env=environment).invoke(application(words), [*words, "--help"], prog_name="camslice", terminal_width=100)
    if said.exit_code != 0:
        raise SystemExit(f"camslice {' '.join(words)} --help: {said.output}")
    return "\n".join(line.rstrip() for line in said.output.strip().splitlines())


def _in_order_of_use(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for key, value in _properties(schema).items():
        match = re.search(r'"#/\$defs/(\w+)"', json.dumps(value))
        if match:
            yield key, definitions[match.group(1)]
            yield from _in_order_of_use(definitions[match.group(1)], definitions)


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


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
