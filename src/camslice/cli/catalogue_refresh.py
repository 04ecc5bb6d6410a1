"""What `catalogue refresh` does: ask AWS, write the answer, and say what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from camslice.cli.aws import aws_client, told_plainly
from camslice.cli.output import print_json, progress, stderr, stdout
from camslice.fleet.errors import CatalogueError
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.catalogue.refresh import Change, Clients, changes, refreshed
from camslice.plan.catalogue.write import catalogue_text

_PRICE_LIST_REGION = "us-east-1"
"""Where the price list of all regions is served."""
_MOST_SHOWN = 20
_RIGHTS = "ec2:DescribeInstanceTypes, ec2:DescribeSpotPriceHistory and pricing:GetProducts"


def run_refresh(out: Path, types: Sequence[str], regions: Sequence[str], path: Path | None, *, as_json: bool) -> None:
    """Fetch and write `out`. Raises CatalogueError if that cannot be: no boto3, no credentials, no answer, no place for it."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        what = "is a folder" if out.is_dir() else "its folder does not exist"
        raise CatalogueError(f"--out {out}: {what}; name a file in a folder that exists.")
    before = load_catalogue(path)
    names = list(types) or [each.name for each in before.values() if each.provider == "aws"]
    with told_plainly(CatalogueError, _RIGHTS):
        clients = _clients()
        with progress("asking AWS", 2 * len(regions)) as step:
            now = refreshed(before, names, regions, clients, datetime.now(UTC), step)
    _write(out, catalogue_text(now))
    changed = changes(before, now)
    if as_json:
        print_json({"path": str(out), "instance_types": len(now), "changes": [asdict(each) for each in changed]})
    else:
        _print(out, now, changed)


def _clients() -> Clients:
    client = aws_client("prices are fetched", CatalogueError)
    return Clients(lambda region: client("ec2", region), client("pricing", _PRICE_LIST_REGION))


def _write(out: Path, text: str) -> None:
    beside = out.with_name(f".{out.name}.partial")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(out)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CatalogueError(f"--out {out}: it cannot be written ({error.strerror}); name a file that can be.") from None


def _print(out: Path, now: Catalogue, changed: Sequence[Change]) -> None:
    for each in changed[:_MOST_SHOWN]:
        purchase = each.purchase.replace("_", " ")
        stdout().print(
            f"{each.instance_type}, {purchase}, {each.region}: {_usd(each.before)} -> {_usd(each.now)}", soft_wrap=True
        )
    if len(changed) > _MOST_SHOWN:
        stdout().print(f"and {len(changed) - _MOST_SHOWN} more prices")
    stdout().print(f"{len(now)} instance types, {len(changed)} prices that were others or none before")
    stderr().print(f"catalogue: {out}; use it with --catalogue {out}", soft_wrap=True)


def _usd(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
