"""`camslice fit`: tables of which the truth is known, and the published one of which it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camslice.fleet.figures import Provenance
from camslice.fleet.profile_json import load_profile
from tests.command_line import ended
from tests.unit.plan.simulation.test_simulate import round_robin

ARTICLE = "pods,mean_ms,preprocess_ms,inference_ms,postprocess_ms,cores\n1,10.8,,,,4\n20,108,,,,8\n54,205,21,56,128,32\n"
Fit = Callable[..., dict[str, Any]]


@pytest.fixture
def fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fit:
    def fit(table: str, *options: object) -> dict[str, Any]:
        path = tmp_path / "table.csv"
        path.write_text(table, "utf-8")
        assert ended("fit", str(path), "--json", *map(str, options)) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return fit


@pytest.mark.parametrize("used", ["1,7", "1,3"])
@pytest.mark.parametrize(("work_ms", "slice_ms", "switch_ms"), [(87.0, 2.0, 0.2), (143.0, 6.0, 0.5), (26.3, 2.0, 0.25)])
def test_rows_of_a_heavy_model_are_predicted_from_two_others_within_1_percent_and_by_a_straight_line_they_are_not(
    fit: Fit, used: str, work_ms: float, slice_ms: float, switch_ms: float
) -> None:
    """No stage on the processor: rounds of slices explain the table, which a plain queue of contexts made."""
    truth = {pods: round(round_robin(pods, work_ms, slice_ms, switch_ms, 60.0), 1) for pods in (1, 3, 5, 7)}
    table = "pods,mean_ms,sharing\n" + "".join(f"{pods},{ms},time-slicing\n" for pods, ms in truth.items())
    rows = {row["pods"]: row for row in fit(table, "--fit-rows", used)["rows"]}
    withheld = [pods for pods in truth if str(pods) not in used.split(",")]
    assert all(not rows[pods]["used"] for pods in withheld)
    for pods in withheld:
        assert rows[pods]["predicted_ms"] == pytest.approx(truth[pods], rel=0.01)
    first, last = (int(pods) for pods in used.split(","))
    slope = (truth[last] - truth[first]) / (last - first)
    line = {pods: truth[first] + slope * (pods - first) for pods in withheld}
    assert any(abs(line[pods] / truth[pods] - 1) > 0.01 for pods in withheld)


def test_the_published_table_comes_out_and_what_it_cannot_tell_is_listed(fit: Fit, tmp_path: Path) -> None:
    out = tmp_path / "fitted.json"
    found = fit(ARTICLE, "--out", out)
    assert {"parameters", "unidentified", "rows"} <= set(found)
    for row in found["rows"]:
        assert {"pods", "measured_ms", "predicted_ms", "range", "error", "used"} <= set(row)
        assert abs(row["error"]) < 0.05
    assert found["unidentified"], "ten parameters from five figures"
    profile = load_profile(str(out))
    assert profile.provenance is Provenance.FITTED
    assert profile.fits


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        ("pods,ms\n1,10\n", (), "mean_ms"),
        ("pods,mean_ms\n1,-10\n3,5\n", (), "-10"),
        ("pods,mean_ms\n1,nan\n3,5\n", (), "nan"),
        ("pods,mean_ms\n1,10\n1,12\n", (), "1"),
        ("pods,mean_ms\n1,10\n3,30\n", ("--fit-rows", "1,4"), "4"),
        ("", (), "empty"),
    ],
)
def test_a_mistake_is_one_sentence_and_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, options: tuple[str, ...], said: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table, "utf-8")
    assert ended("fit", str(path), *options) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert "Traceback" not in error
