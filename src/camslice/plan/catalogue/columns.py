"""The columns of a catalogue, and how a row of cells becomes an instance type.

Besides the columns named here there is one for each price, `PURCHASE@REGION` in US dollars per hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from camslice.fleet.errors import CatalogueError
from camslice.plan.catalogue.catalogue import ANYWHERE
from camslice.plan.catalogue.cells import Rule, is_date, number_in
from camslice.plan.catalogue.instance_type import Accelerator, InstanceType, Price, Purchase
from camslice.plan.catalogue.mig import mig_profiles
from camslice.plan.catalogue.owned import owned_price
from camslice.plan.catalogue.sheet import Row, Sheet

REQUIRED = ("type", "vcpu", "cores", "memory_mb")
TEXTS = ("type", "provider", "family", "cpu_family", "architecture", "accelerator", "interruption", "dated", "source")
NUMBERS = {
    "vcpu": Rule("a whole number from 1", 1, low_allowed=True, high=100_000, whole=True),
    "cores": Rule("a whole number from 1", 1, low_allowed=True, high=100_000, whole=True),
    "memory_mb": Rule("a number of MB (10^6 bytes) above 0"),
    "accelerators": Rule("a whole number from 1", 1, low_allowed=True, high=1000, whole=True),
    "accelerator_fraction": Rule("a share above 0 and at most 1", high=1),
    "accelerator_memory_mb": Rule("a number of MB (10^6 bytes) above 0"),
    "pod_limit": Rule("a whole number from 1", 1, low_allowed=True, high=100_000, whole=True),
    "pod_limit_prefix": Rule("a whole number from 1", 1, low_allowed=True, high=100_000, whole=True),
    "network_mbps": Rule("a number of Mbit/s above 0"),
    "purchase_price_usd": Rule("a number of US dollars above 0"),
    "years": Rule("a number of years above 0 and at most 50", high=50),
    "watts": Rule("a number of watts from 0", low_allowed=True),
    "usd_per_kwh": Rule("a number of US dollars from 0", low_allowed=True),
}
_PRICE = Rule("US dollars per hour above 0", high=1e6)
_PRICE_COLUMN = re.compile(rf"({'|'.join(Purchase)})@([A-Za-z0-9][A-Za-z0-9_.-]*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
UNKNOWN = "unknown"


def check_columns(sheet: Sheet) -> None:
    """Raises CatalogueError for a column that is missing, twice there, or not known."""
    known = [*dict.fromkeys([*REQUIRED, *TEXTS, *NUMBERS])]
    for column in REQUIRED:
        if column not in sheet.columns and sheet.rows:
            raise CatalogueError(f"{sheet.origin}: the column {column} is missing; {_first_columns(sheet)}.")
    for column in sheet.columns:
        if sheet.columns.count(column) > 1:
            raise CatalogueError(f"{sheet.origin}: the column {column} is given twice; keep one.")
        if column not in known and not _PRICE_COLUMN.fullmatch(column):
            raise CatalogueError(f"{sheet.origin}: the column {column[:60]!r} is not known; {_nearest(column, known)}.")


def instance_type(row: Row, sheet: Sheet) -> InstanceType:
    """The instance type that a row describes. Raises CatalogueError."""
    cells = _Cells(row, sheet)
    name = cells.text("type")
    if not _NAME.fullmatch(name):
        raise cells.fault("type", name, "a name of letters, digits, '_', '.' and '-'")
    vcpu, cores = cells.whole("vcpu"), cells.whole("cores")
    if cores > vcpu:
        raise cells.fault("cores", str(cores), f"at most its {vcpu} vCPU")
    prices = dict(_prices(cells, sheet))
    if not prices:
        raise CatalogueError(
            f"{cells.place()}: {name} has no price; fill in a column such as on_demand@REGION, or purchase_price_usd and years."
        )
    return InstanceType(
        name=name,
        provider=cells.text("provider", "own"),
        family=cells.text("family", name.partition(".")[0]),
        cpu_family=cells.text("cpu_family", UNKNOWN),
        architecture=cells.text("architecture", "x86_64"),
        vcpu=vcpu,
        physical_cores=cores,
        memory_mb=cells.number("memory_mb"),
        accelerator=_accelerator(cells),
        pod_limit=cells.maybe_whole("pod_limit"),
        pod_limit_prefix=cells.maybe_whole("pod_limit_prefix"),
        network_mbps=cells.maybe("network_mbps"),
        interruption=cells.text("interruption", "") or None,
        prices=prices,
    )


def price_column(region: str, purchase: Purchase) -> str:
    """The column of a price."""
    return f"{purchase}@{region}"


@dataclass(frozen=True, slots=True)
class _Cells:
    """A row whose cells are asked for by column, as what they must be."""

    row: Row
    sheet: Sheet

    def place(self, column: str = "") -> str:
        start = f"{self.sheet.origin}:{self.row.line}"
        return f"{start}: {column}" if column else start

    def fault(self, column: str, value: str, words: str) -> CatalogueError:
        return CatalogueError(f"{self.place(column)}: {value[:60]} is not allowed; write {words}.")

    def text(self, column: str, default: str | None = None) -> str:
        value = self.row.cells.get(column, default)
        if value is None:
            raise CatalogueError(f"{self.place(column)} is missing; fill it in.")
        if not value.isprintable():
            raise CatalogueError(f"{self.place(column)}: it holds a control character; remove it.")
        return value

    def maybe(self, column: str, rule: Rule | None = None) -> float | None:
        text = self.row.cells.get(column)
        if text is None:
            return None
        rule = rule or NUMBERS[column]
        value = number_in(text)
        if value is None or not rule.holds(value):
            raise self.fault(column, text, rule.words)
        return value

    def number(self, column: str) -> float:
        value = self.maybe(column)
        if value is None:
            raise CatalogueError(f"{self.place(column)} is missing; write {NUMBERS[column].words}.")
        return value

    def whole(self, column: str) -> int:
        return int(self.number(column))

    def maybe_whole(self, column: str) -> int | None:
        value = self.maybe(column)
        return None if value is None else int(value)


def _accelerator(cells: _Cells) -> Accelerator | None:
    name = cells.text("accelerator", "")
    if not name:
        for column in ("accelerators", "accelerator_fraction", "accelerator_memory_mb"):
            if column in cells.row.cells:
                raise CatalogueError(f"{cells.place(column)}: there is no accelerator here; name it, or clear the cell.")
        return None
    fraction = cells.maybe("accelerator_fraction") or 1.0
    memory_mb = cells.number("accelerator_memory_mb")
    partitions = mig_profiles(name, memory_mb) if fraction == 1 else ()
    return Accelerator(name, cells.maybe_whole("accelerators") or 1, memory_mb, fraction, partitions)


def _prices(cells: _Cells, sheet: Sheet) -> Iterable[tuple[tuple[str, Purchase], Price]]:
    for column in sheet.columns:
        match = _PRICE_COLUMN.fullmatch(column)
        usd_per_hour = cells.maybe(column, _PRICE) if match else None
        if match and usd_per_hour is not None:
            yield (match[2], Purchase(match[1])), Price(usd_per_hour, *_dated(cells, sheet, column))
    owned = owned_price(
        cells.maybe("purchase_price_usd"), cells.maybe("years"), cells.maybe("watts"), cells.maybe("usd_per_kwh"), cells.place()
    )
    if owned is not None:
        dated, _ = _dated(cells, sheet, "")
        yield (ANYWHERE, Purchase.OWNED), Price(owned.usd_per_hour, dated, owned.words)


def _dated(cells: _Cells, sheet: Sheet, column: str) -> tuple[str, str]:
    """A price's date and source: the row's own, else the column's, else the file's; empty if nobody says."""
    dated, source = sheet.prices.get(column, (sheet.date, ""))
    dated = cells.text("dated", dated)
    if dated and not is_date(dated):
        raise cells.fault("dated", dated, "a date as YYYY-MM-DD")
    source = cells.text("source", source)
    return dated, sheet.sources.get(source, source) or sheet.origin


def _first_columns(sheet: Sheet) -> str:
    if len(sheet.columns) == 1 and re.search(r"[;\t]", sheet.columns[0]):
        return "its cells are not separated by commas, so separate them so"
    return f"a catalogue has at least {', '.join(REQUIRED)} and a price"


def _nearest(column: str, known: list[str]) -> str:
    prices = [f"{purchase}@REGION" for purchase in Purchase]
    near = get_close_matches(column.partition("@")[0] if "@" in column else column, [*known, *Purchase], n=1, cutoff=0.6)
    if near:
        meant = f"{near[0]}@REGION" if near[0] in list(Purchase) else near[0]
        return f"did you mean {meant}? Known are {', '.join([*known, *prices])}"
    return f"known are {', '.join([*known, *prices])}"
