"""The custom resource definitions: schema, rules that span keys (CEL), status, and the columns that kubectl prints."""

from __future__ import annotations

from typing import Any

from camslice.cluster.crds.keys import MOST_MODELS, CameraSpecKeys, FleetSpecKeys
from camslice.cluster.crds.structural import structural
from camslice.cluster.names import CAMERA_KIND, CAMERA_PLURAL, FLEET_KIND, FLEET_PLURAL, GROUP, VERSION

Schema = dict[str, Any]

CONDITIONS = ("Ready", "WithinObjective", "Degraded", "Infeasible", "NoCapacity")
"""Conditions of a CameraFleet."""
CAMERA_STATES = ("pending", "placed", "live", "degraded", "down", "refused")
"""What may stand in a Camera's `status.state`."""


def definitions() -> dict[str, dict[str, Any]]:
    """Both definitions, by the plural of their kind."""
    return {FLEET_PLURAL: _fleets(), CAMERA_PLURAL: _cameras()}


def _fleets() -> dict[str, Any]:
    spec = structural(FleetSpecKeys.model_json_schema())
    for key, name in (("models", "name"), ("shapes", "name")):
        _list_map(spec["properties"][key], name)
    shape = spec["properties"]["shapes"]["items"]
    _list_map(shape["properties"]["pods"], "name")
    model = spec["properties"]["models"]["items"]["properties"]
    model["classes"]["maxItems"] = 256
    _rules(
        spec,
        (
            "!has(self.store) || self.store.secretRef.name.size() > 0",
            "store.secretRef names the Secret that holds the database URL",
        ),
        (
            "!has(self.weights) || [has(self.weights.claim), has(self.weights.image), has(self.weights.url)]"
            ".filter(each, each).size() <= 1",
            "weights come from one place: claim, image or url",
        ),
        (
            "!has(self.weights) || !has(self.weights.url) || has(self.weights.fetcher)",
            "weights.url needs weights.fetcher, the image that copies them",
        ),
    )
    _rules(
        shape,
        (
            "self.topology != 'pooled' || self.pods.all(pod, pod.shares <= 1)",
            "pods of topology pooled have a device of their own",
        ),
        ("self.topology != 'mps' || self.pods.all(pod, pod.shares <= 48)", "MPS shares a GPU among at most 48 pods"),
        (
            "self.topology != 'mig' || self.pods.all(pod, pod.shares <= 7)",
            "MIG divides a GPU into at most 7 instances",
        ),
    )
    status: Schema = {
        "type": "object",
        "properties": {
            "observedGeneration": _integer("The generation of the spec that this tells of."),
            "conditions": _conditions(),
            "cameras": _integer("Cameras of this fleet."),
            "live": _integer("Cameras whose frames are being analysed."),
            "placed": _integer("Cameras that have a place."),
            "refused": _integer("Cameras for which there is no place."),
            "pods": _integer("Camera pods."),
            "nodes": _integer("Nodes with camera pods."),
            "p95Ms": _number("95th percentile over all frames due in the last minute, ms."),
            "recall": _number("Share of the detections of full frames that is kept, as audited: of the worst model."),
            "policies": {
                "type": "array",
                "maxItems": MOST_MODELS,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["model"],
                "items": {
                    "type": "object",
                    "required": ["model"],
                    "properties": {
                        "model": _text("The model."),
                        "policy": _text("How much of each frame is analysed: the cheapest that is in force in a pod."),
                        "reason": _text("Why, in a sentence."),
                        "recall": _number("What is kept over the audited frames of all pods; absent while those are too few."),
                        "overloaded": {
                            "type": "boolean",
                            "description": "Whether a pod looks at less than the recall allows, for want of room.",
                        },
                    },
                },
            },
            "usdPerCameraMonth": _number("The plan's dollars over the live cameras."),
            "moves": _integer("Streams that were moved since the fleet exists."),
            "rollouts": {
                "type": "array",
                "maxItems": 64,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["shape"],
                "items": {
                    "type": "object",
                    "required": ["shape"],
                    "properties": {
                        "shape": _text("The shape whose pods are replaced."),
                        "state": {"type": "string", "enum": ["trying", "rolling", "done", "taken back"]},
                        "first": _text("The pod's place that is tried first."),
                        "spec": _long("What of the spec makes the pods that are wanted."),
                        "previousSpec": _long("What made those before."),
                        "since": {"type": "string", "format": "date-time"},
                        "baseline": {
                            "type": "object",
                            "properties": {
                                "p95Ms": _number("95th percentile of the pods before, ms."),
                                "dropRate": _number("Share of frames that they dropped."),
                                "detectionsPerFrame": _number("Objects that they found in a frame."),
                            },
                        },
                        "reason": _text("Why it was taken back."),
                    },
                },
            },
        },
    }
    return _definition(
        FLEET_KIND,
        FLEET_PLURAL,
        "cf",
        spec,
        status,
        [
            ("Cameras", "integer", ".status.cameras"),
            ("Live", "integer", ".status.live"),
            ("Refused", "integer", ".status.refused"),
            ("P95 ms", "number", ".status.p95Ms"),
            ("Recall", "number", ".status.recall"),
            ("USD per camera", "number", ".status.usdPerCameraMonth"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Within objective", "string", ".status.conditions[?(@.type=='WithinObjective')].status"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    )


def _cameras() -> dict[str, Any]:
    spec = structural(CameraSpecKeys.model_json_schema())
    spec["properties"]["models"]["x-kubernetes-list-type"] = "set"
    _rules(
        spec,
        (
            r"self.source.matches('^(rtsp|rtsps|http|https|scene)://') || self.source.startsWith('${')",
            "a source in a cluster is an rtsp://, rtsps://, http://, https:// or scene:// address",
        ),
        (
            r"!self.source.matches('(?i)^[a-z]+://[^/@]*:[^/@$]+@|[?&;][^=&;?/]*(pass|pwd|token|secret)[^=&;?/]*=[^&$]')",
            "a source must not hold a password: write ${NAME} and name the Secret in secretRef",
        ),
        (
            "!self.source.contains('${') || has(self.secretRef)",
            "a source with ${NAME} needs secretRef, the Secret with that key",
        ),
        ("self.fleet == oldSelf.fleet", "a camera stays with its fleet: remove it and add it to the other"),
    )
    stream = {
        "type": "object",
        "required": ["model"],
        "properties": {
            "model": _text("The model."),
            "shard": _text("The pod's lasting name."),
            "pod": _text("The pod that has it now."),
            "epoch": _integer("Which placement of this stream it is; the store takes results of the newest alone."),
            "fps": _number("Frames per second that are to be analysed there."),
            "p95Ms": _number("95th percentile over all frames due in the last minute, ms."),
            "leaving": _text("The pod that still analyses it until the first result is there."),
            "leavingEpoch": _integer("Under which epoch it does."),
        },
    }
    status: Schema = {
        "type": "object",
        "properties": {
            "observedGeneration": _integer("The generation of the spec that this tells of."),
            "state": {"type": "string", "enum": list(CAMERA_STATES)},
            "reason": _text("Why, in a sentence."),
            "pod": _text("The pod, or pods, that have it."),
            "streams": {
                "type": "array",
                "maxItems": 16,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["model"],
                "items": stream,
            },
        },
    }
    return _definition(
        CAMERA_KIND,
        CAMERA_PLURAL,
        "cam",
        spec,
        status,
        [
            ("Fleet", "string", ".spec.fleet"),
            ("FPS", "number", ".spec.fps"),
            ("State", "string", ".status.state"),
            ("Pod", "string", ".status.pod"),
            ("Reason", "string", ".status.reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    )


def _definition(
    kind: str, plural: str, short: str, spec: Schema, status: Schema, columns: list[tuple[str, str, str]]
) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["camslice"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": spec,
                                "status": status,
                            },
                        }
                    },
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [{"name": name, "type": of, "jsonPath": path} for name, of, path in columns],
                    "selectableFields": [{"jsonPath": ".spec.fleet"}] if plural == CAMERA_PLURAL else [],
                }
            ],
        },
    }


def _conditions() -> Schema:
    return {
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime"],
            "properties": {
                "type": {"type": "string", "maxLength": 64},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "reason": _text("One word."),
                "message": {"type": "string", "maxLength": 4096},
                "lastTransitionTime": {"type": "string", "format": "date-time"},
                "observedGeneration": _integer("The generation that it tells of."),
            },
        },
    }


def _list_map(schema: Schema, key: str) -> None:
    schema["x-kubernetes-list-type"] = "map"
    schema["x-kubernetes-list-map-keys"] = [key]


def _rules(schema: Schema, *rules: tuple[str, str]) -> None:
    schema["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in rules]


def _integer(description: str) -> Schema:
    return {"type": "integer", "format": "int64", "description": description}


def _number(description: str) -> Schema:
    return {"type": "number", "description": description}


def _long(description: str) -> Schema:
    return {"type": "string", "maxLength": 65536, "description": description}


def _text(description: str) -> Schema:
    return {"type": "string", "maxLength": 1024, "description": description}
