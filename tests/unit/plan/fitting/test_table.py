"""Tables of pods as CSV: what is read, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import PlanError
from camslice.plan.fitting.table import Sharing, load_table, parse_table


def test_rows_stages_cores_and_sharing_are_read() -> None:
    header = "# a remark\npods, mean_ms, inference_ms, network_ms, cores, sharing\n"
    first, second = parse_table(header + "1,10.8,,,4,\n54,205,56,5,32,Time_Slicing\n", "t.csv")
    assert (first.pods, first.mean_ms, first.cores, first.stage_ms) == (1, 10.8, 4, {})
    assert second.stage_ms == {"inference": 56}
    assert second.in_pod_ms == 200
    assert {first.sharing, second.sharing} == {Sharing.TIME_SLICING}


def test_cores_that_a_row_does_not_state_are_those_that_are_given() -> None:
    rows = parse_table("pods,mean_ms,cores\n1,10,\n2,20,8\n", "t.csv", cores=4)
    assert [row.cores for row in rows] == [4, 8]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("pods\n1\n2\n", "column mean_ms is missing"),
        ("pods,mean_ms,colour\n1,2,3\n", "column 'colour' is unknown"),
        ("pods,mean_ms,mean_ms\n1,2,2\n", "stands there twice"),
        ("pods,mean_ms\n1,10\n", "1 row; a fit needs at least two"),
        ("pods,mean_ms\n1,10\n2,nan\n", r"t.csv:3: mean_ms nan; write a finite number"),
        ("pods,mean_ms\n1,10\n2,-3\n", r"t.csv:3: mean_ms -3; write a finite number"),
        ("pods,mean_ms\n1,10\n2,0\n", "a latency is above 0"),
        ("pods,mean_ms\n1,10\n2,abc\n", "'abc' is not a number"),
        ("pods,mean_ms\n1,10\n1.5,20\n", "pods 1.5; write a whole number"),
        ("pods,mean_ms\n1,10\n0,20\n", "pods 0; write a whole number"),
        ("pods,mean_ms\n1,10\n2,\n", "mean_ms is empty"),
        ("pods,mean_ms\n1,10\n1,11\n", r"t.csv:3: 1 pods stand there twice \(first on line 2\)"),
        ("pods,mean_ms,cores\n1,10,0\n2,20,4\n", "cores 0"),
        ("pods,mean_ms,sharing\n1,10,magic\n2,20,mps\n", "sharing 'magic' is unknown"),
        ("pods,mean_ms,inference_ms\n1,10,11\n2,20,5\n", "take longer than mean_ms 10"),
        ("pods,mean_ms\n1,10,3\n2,20\n", "3 cells under 2 columns"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(PlanError, match=said) as error:
        parse_table(text, "t.csv")
    assert str(error.value).count("\n") == 0


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="there is no such file"):
        load_table(tmp_path / "none.csv")
    (tmp_path / "picture.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(PlanError, match="not UTF-8"):
        load_table(tmp_path / "picture.csv")
