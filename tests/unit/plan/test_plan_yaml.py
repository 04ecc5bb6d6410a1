"""plan.yaml: out and in without loss, the same bytes for the same plan, one sentence for everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import PlanError
from camslice.plan.answer import answer
from camslice.plan.optimise.solve import solve
from camslice.plan.plan import Plan
from camslice.plan.plan_yaml import load_plan, parse_plan, plan_text
from tests.unit.plan.made import fleet, question


@pytest.fixture(scope="module")
def plan() -> Plan:
    found = answer(question(fleet(30)), solve).plan
    assert found is not None
    return found


def test_a_plan_survives_the_file_and_gives_the_same_bytes_again(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(plan_text(plan), "utf-8")
    read = load_plan(path)
    assert read == plan
    assert plan_text(read) == path.read_text("utf-8")


def test_equal_questions_give_equal_files(plan: Plan) -> None:
    again = answer(question(fleet(30)), solve).plan
    assert again is not None
    assert plan_text(again) == plan_text(plan)


def test_what_a_reader_must_know_stands_first(plan: Plan) -> None:
    first = plan_text(plan).splitlines()[0]
    assert first.startswith("# rests on assumed figures of yolov8 (t4-case-study)")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("schema: camslice.plan/1", "schema: camslice.plan/9"), "its schema is 'camslice.plan/9', and this camslice reads"),
        (("schema: camslice.plan/1", "scheme: x"), "names no schema"),
        (("feasible: true", "feasable: true"), "feasable: unknown key; did you mean feasible?"),
        (("cameras: 30", "cameras: lots"), "cameras"),
        (("usd_per_month:", "usd_per_month: [1"), "this is not YAML (line"),
        (("    yolov8@4: 25", "    yolov8@4: 24"), "they hold 29 of the 30 streams of yolov8@4"),
        (("    yolov8@4: 25", "    other: 25"), "which is no class of this plan"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_a_sentence(plan: Plan, change: tuple[str, str], said: str) -> None:
    text = plan_text(plan)
    assert change[0] in text
    with pytest.raises(PlanError) as caught:
        parse_plan(text.replace(*change, 1), "plan.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"there is no such file; write one with `camslice plan"):
        load_plan(tmp_path / "none.yaml")
