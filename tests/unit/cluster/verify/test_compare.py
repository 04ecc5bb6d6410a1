"""What is worse than planned is drift, and its cause is the one thing that was made wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from camslice.cluster.verify.buckets import Buckets
from camslice.cluster.verify.compare import Drift, compare
from camslice.cluster.verify.figures import Frames, Group, Live, LiveNode, LiveStream, Planned, Predicted
from camslice.fleet.types import Objective, StreamFormat, Topology

HD = StreamFormat(1920, 1080, 25.0, "h264", 2000.0)
OBJECTIVE = Objective(500.0, 95.0, 0.01, 30.0)
STAGES = {"decode": 20.0, "preprocess": 5.0, "queue": 5.0, "inference": 60.0, "postprocess": 10.0}
NAMES = [f"gate-{n}/people" for n in range(1, 11)]
SECONDS = 100.0

PLANNED = Planned(
    streams=dict.fromkeys(NAMES, (4.0, HD)),
    groups=(
        Predicted("people", "a", "g4dn.xlarge", Topology.SLICED, 10, 4.0, 120.0, None, 0.0, STAGES),
    ),
    nodes={("g4dn.xlarge", "on_demand"): 1},
    usd_per_month=283.98,
    other_usd_per_month=73.0,
    usd_per_camera_month=28.4,
    hours_per_month=730.0,
    cameras=10,
    profiles={"people": "T4"},
)  # fmt: skip
NODE = LiveNode("n1", "street.a", "g4dn.xlarge", "on_demand", 0.289)


def stages(means: Mapping[str, float], n: float = 4000.0) -> dict[str, Buckets]:
    """Every frame alike: bins as narrow as one of ours."""
    each = {stage: Buckets({(ms * 0.99, ms * 1.01): n}, ms * n) for stage, ms in means.items()}
    total = sum(means.values())
    return {**each, "total": Buckets({(total * 0.99, total * 1.01): n}, total * n)}


def live(
    means: Mapping[str, float] = STAGES,
    names: list[str] = NAMES,
    fps: float = 4.0,
    frames: Frames | None = None,
    nodes: tuple[LiveNode, ...] | None = (NODE,),
    states: Mapping[str, int] | None = None,
    size: tuple[int, int] | None = None,
) -> Live:
    due = SECONDS * fps * len(names)
    counted = frames or Frames(captured=due, analysed=due)
    streams = tuple(LiveStream(*name.split("/"), fps, size) for name in names)
    return Live("pods", SECONDS, (Group("people", "street.a", counted, stages(means)),), streams, states or {}, nodes)


def drift(found: Live, planned: Planned = PLANNED) -> dict[str, Drift]:
    return {each.what: each for each in compare(planned, found, OBJECTIVE).drift}


def test_what_is_as_planned_has_not_drifted() -> None:
    verdict = compare(PLANNED, live(), OBJECTIVE)
    assert verdict.drift == ()
    assert verdict.met
    assert verdict.usd_per_month == pytest.approx(0.289 * 730 + 73)
    assert verdict.usd_per_camera_month == pytest.approx((0.289 * 730 + 73) / 10)


def test_what_is_better_than_planned_has_not_drifted() -> None:
    assert drift(live({stage: ms / 2 for stage, ms in STAGES.items()})) == {}


@pytest.mark.parametrize("stage", ["decode", "preprocess", "inference", "postprocess"])
def test_a_slow_stage_is_named_with_its_share(stage: str) -> None:
    found = drift(live({**STAGES, stage: STAGES[stage] + 100.0}))
    assert found.keys() == {f"{stage} of people on street.a", "p95 of people on street.a"}
    cause = found["p95 of people on street.a"].cause
    assert cause.startswith(f"{stage} makes 100% of it")
    assert "T4" in cause or stage == "decode"


def test_a_queue_behind_slower_work_is_laid_to_the_work() -> None:
    found = drift(live({**STAGES, "inference": 90.0, "queue": 300.0}))
    assert "inference takes 1.5 times as long as planned, so frames wait" in found["queue of people on street.a"].cause


def test_a_queue_alone_is_a_noisy_neighbour() -> None:
    assert "noisy neighbour" in drift(live({**STAGES, "queue": 105.0}))["queue of people on street.a"].cause


def test_more_streams_than_planned_explain_their_queue() -> None:
    names = [*NAMES, "shed-1/people", "shed-2/people"]
    found = drift(live({**STAGES, "queue": 105.0}, names))
    assert found["streams"].cause.startswith("shed-1/people, shed-2/people run and stand in no plan")
    assert "12 streams run where 10 were planned" in found["queue of people on street.a"].cause


def test_a_raised_rate_is_told_and_explains_the_queue() -> None:
    found = drift(live({**STAGES, "queue": 105.0}, fps=8.0))
    assert "raised" in found["frames per second of people"].cause
    assert "80.0 frames/s fall due where 40.0 were planned" in found["queue of people on street.a"].cause


def test_another_instance_type_explains_the_stage_and_the_dollars() -> None:
    other = replace(NODE, instance_type="g4dn.2xlarge", usd_per_hour=0.752)
    found = drift(live({**STAGES, "inference": 120.0}, nodes=(other,)))
    assert "g4dn.2xlarge stands in for g4dn.xlarge" in found["nodes"].cause
    assert "runs on g4dn.2xlarge instead of g4dn.xlarge" in found["inference of people on street.a"].cause
    assert found["usd per camera and month"].cause == "g4dn.2xlarge was not planned"


def test_one_node_too_many_is_dearer_and_said_so() -> None:
    found = drift(live(nodes=(NODE, replace(NODE, name="n2"))))
    assert found.keys() == {"nodes", "usd per camera and month"}
    assert "2 nodes stand there, and 1 were planned" in found["usd per camera and month"].cause


def test_larger_pictures_explain_slow_decoding() -> None:
    found = drift(live({**STAGES, "decode": 80.0}, size=(3840, 2160)))
    assert found["picture size"].live == "3840x2160"
    assert found["decode of people on street.a"].cause == "10 cameras send larger pictures than planned, such as gate-1"


def test_pictures_of_the_planned_size_leave_the_profile_to_blame() -> None:
    found = drift(live({**STAGES, "decode": 80.0}, size=(1920, 1080)))
    assert "slower than the profile says" in found["decode of people on street.a"].cause


def test_missing_streams_are_told_by_name_and_share_no_cost() -> None:
    found = drift(live(names=NAMES[:6], states={"refused": 4}))
    assert "gate-10/people, gate-7/people" in found["streams"].cause
    assert found["cameras refused"].live == 4
    assert "4 of 10 cameras are not analysed" in found["usd per camera and month"].cause


def test_dropped_frames_count_as_infinitely_late() -> None:
    verdict = compare(PLANNED, live(frames=Frames(captured=4000.0, analysed=3600.0, dropped=400.0)), OBJECTIVE)
    assert verdict.p_all_ms is None
    assert not verdict.objective_met
    assert {"frames dropped of people", "p95 of people on street.a"} <= {each.what for each in verdict.drift}


def test_a_fitted_range_is_no_drift() -> None:
    wide = replace(PLANNED, groups=(replace(PLANNED.groups[0], high_ms=400.0, stage_ms={}),))
    assert drift(live({**STAGES, "inference": 200.0}), wide) == {}


def test_a_bucket_that_may_hold_the_planned_value_is_no_proof() -> None:
    group = Group("people", "street.a", Frames(4000.0, 4000.0), {"total": Buckets({(100.0, 400.0): 4000.0}, 110.0 * 4000)})
    assert drift(replace(live(), groups=(group,))) == {}


def test_an_objective_in_dollars_that_is_broken_is_not_met() -> None:
    verdict = compare(PLANNED, live(nodes=(replace(NODE, usd_per_hour=0.5),)), OBJECTIVE)
    assert not verdict.objective_met


def test_a_node_without_a_price_leaves_the_dollars_to_what_the_fleet_says() -> None:
    found = replace(live(nodes=(replace(NODE, usd_per_hour=None),)), usd_per_camera_month=28.0)
    verdict = compare(PLANNED, found, OBJECTIVE)
    assert verdict.usd_per_camera_month == 28.0
    assert verdict.usd_per_month == 280.0
