"""The keys of fleet.yaml as pydantic sees them: the border, and the source of the JSON Schema.

Each key says what it means (`description`, for the schema) and what is `Allowed` (for errors). Nothing above `fleet.spec` sees
these classes; it gets the frozen values of `fleet.types`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from camslice.fleet.policy import LADDER, PolicyName
from camslice.fleet.spec_evaluated import EvaluatedKeys
from camslice.fleet.spec_planning import CameraObjectiveKeys, PlanningKeys, StreamKeys
from camslice.fleet.spec_values import (
    MOST_MASKS,
    NUMBER,
    Allowed,
    Keys,
    Mask,
    Name,
    Positive,
    Share,
    Side,
    Text,
    or_else,
    pair,
    url_alone,
)


class ObjectiveKeys(Keys):
    """What you demand of the whole fleet."""

    latency_ms: Annotated[
        float,
        Field(gt=0, le=3_600_000, description="Milliseconds from capture to detections."),
        NUMBER,
        Allowed("a number of milliseconds above 0 and at most 3600000"),
    ] = 500.0
    percentile: Annotated[
        float,
        Field(gt=0, lt=100, description="The percentile of all due frames at which the latency must hold."),
        NUMBER,
        Allowed("a number above 0 and below 100, such as 95"),
    ] = 95.0
    drop_rate: Annotated[
        Share,
        Field(description="The share of due frames that may be dropped."),
        Allowed("a share from 0 to 1, such as 0.01"),
    ] = 0.01
    usd_per_camera_month: Annotated[
        Positive | None,
        Field(description="US dollars that a camera may cost in a month."),
        Allowed("a number of US dollars above 0"),
    ] = None
    recall: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="The share of the detections of full frames that must be kept. Below 1.0 only what moves is analysed, "
            "as long as the measured recall allows it.",
        ),
        NUMBER,
        Allowed("a share above 0 and at most 1, such as 0.97"),
    ] = 1.0


class ServerKeys(Keys):
    """A server that speaks the Open Inference Protocol, and how to reach it."""

    url: Annotated[
        Text,
        Field(
            description="grpc://HOST:PORT, grpcs://HOST:PORT (TLS), unix:/PATH or unix-abstract:NAME. ${NAME} stands for an "
            "environment variable."
        ),
        Allowed("an address such as grpc://10.0.0.7:8500"),
    ]
    model: Annotated[
        Text | None,
        Field(description="The model's name there; the name of the weights when left out."),
        Allowed("the model's name on the server"),
    ] = None
    token: Annotated[
        Text | None,
        Field(description="What the server asks for, such as ${NAME}, which stands for an environment variable."),
        Allowed("a token, best as ${NAME} of an environment variable"),
    ] = None
    ca: Annotated[
        Text | None,
        Field(description="A PEM file with the authorities to trust; the system's when left out."),
        Allowed("a path to a PEM file"),
    ] = None
    certificate: Annotated[
        Text | None,
        Field(description="A PEM file with our own certificate, for servers that ask for one."),
        Allowed("a path to a PEM file"),
    ] = None
    key: Annotated[
        Text | None,
        Field(description="A PEM file with the private key of `certificate`."),
        Allowed("a path to a PEM file"),
    ] = None
    transport: Annotated[
        Literal["auto", "shared_memory", "inline", "jpeg", "tensor"],
        Field(
            description="How pictures travel. auto takes shared memory on one host, else measures which of inline (bytes as "
            "they are) and jpeg is faster; tensor sends the network's own float32 input, for comparison."
        ),
        Allowed("auto, shared_memory, inline, jpeg or tensor"),
    ] = "auto"


class ModelKeys(Keys):
    """A model: which weights, and what of its answers is wanted."""

    weights: Annotated[
        Text,
        Field(
            description="A name of the model list (`camslice models list`) or a path to .onnx or OpenVINO .xml; "
            "with engine ultralytics .pt, too."
        ),
        Allowed("a name of `camslice models list` or a path to an .onnx or .xml file"),
    ]
    classes: Annotated[
        list[Text] | None,
        Field(min_length=1, description="Labels to keep; all of them when left out."),
        Allowed("a list of the model's labels, such as [person, car]"),
    ] = None
    confidence: Annotated[
        Share,
        Field(description="Detections below this confidence are left out."),
        Allowed("a number from 0 to 1, such as 0.35"),
    ] = 0.35
    nms_iou: Annotated[
        Share,
        Field(description="Overlap (IoU) from which two boxes of one class count as one object."),
        Allowed("a number from 0 to 1, such as 0.5"),
    ] = 0.5
    input_size: Annotated[
        tuple[Side, Side] | None,
        BeforeValidator(pair),
        Field(
            json_schema_extra=or_else({"type": "integer", "multipleOf": 32, "minimum": 32, "maximum": 4096}),
            description="Pixels, one number or [width, height]; the model's own if left out.",
        ),
        Allowed("a multiple of 32 from 32 to 4096, or [width, height] of such"),
    ] = None
    decoder: Annotated[
        Text | None,
        Field(description="How the outputs are read; found from the model itself when left out."),
        Allowed("the name of an output decoder, such as yolox or yolov8"),
    ] = None
    labels: Annotated[
        Text | None,
        Field(description="A text file with one label per line; the model's own when left out."),
        Allowed("a path to a text file"),
    ] = None
    engine: Annotated[
        Literal["openvino", "onnxruntime", "ultralytics", "oip"],
        Field(description="The library that runs the model; oip is a server that speaks the Open Inference Protocol."),
        Allowed("openvino, onnxruntime, ultralytics or oip"),
    ] = "openvino"
    device: Annotated[
        Text | None,
        Field(description="The engine's device, such as CPU or GPU; the engine's default when left out."),
        Allowed("a device of the engine, such as CPU or GPU"),
    ] = None
    precision: Annotated[
        Literal["auto", "bf16", "fp32", "int8"],
        Field(description="Arithmetic; auto takes the fastest here of FP32, BF16 and the INT8 of `camslice models quantise`."),
        Allowed("auto, bf16, fp32 or int8"),
    ] = "auto"
    max_batch: Annotated[
        int | None,
        Field(ge=1, le=256, description="The most pictures in one request; the engine chooses when left out."),
        Allowed("a whole number from 1 to 256"),
    ] = None
    server: Annotated[
        ServerKeys | None,
        Field(description="Where `engine: oip` finds the model."),
        Allowed("a mapping such as {url: grpc://10.0.0.7:8500}"),
    ] = None
    evaluated: Annotated[
        list[EvaluatedKeys],
        Field(
            description="What policies keep and cost on clips of these cameras, as `camslice eval --policy FLEET --into FLEET` "
            "writes it: where a fleet begins, and in which order it gives quality up when it is overloaded."
        ),
        Allowed("a list such as [{policy: regions, recall: 0.984, cost: 0.45, frames: 240}]"),
    ] = Field(default_factory=list)


class CameraKeys(Keys):
    """A named video source and the rate at which it is to be analysed."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["model"]}, {"required": ["models"]}]})

    name: Annotated[Name, Field(description="Unique among the cameras.")]
    source: Annotated[
        Text,
        Field(
            description="A file or glob, rtsp://, http(s)://, a device (/dev/video0 or usb:0), a folder of pictures, or "
            "scene://. ${NAME} stands for an environment variable; paths are relative to this file."
        ),
        Allowed("a file, a folder, rtsp://, http(s)://, usb:0 or scene:// address"),
    ]
    fps: Annotated[
        float,
        Field(gt=0, le=240, description="Frames per second to analyse."),
        NUMBER,
        Allowed("a number of frames per second above 0 and at most 240"),
    ]
    model: Annotated[Name | None, Field(description="The model that analyses it: short for `models` with one.")] = None
    models: Annotated[
        list[Name] | None,
        Field(min_length=1, description="The models that analyse it, each one a stream."),
        Allowed("a list of names under `models`"),
    ] = None
    count: Annotated[
        int | None,
        Field(ge=1, le=10_000, description="So many cameras like it, called NAME-1, NAME-2, ... (for load tests)."),
        Allowed("a whole number from 1 to 10000"),
    ] = None
    loop: Annotated[
        bool | None,
        Field(description="Whether a file begins again at its end; yes at pace live, no at pace lossless."),
        Allowed("true or false"),
    ] = None
    playback_fps: Annotated[
        Annotated[float, Field(gt=0, le=1000), NUMBER] | None,
        Field(description="Play a file at this rate instead of its own (for load tests)."),
        Allowed("a number of frames per second above 0 and at most 1000"),
    ] = None
    freshness: Annotated[
        Literal["all", "latest"],
        Field(description="How many frames may wait: all that can still make the objective, or only the latest."),
        Allowed("all or latest"),
    ] = "all"
    substream: Annotated[
        Text | None,
        Field(
            description="The camera's stream of lower resolution, written as `source` is: this one is analysed, then, and "
            "boxes are in its pixels."
        ),
        Allowed("an rtsp:// or http(s):// address, or a file"),
    ] = None
    decode: Annotated[
        Literal["needed", "all", "key_frames"],
        Field(
            description="Frames that are decoded: those that due frames need (the analysed frames are the same as with all), "
            "or, with key_frames, key frames alone where they come at least as often as frames are due."
        ),
        Allowed("needed, all or key_frames"),
    ] = "needed"
    decoder: Annotated[
        Literal["software", "auto", "cuda", "vaapi"],
        Field(description="What decodes: a device falls back to software where it is missing, and the camera says so."),
        Allowed("software, auto, cuda or vaapi"),
    ] = "software"
    masks: Annotated[
        list[Mask],
        Field(
            max_length=MOST_MASKS,
            description="Polygons in which motion is no news, such as a tree: corners [x, y] as shares of width and height.",
        ),
        Allowed("a list of polygons, such as [[[0, 0], [0.3, 0], [0.3, 1], [0, 1]]]"),
    ] = Field(default_factory=list)
    stream: Annotated[
        StreamKeys | None,
        Field(description="What the camera sends; plans need it, and `camslice probe` finds it out."),
        Allowed("a mapping such as {width: 1920, height: 1080, fps: 25, codec: h264, kbps: 4000}"),
    ] = None
    objective: Annotated[
        CameraObjectiveKeys | None,
        Field(
            description="What is demanded of this camera where it differs from the fleet; plans keep it, `run` does not yet."
        ),
        Allowed("keys such as latency_ms, or leave it out"),
    ] = None


class MachineKeys(Keys):
    """What this machine costs."""

    usd_per_hour: Annotated[
        Positive, Field(description="US dollars per hour."), Allowed("a number of US dollars above 0, such as 0.10264")
    ]


class StoreKeys(Keys):
    """Where results are kept, and for how long."""

    url: Annotated[
        Text,
        Field(
            description="A database URL: sqlite:///events.db or postgresql://... ${NAME} stands for an environment variable."
        ),
        Allowed("a URL such as sqlite:///events.db or postgresql://host/name"),
    ]
    keep_days: Annotated[
        float,
        Field(
            gt=0,
            le=36_500,
            description="Days that frames and detections are kept; counts per minute, by label too, four times as long.",
        ),
        NUMBER,
        Allowed("a number of days above 0 and at most 36500"),
    ] = 30.0
    keep_mb: Annotated[
        Positive, Field(description="Megabytes that the store may grow to."), Allowed("a number of megabytes above 0")
    ] = 4096.0


class SinkKeys(Keys):
    """One more place that results are written to."""

    jsonl: Annotated[
        Text,
        Field(description="A file that gets one JSON object per analysed frame."),
        Allowed("a path to a file that may be written"),
    ]


class NetworkKeys(Keys):
    """Where pods in a cluster may connect to. `run` takes no notice of it."""

    cameras: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$", max_length=64)]],
        Field(max_length=64, description="Networks (CIDR) of cameras whose sources hold host names and not addresses."),
        Allowed("a list of networks, such as [10.20.0.0/16]"),
    ] = Field(default_factory=list)


class FleetKeys(Keys):
    """A fleet of cameras, the models that analyse them, and what is demanded of it all."""

    objective: Annotated[ObjectiveKeys, Allowed("keys such as latency_ms, or leave it out")] = ObjectiveKeys()
    models: Annotated[
        dict[Name, ModelKeys],
        Field(min_length=1, description="Models by the name that cameras call them."),
        Allowed("at least one model, such as {people: {weights: yolox-nano}}"),
    ]
    cameras: Annotated[
        list[CameraKeys],
        Field(description="The cameras; may be empty, as cameras can be added while the fleet runs."),
        Allowed("a list of cameras, or [] for none yet"),
    ]
    topology: Annotated[
        Literal["dedicated", "remote", "sliced", "mps", "mig", "pooled"],
        Field(description="How pods share the accelerator."),
        Allowed("dedicated, remote, sliced, mps, mig or pooled"),
    ] = "pooled"
    workers: Annotated[
        Annotated[int, Field(ge=0, le=256)] | Literal["auto"],
        Field(description="Processes that decode, for topologies pooled and remote; auto chooses from the load."),
        Allowed("auto or a whole number from 0 to 256"),
    ] = "auto"
    streams_per_pod: Annotated[
        int,
        Field(ge=1, le=1024, description="Streams in each pod of topology sliced, mps or mig."),
        Allowed("a whole number from 1 to 1024"),
    ] = 1
    pace: Annotated[
        Literal["live", "lossless"],
        Field(description="live drops frames that are late; lossless waits and analyses every frame."),
        Allowed("live or lossless"),
    ] = "live"
    machine: Annotated[MachineKeys | None, Allowed("{usd_per_hour: PRICE}, or leave it out")] = None
    store: Annotated[
        StoreKeys | None,
        BeforeValidator(url_alone),
        Field(json_schema_extra=or_else({"type": "string"})),
        Allowed("a URL such as sqlite:///events.db, or {url: URL, keep_days: 30, keep_mb: 4096}"),
    ] = None
    sinks: Annotated[
        list[SinkKeys],
        Field(description="More places that results are written to."),
        Allowed("a list such as [{jsonl: results.jsonl}]"),
    ] = Field(default_factory=list)
    planning: Annotated[PlanningKeys, Allowed("keys such as regions, or leave it out")] = PlanningKeys()
    policy: Annotated[
        PolicyName,
        Field(
            description="How much of each frame is analysed at the least; auto goes as far as objective.recall allows, and a "
            "name no further than that."
        ),
        Allowed(f"auto or a name of the ladder of policies: {', '.join(policy.name for policy in LADDER)}"),
    ] = "auto"
    network: Annotated[NetworkKeys, Allowed("{cameras: [10.20.0.0/16]}, or leave it out")] = NetworkKeys()
