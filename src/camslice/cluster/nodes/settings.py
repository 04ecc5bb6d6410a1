"""What nodes need that no plan knows: the cluster they join."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.plan.cost.lines import DISK_GB_PER_NODE


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """`role`: the IAM role of nodes. `node_class_kind`: group and kind of Karpenter's node class (a test cluster has its own).

    `disk_gb` as the plan's cost counts it.
    """

    cluster_name: str = "camslice"
    role: str = "KarpenterNodeRole-camslice"
    ami_alias: str = "al2023@latest"
    disk_gb: int = int(DISK_GB_PER_NODE)
    node_class_group: str = "karpenter.k8s.aws"
    node_class_kind: str = "EC2NodeClass"
