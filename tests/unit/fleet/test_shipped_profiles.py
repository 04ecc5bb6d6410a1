"""The data of the profiles that come with camslice."""

from __future__ import annotations

import pytest

from camslice.fleet.figures import Provenance
from camslice.fleet.profile import Profile
from camslice.fleet.profile_json import load_profile, profile_text, shipped_profiles
from camslice.fleet.types import Topology

CASE_STUDY = "t4-case-study"


@pytest.fixture(params=shipped_profiles())
def shipped(request: pytest.FixtureRequest) -> Profile:
    return load_profile(request.param)


@pytest.fixture
def case_study() -> Profile:
    return load_profile(CASE_STUDY)


def test_every_shipped_profile_is_sound_and_says_for_every_figure_where_it_comes_from(shipped: Profile) -> None:
    figures = dict(shipped.figures())
    assert figures
    assert all(figure.source in shipped.sources for figure in figures.values() if figure.provenance is not Provenance.MEASURED)


def test_every_source_is_used_and_says_something(shipped: Profile) -> None:
    used = {figure.source for _, figure in shipped.figures()}
    assert used == set(shipped.sources)
    assert all(len(text.split()) >= 5 for text in shipped.sources.values())


def test_the_case_study_never_pretends_to_be_measured(case_study: Profile) -> None:
    assert Provenance.MEASURED not in case_study.provenances
    assert case_study.provenance is Provenance.PUBLISHED
    assert not case_study.capacity, "nobody measured a capacity there"


def test_the_case_study_holds_the_published_tables(case_study: Profile) -> None:
    sliced = {point.pods: point for point in case_study.sharing if point.topology is Topology.SLICED}
    totals = {pods: point.total_ms for pods, point in sliced.items()}
    assert {pods: total and total.value for pods, total in totals.items()} == {1: 10.8, 20: 108, 54: 205}
    assert {point.instance_type: point.vcpu for point in sliced.values()} == {
        "g4dn.xlarge": 4, "g4dn.2xlarge": 8, "g4dn.8xlarge": 32,
    }  # fmt: skip
    split = {stage: figure.value for stage, figure in sliced[54].stage_ms.items()}
    assert split == {"preprocess": 21, "inference": 56, "postprocess": 128}
    (remote,) = (point for point in case_study.sharing if point.topology is Topology.REMOTE)
    assert {stage: figure.value for stage, figure in remote.stage_ms.items()} == {
        "preprocess": 2.7, "network": 10.26, "inference": 7.9, "postprocess": 1.1,
    }  # fmt: skip
    for point in case_study.sharing:
        assert all(figure.provenance is Provenance.PUBLISHED for figure in [point.total_ms, *point.stage_ms.values()] if figure)


def test_stages_add_up_to_their_total(shipped: Profile) -> None:
    for point in shipped.sharing:
        if point.stage_ms and point.total_ms:
            assert sum(figure.value for figure in point.stage_ms.values()) == pytest.approx(point.total_ms.value, rel=0.01)


def test_frames_per_second_are_what_a_closed_loop_gives_and_marked_as_computed(case_study: Profile) -> None:
    for point in case_study.sharing:
        if point.fps is not None and point.total_ms is not None:
            assert point.fps.value == pytest.approx(1000 * point.pods / point.total_ms.value, rel=0.001)
            assert point.fps.provenance is Provenance.FITTED


def test_what_is_fitted_is_marked_and_carries_the_range_that_fits(case_study: Profile) -> None:
    fitted = {path: figure for path, figure in case_study.figures() if figure.provenance is Provenance.FITTED}
    costs = {path for path in fitted if path.startswith(("stages", "contexts"))}
    assert {f"stages[{stage}].{what}" for stage in range(3) for what in ("cpu_ms", "accelerator_ms", "visits")} <= costs
    for name in ("slice_ms", "switch_ms", "extra_threads", "hyper_thread_yield"):
        figure = fitted[f"contexts.{name}"]
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.high, "several sets of values fit"
    assert fitted["contexts.accelerator_ms_per_frame"].value == pytest.approx(205 / 54, rel=0.002)
    assert [fitted[f"stages[{stage}].visits"].value for stage in (0, 1)] == [1, 1]


def test_the_sets_that_fit_as_well_stay_within_the_ranges_and_differ(case_study: Profile) -> None:
    figures = dict(case_study.figures())
    assert len(case_study.fits) >= 8
    for fit in case_study.fits:
        for path, value in fit.items():
            low, high = figures[path].low, figures[path].high
            assert low is None or low <= value
            assert high is None or value <= high
    assert len({tuple(fit.items()) for fit in case_study.fits}) == len(case_study.fits)
    alternatives = case_study.alternatives
    assert [each.contexts.switch_ms.value for each in alternatives if each.contexts.switch_ms] == [
        fit["contexts.switch_ms"] for fit in case_study.fits
    ]


def test_one_pod_alone_pays_no_switches_and_those_of_a_busy_accelerator_are_counted_once(case_study: Profile) -> None:
    contexts, alone = case_study.contexts, case_study.sharing[0]
    assert contexts.accelerator_ms_per_frame is not None
    assert contexts.switch_ms is not None
    assert alone.total_ms is not None
    visits = sum(cost.visits.value for cost in case_study.stages if cost.visits is not None)
    accelerator_ms = sum(cost.accelerator_ms.value for cost in case_study.stages if cost.accelerator_ms is not None)
    cpu_ms = sum(cost.cpu_ms.value for cost in case_study.stages if cost.cpu_ms is not None)
    saturated_ms = contexts.accelerator_ms_per_frame.value
    assert accelerator_ms + visits * contexts.switch_ms.value == pytest.approx(saturated_ms, rel=0.03)
    assert cpu_ms + accelerator_ms <= alone.total_ms.value, "a pod's own threads make it slower than that, nothing quicker"
    assert "includes switching" in case_study.sources["saturation"]


def test_the_dollars_are_the_published_ones_beside_the_list_price(case_study: Profile) -> None:
    rows = {row.cameras: row for row in case_study.prices}
    expected = {1: (383.98, -0.081), 20: (27.45, None), 54: (29.42, -0.055)}
    for cameras, (list_price, gap) in expected.items():
        assert rows[cameras].usd_per_camera_month_at_list_price == pytest.approx(list_price, abs=0.005)
        assert rows[cameras].gap == (None if gap is None else pytest.approx(gap, abs=0.0006))
    published = [row.usd_per_camera_month.value for row in case_study.prices if row.usd_per_camera_month]
    assert published == [353.03, 27.81]


def test_the_case_study_covers_its_own_machines_only(case_study: Profile) -> None:
    sizes = ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")
    assert case_study.covers.instance_types == tuple(f"g4dn.{size}" for size in sizes), "those with one GPU: 12xlarge has four"
    assert case_study.machine.accelerators == 1
    assert Topology.POOLED not in case_study.covers.topologies
    assert case_study.machine.accelerator == "T4"


def test_a_shipped_file_is_laid_out_as_camslice_writes_it(shipped: Profile) -> None:
    from importlib import resources

    folder = resources.files("camslice.fleet").joinpath("profiles")
    assert folder.joinpath(f"{shipped.name.replace('-', '_')}.json").read_text("utf-8") == profile_text(shipped)
