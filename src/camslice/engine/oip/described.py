"""What the server says about itself, in the keys of the protocol's JSON, which are also those of its protobuf messages."""

from __future__ import annotations

from collections.abc import Iterable

from camslice.engine.oip.descriptions import (
    BatchStatistics,
    ModelMetadata,
    ModelStatistics,
    RegionStatus,
    RepositoryEntry,
    ServerMetadata,
    Sum,
    TensorMetadata,
)
from camslice.engine.oip.service import Json


def server_metadata(metadata: ServerMetadata) -> dict[str, Json]:
    """Answer of `ServerMetadata` and `GET v2`."""
    return {"name": metadata.name, "version": metadata.version, "extensions": list(metadata.extensions)}


def model_metadata(metadata: ModelMetadata) -> dict[str, Json]:
    """Answer of `ModelMetadata` and `GET v2/models/NAME`."""
    return {
        "name": metadata.name,
        "versions": list(metadata.versions),
        "platform": metadata.platform,
        "inputs": [_tensor(each) for each in metadata.inputs],
        "outputs": [_tensor(each) for each in metadata.outputs],
    }


def model_statistics(statistics: Iterable[ModelStatistics]) -> dict[str, Json]:
    """Answer of `ModelStatistics` and `GET v2/models/stats`; `refused` is our own addition to the JSON."""
    return {"model_stats": [_statistics(each) for each in statistics]}


def repository_index(entries: Iterable[RepositoryEntry]) -> list[Json]:
    """Answer of `POST v2/repository/index`, and the `models` of `RepositoryIndex`."""
    return [
        {"name": entry.name, "version": entry.version, "state": entry.state.value, "reason": entry.reason} for entry in entries
    ]


def region(status: RegionStatus) -> dict[str, Json]:
    """One region of system shared memory."""
    return {"name": status.name, "key": status.key, "offset": status.offset, "byte_size": status.byte_size}


def _tensor(metadata: TensorMetadata) -> Json:
    return {"name": metadata.name, "datatype": metadata.datatype, "shape": list(metadata.shape)}


def _statistics(of: ModelStatistics) -> Json:
    return {
        "name": of.name,
        "version": of.version,
        "last_inference": of.last_inference_ms,
        "inference_count": of.inference_count,
        "execution_count": of.execution_count,
        "inference_stats": {
            "success": _sum(of.success),
            "fail": _sum(of.fail),
            "queue": _sum(of.queue),
            "compute_input": _sum(of.compute_input),
            "compute_infer": _sum(of.compute_infer),
            "compute_output": _sum(of.compute_output),
            "cache_hit": _sum(Sum()),
            "cache_miss": _sum(Sum()),
        },
        "batch_stats": [_batch(each) for each in of.batches],
        "refused": dict(of.refused),
    }


def _batch(of: BatchStatistics) -> Json:
    return {
        "batch_size": of.batch_size,
        "compute_input": _sum(of.compute_input),
        "compute_infer": _sum(of.compute_infer),
        "compute_output": _sum(of.compute_output),
    }


def _sum(of: Sum) -> Json:
    return {"count": of.count, "ns": of.ns}
