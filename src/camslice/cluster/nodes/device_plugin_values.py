"""Values for the device plugin's own Helm chart: a configuration for each way in which nodes share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from camslice.cluster.names import TAINT
from camslice.cluster.sharing.protocol import NodeSharing


def device_plugin_values(nodes: Iterable[NodeSharing]) -> dict[str, Any] | None:
    """None where no node shares anything. A node's label chooses; nodes without it get the device whole."""
    configs = {each.config_name: each.config for each in nodes if each.config_name is not None}
    if not configs:
        return None
    configs.setdefault("plain", {"version": "v1"})
    texts = {name: yaml.safe_dump(config, sort_keys=False) for name, config in sorted(configs.items())}
    return {
        "config": {"map": texts, "default": "plain"},
        "nodeSelector": {"nvidia.com/gpu.present": "true"},
        "tolerations": [
            {"key": TAINT, "operator": "Exists", "effect": "NoSchedule"},
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        ],
    }
