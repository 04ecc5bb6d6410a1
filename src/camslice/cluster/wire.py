"""Objects of a cluster in, values out, and back: the border between what the API server holds and what is worked with here.

What the API server let through is sound by its schema; whatever else is wrong comes out as ClusterError naming the object.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from camslice.cluster.crds.case import camel, snake, with_keys
from camslice.cluster.crds.keys import CameraSpecKeys, FleetModelKeys, FleetSpecKeys, PodShapeKeys, ShapeKeys
from camslice.cluster.names import API_VERSION, CAMERA_KIND, FLEET, FLEET_KIND
from camslice.cluster.objects import CameraObject, FleetObject, ModelObject, NodeShape, PodShape, Slot, WeightsFrom
from camslice.fleet.errors import ClusterError
from camslice.fleet.spec_planning import StreamKeys
from camslice.fleet.spec_values import Keys
from camslice.fleet.types import Objective, StreamFormat, Topology

Manifest = dict[str, Any]
_Kind = TypeVar("_Kind", bound=Keys)
_LONGEST_OBJECT_NAME = 63
_FURTHER = ("loop", "playback_fps", "freshness", "decode", "decoder", "masks")
"""Of a camera: what a fleet file calls the same, and a pod gets only where it is not as by default."""


def fleet_of(manifest: Mapping[str, Any]) -> FleetObject:
    """The CameraFleet that an object of the cluster is. Raises ClusterError."""
    keys = _read(FleetSpecKeys, manifest)
    metadata = manifest.get("metadata", {})
    weights = keys.weights
    objective = keys.objective
    return FleetObject(
        name=metadata["name"],
        namespace=metadata.get("namespace", "default"),
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 0),
        objective=Objective(
            objective.latency_ms,
            objective.percentile,
            objective.drop_rate,
            objective.usd_per_camera_month,
            objective.recall,
        ),
        policy=keys.policy,
        models=tuple(_model(each) for each in keys.models),
        shapes=tuple(_shape(each) for each in keys.shapes),
        image=keys.image,
        camera_cidrs=tuple(keys.network.cameras),
        store_secret=None if keys.store is None else (keys.store.secret_ref.name, keys.store.secret_ref.key),
        weights=WeightsFrom() if weights is None else WeightsFrom(weights.claim, weights.image, weights.url, weights.fetcher),
        usd_per_month=keys.usd_per_month,
        spare_nodes=keys.spare_nodes,
        cameras_per_node=keys.cameras_per_node,
        degrade=keys.degrade,
        grace_s=keys.grace_seconds,
    )


def camera_of(manifest: Mapping[str, Any]) -> CameraObject:
    """The Camera that an object of the cluster is. Raises ClusterError."""
    keys = _read(CameraSpecKeys, manifest)
    metadata = manifest.get("metadata", {})
    placed = (manifest.get("status") or {}).get("streams") or []
    return CameraObject(
        name=keys.name or metadata["name"],
        uid=metadata.get("uid", ""),
        fleet=keys.fleet,
        source=keys.source,
        fps=keys.fps,
        models=tuple(keys.models),
        namespace=metadata.get("namespace", "default"),
        object_name=metadata["name"],
        generation=metadata.get("generation", 0),
        secret=None if keys.secret_ref is None else keys.secret_ref.name,
        stream=_format(keys.stream),
        keys=_further(keys),
        placement={each["model"]: (each.get("shard", ""), int(each.get("epoch", 0))) for each in placed},
    )


def fleet_manifest(fleet: FleetObject) -> Manifest:
    """The object to apply; what is as by default is left out."""
    spec: dict[str, Any] = {
        "objective": _without_none(
            {
                "latency_ms": fleet.objective.latency_ms,
                "percentile": fleet.objective.percentile,
                "drop_rate": fleet.objective.drop_rate,
                "usd_per_camera_month": fleet.objective.usd_per_camera_month,
                "recall": fleet.objective.recall if fleet.objective.recall < 1 else None,
            }
        ),
        "models": [_without_none({"name": each.name, **each.keys, "sha256": each.sha256}) for each in fleet.models],
        "image": fleet.image,
        "shapes": [_shape_manifest(each) for each in fleet.shapes],
    }
    weights = fleet.weights
    optional = {
        "policy": None if fleet.policy == "auto" else fleet.policy,
        "network": {"cameras": list(fleet.camera_cidrs)} if fleet.camera_cidrs else None,
        "store": None
        if fleet.store_secret is None
        else {"secret_ref": {"name": fleet.store_secret[0], "key": fleet.store_secret[1]}},
        "weights": _without_none(
            {"claim": weights.claim, "image": weights.image, "url": weights.url, "fetcher": weights.fetcher}
        )
        or None,
        "spare_nodes": fleet.spare_nodes or None,
        "cameras_per_node": fleet.cameras_per_node,
        "degrade": fleet.degrade or None,
        "grace_seconds": None if fleet.grace_s == FleetSpecKeys.model_fields["grace_seconds"].default else fleet.grace_s,
        "usd_per_month": fleet.usd_per_month,
    }
    spec |= _without_none(optional)
    return {
        "apiVersion": API_VERSION,
        "kind": FLEET_KIND,
        "metadata": {"name": fleet.name, "namespace": fleet.namespace},
        "spec": with_keys(spec, camel),
    }


def camera_manifest(camera: CameraObject) -> Manifest:
    """The object to apply; what is as by default is left out."""
    name = camera.object_name or object_name(camera.name)
    spec = _without_none(
        {
            "fleet": camera.fleet,
            "name": camera.name if camera.name != name else None,
            "source": camera.source,
            "fps": camera.fps,
            "models": list(camera.models),
            "secret_ref": None if camera.secret is None else {"name": camera.secret},
            "stream": None if camera.stream is None else _format_manifest(camera.stream),
            **camera.keys,
        }
    )
    return {
        "apiVersion": API_VERSION,
        "kind": CAMERA_KIND,
        "metadata": {"name": name, "namespace": camera.namespace, "labels": {FLEET: camera.fleet}},
        "spec": with_keys(spec, camel),
    }


def object_name(name: str) -> str:
    """A name as a cluster takes it: `name` itself where possible, else with a few letters that keep it apart from others.

    >>> object_name("gate-1"), object_name("Gate_1")
    ('gate-1', 'gate-1-eea48a')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain == name and len(name) <= _LONGEST_OBJECT_NAME:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{plain[: _LONGEST_OBJECT_NAME - 7].rstrip('-')}-{mark}".lstrip("-")


def _read(kind: type[_Kind], manifest: Mapping[str, Any]) -> _Kind:
    named = f"{manifest.get('kind', 'object')} {manifest.get('metadata', {}).get('name', '?')}"
    try:
        return kind.model_validate(with_keys(dict(manifest.get("spec") or {}), snake))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(camel(str(part)) for part in first["loc"])
        raise ClusterError(f"{named}: spec.{place}: {first['msg']}; correct the object.") from None


def _model(keys: FleetModelKeys) -> ModelObject:
    given = keys.model_dump(exclude_unset=True, exclude={"name", "sha256"}, mode="json")
    return ModelObject(keys.name, given, keys.sha256)


def _further(keys: CameraSpecKeys) -> Manifest:
    given = keys.model_dump(include=set(_FURTHER), mode="json")
    fields = CameraSpecKeys.model_fields
    return {key: given[key] for key in _FURTHER if given[key] != fields[key].get_default(call_default_factory=True)}


def _shape(keys: ShapeKeys) -> NodeShape:
    return NodeShape(
        keys.name,
        keys.instance_type,
        keys.region,
        keys.purchase,
        keys.nodes,
        Topology(keys.topology),
        keys.usd_per_hour,
        tuple(_pod(each) for each in keys.pods),
        keys.p95_ms,
        keys.partition,
        tuple(keys.fallback),
    )


def _pod(keys: PodShapeKeys) -> PodShape:
    slots = tuple(Slot(each.model, each.fps, each.streams, _format(each.format)) for each in keys.slots)
    return PodShape(keys.name, keys.count, keys.cpu_m, keys.memory_mb, keys.shares, slots, keys.role)


def _format(keys: StreamKeys | None) -> StreamFormat | None:
    return None if keys is None else StreamFormat(keys.width, keys.height, keys.fps, keys.codec, keys.kbps)


def _shape_manifest(shape: NodeShape) -> Manifest:
    return _without_none(
        {
            "name": shape.name,
            "instance_type": shape.instance_type,
            "region": shape.region,
            "purchase": shape.purchase,
            "nodes": shape.nodes,
            "topology": shape.topology.value,
            "usd_per_hour": shape.usd_per_hour,
            "p95_ms": shape.p95_ms,
            "partition": shape.partition,
            "fallback": list(shape.fallback) or None,
            "pods": [_pod_manifest(each) for each in shape.pods],
        }
    )


def _pod_manifest(pod: PodShape) -> Manifest:
    slots = [
        _without_none(
            {
                "model": each.model,
                "fps": each.fps,
                "streams": each.streams,
                "format": None if each.format is None else _format_manifest(each.format),
            }
        )
        for each in pod.slots
    ]
    return {
        "name": pod.name,
        "role": pod.role,
        "count": pod.count,
        "cpu_m": pod.cpu_m,
        "memory_mb": pod.memory_mb,
        "shares": pod.shares,
        "slots": slots,
    }


def _format_manifest(stream: StreamFormat) -> Manifest:
    return {
        "width": stream.width,
        "height": stream.height,
        "fps": stream.fps,
        "codec": stream.codec,
        "kbps": stream.kbps,
    }


def _without_none(values: Mapping[str, Any]) -> Manifest:
    return {key: value for key, value in values.items() if value is not None}
