"""The keys of fleet.yaml that plans are made from: what becomes of them, and what a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import FleetError
from camslice.fleet.spec import parse_camera, parse_fleet
from camslice.fleet.types import Fleet, Ingest, Objective, Planning, Scale, StreamFormat, Topology

SMALL = """\
objective: {latency_ms: 400, usd_per_camera_month: 30}
models:
  people: {weights: yolox-nano}
cameras:
  - {name: gate, source: gate.mp4, fps: 5, model: people}
"""
STREAM = "stream: {width: 1920, height: 1080, fps: 25, codec: h264, kbps: 4000}"


def parsed(text: str) -> Fleet:
    return parse_fleet(text, Path("/site"), {}, "fleet.yaml")


def complaint(text: str) -> str:
    with pytest.raises(FleetError) as caught:
        parsed(text)
    return str(caught.value)


def with_camera(keys: str) -> str:
    return SMALL + f"  - {{name: yard, source: b, fps: 1, model: people, {keys}}}\n"


def test_a_fleet_that_says_nothing_of_plans_gets_the_defaults() -> None:
    fleet = parsed(SMALL)
    assert fleet.planning == Planning()
    assert (fleet.cameras[0].stream, fleet.cameras[0].objective) == (None, None)


def test_what_a_camera_sends_holds_for_each_of_its_copies() -> None:
    copies = parsed(with_camera(f"count: 3, {STREAM}")).cameras[1:]
    assert [copy.stream for copy in copies] == [StreamFormat(1920, 1080, 25.0, "h264", 4000.0)] * 3


def test_a_camera_that_joins_later_may_say_what_it_sends() -> None:
    stream = {"width": 640, "height": 480, "fps": 10, "codec": "mjpeg", "kbps": 0}
    data = {"name": "yard", "source": "b", "fps": 1, "model": "people", "stream": stream, "objective": {"drop_rate": 0.1}}
    (camera,) = parse_camera(data, parsed(SMALL), Path("/site"), {})
    assert camera.stream == StreamFormat(640, 480, 10.0, "mjpeg", 0.0)
    assert camera.objective == Objective(400.0, 95.0, 0.1, 30.0)


def test_a_camera_inherits_of_the_objective_what_it_does_not_say() -> None:
    camera = parsed(with_camera("objective: {latency_ms: 100, recall: 1.0}")).camera("yard")
    assert camera.objective == Objective(100.0, 95.0, 0.01, 30.0)


def test_every_key_of_planning_reaches_its_place() -> None:
    planning = parsed(
        SMALL
        + """\
planning:
  regions: [eu-west-1, us-east-1, eu-west-1]
  instance_types: ["g4dn.*"]
  topologies: [pooled, sliced]
  purchases: [spot, on_demand]
  prefix_delegation: true
  system_pods: case-study
  spare_nodes: 1
  cameras_per_node: 20
  most_shapes: 3
  streams_per_pod: [4, 1, 4]
  ingest: vpn
  scale: [{profile: t4-case-study, instance_types: ["g5.*"], factor: 1.5}]
"""
    ).planning
    assert planning == Planning(
        regions=("eu-west-1", "us-east-1"),
        instance_types=("g4dn.*",),
        topologies=(Topology.POOLED, Topology.SLICED),
        purchases=("spot", "on_demand"),
        prefix_delegation=True,
        system_pods="case-study",
        spare_nodes=1,
        cameras_per_node=20,
        most_shapes=3,
        streams_per_pod=(1, 4),
        ingest=Ingest.VPN,
        scale=(Scale("t4-case-study", ("g5.*",), 1.5),),
    )


WRONG = [
    (with_camera("stream: h264"), ["fleet.yaml:6: cameras[1].stream:", '"h264" is not allowed', "{width: 1920"]),
    (with_camera("stream: {width: 640, height: 480, fps: 10, codec: h264}"), ["cameras[1].stream.kbps is missing", "kilobits"]),
    (with_camera(STREAM.replace("1920", "0")), ["cameras[1].stream.width: 0 is not allowed", "1 to 16384"]),
    (with_camera(STREAM.replace("25", ".nan")), ["cameras[1].stream.fps: NaN is not allowed"]),
    (with_camera(STREAM.replace("4000", "-1")), ["cameras[1].stream.kbps: -1 is not allowed", "from 0"]),
    (with_camera(STREAM.replace("h264", "H.264")), ['cameras[1].stream.codec: "H.264" is not allowed', "such as h264"]),
    (with_camera(STREAM.replace("h264", "h265")), ['cameras[1].stream.codec: "h265" is not allowed', "hevc (which is H.265)"]),
    (with_camera(STREAM.replace("kbps", "kbs")), ["cameras[1].stream.kbs: unknown key; did you mean kbps?", "is missing"]),
    (with_camera("objective: {latency: 5}"), ["cameras[1].objective.latency: unknown key; did you mean latency_ms?"]),
    (with_camera("objective: {percentile: 100}"), ["cameras[1].objective.percentile: 100 is not allowed", "below 100"]),
    (with_camera("objective: {drop_rate: 2}"), ["cameras[1].objective.drop_rate: 2 is not allowed", "from 0 to 1"]),
    (SMALL + "planing: {}\n", ["fleet.yaml:6: planing: unknown key; did you mean planning?"]),
    (SMALL + "planning: 5\n", ["fleet.yaml:6: planning: 5 is not allowed"]),
    (SMALL + "planning: {region: [a]}\n", ["planning.region: unknown key; did you mean regions?"]),
    (SMALL + "planning: {regions: []}\n", ["planning.regions: an empty list is not allowed", "us-east-1"]),
    (SMALL + "planning: {regions: eu-west-1}\n", ['planning.regions: "eu-west-1" is not allowed', "a list of regions"]),
    (SMALL + "planning: {purchases: [gift]}\n", ['planning.purchases[0]: "gift" is not', "write on_demand, reserved, spot or"]),
    (SMALL + "planning: {topologies: [flat]}\n", ['planning.topologies[0]: "flat" is not', "write dedicated, remote"]),
    (SMALL + "planning: {prefix_delegation: 1}\n", ["planning.prefix_delegation: 1 is not allowed; write true or false"]),
    (SMALL + "planning: {spare_nodes: -1}\n", ["planning.spare_nodes: -1 is not allowed", "from 0"]),
    (SMALL + "planning: {cameras_per_node: 0}\n", ["planning.cameras_per_node: 0 is not allowed", "from 1"]),
    (SMALL + "planning: {most_shapes: 0}\n", ["planning.most_shapes: 0 is not allowed", "1 to 100"]),
    (SMALL + "planning: {streams_per_pod: [0]}\n", ["planning.streams_per_pod[0]: 0 is not allowed", "1 to 1024"]),
    (SMALL + "planning: {ingest: pigeon}\n", ['planning.ingest: "pigeon" is not allowed; write direct, nat or vpn']),
    (SMALL + "planning: {scale: [{profile: a, factor: 1}]}\n", ["planning.scale[0].instance_types is missing", "g5.xlarge"]),
    (
        SMALL + "planning: {scale: [{profile: a, instance_types: [b], factor: 0}]}\n",
        ["planning.scale[0].factor: 0 is not allowed", "above 0"],
    ),
]


@pytest.mark.parametrize(("text", "pieces"), WRONG)
def test_a_mistake_is_told_where_it_stands_and_what_is_allowed(text: str, pieces: list[str]) -> None:
    message = complaint(text)
    assert message.startswith("fleet.yaml:")
    for piece in pieces:
        assert piece in message, message
