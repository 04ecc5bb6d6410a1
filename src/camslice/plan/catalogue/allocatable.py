"""What a node offers our pods: what the machine has, less what Kubernetes keeps back, less what the system's pods request.

The rule is that of Amazon EKS: Kubernetes keeps 255 MiB + 11 MiB for each pod that the node may hold, and 100 MiB so that it
can evict in time; of the CPU 6 % of the first core, 1 % of the second, 0.5 % of the next two and 0.25 % of each further one.
The memory that a hypervisor takes before the system sees any (a few per cent of a virtual machine) is not in the rule nor here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from camslice.plan.catalogue.instance_type import InstanceType
from camslice.plan.catalogue.system_pods import SystemPods

PODS_BY_DEFAULT = 110
"""The most pods of a node where no network interface limits them: the kubelet's own default."""
_MB_PER_MIB = 1.048576
_RESERVED_MIB = 255
_RESERVED_MIB_PER_POD = 11
_EVICTION_MIB = 100
_CPU_RESERVED = ((1, 60.0), (2, 10.0), (4, 5.0), (math.inf, 2.5))
"""Thousandths of a vCPU kept back of each, up to the so many-th."""


@dataclass(frozen=True, slots=True)
class Allocatable:
    """For our pods: thousandths of a vCPU, MB (10^6 bytes), and so many of them. Nothing is below 0."""

    cpu_m: int
    memory_mb: float
    pods: int


def allocatable(instance_type: InstanceType, system_pods: SystemPods, prefix_delegation: bool) -> Allocatable:
    """What a node of this type has left for our pods beside `system_pods`."""
    limit = pod_limit(instance_type, prefix_delegation)
    reserved_mib = _RESERVED_MIB + _RESERVED_MIB_PER_POD * limit + _EVICTION_MIB
    pods = system_pods.on(instance_type)
    cpu_m = 1000 * instance_type.vcpu - cpu_reserved_m(instance_type.vcpu) - sum(pod.count * pod.cpu_m for pod in pods)
    memory_mb = instance_type.memory_mb - reserved_mib * _MB_PER_MIB - sum(pod.count * pod.memory_mb for pod in pods)
    return Allocatable(max(0, cpu_m), max(0.0, memory_mb), max(0, limit - system_pods.count_on(instance_type)))


def pod_limit(instance_type: InstanceType, prefix_delegation: bool) -> int:
    """The most pods that a node may hold, the system's included.

    With prefix delegation where the type has it, else what its network interfaces have addresses for.
    """
    if prefix_delegation and instance_type.pod_limit_prefix is not None:
        return instance_type.pod_limit_prefix
    return PODS_BY_DEFAULT if instance_type.pod_limit is None else instance_type.pod_limit


def cpu_reserved_m(vcpu: int) -> int:
    """Thousandths of a vCPU that Kubernetes keeps back on a node with so many."""
    reserved, counted = 0.0, 0.0
    for up_to, each in _CPU_RESERVED:
        reserved += each * max(0.0, min(vcpu, up_to) - counted)
        counted = up_to
    return math.ceil(reserved)
