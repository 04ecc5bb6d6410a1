"""Sharing by the NVIDIA device plugin: time slices, MPS, MIG partitions, or whole devices.

Facts of the plugin that decide here: a node is configured whole, by the label nvidia.com/device-plugin.config; with
renameByDefault a share is called nvidia.com/gpu.shared, so that Karpenter's overlay may add it (it may not change what an
instance type has already); failRequestsGreaterThanOne makes the plugin refuse a pod that asks for two slices and gets no more
by it; MPS takes at most 48 clients of a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from camslice.cluster.objects import NodeShape, PodShape
from camslice.cluster.sharing.protocol import NodeSharing
from camslice.fleet.errors import ClusterError
from camslice.fleet.types import Topology

GPU = "nvidia.com/gpu"
SHARED = "nvidia.com/gpu.shared"
PRESENT = "nvidia.com/gpu.present"
CONFIG = "nvidia.com/device-plugin.config"
MPS_CAPABLE = "nvidia.com/mps.capable"
MIG_CONFIG = "nvidia.com/mig.config"
MPS_CLIENTS = 48
_MIG_NEEDS = (
    f"MIG needs the GPU operator's MIG manager, which cuts the cards of nodes by their label {MIG_CONFIG}; the device plugin "
    "alone does not"
)
_MPS_NEEDS = (
    "MPS needs the device plugin's MPS daemon to let the camera pods' user in: they all run as one user that is not root, and "
    "without the host's process ids"
)
_SLICES = {Topology.SLICED: "timeSlicing", Topology.MPS: "mps"}


class DevicePlugin:
    """Implements `Sharing`."""

    def pod_resources(self, shape: NodeShape, pod: PodShape) -> Mapping[str, str]:
        """One share, or nothing for a pod without an accelerator."""
        if not pod.shares:
            return {}
        return {self._resource(shape): "1"}

    def node(self, shape: NodeShape, accelerators: int) -> NodeSharing:
        """Labels, added capacity and the plugin's configuration. Raises ClusterError."""
        asking = sum(pod.count for pod in shape.pods if pod.shares)
        if not asking:
            return NodeSharing()
        if not accelerators:
            raise ClusterError(f"shape {shape.name}: {shape.instance_type} has no accelerator to share; plan it again.")
        labels = {PRESENT: "true"}
        if shape.topology in _SLICES:
            per_gpu = math.ceil(asking / accelerators)
            if shape.topology is Topology.MPS and per_gpu > MPS_CLIENTS:
                raise ClusterError(
                    f"shape {shape.name}: MPS takes at most {MPS_CLIENTS} clients of a GPU, and {per_gpu} are planned; plan "
                    "with topology sliced or pooled, or with more streams per pod."
                )
            name = f"{'mps' if shape.topology is Topology.MPS else 'sliced'}-{per_gpu}"
            labels |= {CONFIG: name} | ({MPS_CAPABLE: "true"} if shape.topology is Topology.MPS else {})
            config = _config(_SLICES[shape.topology], per_gpu)
            return NodeSharing(labels, {SHARED: per_gpu}, config, name, _MPS_NEEDS if shape.topology is Topology.MPS else None)
        if shape.topology is Topology.MIG:
            if shape.partition is None:
                raise ClusterError(f"shape {shape.name}: the plan does not say how MIG cuts its cards; plan it again.")
            labels |= {CONFIG: "mig", MIG_CONFIG: f"all-{shape.partition}"}
            config = {"version": "v1", "flags": {"migStrategy": "mixed"}}
            return NodeSharing(labels, {self._resource(shape): math.ceil(asking / accelerators)}, config, "mig", _MIG_NEEDS)
        if asking > accelerators:
            raise ClusterError(
                f"shape {shape.name}: {asking} pods want a device of their own, and {shape.instance_type} has {accelerators}; "
                "plan it again."
            )
        return NodeSharing({**labels, CONFIG: "plain"}, {}, {"version": "v1"}, "plain")

    def _resource(self, shape: NodeShape) -> str:
        if shape.topology in _SLICES:
            return SHARED
        return f"nvidia.com/mig-{shape.partition}" if shape.topology is Topology.MIG else GPU


def _config(kind: str, replicas: int) -> dict[str, Any]:
    return {
        "version": "v1",
        "sharing": {
            kind: {
                "renameByDefault": True,
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": GPU, "replicas": replicas}],
            }
        },
    }
