"""fleet.yaml: what is taken, what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import FleetError
from camslice.fleet.spec import load_fleet, parse_camera, parse_fleet
from camslice.fleet.types import Backend, Fleet, Freshness, JsonlSink, Machine, Objective, Pace, Precision, Store

SMALL = """\
models:
  people: {weights: yolox-nano}
cameras:
  - {name: gate, source: gate.mp4, fps: 5, model: people}
"""

FULL = """\
objective: {latency_ms: 250, percentile: 99, drop_rate: 0.02, usd_per_camera_month: 30, recall: 1.0}
models:
  people:
    weights: weights/people.onnx
    classes: [person]
    confidence: 0.4
    nms_iou: 0.6
    input_size: [640, 384]
    decoder: yolov8
    labels: ~/labels.txt
    engine: onnxruntime
    device: CPU
    precision: fp32
    max_batch: 8
  cars: {weights: yolox-nano, input_size: 416, precision: bf16}
cameras:
  - {name: gate, source: "rtsp://${USER}:${PASSWORD}@10.0.0.7/1", fps: 5, model: people}
  - name: yard
    source: ../clips/yard.mp4
    fps: 2.5
    models: [people, cars]
    count: 3
    loop: false
    playback_fps: 30
    freshness: latest
topology: pooled
pace: lossless
machine: {usd_per_hour: 0.10264}
store: {url: "sqlite:///events.db", keep_days: 7, keep_mb: 100}
sinks: [{jsonl: out/results.jsonl}]
"""

ENVIRON = {"USER": "bob", "PASSWORD": "hunter2", "HOME": "/home/bob"}


def parsed(text: str) -> Fleet:
    return parse_fleet(text, Path("/site/fleet"), ENVIRON, "fleet.yaml")


def complaint(text: str) -> str:
    with pytest.raises(FleetError) as caught:
        parsed(text)
    return str(caught.value)


def with_camera(keys: str) -> str:
    return SMALL + f"  - {{{keys}}}\n"


def with_model(keys: str) -> str:
    return SMALL.replace("{weights: yolox-nano}", f"{{{keys}}}")


@pytest.mark.parametrize("topology", ["dedicated", "remote", "sliced", "mps", "mig", "pooled"])
def test_every_topology_may_be_asked_for(topology: str, tmp_path: Path) -> None:
    fleet = parse_fleet(SMALL + f"topology: {topology}\nworkers: 2\nstreams_per_pod: 3\n", tmp_path, {}, "fleet.yaml")
    assert (str(fleet.topology), fleet.workers, fleet.streams_per_pod) == (topology, 2, 3)
    assert parse_fleet(SMALL + "workers: auto\n", tmp_path, {}, "fleet.yaml").workers is None


def test_a_small_fleet_gets_the_defaults() -> None:
    fleet = parsed(SMALL)
    assert fleet.objective == Objective(latency_ms=500, percentile=95, drop_rate=0.01, usd_per_camera_month=None)
    assert (fleet.pace, fleet.topology, fleet.machine, fleet.store, fleet.sinks) == (Pace.LIVE, "pooled", None, None, ())
    (camera,) = fleet.cameras
    assert (camera.fps, camera.models, camera.loop, camera.freshness) == (5.0, ("people",), None, Freshness.ALL)
    assert fleet.models["people"].precision is Precision.AUTO
    assert fleet.models["people"].backend is Backend.OPENVINO


def test_every_key_reaches_its_place() -> None:
    fleet = parsed(FULL)
    assert fleet.objective == Objective(250.0, 99.0, 0.02, 30.0)
    people = fleet.models["people"]
    assert people.weights == "/site/fleet/weights/people.onnx"
    assert people.labels == "/home/bob/labels.txt"
    assert (people.classes, people.confidence, people.nms_iou, people.input_size) == (("person",), 0.4, 0.6, (640, 384))
    assert (people.decoder, people.backend, people.device) == ("yolov8", Backend.ONNXRUNTIME, "CPU")
    assert (people.precision, people.max_batch) == (Precision.FP32, 8)
    assert fleet.models["cars"].weights == "yolox-nano"
    assert fleet.models["cars"].input_size == (416, 416)
    assert [camera.name for camera in fleet.cameras] == ["gate", "yard-1", "yard-2", "yard-3"]
    assert fleet.camera("gate").source.reveal() == "rtsp://bob:hunter2@10.0.0.7/1"
    yard = fleet.camera("yard-2")
    assert yard.source.reveal() == "/site/clips/yard.mp4"
    assert (yard.fps, yard.models, yard.loop, yard.playback_fps) == (2.5, ("people", "cars"), False, 30.0)
    assert yard.freshness is Freshness.LATEST
    assert fleet.pace is Pace.LOSSLESS
    assert fleet.machine == Machine(0.10264)
    assert fleet.store == Store("sqlite:////site/fleet/events.db", 7.0, 100.0)
    assert fleet.sinks == (JsonlSink("/site/fleet/out/results.jsonl"),)


def test_a_fleet_may_have_no_cameras_yet() -> None:
    assert parsed("models: {people: {weights: yolox-nano}}\ncameras: []\n").cameras == ()


def test_masks_are_polygons_in_shares_of_the_picture() -> None:
    fleet = parsed(with_camera("name: yard, source: a.mp4, fps: 1, model: people, masks: [[[0, 0], [0.3, 0], [0.3, 1]]]"))
    assert fleet.camera("yard").masks == (((0.0, 0.0), (0.3, 0.0), (0.3, 1.0)),)


def test_a_store_may_be_a_plain_url() -> None:
    assert parsed(SMALL + "store: postgresql://db/events\n").store == Store("postgresql://db/events", 30.0, 4096.0)


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("yard.mp4", "/site/fleet/yard.mp4"),
        ("/clips/*.mp4", "/clips/*.mp4"),
        ("~/clips", "/home/bob/clips"),
        ("/dev/video0", "/dev/video0"),
        ("usb:0", "usb:0"),
        ("scene://people?seed=1&size=768x576", "scene://people?seed=1&size=768x576"),
        ("https://cam.example/hls.m3u8", "https://cam.example/hls.m3u8"),
        ("RTSP://cam/1", "rtsp://cam/1"),
        ("${HOME}/yard.mp4", "/home/bob/yard.mp4"),
    ],
)
def test_only_paths_are_resolved(source: str, address: str) -> None:
    assert parsed(with_camera(f'name: a, source: "{source}", fps: 1, model: people')).camera("a").source.reveal() == address


WRONG = [
    # what is written, and the pieces of the sentence it gets
    ("", ["fleet.yaml: this is empty"]),
    ("# nothing\n", ["this is empty"]),
    ("- a\n", ["fleet.yaml:1: a fleet is a mapping"]),
    ("models: {a: b: c}", ["fleet.yaml:1: this is not YAML", "check indentation"]),
    ("models: [\x00]", ["fleet.yaml:1:", "character that YAML does not allow"]),
    (SMALL + "pace: live\npace: live\n", ["fleet.yaml:6: pace is given twice (first on line 5)"]),
    (SMALL + "extra: 1\n", ["fleet.yaml:5: extra: unknown key", "cameras, machine, models, network, objective, pace"]),
    (SMALL + "objectives: {}\n", ["fleet.yaml:5: objectives: unknown key; did you mean objective?"]),
    (with_camera("name: a, source: b, fsp: 1, fps: 1, model: people"), ["fleet.yaml:5: cameras[1].fsp", "did you mean fps?"]),
    (with_camera("name: a, source: b, fps: -5, model: people"), ["fleet.yaml:5: cameras[1].fps: -5 is not allowed", "above 0"]),
    (with_camera("name: a, source: b, fps: 241, model: people"), ["cameras[1].fps: 241 is not", "at most 240"]),
    (
        with_camera("name: a, source: b, fps: 1, model: people, masks: [[[0, 0], [1, 0]]]"),
        ["cameras[1].masks[0]: a list is not allowed; write a list of polygons"],
    ),
    (
        with_camera("name: a, source: b, fps: 1, model: people, masks: [[[0, 0], [1, 0], [1, 1.5]]]"),
        ["cameras[1].masks[0][2][1]: 1.5 is not allowed; write a list of polygons"],
    ),
    (
        with_camera("name: a, source: b, fps: 1, model: people, masks: [[[0, 0], [1, 0], [1]]]"),
        ["cameras[1].masks[0][2]"],
    ),
    (with_camera("name: a, source: b, fps: yes, model: people"), ["cameras[1].fps: true is not allowed"]),
    (with_camera("name: a, source: b, fps: .nan, model: people"), ["cameras[1].fps: NaN is not allowed"]),
    (with_camera("name: a, source: b, fps: .inf, model: people"), ["cameras[1].fps: Infinity is not allowed"]),
    (with_camera("name: a, source: b, fps: five, model: people"), ['cameras[1].fps: "five" is not allowed', "a number"]),
    (with_camera("name: a, source: b, fps: [5], model: people"), ["cameras[1].fps: a list is not allowed"]),
    (with_camera("name: a, source: b, fps: , model: people"), ["cameras[1].fps has no value; write a number"]),
    (with_camera("name: a, fps: 1, model: people"), ["fleet.yaml:5: cameras[1].source is missing", "rtsp://"]),
    (with_camera("name: a b, source: b, fps: 1, model: people"), ['cameras[1].name: "a b" is not allowed', "letters"]),
    (with_camera("name: 12, source: b, fps: 1, model: people"), ["cameras[1].name: 12 is not allowed", "in quotes"]),
    (with_camera("name: gate, source: b, fps: 1, model: people"), ['cameras[1].name: "gate" is taken by the camera on line 4']),
    (with_camera(f"name: {'x' * 63}, count: 2, source: b, fps: 1, model: people"), ["longer than 63 characters"]),
    (with_camera("name: a, source: b, fps: 1, model: dogs"), ['cameras[1].model: there is no model "dogs"', "one of people"]),
    (with_camera("name: a, source: b, fps: 1, models: [people, people]"), ["cameras[1].models: a model is named twice"]),
    (with_camera("name: a, source: b, fps: 1, models: []"), ["cameras[1].models: an empty list is not allowed"]),
    (with_camera("name: a, source: b, fps: 1"), ["cameras[1]: neither model nor models is given"]),
    (with_camera("name: a, source: b, fps: 1, model: people, models: [people]"), ["both model and models are given"]),
    (with_camera("name: a, source: b, fps: 1, model: people, count: 0"), ["cameras[1].count: 0 is not", "1 to 10000"]),
    (with_camera("name: a, source: b, fps: 1, model: people, count: 2.5"), ["cameras[1].count: 2.5 is not"]),
    (with_camera("name: a, source: b, fps: 1, model: people, freshness: new"), ['freshness: "new" is not', "all or latest"]),
    (with_camera("name: a, source: b, fps: 1, model: people, loop: 1"), ["loop: 1 is not allowed; write true or false"]),
    (with_camera("name: a, source: '', fps: 1, model: people"), ['cameras[1].source: "" is not allowed']),
    (with_camera("name: a, source: 'ftp://h/1', fps: 1, model: people"), ["ftp:// is no kind of source", "rtsp://"]),
    (with_camera("name: a, source: '${NOPE}/1', fps: 1, model: people"), ["environment variable NOPE is not set"]),
    (with_camera("name: a, source: '${NOPE', fps: 1, model: people"), ["a ${ is not closed"]),
    (with_camera("name: a, source: '${1}', fps: 1, model: people"), ["not the name of an environment variable"]),
    (
        with_camera("name: a, source: rtsp://h/1,2, fps: 1, model: people"),
        ["fleet.yaml:5: cameras[1]: there is a word without a value", "in quotes"],
    ),
    (with_camera("<<: {}, name: a"), ["fleet.yaml:5: merge keys (<<) are not allowed"]),
    (with_camera("[a]: 1"), ["fleet.yaml:5: a key must be a plain word"]),
    (SMALL + "  - 7\n", ["fleet.yaml:5: cameras[1]: 7 is not allowed; write a mapping with at least name, source, fps"]),
    (SMALL.replace("people: {weights: yolox-nano}", "{}"), ["models: a mapping is not allowed; write at least one model"]),
    (SMALL.replace("people: {", "my model: {"), ["fleet.yaml:2", '"my model" is not allowed as a name']),
    ("cameras: []\n", ["fleet.yaml:1: models is missing"]),
    ("models: {a: {weights: b}}\n", ["fleet.yaml:1: cameras is missing", "[] for none yet"]),
    ("models:\ncameras: []\n", ["fleet.yaml:1: models has no value"]),
    (with_model("classes: [person]"), ["fleet.yaml:2: models.people.weights is missing"]),
    (with_model("weights: a, confidence: 1.5"), ["models.people.confidence: 1.5 is not allowed", "0 to 1"]),
    (with_model("weights: a, confidence: true"), ["models.people.confidence: true is not allowed"]),
    (with_model("weights: a, confidence: .nan"), ["models.people.confidence: NaN is not allowed"]),
    (with_model("weights: a, input_size: 100"), ["models.people.input_size: 100 is not allowed", "multiple of 32"]),
    (with_model("weights: a, input_size: [640]"), ["models.people.input_size", "multiple of 32"]),
    (with_model("weights: a, input_size: true"), ["models.people.input_size: true is not"]),
    (with_model("weights: a, classes: [no]"), ["models.people.classes[0]: false is not allowed; write text, in quotes"]),
    (with_model("weights: a, classes: person"), ['models.people.classes: "person" is not', "a list"]),
    (
        with_model("weights: a, engine: tensorrt"),
        ['models.people.engine: "tensorrt" is not', "openvino, onnxruntime, ultralytics or oip"],
    ),
    (with_model("weights: a, precision: fp16"), ["models.people.precision: fp16 is not there yet", "auto, bf16, fp32 or int8"]),
    (with_model("weights: a, max_batch: 0"), ["models.people.max_batch: 0 is not", "1 to 256"]),
    (with_model("weights: a, max_batch: 0x" + "f" * 9000), ["models.people.max_batch: a number with so many digits is not"]),
    (with_model("weights: !!python/name:os.system a"), ["fleet.yaml:2: YAML tags are not allowed"]),
    (with_model("weights: !!int ''"), ["fleet.yaml:2: this value does not read as int"]),
    (with_model('weights: "a\\0b"'), ['models.people.weights: "a\\u0000b" is not allowed']),
    (SMALL + "objective: {latency_ms: 0}\n", ["fleet.yaml:5: objective.latency_ms: 0 is not allowed", "above 0"]),
    (SMALL + "objective: {latency_ms: 1.0e+300}\n", ["objective.latency_ms: 1e+300 is not allowed", "at most 3600000"]),
    (SMALL + "objective: {percentile: 100}\n", ["objective.percentile: 100 is not allowed", "below 100"]),
    (SMALL + "objective: {drop_rate: 2}\n", ["objective.drop_rate: 2 is not allowed"]),
    (SMALL + "objective: {usd_per_camera_month: -1}\n", ["objective.usd_per_camera_month: -1 is not allowed"]),
    (SMALL + "objective: {recall: 1.01}\n", ["objective.recall: 1.01 is not allowed", "a share above 0 and at most 1"]),
    (SMALL + "policy: cheap\n", ['policy: "cheap" is not allowed', "auto or a name of the ladder of policies: full, careful"]),
    (SMALL + "objective: 5\n", ["objective: 5 is not allowed"]),
    (SMALL + "pace: slow\n", ['pace: "slow" is not allowed; write live or lossless']),
    (SMALL + "topology: flat\n", ['topology: "flat" is not allowed; write dedicated, remote, sliced, mps, mig or pooled']),
    (SMALL + "workers: -1\n", ["workers: -1 is not allowed; write auto or a whole number from 0 to 256"]),
    (SMALL + "workers: many\n", ['workers: "many" is not allowed; write auto or a whole number from 0 to 256']),
    (SMALL + "streams_per_pod: 0\n", ["streams_per_pod: 0 is not allowed; write a whole number from 1 to 1024"]),
    (SMALL + "machine: {usd_per_hour: 0}\n", ["machine.usd_per_hour: 0 is not allowed"]),
    (SMALL + "machine: 0.1\n", ["machine: 0.1 is not allowed; write {usd_per_hour: PRICE}"]),
    (SMALL + "store: events.db\n", ['fleet.yaml:5: store: "events.db" is no store; write sqlite:///FILE']),
    (SMALL + "store: mysql://u:p@h/x\n", ['"mysql://***@h/x" is no store']),
    (SMALL + "store: ''\n", ['store: "" is not allowed']),
    (SMALL + "store: {url: 'sqlite:///x', keep_days: 0}\n", ["store.keep_days: 0 is not allowed"]),
    (SMALL + "sinks: [{jsonl: a, csv: b}]\n", ["sinks[0].csv: unknown key; known here: jsonl"]),
    (SMALL + "sinks: {jsonl: a}\n", ["sinks: a mapping is not allowed; write a list such as"]),
]


@pytest.mark.parametrize(("text", "pieces"), WRONG)
def test_a_mistake_gets_one_sentence_that_says_where_what_and_what_is_allowed(text: str, pieces: list[str]) -> None:
    message = complaint(text)
    assert message.startswith("fleet.yaml")
    assert message.endswith(".")
    assert "\n" not in message, message
    for piece in pieces:
        assert piece in message, message


LATER = [
    *[(SMALL + f"{key}: 1\n", f"fleet.yaml:5: {key}:") for key in ("precision",)],
    *[
        (with_camera(f"name: a, source: b, fps: 1, model: people, {key}: []"), f"fleet.yaml:5: cameras[1].{key}:")
        for key in ("zones", "rules")
    ],
    (SMALL + "sinks: [{jsonl: a, mqtt: b}]\n", "fleet.yaml:5: sinks[0].mqtt:"),
]


@pytest.mark.parametrize(("text", "start"), LATER)
def test_a_key_of_a_feature_to_come_is_refused_by_name(text: str, start: str) -> None:
    message = complaint(text)
    assert message.startswith(start)
    assert message.endswith("not there yet in this version; remove the key.")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    message = complaint(
        with_model("weights: 5, confidence: 7") + "  - {name: a, source: b, fps: 0, model: people}\npace: slow\nzones: []\n"
    )
    places = [line.split(": ")[1] for line in message.splitlines()]
    assert places == ["models.people.weights", "models.people.confidence", "cameras[1].fps", "pace", "zones"]


def test_a_mistake_made_a_thousand_times_is_told_twenty_times() -> None:
    lines = complaint(SMALL + "  - {}\n" * 1000).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "(2980 more of these.)"


def test_names_clash_after_count_is_unrolled() -> None:
    text = with_camera("name: gate, count: 2, source: b, fps: 1, model: people")
    assert [camera.name for camera in parsed(text).cameras] == ["gate", "gate-1", "gate-2"]
    clash = text + "  - {name: gate-2, source: b, fps: 1, model: people}\n"
    assert 'cameras[2].name: "gate-2" is taken by the camera on line 5' in complaint(clash)


def test_aliases_that_multiply_are_stopped() -> None:
    laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    laughs += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    assert "use fewer aliases" in complaint(laughs)


def test_an_alias_of_itself_is_stopped() -> None:
    assert "use fewer aliases" in complaint("models: &m {a: *m}\n")


def test_a_key_shared_by_alias_is_fine() -> None:
    text = SMALL.replace("gate.mp4", "&clip gate.mp4") + "  - {name: b, source: *clip, fps: 1, model: people}\n"
    assert parsed(text).camera("b").source.reveal() == "/site/fleet/gate.mp4"


def test_what_looks_like_a_date_is_text() -> None:
    assert parsed(with_camera("name: 2024-13-45, source: b, fps: 1, model: people")).cameras[1].name == "2024-13-45"


def test_nesting_without_end_is_stopped() -> None:
    assert "nested too deeply" in complaint("models: " + "[" * 20_000)
    assert "grows beyond" in complaint("models: " + "[" * 40 + "]" * 40)


# --- the file itself


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        (None, "there is no such file"),
        (b"models: \xff\xfe", "this is not UTF-8 text"),
        (b"", "this is empty"),
        (b"\xef\xbb\xbf" + SMALL.encode() + b"x: 1\n", "x: unknown key"),
    ],
)
def test_an_unreadable_file_gets_one_sentence(tmp_path: Path, content: bytes | None, piece: str) -> None:
    file = tmp_path / "fleet.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FleetError) as caught:
        load_fleet(file, {})
    assert str(caught.value).startswith(str(file))
    assert piece in str(caught.value)


def test_a_folder_is_no_fleet_file(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="it cannot be read"):
        load_fleet(tmp_path, {})


def test_a_file_without_end_is_no_fleet_file() -> None:
    with pytest.raises(FleetError, match=r"^/dev/zero: this is larger than a fleet can be"):
        load_fleet(Path("/dev/zero"), {})


def test_paths_begin_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(SMALL)
    assert load_fleet(tmp_path / "fleet.yaml", {}).camera("gate").source.reveal() == str(tmp_path.resolve() / "gate.mp4")


# --- one camera for a running fleet


def test_a_camera_can_be_declared_on_its_own() -> None:
    data = {"name": "yard", "source": "yard.mp4", "fps": 2, "model": "people", "count": 2}
    cameras = parse_camera(data, parsed(SMALL), Path("/clips"), {})
    assert [camera.name for camera in cameras] == ["yard-1", "yard-2"]
    assert cameras[0].source.reveal() == "/clips/yard.mp4"
    assert cameras[0].fps == 2.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "gate"}, 'camera: name: "gate" is taken by a camera of this fleet; write another name.'),
        ({"model": "dogs"}, 'camera: model: there is no model "dogs"; write one of people.'),
        ({"fps": 0}, "camera: fps: 0 is not allowed; write a number of frames per second above 0 and at most 240."),
        ({"zones": []}, "camera: zones: zones are not there yet in this version; remove the key."),
        ({"source": "rtsp://${SECRET}@evil/"}, "camera: source: the environment variable SECRET is not set"),
    ],
)
def test_a_wrong_camera_gets_one_sentence(change: dict[str, object], sentence: str) -> None:
    data = {"name": "yard", "source": "yard.mp4", "fps": 2, "model": "people", **change}
    with pytest.raises(FleetError) as caught:
        parse_camera(data, parsed(SMALL), Path("/clips"), {})
    assert str(caught.value).startswith(sentence)
