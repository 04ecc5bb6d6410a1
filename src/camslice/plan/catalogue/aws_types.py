"""Amazon EC2's answers to DescribeInstanceTypes, as instance types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from camslice.plan.catalogue.columns import UNKNOWN
from camslice.plan.catalogue.instance_type import Accelerator, InstanceType
from camslice.plan.catalogue.mig import mig_profiles

MB_PER_MIB = 1.048576
USABLE_SHARE = {"T4": 15 / 16, "T4g": 15 / 16}
"""Of the memory that EC2 states, what a driver leaves, where the difference is not small."""
_ADDRESSES_PER_PREFIX = 16
_PODS_WITH_PREFIXES, _PODS_WITH_PREFIXES_LARGE, _LARGE_VCPU = 110, 250, 30


class Memory(TypedDict):
    """`SizeInMiB`."""

    SizeInMiB: int


class Device(TypedDict, total=False):
    """An entry of `GpuInfo.Gpus` or `NeuronInfo.NeuronDevices`; `GpuPartitionSize` is below 1 for a part of a card."""

    Name: str
    Count: int
    MemoryInfo: Memory
    GpuPartitionSize: float


class InstanceTypeAnswer(TypedDict, total=False):
    """As much as is used of one entry of `InstanceTypes`."""

    InstanceType: str
    Hypervisor: str
    BareMetal: bool
    VCpuInfo: Mapping[str, int]
    MemoryInfo: Memory
    ProcessorInfo: Mapping[str, list[str]]
    NetworkInfo: Mapping[str, object]
    GpuInfo: Mapping[str, list[Device]]
    NeuronInfo: Mapping[str, list[Device]]


def instance_type_of(answer: InstanceTypeAnswer, known: Mapping[str, InstanceType]) -> InstanceType:
    """The type that EC2 describes, without prices.

    EC2 does not say which processor it is, nor how often spot capacity is taken back: these come from `known`, the processor of
    another type of the family where they all have the same.
    """
    name = answer["InstanceType"]
    family = name.partition(".")[0]
    vcpu = answer["VCpuInfo"]["DefaultVCpus"]
    limit, limit_prefix = _pod_limits(answer, vcpu)
    before = known.get(name)
    return InstanceType(
        name=name,
        provider="aws",
        family=family,
        cpu_family=before.cpu_family if before else _cpu_of_family(family, known),
        architecture=_architecture(answer["ProcessorInfo"]["SupportedArchitectures"]),
        vcpu=vcpu,
        physical_cores=answer["VCpuInfo"].get("DefaultCores", vcpu),
        memory_mb=float(round(answer["MemoryInfo"]["SizeInMiB"] * MB_PER_MIB)),
        accelerator=_accelerator(answer),
        pod_limit=limit,
        pod_limit_prefix=limit_prefix,
        network_mbps=_network_mbps(answer["NetworkInfo"]),
        interruption=before.interruption if before else None,
    )


def _pod_limits(answer: InstanceTypeAnswer, vcpu: int) -> tuple[int, int | None]:
    """Addresses for pods: without prefixes, and with (on machines that can), where AWS advises 110, or 250 from 30 vCPU on."""
    network = answer["NetworkInfo"]
    cards = network.get("NetworkCards")
    interfaces = network["MaximumNetworkInterfaces"]
    if isinstance(cards, list) and cards:
        interfaces = cards[0]["MaximumNetworkInterfaces"]  # pods get theirs from the first card
    addresses = int(str(interfaces)) * (int(str(network["Ipv4AddressesPerInterface"])) - 1)
    if answer.get("Hypervisor") != "nitro" and not answer.get("BareMetal"):
        return addresses + 2, None
    advised = _PODS_WITH_PREFIXES if vcpu < _LARGE_VCPU else _PODS_WITH_PREFIXES_LARGE
    return addresses + 2, min(advised, addresses * _ADDRESSES_PER_PREFIX + 2)


def _accelerator(answer: InstanceTypeAnswer) -> Accelerator | None:
    devices = answer.get("GpuInfo", {}).get("Gpus") or answer.get("NeuronInfo", {}).get("NeuronDevices")
    if not devices:
        return None
    device = devices[0]
    name, fraction = device["Name"], device.get("GpuPartitionSize", 1.0)
    memory_mb = float(round(device["MemoryInfo"]["SizeInMiB"] * MB_PER_MIB * USABLE_SHARE.get(name, 1.0)))
    partitions = mig_profiles(name, memory_mb) if fraction == 1 else ()
    return Accelerator(name, max(1, device.get("Count", 1)), memory_mb, fraction, partitions)


def _network_mbps(network: Mapping[str, object]) -> float | None:
    """What the network cards carry all the time, together."""
    cards = network.get("NetworkCards")
    if not isinstance(cards, list):
        return None
    gbps = [card.get("BaselineBandwidthInGbps") for card in cards]
    return float(round(1000 * sum(gbps))) if gbps and all(gbps) else None


def _architecture(supported: list[str]) -> str:
    return "arm64" if "arm64" in supported else "x86_64"


def _cpu_of_family(family: str, known: Mapping[str, InstanceType]) -> str:
    processors = {each.cpu_family for each in known.values() if each.family == family}
    return processors.pop() if len(processors) == 1 else UNKNOWN
