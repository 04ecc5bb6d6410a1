"""The declared fleet as frozen values: what `fleet.yaml` means once it has been checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from camslice.fleet.policy import Evaluated
from camslice.fleet.secrets import Source


class Pace(StrEnum):
    """What happens to frames that cannot be analysed in time."""

    LIVE = "live"
    """Frames are dropped when late: the picture of now matters."""
    LOSSLESS = "lossless"
    """The decoder waits for room: every frame is analysed, the same output each time."""
    CLOSED_LOOP = "closed loop"
    """Each camera takes its next frame when the one before has met its fate: for measuring only, no fleet file says it."""


class Freshness(StrEnum):
    """How many frames of a stream may wait."""

    ALL = "all"
    """As many as can still make the objective."""
    LATEST = "latest"
    """Only the newest."""


class Decoding(StrEnum):
    """Which frames of a camera are decoded."""

    NEEDED = "needed"
    """Those that due frames need: the analysed frames are the same as if all were."""
    ALL = "all"
    KEY_FRAMES = "key_frames"
    """As `needed`, and where key frames come at least as often as frames are due, those alone are analysed."""


class Decoder(StrEnum):
    """What decodes a camera's video."""

    SOFTWARE = "software"
    AUTO = "auto"
    """The first of the devices below that is there, else software."""
    CUDA = "cuda"
    """NVIDIA's NVDEC."""
    VAAPI = "vaapi"
    """Intel's and AMD's, on Linux."""


class Backend(StrEnum):
    """Which library runs the model."""

    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"
    ULTRALYTICS = "ultralytics"
    """Ultralytics' own prediction, an optional extra under AGPL-3.0."""
    OIP = "oip"
    """A server that speaks the Open Inference Protocol, elsewhere."""


class Topology(StrEnum):
    """How pods share an accelerator."""

    DEDICATED = "dedicated"
    REMOTE = "remote"
    SLICED = "sliced"
    MPS = "mps"
    MIG = "mig"
    POOLED = "pooled"


class Precision(StrEnum):
    """Arithmetic of the model; `auto` takes the one that was measured to be the fastest here, as `engine.precision` says."""

    AUTO = "auto"
    BF16 = "bf16"
    FP32 = "fp32"
    INT8 = "int8"
    """Of a version that `camslice models quantise` made and judged."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What the user demands. `drop_rate` and `recall` are shares in 0..1, `percentile` in 0..100."""

    latency_ms: float = 500.0
    percentile: float = 95.0
    drop_rate: float = 0.01
    usd_per_camera_month: float | None = None
    recall: float = 1.0


class Transport(StrEnum):
    """How pictures get to a server."""

    AUTO = "auto"
    """Shared memory on one host, else `inline` or `jpeg`, whichever is measured to be faster."""
    SHARED_MEMORY = "shared_memory"
    INLINE = "inline"
    """The bytes of the pictures, within the request."""
    JPEG = "jpeg"
    TENSOR = "tensor"
    """The network's own float32 input, within the request: four times the bytes, for comparison."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model is served by the Open Inference Protocol: `url` is grpc://HOST:PORT, grpcs://HOST:PORT, unix:/PATH or
    unix-abstract:NAME, `model` its name there (None: the name of the weights). Certificates are paths of PEM files.
    """

    url: str
    model: str | None = None
    token: str | None = field(default=None, repr=False)
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    transport: Transport = Transport.AUTO


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as declared: which weights, and what of its answers is wanted.

    `weights` is a name of the model list or a path to .onnx / OpenVINO .xml. `classes` None means all.
    `input_size` is (width, height) in pixels, None for the model's own. `max_batch` None lets the engine choose.
    `server` says where backend `oip` finds it, `evaluated` what policies were found to keep and to cost.
    """

    name: str
    weights: str
    classes: tuple[str, ...] | None = None
    confidence: float = 0.35
    nms_iou: float = 0.5
    input_size: tuple[int, int] | None = None
    decoder: str | None = None
    labels: str | None = None
    backend: Backend = Backend.OPENVINO
    device: str | None = None
    precision: Precision = Precision.AUTO
    max_batch: int | None = None
    server: Server | None = None
    evaluated: tuple[Evaluated, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a camera sends: pixels, frames per second of the video itself (not of its analysis), codec, kilobits per second."""

    width: int
    height: int
    fps: float
    codec: str
    kbps: float


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A named video source and the rate (frames per second) at which it is to be analysed.

    `loop` plays a file again at its end; None means yes at pace `live`, no at pace `lossless`.
    `playback_fps` plays a file at another rate than its own (for load tests). `substream` is the same camera at a lower
    resolution, and what is analysed where there is one. `masks`: polygons, corners (x, y) as shares of width and height, in
    which motion is no news.
    """

    name: str
    source: Source
    fps: float
    models: tuple[str, ...]
    loop: bool | None = None
    playback_fps: float | None = None
    freshness: Freshness = Freshness.ALL
    decode: Decoding = Decoding.NEEDED
    decoder: Decoder = Decoder.SOFTWARE
    substream: Source | None = None
    masks: tuple[tuple[tuple[float, float], ...], ...] = ()
    stream: StreamFormat | None = None
    objective: Objective | None = None
    """Where it differs from the fleet's; only plans know it."""

    @property
    def watched(self) -> Source:
        """The stream that is analysed."""
        return self.source if self.substream is None else self.substream

    def scrub(self, text: str) -> str:
        """Remove the credentials of every address of this camera from `text`."""
        text = self.source.scrub(text)
        return text if self.substream is None else self.substream.scrub(text)


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine costs, for dollars per camera."""

    usd_per_hour: float


@dataclass(frozen=True, slots=True)
class Store:
    """Where results go: a SQLAlchemy URL, and for how long they are kept."""

    url: str = field(repr=False)
    keep_days: float = 30.0
    keep_mb: float = 4096.0


@dataclass(frozen=True, slots=True)
class JsonlSink:
    """A file that gets one JSON object per analysed frame."""

    path: str


class Ingest(StrEnum):
    """How the cameras' video gets to the nodes."""

    DIRECT = "direct"
    NAT = "nat"
    VPN = "vpn"


@dataclass(frozen=True, slots=True)
class Scale:
    """A machine that nobody measured, taken to be `factor` times as fast as the one of `profile`: assumed, and said so.

    `instance_types` are shell patterns of the catalogue's names.
    """

    profile: str
    instance_types: tuple[str, ...]
    factor: float


@dataclass(frozen=True, slots=True)
class Planning:
    """What a plan may use. Empty tuples allow everything; `instance_types` are shell patterns of the catalogue's names.

    `spare_nodes`: nodes more than needed (N+1 is 1). `cameras_per_node`: the most cameras that one node's failure may take.
    `robust`: a plan holds by every set of fitted figures, not by the likeliest alone.
    `system_pods` names a list of the catalogue: what runs on each node besides our pods.
    """

    regions: tuple[str, ...] = ("us-east-1",)
    instance_types: tuple[str, ...] = ()
    topologies: tuple[Topology, ...] = ()
    purchases: tuple[str, ...] = ("on_demand",)
    prefix_delegation: bool = False
    system_pods: str = "eks"
    spare_nodes: int = 0
    cameras_per_node: int | None = None
    most_shapes: int = 12
    streams_per_pod: tuple[int, ...] = (1,)
    ingest: Ingest = Ingest.DIRECT
    scale: tuple[Scale, ...] = ()
    robust: bool = True


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything the user declared. `models` is keyed by name; camera names are unique.

    `workers` are the decoding processes of `pooled` and `remote` (None: chosen from the load), `streams_per_pod` says how
    many streams a pod of `sliced`, `mps` or `mig` carries.
    """

    objective: Objective
    models: Mapping[str, ModelSpec]
    cameras: tuple[CameraSpec, ...]
    pace: Pace = Pace.LIVE
    topology: Topology = Topology.POOLED
    workers: int | None = None
    streams_per_pod: int = 1
    machine: Machine | None = None
    store: Store | None = None
    sinks: tuple[JsonlSink, ...] = ()
    planning: Planning = Planning()
    policy: str = "auto"
    """A policy of the ladder (`fleet.policy`), or `auto`: as cheap as the recall that is demanded allows."""
    camera_networks: tuple[str, ...] = ()
    """Where a cluster's cameras with host names may be (CIDR)."""

    def camera(self, name: str) -> CameraSpec:
        """The camera of that name; KeyError if there is none."""
        for camera in self.cameras:
            if camera.name == name:
                return camera
        raise KeyError(name)


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """One camera analysed by one model: the unit of work, of scheduling and of cost."""

    camera: str
    model: str


HOURS_PER_MONTH = 730.0


def usd_per_camera_month(machine: Machine | None, cameras: int, hours_per_month: float = HOURS_PER_MONTH) -> float | None:
    """This machine's price shared by its cameras, or None when the price is not declared or nobody shares it."""
    if machine is None or cameras < 1:
        return None
    return machine.usd_per_hour * hours_per_month / cameras


LOSSLESS_DEPTH = 2
"""Frames of one stream that may wait at pace `lossless`: the next one is ready, and the decoder waits with the one after."""
DEEPEST_MAILBOX = 400


def mailbox_depth(objective: Objective, pace: Pace, fps: float, freshness: Freshness) -> int:
    """Frames of one stream that may wait: as many as fall due within the latency objective, one for `latest`.

    A mailbox of one starves fast cameras when the machine is overloaded; with this depth cameras of different rates lose
    about the same share of their frames.
    """
    if pace is not Pace.LIVE:
        return LOSSLESS_DEPTH
    if freshness is Freshness.LATEST:
        return 1
    return min(DEEPEST_MAILBOX, max(1, math.ceil(objective.latency_ms / 1000.0 * fps)))
