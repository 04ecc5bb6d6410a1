"""What camera pods may reach, and who may reach them.

Kubernetes' policies know addresses and no host names. A camera whose source is an address is let through as that address and
port; one with a host name, or one whose address only its Secret knows, through the networks that the fleet names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from camslice.cluster.manifests.common import Manifest, metadata
from camslice.cluster.names import FLEET, GRPC_PORT, HTTP_PORT, ROLE
from camslice.cluster.objects import CameraObject, FleetObject
from camslice.cluster.refusals import VARIABLE

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_STORE_PORTS = (5432,)


def network_policy(fleet: FleetObject, cameras: Iterable[CameraObject]) -> Manifest:
    """One for all camera pods of a fleet: their cameras, DNS, the store, engines; ingress to the page's port alone."""
    rules = [_dns(), *_cameras(fleet, cameras), _engines(fleet)]
    if fleet.store_secret is not None:
        rules.append({"ports": [{"protocol": "TCP", "port": port} for port in _STORE_PORTS]})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(fleet, f"{fleet.name}-cameras"),
        "spec": {
            "podSelector": {"matchLabels": {FLEET: fleet.name, ROLE: "camera"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": HTTP_PORT}]}],
            "egress": rules,
        },
    }


def hidden_from_policy(camera: CameraObject, networks: Sequence[str]) -> str | None:
    """Why a policy cannot let this camera through, in a sentence; None where it can."""
    if camera.source.startswith("scene://") or networks:
        return None
    if _end(camera) is not None:
        return None
    return (
        "its source holds a host name, or an address that only its Secret knows, and a network policy knows neither; write the "
        "address, or the cameras' networks in spec.network.cameras of the fleet"
    )


def _cameras(fleet: FleetObject, cameras: Iterable[CameraObject]) -> list[Manifest]:
    by_port: dict[int, set[str]] = {}
    for camera in cameras:
        if (end := _end(camera)) is not None:
            address, port = end
            by_port.setdefault(port, set()).add(address)
    rules: list[Manifest] = [
        {
            "to": [{"ipBlock": {"cidr": cidr}} for cidr in sorted(addresses)],
            "ports": [
                {"protocol": "TCP", "port": port},
                *([{"protocol": "UDP", "port": port}] if port == _PORTS["rtsp"] else []),
            ],
        }
        for port, addresses in sorted(by_port.items())
    ]
    if fleet.camera_cidrs:
        rules.append({"to": [{"ipBlock": {"cidr": cidr}} for cidr in fleet.camera_cidrs]})
    return rules


def _end(camera: CameraObject) -> tuple[str, int] | None:
    """Address (as CIDR) and port of a source, where they stand in it."""
    if "${" in camera.source.rpartition("@")[2].partition("/")[0] or camera.source.startswith("${"):
        return None
    parts = urlsplit(VARIABLE.sub("x", camera.source))
    try:
        address = ipaddress.ip_address(parts.hostname or "")
        port = parts.port or _PORTS[parts.scheme.lower()]
    except (ValueError, KeyError):
        return None
    return f"{address}/{address.max_prefixlen}", port


def _dns() -> Manifest:
    return {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }


def _engines(fleet: FleetObject) -> Manifest:
    return {
        "to": [{"podSelector": {"matchLabels": {FLEET: fleet.name, ROLE: "engine"}}}],
        "ports": [{"protocol": "TCP", "port": GRPC_PORT}],
    }
