"""What a server says about itself, its models and its shared memory, as plain values for any transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """An input or output: `shape` with the number of pictures first, -1 for what may be of any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """Who answers, and which extensions of the protocol it speaks."""

    name: str
    version: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a model takes and gives. Exactly one of the inputs is sent with a request (`colour` only beside `i420`)."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


class ModelState(StrEnum):
    """Whether a model answers; the words are those of the protocol's repository index."""

    UNAVAILABLE = "UNAVAILABLE"
    LOADING = "LOADING"
    READY = "READY"
    UNLOADING = "UNLOADING"


@dataclass(frozen=True, slots=True)
class RepositoryEntry:
    """A model of the repository. `reason` says why it is not ready, and is empty when it is."""

    name: str
    version: str
    state: ModelState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sum:
    """How often something happened, and how long it took in all, in ns."""

    count: int = 0
    ns: int = 0

    def plus(self, ns: int, count: int = 1) -> Sum:
        """With `count` more that took `ns` together."""
        return Sum(self.count + count, self.ns + ns)


EDGES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper edges, in seconds, of the bins in which requests are counted by a time."""
NO_REQUESTS = (0,) * (len(EDGES_S) + 1)
"""Of such bins; the last one has no upper edge."""


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """Batches of one size."""

    batch_size: int
    compute_input: Sum = Sum()
    compute_infer: Sum = Sum()
    compute_output: Sum = Sum()


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """What a model did since it was first loaded; the words are those of the protocol's statistics extension.

    `inference_count` counts pictures, `execution_count` batches, the other sums requests. `refused` counts the requests that
    were not answered by their status (a key is a value of `Status`); `fail` is the sum of them all.
    `last_inference_ms` is UTC in ms since 1970, 0 before the first. `queued` and `took` count answered requests by the
    time that they waited and that they took in all, in the bins of `EDGES_S` and a last one.
    """

    name: str
    version: str
    last_inference_ms: int = 0
    inference_count: int = 0
    execution_count: int = 0
    success: Sum = Sum()
    fail: Sum = Sum()
    queue: Sum = Sum()
    compute_input: Sum = Sum()
    compute_infer: Sum = Sum()
    compute_output: Sum = Sum()
    batches: tuple[BatchStatistics, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    queued: tuple[int, ...] = NO_REQUESTS
    took: tuple[int, ...] = NO_REQUESTS


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """A registered region: `byte_size` bytes from `offset` of the POSIX shared memory object `key`."""

    name: str
    key: str
    offset: int
    byte_size: int
