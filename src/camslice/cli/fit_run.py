"""What `fit` does: read the table, fit with a bar, print, write the profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from camslice.cli.fit_table import print_fit
from camslice.cli.output import print_json, stderr
from camslice.fleet.errors import CamsliceError
from camslice.fleet.profile_json import profile_text
from camslice.plan.fitting.fit import Fit, FittedRow, fit, leave_one_out
from camslice.plan.fitting.profile_of import Named, profile_of
from camslice.plan.fitting.sets import Told
from camslice.plan.fitting.structure import explained
from camslice.plan.fitting.table import Row, load_table
from camslice.plan.simulation.compiled import can_compile


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice fit --help`."""

    table: Path
    fit_rows: str | None
    leave_one_out: bool
    cores: float | None
    out: Path | None
    accelerator: str
    model: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row predicted from all the others, and what those leave open."""

    row: FittedRow
    unidentified: tuple[str, ...]


def run_fit(asked: Asked, *, as_json: bool) -> None:
    """Fit and print. Raises CamsliceError."""
    _check_place(asked.out)
    rows = load_table(asked.table, asked.cores)
    used = _used(rows, asked)
    compiled = can_compile()
    with _bar() as told:
        if asked.leave_one_out:
            found = fit(rows, used, _part(told, 0.0, 0.25), compiled=compiled)
            answers = leave_one_out(rows, _part(told, 0.25, 0.75), compiled=compiled)
            left_out = tuple(LeftOut(row, () if of is None else of.unidentified) for row, of in answers)
        else:
            found, left_out = fit(rows, used, told, compiled=compiled), None
    if as_json:
        print_json(fit_object(found, left_out))
    else:
        print_fit(found, None if left_out is None else [(each.row, each.unidentified) for each in left_out])
    if asked.out is not None:
        named = Named(asked.table.stem, asked.accelerator, "unknown", asked.model, datetime.now(UTC).date().isoformat())
        profile = profile_of(found, named, f"The table {asked.table.name}, as it was given to `camslice fit`.")
        asked.out.write_text(profile_text(profile), "utf-8")
        stderr().print(f"profile: {asked.out}")


def fit_object(found: Fit, left_out: Sequence[LeftOut] | None) -> dict[str, object]:
    """The object of `--json`."""
    rows = (
        [_row_object(each) for each in found.rows]
        if left_out is None
        else [{**_row_object(each.row), "unidentified": list(each.unidentified)} for each in left_out]
    )
    return {
        "parameters": {
            each.name: {"value": _short(each.value), "low": _short(each.low), "high": _short(each.high)}
            for each in found.parameters
        },
        "unidentified": list(found.unidentified),
        "figures": found.figures,
        "sets": len(found.sets),
        "leave_one_out": left_out is not None,
        "rows": rows,
    }


def _row_object(of: FittedRow) -> dict[str, object]:
    row, predicted = of.row, of.predicted
    stages = {
        stage: {"measured_ms": row.stage_ms.get(stage), "predicted_ms": _short(value)}
        for stage, value in ({} if predicted is None else predicted.stage_ms).items()
    }
    return {
        "pods": row.pods,
        "cores": row.cores,
        "sharing": row.sharing.value,
        "measured_ms": row.mean_ms,
        "predicted_ms": None if of.predicted_ms is None else _short(of.predicted_ms),
        "range": None if of.range_ms is None else [_short(end) for end in of.range_ms],
        "error": None if of.error is None else round(of.error, 5),
        "used": of.used,
        "reason": of.reason,
        "stages": stages if len(stages) > 1 else {},
        "utilisation": {}
        if predicted is None
        else {"cpu": round(predicted.cpu, 4), "accelerator": round(predicted.accelerator, 4)},
    }


def _used(rows: Sequence[Row], asked: Asked) -> list[Row]:
    known = [row for row in rows if explained(row)]
    if asked.fit_rows is None:
        return known
    if asked.leave_one_out:
        raise CamsliceError("--fit-rows and --leave-one-out: the latter takes each row in turn; give one of the two.")
    wanted = [_pods(part) for part in asked.fit_rows.split(",")]
    there = ", ".join(str(row.pods) for row in known)
    for pods in wanted:
        if all(row.pods != pods for row in known):
            raise CamsliceError(
                f"--fit-rows {asked.fit_rows}: the table has no time-sliced row of {pods} pods, only of {there}."
            )
    return [row for row in known if row.pods in wanted]


def _pods(part: str) -> int:
    try:
        return int(part)
    except ValueError:
        raise CamsliceError(f"--fit-rows: {part.strip()!r} is no number of pods; write them like 1,54.") from None


def _check_place(out: Path | None) -> None:
    if out is not None and (out.is_dir() or not out.absolute().parent.is_dir()):
        what = "is a folder" if out.is_dir() else "its folder does not exist"
        raise CamsliceError(f"--out {out}: {what}; name a file in a folder that exists.")


def _part(told: Told, begin: float, size: float) -> Told:
    return lambda share: told(begin + size * share)


def _short(value: float) -> float:
    return float(f"{value:.6g}")


@contextmanager
def _bar() -> Iterator[Told]:
    """A bar on standard error."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("fitting", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share: bar.update(task, completed=share)
