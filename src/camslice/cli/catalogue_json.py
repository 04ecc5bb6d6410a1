"""A catalogue as `--json` shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from camslice.plan.catalogue.catalogue import Catalogue
from camslice.plan.catalogue.instance_type import InstanceType


def catalogue_object(catalogue: Catalogue, chosen: Iterable[InstanceType]) -> dict[str, object]:
    """The chosen types, and what holds for the whole catalogue."""
    return {
        "origin": catalogue.origin,
        "date": catalogue.date or None,
        "about": catalogue.about,
        "sources": dict(catalogue.sources),
        "system_pods": {name: asdict(pods) for name, pods in catalogue.system_pods.items()},
        "instance_types": [_instance_type(each) for each in chosen],
    }


def _instance_type(each: InstanceType) -> dict[str, object]:
    prices = [
        {
            "region": region,
            "purchase": purchase,
            "usd_per_hour": price.usd_per_hour,
            "dated": price.dated,
            "source": price.source,
        }
        for (region, purchase), price in each.prices.items()
    ]
    return {
        "name": each.name,
        "provider": each.provider,
        "family": each.family,
        "cpu_family": each.cpu_family,
        "architecture": each.architecture,
        "vcpu": each.vcpu,
        "physical_cores": each.physical_cores,
        "memory_mb": each.memory_mb,
        "accelerator": None if each.accelerator is None else asdict(each.accelerator),
        "pod_limit": each.pod_limit,
        "pod_limit_prefix": each.pod_limit_prefix,
        "network_mbps": each.network_mbps,
        "interruption": each.interruption,
        "prices": prices,
    }
