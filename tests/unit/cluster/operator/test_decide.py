"""What the operator decides: everybody has a pod, nobody two under one epoch, whatever happens and whenever it is killed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from camslice.cluster.operator.reports import PodReport, StreamReport
from tests.unit.cluster.operator.world import World, a_camera, a_fleet


def everybody_once(world: World) -> bool:
    held = world.holders()
    return held.keys() == {f"{name}/people" for name in world.cameras} and all(len(pods) == 1 for pods in held.values())


def test_a_new_fleet_gets_its_pods_and_then_nothing_more_is_done() -> None:
    world = World(a_fleet(), cameras=6)
    world.settle()
    assert everybody_once(world)
    assert sorted(world.pods) == ["street-a-people-0-0", "street-a-people-0-1", "street-a-people-0-2"]
    decision = world.step()
    assert decision.settled
    assert [*decision.make, *decision.tell, *decision.delete, *decision.release] == []


def test_a_pod_that_vanished_is_made_anew_under_another_name_and_a_higher_epoch() -> None:
    world = World(a_fleet(), cameras=4)
    world.settle()
    before = world.holders()
    (name, epoch), *_ = before["cam-0/people"]
    world.kill(name)
    world.settle()
    (after, later), *_ = world.holders()["cam-0/people"]
    assert after != name
    assert later > epoch
    assert world.holders()["cam-3/people"] == before["cam-3/people"]


def test_a_pod_that_is_drained_keeps_its_cameras_until_they_are_live_elsewhere_and_is_told_then() -> None:
    world = World(a_fleet(), cameras=4)
    world.settle()
    name = world.holders()["cam-0/people"][0][0]
    world.drain(name)
    world.ready_at_once = False
    world.step()
    both = [pod for pod, _ in world.holders()["cam-0/people"]]
    assert len(both) == 2
    assert len({epoch for _, epoch in world.holders()["cam-0/people"]}) == 2
    assert world.released == []
    world.step()
    assert world.released == []
    world.get_ready()
    world.step()
    assert world.released == [(name, ("cam-0/people", "cam-1/people"))]


def test_a_drained_pod_keeps_its_cameras_when_the_one_that_was_to_take_them_dies_first() -> None:
    world = World(a_fleet(), cameras=4)
    world.settle()
    name, epoch = world.holders()["cam-0/people"][0]
    world.drain(name)
    world.ready_at_once = False
    world.step()
    (successor,) = {pod for pod, _ in world.holders()["cam-0/people"]} - {name}
    world.kill(successor)
    world.step()
    assert world.released == []
    assert (name, epoch) in world.holders()["cam-0/people"]
    world.get_ready()
    world.step()
    assert world.released == [(name, ("cam-0/people", "cam-1/people"))]


def test_a_stream_leaves_its_old_pod_only_when_the_new_one_has_a_result() -> None:
    world = World(a_fleet(), cameras=8)
    world.settle()
    del world.cameras["cam-0"], world.cameras["cam-1"], world.cameras["cam-2"], world.cameras["cam-4"]
    world.settle()
    world.step(compact=True)
    moving = {stream: pods for stream, pods in world.holders().items() if len(pods) == 2}
    assert moving
    told = {
        "has_result": False,
        "fps": 5.0,
        "p95_ms": 9.0,
        "p_all_ms": 9.0,
        "frames": 0,
        "drop_rate": 0.0,
        "detections_per_frame": None,
    }

    def said(result: bool) -> None:
        world.reports = {
            pod: PodReport(0.0, "r", {stream: StreamReport(epoch=epoch, **{**told, "has_result": result})})
            for stream, pods in moving.items()
            for pod, epoch in [max(pods, key=lambda each: each[1])]
        }

    said(False)
    world.step()
    assert {stream for stream, pods in world.holders().items() if len(pods) == 2} == set(moving)
    said(True)
    world.settle()
    assert everybody_once(world)


def test_cameras_of_a_lost_node_go_to_the_spare_and_come_back_when_there_is_a_node() -> None:
    world = World(a_fleet(spares=1), cameras=8)
    world.settle()
    assert len(world.pods) == 6  # those of the spare stand by
    node = world.pods[world.holders()["cam-0/people"][0][0]].node
    assert node is not None
    world.lose(node)
    world.step()
    assert everybody_once(world)  # at once, in pods that were ready
    world.settle()
    assert everybody_once(world)


def test_a_camera_too_many_is_refused_and_others_stay() -> None:
    world = World(a_fleet(nodes=1), cameras=4)
    world.settle()
    before = world.holders()
    world.cameras["cam-9"] = a_camera(9)
    decision = world.step()
    assert [key.camera for key in decision.refused] == ["cam-9"]
    assert world.holders() == before


def test_a_camera_of_an_unknown_model_or_behind_a_host_name_is_refused_with_the_reason() -> None:
    world = World(a_fleet(), cameras=0)
    world.cameras["cam-1"] = replace(a_camera(1), models=("birds",))
    world.cameras["cam-2"] = replace(a_camera(2), source="rtsp://camera.example/1")
    reasons = {key.camera: reason for key, reason in world.decide().refused.items()}
    assert "no model birds" in reasons["cam-1"]
    assert "host name" in reasons["cam-2"]


events = some.lists(
    some.tuples(
        some.sampled_from(["kill", "drain", "lose", "add", "remove", "crash", "step", "compact", "find"]), some.integers(0, 40)
    ),
    max_size=14,
)


@settings(max_examples=150)
@given(events, some.integers(1, 10))
def test_nobody_is_lost_or_analysed_twice_under_one_epoch(happens: list[tuple[str, int]], cameras: int) -> None:
    world = World(a_fleet(nodes=3, spares=1), cameras)
    given_out: dict[str, dict[str, int]] = {}

    def check() -> None:
        for stream, pods in world.holders().items():
            epochs = [epoch for _, epoch in pods]
            assert len(set(epochs)) == len(epochs), f"{stream} has one epoch twice: {pods}"
            before = given_out.setdefault(stream, {})
            newest = max(before.values(), default=0)
            for pod, epoch in pods:
                assert before.get(pod) == epoch or epoch > newest, f"{stream} got an older epoch: {pods} after {before}"
            before |= dict(pods)

    for what, number in happens:
        pods = sorted(world.pods)
        if what == "kill" and pods:
            world.kill(pods[number % len(pods)])
        elif what == "drain" and pods:
            world.drain(pods[number % len(pods)])
        elif what == "lose" and len(world.lost) < 1:
            world.lose(f"n{number % 4}")
        elif what == "find":
            world.lost.clear()
        elif what == "add" and len(world.cameras) < 12:
            world.cameras[f"cam-{number + 100}"] = a_camera(number + 100)
        elif what == "remove" and len(world.cameras) > 1:
            gone = sorted(world.cameras)[number % len(world.cameras)]
            del world.cameras[gone]
            world.statuses.pop(gone, None)
        elif what == "crash":
            world.step(stop_after=number % 12)
        else:
            world.step(compact=what == "compact")
        check()
    for name in [name for name, pod in world.pods.items() if pod.leaving]:
        world.kill(name)
    world.lost.clear()
    world.settle()
    check()
    assert everybody_once(world)


@pytest.mark.parametrize("kept", range(14))
def test_an_operator_that_was_killed_anywhere_leaves_nothing_but_work(kept: int) -> None:
    world = World(a_fleet(), cameras=6)
    world.step(stop_after=kept)
    world.settle()
    assert everybody_once(world)
