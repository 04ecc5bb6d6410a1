"""A plan and its fleet as objects of a cluster: one CameraFleet, its Cameras, and their nodes. Pure, and always the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from camslice import __version__
from camslice.cluster.names import MODELS_DIR
from camslice.cluster.nodes.device_plugin_values import device_plugin_values
from camslice.cluster.nodes.node_pool import node_objects, pool_name
from camslice.cluster.nodes.settings import NodeSettings
from camslice.cluster.objects import CameraObject, FleetObject, ModelObject, NodeShape, WeightsFrom
from camslice.cluster.refusals import refusals, source_variables
from camslice.cluster.shapes import node_shapes
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.cluster.sharing.protocol import NodeSharing
from camslice.cluster.wire import camera_manifest, fleet_manifest, object_name
from camslice.fleet.errors import ClusterError
from camslice.fleet.types import Backend, CameraSpec, Decoder, Decoding, Fleet, Freshness, ModelSpec, Precision
from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.plan import Plan

Manifest = dict[str, Any]
DEFAULT_IMAGE = f"localhost/camslice:{__version__}"
"""What the chart's default is, too."""


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What a plan does not know. `name` of the CameraFleet; `weights`: where pods find weights that are files; `sha256` of the
    weights of models, as far as they are known."""

    name: str
    namespace: str = "default"
    image: str = DEFAULT_IMAGE
    weights: WeightsFrom = field(default_factory=WeightsFrom)
    nodes: NodeSettings = field(default_factory=NodeSettings)
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendered:
    """`files` by name, each a list of objects (or, for values, one mapping). `warnings` are sentences."""

    fleet: FleetObject
    cameras: tuple[CameraObject, ...]
    files: Mapping[str, list[Manifest]]
    values: Manifest | None
    warnings: tuple[str, ...]

    @property
    def objects(self) -> list[Manifest]:
        """Everything that is applied, in the order in which it must be."""
        return [each for name in sorted(self.files) for each in self.files[name]]


def rendered(plan: Plan, declared: Fleet, catalogue: Catalogue, settings: RenderSettings) -> Rendered:
    """Raises ClusterError, one sentence, for the first thing that a cluster cannot do."""
    shapes = node_shapes(plan, catalogue, declared.planning)
    sharing = DevicePlugin()
    for sentence in refusals(plan, declared, shapes, catalogue, sharing, files_found=settings.weights != WeightsFrom()):
        raise ClusterError(sentence)
    fleet = _fleet(plan, declared, shapes, settings)
    for shape in shapes:
        if len(pool_name(fleet, shape)) > _LONGEST_LABEL:
            raise ClusterError(
                f"the name {pool_name(fleet, shape)} is longer than a label may be ({_LONGEST_LABEL}); give a shorter --name."
            )
    cameras = tuple(_camera(camera, fleet) for camera in declared.cameras)
    prefixes = declared.planning.prefix_delegation
    shared = [_shared(sharing, shape, catalogue) for shape in shapes]
    files: dict[str, list[Manifest]] = {
        f"10-nodes-{shape.name}.yaml": list(node_objects(fleet, shape, sharing, catalogue, settings.nodes, prefixes=prefixes))
        for shape in shapes
    }
    files["20-fleet.yaml"] = [fleet_manifest(fleet)]
    files["30-cameras.yaml"] = [camera_manifest(camera) for camera in cameras]
    warnings = [*_warnings(plan, declared, fleet, cameras), *dict.fromkeys(each.needs for each in shared if each.needs)]
    return Rendered(fleet, cameras, files, device_plugin_values(shared), tuple(warnings))


_LONGEST_LABEL = 63
_DEFAULTS = ModelSpec("", "")


def _fleet(plan: Plan, declared: Fleet, shapes: tuple[NodeShape, ...], settings: RenderSettings) -> FleetObject:
    used = {model for camera in declared.cameras for model in camera.models}
    return FleetObject(
        name=settings.name,
        namespace=settings.namespace,
        uid="",
        generation=0,
        objective=declared.objective,
        policy=_policy(plan, declared),
        models=tuple(_model(spec, settings.sha256.get(name)) for name, spec in declared.models.items() if name in used),
        shapes=shapes,
        image=settings.image,
        camera_cidrs=declared.camera_networks,
        store_secret=None if declared.store is None else (f"{settings.name}-store", "url"),
        weights=settings.weights,
        usd_per_month=plan.usd_per_month,
        spare_nodes=sum(each.count for each in plan.spares),
        cameras_per_node=declared.planning.cameras_per_node,
    )


def _policy(plan: Plan, declared: Fleet) -> str:
    """What the fleet file says, else what the plan counts on; `auto` where that differs from model to model."""
    planned = {name for node in plan.nodes for name in node.policies.values()}
    return planned.pop() if declared.policy == "auto" and len(planned) == 1 else declared.policy


def _model(spec: ModelSpec, sha256: str | None) -> ModelObject:
    """Keys as in fleet.yaml, those that are not as by default. A file lies where pods have it."""
    keys: dict[str, object] = {"weights": _in_pod(spec.weights)}
    if spec.classes is not None:
        keys["classes"] = list(spec.classes)
    for key in ("confidence", "nms_iou", "decoder", "device", "max_batch"):
        if getattr(spec, key) != getattr(_DEFAULTS, key):
            keys[key] = getattr(spec, key)
    if spec.input_size is not None:
        keys["input_size"] = list(spec.input_size)
    if spec.labels is not None:
        keys["labels"] = _in_pod(spec.labels)
    if spec.backend is not Backend.OPENVINO:
        keys["engine"] = spec.backend.value
    if spec.precision is not Precision.AUTO:
        keys["precision"] = spec.precision.value
    if spec.evaluated:
        keys["evaluated"] = [asdict(each) for each in spec.evaluated]
    return ModelObject(spec.name, keys, sha256)


def _in_pod(path: str) -> str:
    return f"{MODELS_DIR}/{PurePosixPath(path).name}" if "/" in path else path


def _camera(camera: CameraSpec, fleet: FleetObject) -> CameraObject:
    further: dict[str, object] = {}
    if camera.loop is not None:
        further["loop"] = camera.loop
    if camera.playback_fps is not None:
        further["playback_fps"] = camera.playback_fps
    if camera.freshness is not Freshness.ALL:
        further["freshness"] = camera.freshness.value
    if camera.decode is not Decoding.NEEDED:
        further["decode"] = camera.decode.value
    if camera.decoder is not Decoder.SOFTWARE:
        further["decoder"] = camera.decoder.value
    if camera.masks:
        further["masks"] = [[list(corner) for corner in mask] for mask in camera.masks]
    return CameraObject(
        name=camera.name,
        uid="",
        fleet=fleet.name,
        source=camera.watched.template,
        fps=camera.fps,
        models=camera.models,
        namespace=fleet.namespace,
        object_name=object_name(camera.name),
        secret=_secret_name(fleet) if source_variables(camera.watched.template) else None,
        stream=camera.stream,
        keys=further,
    )


def _secret_name(fleet: FleetObject) -> str:
    return f"{fleet.name}-cameras"


def _shared(sharing: DevicePlugin, shape: NodeShape, catalogue: Catalogue) -> NodeSharing:
    accelerator = catalogue.find(shape.instance_type).accelerator
    return sharing.node(shape, 0 if accelerator is None else accelerator.count)


def _warnings(plan: Plan, declared: Fleet, fleet: FleetObject, cameras: tuple[CameraObject, ...]) -> Iterator[str]:
    """What the user must do, and what a cluster does otherwise than `run`."""
    variables = sorted({name for camera in cameras for name in source_variables(camera.source)})
    if variables:
        keys = " ".join(f"--from-literal={name}=..." for name in variables)
        yield (
            f"the cameras' credentials are read from the Secret {_secret_name(fleet)}, which you make: "
            f"kubectl -n {fleet.namespace} create secret generic {_secret_name(fleet)} {keys}"
        )
    if fleet.store_secret is not None:
        yield (
            f"the store's address is read from the Secret {fleet.store_secret[0]}, which you make: "
            f"kubectl -n {fleet.namespace} create secret generic {fleet.store_secret[0]} --from-literal=url=postgresql://..."
        )
    else:
        yield "the fleet has no store, so results are shown and counted and not kept"
    if fleet.weights == WeightsFrom():
        names = ", ".join(sorted({str(model.keys["weights"]) for model in fleet.models}))
        yield (
            f"weights ({names}) must be in the image, for the network policy lets no pod fetch them; else say where they are "
            "with --weights-claim, --weights-image or --weights-url"
        )
    if declared.sinks:
        yield "sinks that are files are left out: a pod's files end with it"
    if own := sum(camera.objective is not None for camera in declared.cameras):
        yield f"objectives of single cameras ({own}) were planned with, and are not watched in a cluster yet"
    spares = {each.instance_type for each in plan.spares} - {shape.instance_type for shape in fleet.shapes}
    if spares:
        yield f"spare nodes are planned as {', '.join(sorted(spares))}, and a cluster has them of the fullest shape's type"
