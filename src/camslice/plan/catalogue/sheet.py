"""A catalogue as it is written down: remarks on the whole, and a row of cells for each instance type. CSV or YAML, one schema.

In CSV the remarks are lines before the header: `# date: 2026-11-01`, `# source quote: offer of November`,
`# price on_demand@eu-west-1: 2026-11-01 quote`; what begins with ## is for people. In YAML they are keys: `date`, `sources`,
`prices`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from camslice.fleet.errors import CatalogueError, FleetError
from camslice.fleet.yaml_lines import Document, read_yaml
from camslice.plan.catalogue.cells import is_date
from camslice.plan.catalogue.system_pods import SystemPods, read_system_pods

SCHEMA = "camslice.catalogue/1"
PACKAGED = "packaged"


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one instance type that are not empty, by column, and the line they stand on."""

    cells: Mapping[str, str]
    line: int


@dataclass(slots=True)
class Sheet:
    """What one file says. `columns` are those of the header (of YAML: those that any row has), `extends` another catalogue."""

    origin: str
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    date: str = ""
    about: str = ""
    extends: bool = False
    sources: dict[str, str] = field(default_factory=dict)
    prices: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By price column: its date, and the key of its source or empty."""
    system_pods: Mapping[str, SystemPods] = field(default_factory=dict)

    def remark(self, place: str, name: str, text: str) -> None:
        """Take in `# NAME: TEXT`. Raises CatalogueError for one that is not known."""
        kind, _, of = name.partition(" ")
        if name == "schema":
            _require_schema(place, text)
        elif name == "date":
            self.date = _day(place, text)
        elif name == "about":
            self.about = text
        elif name == "extends":
            self.extends = _packaged(place, text)
        elif kind == "source" and of:
            self.sources[of] = text
        elif kind == "price" and of:
            dated, _, source = text.partition(" ")
            self.prices[of] = (_day(place, dated), source.strip())
        else:
            known = "schema, date, about, extends, source NAME or price COLUMN"
            raise CatalogueError(f"{place}: {name[:40]!r} is none of {known}; begin remarks for people with ##.")


def read_csv(text: str, origin: str) -> Sheet:
    """The sheet that a CSV file holds. Raises CatalogueError."""
    sheet = Sheet(origin)
    lines = text.splitlines(keepends=True)
    begin = 0
    while begin < len(lines) and (lines[begin].startswith("#") or not lines[begin].strip()):
        name, colon, words = lines[begin].removeprefix("#").partition(":")
        if colon and not name.startswith("#"):
            sheet.remark(f"{origin}:{begin + 1}", name.strip(), words.strip())
        begin += 1
    if begin == len(lines):
        raise CatalogueError(
            f"{origin}: this is empty; write a header such as type,vcpu,cores,memory_mb and a row for each type."
        )
    sheet.columns, sheet.rows = _table("".join(lines[begin:]), origin, begin)
    return sheet


def read_yaml_sheet(text: str, origin: str) -> Sheet:
    """The sheet that a YAML file holds. Raises CatalogueError."""
    try:
        document = read_yaml(text, origin)
    except FleetError as error:
        raise CatalogueError(str(error)) from None
    data = document.data
    if not isinstance(data, Mapping) or not isinstance(data.get("instance_types"), list):
        raise CatalogueError(f"{origin}: instance_types is missing; write a list such as [{{type: box, vcpu: 16, ...}}].")
    sheet = Sheet(origin)
    for key, value in data.items():
        if key == "sources" and isinstance(value, Mapping):
            sheet.sources.update({str(name): str(words) for name, words in value.items()})
        elif key == "prices" and isinstance(value, Mapping):
            for column, words in value.items():
                sheet.remark(document.place((key, column)), f"price {column}", str(words))
        elif key == "system_pods":
            sheet.system_pods = read_system_pods(document, (key,))
        elif key in {"schema", "date", "about", "extends"} and isinstance(value, str):
            sheet.remark(document.place((key,)), key, value)
        elif key != "instance_types":
            known = "schema, date, about, extends, sources, prices, system_pods, instance_types"
            raise CatalogueError(f"{document.place((key,))}: this is not allowed; a catalogue has {known}.")
    sheet.rows = tuple(_yaml_row(document, index) for index in range(len(data["instance_types"])))
    sheet.columns = tuple(dict.fromkeys(column for row in sheet.rows for column in row.cells))
    return sheet


def _table(text: str, origin: str, before: int) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Header and rows of a CSV text that `before` lines stand before."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        header = tuple(cell.strip() for cell in next(reader))
        for cells in reader:
            line = before + reader.line_num
            if not "".join(cells).strip() or cells[0].startswith("#"):
                continue
            if len(cells) != len(header):
                found = f"{len(cells)} cells and the header {len(header)}"
                raise CatalogueError(f"{origin}:{line}: this row has {found}; check the commas.")
            rows.append(Row({name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}, line))
    except csv.Error as error:
        raise CatalogueError(
            f"{origin}:{before + reader.line_num}: this is not CSV ({error}); check quotes and commas."
        ) from None
    return header, tuple(rows)


def _yaml_row(document: Document, index: int) -> Row:
    path = ("instance_types", index)
    data = document.data["instance_types"][index]  # type: ignore[index]  # the caller looked
    if not isinstance(data, Mapping):
        raise CatalogueError(
            f"{document.place(path)}: this is not allowed; write a mapping such as {{type: box, vcpu: 16, ...}}."
        )
    cells = {}
    for key, value in data.items():
        if isinstance(value, Mapping | list | bool):
            raise CatalogueError(f"{document.place((*path, key))}: this is not allowed; write text or a number.")
        if value is not None:
            cells[str(key)] = str(value).strip()
    return Row(cells, document.line(path) or 0)


def _require_schema(place: str, text: str) -> None:
    if text != SCHEMA:
        raise CatalogueError(f"{place}: its schema is {text}, and this camslice reads {SCHEMA}; write the file in that one.")


def _day(place: str, text: str) -> str:
    if not is_date(text):
        raise CatalogueError(f"{place}: {text} is no date; write YYYY-MM-DD.")
    return text


def _packaged(place: str, text: str) -> bool:
    if text != PACKAGED:
        raise CatalogueError(f"{place}: {text} cannot be extended; write {PACKAGED}, or leave it out.")
    return True
