"""What the rest of the cluster code needs to know of sharing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from camslice.cluster.objects import NodeShape, PodShape


@dataclass(frozen=True, slots=True)
class NodeSharing:
    """What nodes of one shape need, so that pods get their shares.

    `labels` of the nodes; `per_accelerator`: the resources that each accelerator will add and that no instance type lists, with
    their numbers; `config`: the sharing program's own configuration, by the name that the labels give it. `needs`: what the
    cluster must have for it, in a sentence.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    per_accelerator: Mapping[str, int] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    config_name: str | None = None
    needs: str | None = None

    def capacity(self, accelerators: int) -> dict[str, int]:
        """What a node with so many accelerators has of the added resources."""
        return {name: number * accelerators for name, number in self.per_accelerator.items()}


class Sharing(Protocol):
    """One way to share accelerators."""

    def pod_resources(self, shape: NodeShape, pod: PodShape) -> Mapping[str, str]:
        """What one pod asks for besides processors and memory."""
        ...

    def node(self, shape: NodeShape, accelerators: int) -> NodeSharing:
        """What nodes with so many accelerators need. Raises ClusterError for what cannot be."""
        ...
