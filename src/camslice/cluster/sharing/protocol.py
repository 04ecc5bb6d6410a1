"""What the rest of the cluster code needs to know of sharing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from camslice.cluster.objects import NodeShape, PodShape


@dataclass(frozen=True, slots=True)
class NodeSharing:
    """What nodes of one shape need, so that pods get their shares.

    `labels` of the nodes; `capacity`: the resources that each node will have and that no instance type lists, with their
    numbers; `config`: the sharing program's own configuration, by the name that the labels give it.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    config_name: str | None = None


class Sharing(Protocol):
    """One way to share accelerators."""

    def pod_resources(self, shape: NodeShape, pod: PodShape) -> Mapping[str, str]:
        """What one pod asks for besides processors and memory."""
        ...

    def node(self, shape: NodeShape, accelerators: int) -> NodeSharing:
        """What nodes with so many accelerators need. Raises ClusterError for what cannot be."""
        ...
