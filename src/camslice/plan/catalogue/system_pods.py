"""What runs on every node of a cluster besides our pods, and takes pod slots, CPU and memory from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from camslice.fleet.errors import CatalogueError
from camslice.fleet.figures import Provenance
from camslice.fleet.yaml_lines import Document, KeyPath, read_yaml
from camslice.plan.catalogue.cells import number_in
from camslice.plan.catalogue.instance_type import InstanceType


@dataclass(frozen=True, slots=True)
class SystemPod:
    """`count` pods of one kind on each node. Requests of one: thousandths of a vCPU, and MB (10^6 bytes)."""

    name: str
    cpu_m: int = 0
    memory_mb: float = 0.0
    count: int = 1
    accelerator_nodes: bool = False
    """Only on nodes that have an accelerator."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class SystemPods:
    """A named list of them, and where it comes from."""

    name: str
    about: str
    provenance: Provenance
    pods: tuple[SystemPod, ...]

    def on(self, instance_type: InstanceType) -> tuple[SystemPod, ...]:
        """Those that run on a node of this type."""
        return tuple(pod for pod in self.pods if instance_type.accelerator is not None or not pod.accelerator_nodes)

    def count_on(self, instance_type: InstanceType) -> int:
        """How many pods that are."""
        return sum(pod.count for pod in self.on(instance_type))


@cache
def packaged_system_pods() -> Mapping[str, SystemPods]:
    """The lists that come with camslice, by name."""
    origin = "system_pods.yaml"
    text = resources.files("camslice.plan.catalogue").joinpath(origin).read_text("utf-8")
    return read_system_pods(read_yaml(text, origin), ())


def read_system_pods(document: Document, path: KeyPath) -> Mapping[str, SystemPods]:
    """The lists at `path` of a document, `{NAME: {about, provenance, pods: [{name, cpu_m, memory_mb, ...}]}}`.

    Raises CatalogueError.
    """
    lists: dict[str, SystemPods] = {}
    for name, data in _mapping(document, path).items():
        here = (*path, name)
        keys = _mapping(document, here)
        _known(document, here, keys, ("about", "provenance", "pods"))
        provenance = str(keys.get("provenance", Provenance.ASSUMED))
        if provenance not in list(Provenance):
            choices = ", ".join(Provenance)
            raise _fault(document, (*here, "provenance"), f"{provenance} is not allowed; write one of {choices}")
        pods = data.get("pods") if isinstance(data, Mapping) else None
        if not isinstance(pods, list):
            raise _fault(document, here, "pods is missing; write a list such as [{name: kube-proxy, cpu_m: 100}]")
        read = tuple(_pod(document, (*here, "pods", index)) for index in range(len(pods)))
        lists[name] = SystemPods(name, str(keys.get("about", "")), Provenance(provenance), read)
    return lists


def _pod(document: Document, path: KeyPath) -> SystemPod:
    keys = _mapping(document, path)
    _known(document, path, keys, ("name", "cpu_m", "memory_mb", "count", "accelerator_nodes", "source"))
    if not keys.get("name"):
        raise _fault(document, path, "name is missing; say what the pod is")
    only_there = keys.get("accelerator_nodes", False)
    if not isinstance(only_there, bool):
        raise _fault(document, (*path, "accelerator_nodes"), "this is not allowed; write true or false")
    numbers = {"cpu_m": 0.0, "memory_mb": 0.0, "count": 1.0}
    for key in numbers:
        if key in keys:
            value = number_in(str(keys[key]))
            if value is None or value < 0 or (key != "memory_mb" and value != int(value)):
                whole = "a number" if key == "memory_mb" else "a whole number"
                raise _fault(document, (*path, key), f"{keys[key]} is not allowed; write {whole} from 0")
            numbers[key] = value
    return SystemPod(
        name=str(keys["name"]),
        cpu_m=int(numbers["cpu_m"]),
        memory_mb=numbers["memory_mb"],
        count=int(numbers["count"]),
        accelerator_nodes=only_there,
        source=str(keys.get("source", "")),
    )


def _mapping(document: Document, path: KeyPath) -> Mapping[str, object]:
    value = document.data
    for part in path:
        value = value[part]  # type: ignore[index]  # callers walk only along what is there
    if not isinstance(value, Mapping):
        raise _fault(document, path, "this is not allowed; write a mapping of keys and values")
    return value


def _known(document: Document, path: KeyPath, keys: Iterable[str], known: tuple[str, ...]) -> None:
    for key in keys:
        if key not in known:
            raise _fault(document, (*path, key), f"unknown key; known here: {', '.join(known)}")


def _fault(document: Document, path: KeyPath, what: str) -> CatalogueError:
    return CatalogueError(f"{document.place(path)}: {what}.")
