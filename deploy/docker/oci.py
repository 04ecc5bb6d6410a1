"""An image as an OCI archive (image-spec 1.0 in a tar file), written with nothing but the standard library.

Layers are tar files that say the same for the same folder: names sorted, one time, root's unless told otherwise.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_OCI = "application/vnd.oci.image"
_CHUNK = 1 << 20
_EPOCH_S = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """A tar file on disk. `diff_id` is the digest of what it holds, `digest` of the file: they differ when it is compressed."""

    path: Path
    diff_id: str
    digest: str
    compressed: bool = False

    @property
    def media_type(self) -> str:
        """As the image's manifest calls it."""
        return f"{_OCI}.layer.v1.tar+gzip" if self.compressed else f"{_OCI}.layer.v1.tar"


def write_layer(folder: Path, path: Path, owner: Callable[[str], int]) -> Layer:
    """Write everything in `folder` as a layer to `path`. `owner` gives user and group of a name such as `var/lib`."""

    def settled(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = _EPOCH_S
        entry.uid = entry.gid = owner(entry.name)
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for file in _sorted(folder):
            tar.add(file, file.relative_to(folder).as_posix(), recursive=False, filter=settled)
    digest = file_digest(path)
    return Layer(path, digest, digest)


def compress(layer: Layer, path: Path) -> Layer:
    """The same layer with gzip, as registries keep them."""
    with layer.path.open("rb") as plain, path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=_EPOCH_S) as packed:
        shutil.copyfileobj(plain, packed, _CHUNK)
    return Layer(path, layer.diff_id, file_digest(path), compressed=True)


def write_archive(path: Path, name: str, layers: Sequence[Layer], config: Mapping[str, object]) -> str:
    """Write the archive of an image called `name`, and return the digest of its manifest. `config` is what containers run with:
    Env, User, Entrypoint and the like."""
    described = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created_by": f"deploy/docker/layer {layer.path.name.split('-')[0]}"} for layer in layers],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": _descriptor(f"{_OCI}.config.v1+json", bytes_digest(described), len(described)),
            "layers": [_descriptor(layer.media_type, layer.digest, layer.path.stat().st_size) for layer in layers],
        }
    )
    named: dict[str, object] = {
        **_descriptor(f"{_OCI}.manifest.v1+json", bytes_digest(manifest), len(manifest)),
        "platform": {"architecture": "amd64", "os": "linux"},
        # containerd takes the whole name from the first, other programs the tag from the second.
        "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]},
    }
    index = _json({"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": [named]})
    with tarfile.open(path, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", index)
        for blob in (described, manifest):
            _add(tar, _blob(bytes_digest(blob)), blob)
        for layer in layers:
            with layer.path.open("rb") as content:
                tar.addfile(_entry(_blob(layer.digest), layer.path.stat().st_size), content)
    return bytes_digest(manifest)


def file_digest(path: Path) -> str:
    """sha256:... of a file."""
    with path.open("rb") as content:
        return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()


def bytes_digest(data: bytes) -> str:
    """sha256:... of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _sorted(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _sorted(path)


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o644, _EPOCH_S
    return entry


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_entry(name, len(data)), io.BytesIO(data))
