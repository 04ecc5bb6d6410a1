"""Fits: tables whose truth is known, what they cannot tell, and the published one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.errors import PlanError
from camslice.fleet.profile_checks import faults
from camslice.plan.fitting.fit import Fit, figures_of, fit, leave_one_out
from camslice.plan.fitting.model import Structure, estimate, predict
from camslice.plan.fitting.profile_of import Named, profile_of
from camslice.plan.fitting.structure import structure_of
from camslice.plan.fitting.table import Row, parse_table
from camslice.plan.simulation.compiled import can_compile
from tests.unit.plan.simulation.test_simulate import round_robin

ARTICLE = parse_table(
    "pods,mean_ms,preprocess_ms,inference_ms,postprocess_ms,cores\n1,10.8,,,,4\n20,108,,,,8\n54,205,21,56,128,32\n", "article"
)


@pytest.fixture(scope="module")
def article() -> Fit:
    return fit(ARTICLE, ARTICLE, compiled=can_compile())


def table(work_ms: float, slice_ms: float, switch_ms: float) -> tuple[Row, ...]:
    """What a plain queue of contexts gives for 1, 3, 5 and 7 pods."""
    return tuple(Row(pods, round_robin(pods, work_ms, slice_ms, switch_ms, work_ms / 3)) for pods in (1, 3, 5, 7))


def chosen(rows: tuple[Row, ...], *pods: int) -> list[Row]:
    return [row for row in rows if row.pods in pods]


@settings(max_examples=8, deadline=None)
@given(
    work_ms=st.floats(10.0, 200.0),
    slice_ms=st.sampled_from([2.0, 6.0]),
    switch_ms=st.floats(0.05, 0.6),
    seed=st.integers(0, 99),
)
def test_noise_of_one_percent_makes_predictions_little_worse(
    work_ms: float, slice_ms: float, switch_ms: float, seed: int
) -> None:
    truth = table(work_ms, slice_ms, switch_ms)
    dice = np.random.default_rng(seed)
    noisy = tuple(Row(row.pods, row.mean_ms * (1 + dice.uniform(-0.01, 0.01))) for row in truth)
    found = fit(noisy, chosen(noisy, 1, 7))
    for said, true in zip(found.rows, truth, strict=True):
        assert said.predicted_ms == pytest.approx(true.mean_ms, rel=0.03)


def test_slices_and_switches_of_a_heavy_model_cannot_be_told_apart() -> None:
    rows = table(26.0, 2.0, 0.3)
    assert "slice_ms" in fit(rows, chosen(rows, 1, 7)).unidentified


def test_a_pod_alone_shows_nothing_of_sharing_and_pods_that_share_nothing_of_one_alone() -> None:
    rows = table(26.0, 2.0, 0.3)
    alone = fit(rows, chosen(rows, 1))
    assert [each.predicted_ms is None for each in alone.rows] == [False, True, True, True]
    assert "no row used has more than one pod" in str(alone.rows[1].reason)
    assert "switch_ms" in alone.unidentified
    shared = fit(rows, chosen(rows, 3, 7))
    assert [each.predicted_ms is None for each in shared.rows] == [True, False, False, False]
    assert "no row used has a pod alone" in str(shared.rows[0].reason)
    assert shared.rows[2].error == pytest.approx(0.0, abs=0.01)


def test_the_published_table_is_explained_and_most_of_it_is_left_open(article: Fit) -> None:
    assert [each.error for each in article.rows] == pytest.approx([0, 0, 0], abs=0.025)
    last = article.rows[-1].predicted
    assert last is not None
    assert last.stage_ms == pytest.approx({"preprocess": 21, "inference": 56, "postprocess": 128}, rel=0.05)
    assert (article.figures, len(article.parameters)) == (5, 10)
    assert {"slice_ms", "extra_threads", "hyper_thread_yield"} <= set(article.unidentified)


def test_a_fit_becomes_a_sound_profile_of_figures_with_ranges(article: Fit) -> None:
    profile = profile_of(article, Named("x", "T4", "unknown", "yolov8", "2026-11-28"), "A table that a test made up.")
    assert not list(faults(profile))
    assert profile.contexts.switch_ms is not None
    assert profile.contexts.switch_ms.value == pytest.approx(article.best["switch_ms"], rel=1e-3)
    visits = sum(cost.visits.value for cost in profile.stages if cost.visits is not None)
    assert visits == article.best["visits"] + 2
    assert len(profile.alternatives) >= 8


def test_leaving_rows_out_gives_ranges_that_hold_them_and_no_figure_where_a_resource_was_never_loaded() -> None:
    answers = {row.row.pods: row for row, _ in leave_one_out(ARTICLE, compiled=can_compile())}
    for row in answers.values():
        assert row.range_ms is not None
        low, high = row.range_ms
        assert low <= row.row.mean_ms <= high
        assert low < high / 1.2, "two rows do not pin down a third"
    assert answers[54].predicted_ms is None
    assert "no row used is known to load it" in str(answers[54].reason)


def test_pure_and_compiled_predictions_are_the_same() -> None:
    if not can_compile():
        pytest.skip("numba is not installed")
    values = {
        "cpu_ms": 5.0, "accelerator_ms": 3.0, "visits": 4.0, "switch_ms": 0.2, "slice_ms": 2.0, "extra_threads": 1.0,
        "hyper_thread_yield": 0.3,
    }  # fmt: skip
    structure = Structure(cpu=True, contended=True, stages=False)
    row = Row(6, 40.0, cores=4)
    assert predict(structure, values, row) == predict(structure, values, row, compiled=True)


@pytest.mark.parametrize(("pods", "cores", "within"), [(1, 64, 1e-6), (8, 64, 0.1), (20, 8, 0.2), (54, 32, 0.05)])
def test_the_formula_is_about_what_the_simulator_says(pods: int, cores: int, within: float) -> None:
    """It only shows a search the way. Far off in the middle, where pods come in bunches and the formula does not know it."""
    values = {
        "preprocess_cpu_ms": 0.7, "inference_cpu_ms": 7.0, "postprocess_cpu_ms": 0.9, "accelerator_ms": 1.9,
        "inference_share": 0.4, "visits": 7.0, "switch_ms": 0.21, "slice_ms": 2.0, "extra_threads": 1.0,
        "hyper_thread_yield": 0.3,
    }  # fmt: skip
    structure = Structure(cpu=True, contended=True, stages=True)
    row = Row(pods, 10.0 + 4.0 * pods, cores=cores)
    about_ms = sum(estimate(structure, values, row).values())
    assert about_ms == pytest.approx(predict(structure, values, row).mean_ms, rel=within)


def test_structures_are_the_simplest_that_the_rows_allow() -> None:
    assert not structure_of(table(26.0, 2.0, 0.3)).cpu
    assert structure_of(ARTICLE).stages
    assert structure_of([Row(1, 10.8), Row(54, 205.0)]) == Structure(cpu=True, contended=False, stages=False)
    stated = [Row(1, 26.0, {"inference": 26.0}, cores=12), Row(3, 80.0, {"inference": 80.0}, cores=12)]
    assert not structure_of(stated).cpu


def test_rows_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(PlanError, match="states no cores, and others do"):
        structure_of([Row(1, 10.0), Row(2, 15.0, cores=4)])
    rows = (Row(1, 100.0), Row(2, 50.0), Row(3, 20.0))
    with pytest.raises(PlanError, match="no set of parameters explains"):
        fit(rows, rows)


def test_figures_that_add_up_are_counted_once() -> None:
    assert figures_of(ARTICLE) == 5
