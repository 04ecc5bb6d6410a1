"""A published or measured table of pods that share an accelerator: one row for each number of pods, latencies in ms."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from camslice.fleet.errors import PlanError

STAGE_COLUMNS = {"preprocess_ms": "preprocess", "inference_ms": "inference", "postprocess_ms": "postprocess"}
_COLUMNS = ("pods", "mean_ms", *STAGE_COLUMNS, "network_ms", "cores", "sharing")
_LARGEST_FILE_BYTES = 1_000_000
_MOST_PODS = 2_000


class Sharing(StrEnum):
    """How the pods of a row share the accelerator."""

    TIME_SLICING = "time-slicing"
    MPS = "mps"
    MIG = "mig"
    DEDICATED = "dedicated"


_NAMES = {
    "": Sharing.TIME_SLICING,
    "time-slicing": Sharing.TIME_SLICING,
    "timeslicing": Sharing.TIME_SLICING,
    "time-sliced": Sharing.TIME_SLICING,
    "sliced": Sharing.TIME_SLICING,
    "mps": Sharing.MPS,
    "mig": Sharing.MIG,
    "dedicated": Sharing.DEDICATED,
    "exclusive": Sharing.DEDICATED,
    "none": Sharing.DEDICATED,
}


@dataclass(frozen=True, slots=True)
class Row:
    """So many pods, each as fast as it can. `cores`: vCPU, two on a physical core; None: not stated. `line` of the file."""

    pods: int
    mean_ms: float
    stage_ms: Mapping[str, float] = field(default_factory=dict)
    network_ms: float = 0.0
    cores: float | None = None
    sharing: Sharing = Sharing.TIME_SLICING
    line: int = 0

    @property
    def in_pod_ms(self) -> float:
        """The mean without the network."""
        return self.mean_ms - self.network_ms


def load_table(path: Path, cores: float | None = None) -> tuple[Row, ...]:
    """The rows of a CSV file. `cores`: the vCPU of rows that do not state theirs. Raises PlanError in one sentence."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            raise PlanError(f"{path}: this is larger than a table can be (1 MB); check that it is the right file.")
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise PlanError(f"{path}: there is no such file; give a CSV file with the columns pods and mean_ms.") from None
    except UnicodeDecodeError:
        raise PlanError(f"{path}: this is not UTF-8 text; save the table as CSV in UTF-8.") from None
    except OSError as error:
        raise PlanError(f"{path}: it cannot be read ({error.strerror}); give a readable CSV file.") from None
    return parse_table(text, str(path), cores)


def parse_table(text: str, origin: str, cores: float | None = None) -> tuple[Row, ...]:
    """The rows that `text` holds, in its order. `origin` names it in errors. Raises PlanError."""
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    rows: list[Row] = []
    header: list[str] | None = None
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            if header is None:
                header = _header(cells, origin)
            else:
                rows.append(_row(cells, header, f"{origin}:{lines.line_num}", lines.line_num))
    except csv.Error as error:
        raise PlanError(f"{origin}:{lines.line_num}: this is not CSV ({error}); write a row on each line.") from None
    if header is None:
        raise PlanError(f"{origin}: it is empty; give a CSV file with the columns pods and mean_ms.")
    _check(rows, origin)
    return tuple(row if row.cores is not None else replace(row, cores=cores) for row in rows)


def _header(cells: Sequence[str], origin: str) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    for name in names:
        if name not in _COLUMNS:
            raise PlanError(f"{origin}: column {name!r} is unknown; there are {', '.join(_COLUMNS)}.")
        if names.count(name) > 1:
            raise PlanError(f"{origin}: column {name} stands there twice; keep one.")
    for name in ("pods", "mean_ms"):
        if name not in names:
            raise PlanError(f"{origin}: column {name} is missing; a table has pods and mean_ms at least.")
    return names


def _row(cells: Sequence[str], header: Sequence[str], where: str, line: int) -> Row:
    if len(cells) > len(header):
        raise PlanError(f"{where}: {len(cells)} cells under {len(header)} columns; take the surplus out.")
    given = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
    for name in ("pods", "mean_ms"):
        if name not in given:
            raise PlanError(f"{where}: {name} is empty; every row has it.")
    numbers = {name: _number(value, name, where) for name, value in given.items() if name != "sharing"}
    pods = numbers["pods"]
    if pods != round(pods) or not 1 <= pods <= _MOST_PODS:
        raise PlanError(f"{where}: pods {given['pods']}; write a whole number from 1 to {_MOST_PODS}.")
    if numbers["mean_ms"] == 0.0:
        raise PlanError(f"{where}: mean_ms 0; a latency is above 0.")
    if numbers.get("cores") == 0.0:
        raise PlanError(f"{where}: cores 0; write the vCPU of the machine, or leave it empty.")
    name = given.get("sharing", "").lower().replace("_", "-").replace(" ", "-")
    if name not in _NAMES:
        raise PlanError(f"{where}: sharing {given['sharing']!r} is unknown; write one of {', '.join(Sharing)}.")
    stages = {stage: numbers[column] for column, stage in STAGE_COLUMNS.items() if column in numbers}
    row = Row(
        int(pods), numbers["mean_ms"], stages, numbers.get("network_ms", 0.0), numbers.get("cores"), _NAMES[name], line
    )  # fmt: skip
    if row.in_pod_ms <= 0.0 or sum(stages.values()) > 1.02 * row.in_pod_ms:
        raise PlanError(f"{where}: the stages and the network take longer than mean_ms {given['mean_ms']}; check the row.")
    return row


def _number(value: str, name: str, where: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise PlanError(f"{where}: {name} {value!r} is not a number; write one.") from None
    if not math.isfinite(number) or number < 0.0:
        raise PlanError(f"{where}: {name} {value}; write a finite number that is not below 0.")
    return number


def _check(rows: Sequence[Row], origin: str) -> None:
    if len(rows) < 2:
        raise PlanError(f"{origin}: {len(rows)} row{'s' * (len(rows) != 1)}; a fit needs at least two numbers of pods.")
    seen: dict[tuple[int, Sharing], int] = {}
    for row in rows:
        first = seen.setdefault((row.pods, row.sharing), row.line)
        if first != row.line:
            raise PlanError(f"{origin}:{row.line}: {row.pods} pods stand there twice (first on line {first}); keep one.")
