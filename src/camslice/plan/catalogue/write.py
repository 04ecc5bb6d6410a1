"""A catalogue as the text of a CSV file: what `load` reads. Equal catalogues give equal bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.columns import price_column
from camslice.plan.catalogue.instance_type import InstanceType, Price, Purchase
from camslice.plan.catalogue.sheet import SCHEMA

_FACTS = (
    "type", "provider", "family", "cpu_family", "architecture", "vcpu", "cores", "memory_mb", "accelerator", "accelerators",
    "accelerator_fraction", "accelerator_memory_mb", "pod_limit", "pod_limit_prefix", "network_mbps", "interruption",
)  # fmt: skip
_ORDER = tuple(Purchase)


def catalogue_text(catalogue: Catalogue) -> str:
    """The catalogue as CSV. Raises ValueError if prices of one region and purchase differ in date or source."""
    keys = {words: key for key, words in catalogue.sources.items()}
    columns = _price_columns(catalogue)
    out = io.StringIO(newline="")
    _remarks(out, catalogue)
    for name, prices in columns.items():
        stated = {(price.dated, price.source) for price in prices.values()}
        if len(stated) > 1:
            raise ValueError(f"prices {name} differ in date or source")
        ((dated, source),) = stated
        if dated:
            out.write(f"# price {name}: {dated} {keys.get(source, source)}".rstrip() + "\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_FACTS, *columns])
    for name, each in catalogue.items():
        cells = [_number(prices[name].usd_per_hour) if name in prices else "" for prices in columns.values()]
        writer.writerow([*_facts(each), *cells])
    return out.getvalue()


def _remarks(out: io.StringIO, catalogue: Catalogue) -> None:
    out.write(f"# schema: {SCHEMA}\n")
    if catalogue.date:
        out.write(f"# date: {catalogue.date}\n")
    if catalogue.about:
        out.write(f"# about: {catalogue.about}\n")
    for name, words in catalogue.sources.items():
        out.write(f"# source {name}: {words}\n")


def _price_columns(catalogue: Catalogue) -> Mapping[str, Mapping[str, Price]]:
    """For each price column, the price of each type that has one: the purchases in order, regions as they come."""
    columns: dict[tuple[str, Purchase], dict[str, Price]] = {}
    for name, each in catalogue.items():
        for key, price in each.prices.items():
            columns.setdefault(key, {})[name] = price
    ordered = sorted(columns, key=lambda key: _ORDER.index(key[1]))
    return {price_column(*key): columns[key] for key in ordered}


def _facts(each: InstanceType) -> list[str]:
    accelerator = each.accelerator
    return [
        each.name,
        each.provider,
        each.family,
        each.cpu_family,
        each.architecture,
        str(each.vcpu),
        str(each.physical_cores),
        _number(each.memory_mb),
        "" if accelerator is None else accelerator.name,
        "" if accelerator is None else str(accelerator.count),
        "" if accelerator is None or accelerator.fraction == 1 else _number(accelerator.fraction),
        "" if accelerator is None else _number(accelerator.memory_mb),
        _number(each.pod_limit),
        _number(each.pod_limit_prefix),
        _number(each.network_mbps),
        each.interruption or "",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"
