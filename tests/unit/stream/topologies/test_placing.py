"""Which pod carries which camera."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec
from camslice.stream.topologies.placing import balanced, filled

SOURCE = Source("scene://people", "scene://people")


@st.composite
def fleets(draw: st.DrawFn) -> list[CameraSpec]:
    models = draw(st.lists(st.integers(1, 3), max_size=12))
    return [
        CameraSpec(f"c{i}", SOURCE, draw(st.sampled_from([0.5, 1.0, 5.0, 25.0])), tuple("abc"[:streams]))
        for i, streams in enumerate(models)
    ]


def streams_of(cameras: Sequence[CameraSpec], pod_of: Mapping[str, int]) -> Counter[int]:
    streams: Counter[int] = Counter()
    for camera in cameras:
        streams[pod_of[camera.name]] += len(camera.models)
    return streams


@given(fleets(), st.integers(1, 5))
def test_no_pod_has_more_streams_than_it_may_unless_one_camera_alone_has(cameras: list[CameraSpec], room: int) -> None:
    pod_of = filled(cameras, {}, room)
    assert set(pod_of) == {camera.name for camera in cameras}
    carried = Counter(pod_of.values())
    for pod, streams in streams_of(cameras, pod_of).items():
        assert streams <= room or carried[pod] == 1


@given(fleets(), st.integers(1, 5))
def test_pods_are_numbered_without_a_gap(cameras: list[CameraSpec], room: int) -> None:
    pods = set(filled(cameras, {}, room).values())
    assert pods == set(range(len(pods)))


@given(fleets(), st.integers(1, 5), st.data())
def test_a_camera_that_stays_keeps_its_pod(cameras: list[CameraSpec], room: int, data: st.DataObject) -> None:
    before = filled(cameras, {}, room)
    staying = [camera for camera in cameras if data.draw(st.booleans())]
    newcomers = [CameraSpec(f"new{i}", SOURCE, 1.0, ("a",)) for i in range(data.draw(st.integers(0, 3)))]
    after = filled([*newcomers, *staying], before, room)
    assert all(after[camera.name] == before[camera.name] for camera in staying)


def test_a_newcomer_takes_the_room_that_another_left() -> None:
    cameras = [CameraSpec(f"c{i}", SOURCE, 1.0, ("a",)) for i in range(3)]
    before = filled(cameras, {}, 1)
    after = filled([cameras[0], cameras[2], CameraSpec("new", SOURCE, 1.0, ("a",))], before, 1)
    assert after["new"] == before["c1"]


@given(fleets(), st.integers(1, 4))
def test_the_load_of_workers_differs_by_no_more_than_one_camera(cameras: list[CameraSpec], workers: int) -> None:
    pod_of = balanced(cameras, {}, workers)
    load = dict.fromkeys(range(workers), 0.0)
    for camera in cameras:
        load[pod_of[camera.name]] += camera.fps * len(camera.models)
    heaviest = max((camera.fps * len(camera.models) for camera in cameras), default=0.0)
    assert max(load.values()) - min(load.values()) <= heaviest


def test_a_camera_whose_worker_is_gone_gets_another() -> None:
    camera = CameraSpec("c", SOURCE, 1.0, ("a",))
    assert balanced([camera], {"c": 5}, 2) == {"c": 0}
