"""`camslice models ...`: the model list, what lies on this machine, and weights of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from camslice.cli.models_quantise import quantise
from camslice.cli.options import AcceptLicences, AsJson

if TYPE_CHECKING:
    from camslice.models.catalogue import Catalogue, Entry
    from camslice.models.fetch import Found
    from camslice.models.model import ModelInfo

Row = dict[str, object]
"""One model or clip as `--json` shows it."""

BRING_IT = "a file of yours"
"""The source of what camslice cannot fetch."""


app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
app.command("quantise")(quantise)


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Show the model list: licence, classes, input, and what lies on this machine. Fetches nothing."""
    from camslice.models.catalogue import load_catalogue
    from camslice.models.fetch import find

    catalogue = load_catalogue()
    _show([_listed(catalogue, entry, find(entry)) for entry in catalogue.entries], as_json)


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(help="names of the model list (clips too)", metavar="NAME...")],
    accept_licence: AcceptLicences = None,
    as_json: AsJson = False,
) -> None:
    """Fetch models and clips, unless they lie on this machine already."""
    from camslice.cli.fetching import FetchBars, asking
    from camslice.models.catalogue import load_catalogue
    from camslice.models.fetch import fetch

    catalogue = load_catalogue()
    entries = [catalogue.entry(name) for name in names]
    accept, progress = asking(accept_licence or ()), FetchBars()
    _show([_listed(catalogue, entry, fetch(entry, accept=accept, progress=progress)) for entry in entries], as_json)


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="a name of the model list, or a path to .onnx / OpenVINO .xml", metavar="NAME")],
    as_json: AsJson = False,
) -> None:
    """Show one model or clip: what camslice understands of it. Fetches nothing."""
    from camslice.fleet.types import ModelSpec
    from camslice.models.catalogue import load_catalogue
    from camslice.models.fetch import find
    from camslice.models.resolve import own_file, resolve

    catalogue = load_catalogue()
    if own_file(name, catalogue):
        row = _read(resolve(ModelSpec(name, name), catalogue=catalogue))
    else:
        entry = catalogue.entry(name)
        row = _listed(catalogue, entry, find(entry))
    if as_json:
        _show([row], as_json)
    else:
        _show_one(row)


@app.command("import")
def import_model(
    weights: Annotated[Path, typer.Argument(help="YOLOv8 or YOLO11 weights (.pt)", metavar="WEIGHTS.pt")],
    name: Annotated[str | None, typer.Option(help="what to call it (default: the file's name)")] = None,
    sample: Annotated[Path | None, typer.Option(help="folder of pictures on which boxes are compared", metavar="DIR")] = None,
    size: Annotated[int | None, typer.Option(help="input size in pixels (default: what it was trained for)", min=32)] = None,
    as_json: AsJson = False,
) -> None:
    """Make a model of .pt weights: export it, compare its boxes with Ultralytics' own, keep it when they agree.

    Needs the extra camslice[ultralytics], which is AGPL-3.0.
    """
    from camslice.cli.output import print_json, stdout
    from camslice.models.importing import import_weights

    done = import_weights(weights, name=name, samples=sample, size=size)
    if as_json:
        print_json(
            {"name": done.name, "path": str(done.path), "labels": done.labels, "max_box_error_px": done.max_box_error_px}
        )
        return
    stdout().print(f"{done.name}: {len(done.labels)} classes, boxes within {done.max_box_error_px:g} px of Ultralytics' own.")
    stdout().print(f"It lies at {done.path}; `weights: {done.name}` means it from now on.")


def _listed(catalogue: Catalogue, entry: Entry, found: Found | None) -> Row:
    facts = entry.model
    file = found.file if found else entry.file(entry.sources[0].file) if entry.sources else entry.files[0]
    origins = [source.words for source in entry.sources] or [BRING_IT]
    return {
        "name": entry.name,
        "kind": str(entry.kind),
        "licence": entry.licence,
        "task": facts.task if facts else None,
        "input": {"width": facts.input.width, "height": facts.input.height} if facts else None,
        "classes": list(catalogue.labels(entry)),
        "source": found.source if found else ", else ".join(origins),
        "path": str(found.path) if found else None,
        "sha256": file.sha256,
        "about": entry.about,
        "decoder": facts.decoder if facts else None,
        "dynamic_batch": file.dynamic_batch or file.open_shape if facts else None,
        "dynamic_size": file.dynamic_size or file.open_shape if facts else None,
        "int8": _int8(_as_run(found)) if found and facts else [],
    }


def _as_run(found: Found) -> str:
    """The hash of the file that engines load: for weights of a fixed size that is a copy, derived when first needed."""
    if not found.file.open_shape:
        return found.file.sha256
    from camslice.models.cache import sha256_of
    from camslice.models.dynamic_batch import opened_copy

    copy = opened_copy(found.path, found.file.sha256)
    return sha256_of(copy) if copy.is_file() else found.file.sha256


def _int8(sha256: str) -> list[Row]:
    """The INT8 versions of these weights on this machine, and what each loses."""
    from camslice.models.quantised import versions_of

    return [
        {
            "path": str(version.path),
            "input": {"width": version.evidence.input_width, "height": version.evidence.input_height},
            "map_before": version.evidence.map_before,
            "map_after": version.evidence.map_after,
            "drop": version.evidence.drop,
            "metric": version.evidence.metric,
            "judged_by": version.evidence.judged_by,
            "made_at": version.evidence.made_at,
        }
        for version in versions_of(sha256)
    ]


def _read(info: ModelInfo) -> Row:
    return {
        "name": info.name,
        "kind": "model",
        "licence": info.licence,
        "task": info.task,
        "input": {"width": info.input.width, "height": info.input.height},
        "classes": list(info.labels),
        "source": info.source,
        "path": str(info.path),
        "sha256": info.sha256,
        "about": "",
        "decoder": info.decoder,
        "dynamic_batch": info.input.dynamic_batch,
        "dynamic_size": info.input.dynamic_size,
        "int8": _int8(info.sha256),
    }


def _show(rows: Sequence[Row], as_json: bool) -> None:
    from rich.table import Table

    from camslice.cli.output import print_json, stdout

    if as_json:
        print_json({"models": rows})
        return
    table = Table()
    for title in ("name", "kind", "licence", "task", "input", "classes", "INT8", "where"):
        table.add_column(title, overflow="fold")
    for row in rows:
        where = row["path"] or ("not here; bring the file" if row["source"] == BRING_IT else "not here; fetched when needed")
        keys = ("name", "kind", "licence", "task", "input", "classes", "int8")
        table.add_row(*map(_cell, (*(row[key] for key in keys), where)))
    stdout().print(table)


def _show_one(row: Row) -> None:
    from rich.table import Table

    from camslice.cli.output import stdout

    table = Table(show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for key, value in row.items():
        if value not in (None, "", []):
            table.add_row(key.replace("_", " "), _cell(value))
    stdout().print(table)


def _cell(value: object) -> str:
    words = {None: "-", True: "yes", False: "no"}
    match value:
        case None | bool():
            return words[value]
        case {"width": width, "height": height}:
            return f"{width}x{height}"
        case {"input": size, "drop": drop}:
            return f"{_cell(size)}: loses {drop:.4f} mAP"
        case [*names] if len(names) > 4:
            return f"{', '.join(map(_cell, names[:3]))} and {len(names) - 3} more"
        case [*names]:
            return ", ".join(map(_cell, names)) or "-"
    return str(value)
