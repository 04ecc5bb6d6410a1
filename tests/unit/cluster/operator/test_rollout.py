"""A new image: one pod first, compared with the others, then one after the other; or back by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from camslice.cluster.operator.reports import PodReport, StreamReport
from camslice.cluster.operator.rollout import WATCHED_S, Judged, why_worse
from tests.unit.cluster.operator.world import World, a_fleet


def reports_of(world: World, new_p95_ms: float, templates: set[str]) -> None:
    """Every pod says how its streams are; those of an old template take 50 ms."""
    world.reports = {
        name: PodReport(
            0.0,
            pod.revision,
            {
                stream: StreamReport(epoch, True, 5.0, 50.0 if pod.template in templates else new_p95_ms, 60.0, 300, 0.0, 2.0)
                for stream, epoch in world.configs[name].items()
            },
        )
        for name, pod in world.pods.items()
    }


def run(world: World, seconds: float, new_p95_ms: float, templates: set[str]) -> list[set[str]]:
    """Let time pass; returns which templates ran at each step."""
    seen = []
    for _ in range(int(seconds / 5)):
        world.now_s += 5.0
        reports_of(world, new_p95_ms, templates)
        world.step()
        seen.append({pod.name for pod in world.pods.values() if pod.template not in templates})
    return seen


def started(image: str = "camslice:2") -> tuple[World, set[str]]:
    world = World(a_fleet(nodes=2, pods=3), cameras=10, pods_per_node=6)
    world.settle()
    templates = {pod.template for pod in world.pods.values()}
    world.fleet = replace(world.fleet, image=image, generation=2)
    return world, templates


def test_one_pod_is_tried_and_the_others_follow() -> None:
    world, old = started()
    early = run(world, WATCHED_S - 10, 52.0, old)
    assert max(map(len, early)) == 1
    assert world.rollouts[0]["state"] == "trying"
    run(world, 300, 52.0, old)
    assert world.rollouts[0]["state"] == "done"
    assert {pod.template for pod in world.pods.values()}.isdisjoint(old)
    assert all(len(pods) == 1 for pods in world.holders().values())
    assert len(world.holders()) == 10


def test_a_worse_one_goes_back_by_itself_and_says_why() -> None:
    world, old = started()
    run(world, WATCHED_S + 60, 90.0, old)
    assert world.rollouts[0]["state"] == "taken back"
    assert "90 ms and 50 before" in world.rollouts[0]["reason"]
    assert {pod.template for pod in world.pods.values()} == old
    run(world, 60, 90.0, old)
    assert {pod.template for pod in world.pods.values()} == old  # and is not tried again
    assert all(len(pods) == 1 for pods in world.holders().values())


def test_the_next_image_is_tried_again() -> None:
    world, old = started()
    run(world, WATCHED_S + 60, 90.0, old)
    world.fleet = replace(world.fleet, image="camslice:3", generation=3)
    run(world, 400, 51.0, old)
    assert world.rollouts[0]["state"] == "done"
    assert {pod.template for pod in world.pods.values()}.isdisjoint(old)


def test_the_only_pod_of_a_shape_is_compared_with_what_it_did_before() -> None:
    world = World(a_fleet(nodes=1, pods=1), cameras=2)
    world.settle()
    old = {pod.template for pod in world.pods.values()}
    reports_of(world, 50.0, old)
    world.step()
    world.fleet = replace(world.fleet, image="camslice:2", generation=2)
    run(world, WATCHED_S + 60, 200.0, old)
    assert world.rollouts[0]["state"] == "taken back"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (Judged(50.0, 0.0, 2.0), Judged(64.0, 0.0, 2.0), "p95"),
        (Judged(50.0, 0.0, 2.0), Judged(50.0, 0.03, 2.0), "dropped"),
        (Judged(50.0, 0.0, 2.0), Judged(50.0, 0.0, 1.0), "objects were found"),
    ],
)
def test_what_speaks_against_it_is_said(old: Judged, new: Judged, words: str) -> None:
    assert words in (why_worse(old, new) or "")


@given(some.floats(1, 1e4), some.floats(0, 1), some.floats(0, 100))
def test_the_same_is_never_worse_and_neither_is_what_nobody_knows(p95_ms: float, drops: float, found: float) -> None:
    same = Judged(p95_ms, drops, found)
    assert why_worse(same, same) is None
    assert why_worse(Judged(None, None, None), same) is None
    assert why_worse(same, Judged(None, None, None)) is None


def test_a_rollout_whose_first_pod_is_needed_no_more_goes_on_with_another() -> None:
    world, old = started()
    world.step()
    first = world.rollouts[0]["first"]
    for name in [name for name, pods in world.holders().items() if any(first in pod for pod, _ in pods)]:
        del world.cameras[name.partition("/")[0]]
    run(world, 400, 52.0, old)
    assert world.rollouts[0]["state"] == "done"
    assert {pod.template for pod in world.pods.values()}.isdisjoint(old)
    assert all(len(pods) == 1 for pods in world.holders().values())
