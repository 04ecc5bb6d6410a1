from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.unit.deploy.recipes import recipe

oci = recipe("oci")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "program").write_bytes(b"\x7fELF" + bytes(2000))
    (root / "usr" / "bin" / "program").chmod(0o755)
    (root / "bin").symlink_to("usr/bin")
    (root / "var" / "own").mkdir(parents=True)
    (root / "var" / "own" / "note").write_text("mine")
    return root


def nobodys(name: str) -> int:
    return 65532 if name.startswith("var/own") else 0


def blobs(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}  # type: ignore[union-attr]


def pointed_at(files: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    """What a descriptor points at, if its digest and size are true."""
    data = files["blobs/" + descriptor["digest"].replace(":", "/")]
    assert descriptor["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
    assert descriptor["size"] == len(data)
    return data


def test_a_layer_says_the_same_for_the_same_folder_whenever_and_by_whomever_it_was_made(folder: Path, tmp_path: Path) -> None:
    first = oci.write_layer(folder, tmp_path / "first.tar", nobodys)
    os.utime(folder / "usr" / "bin" / "program", (1e9, 1e9))
    if os.geteuid() == 0:
        os.chown(folder / "usr" / "bin" / "program", 1234, 1234)
    again = oci.write_layer(folder, tmp_path / "again.tar", nobodys)
    assert first.diff_id == again.diff_id
    (folder / "usr" / "bin" / "program").write_bytes(b"another")
    assert oci.write_layer(folder, tmp_path / "other.tar", nobodys).diff_id != first.diff_id


def test_a_layer_holds_everything_as_it_is_and_whose_it_shall_be(folder: Path, tmp_path: Path) -> None:
    layer = oci.write_layer(folder, tmp_path / "layer.tar", nobodys)
    with tarfile.open(layer.path) as tar:
        entries = {entry.name: entry for entry in tar}
    assert list(entries) == ["bin", "usr", "usr/bin", "usr/bin/program", "var", "var/own", "var/own/note"]
    assert entries["usr/bin/program"].mode & 0o777 == 0o755
    assert entries["bin"].issym()
    assert entries["bin"].linkname == "usr/bin"
    assert {name for name, entry in entries.items() if (entry.uid, entry.gid) == (65532, 65532)} == {"var/own", "var/own/note"}


@pytest.mark.parametrize("compressed", [False, True])
def test_an_archive_leads_from_its_index_to_every_layer(folder: Path, tmp_path: Path, compressed: bool) -> None:
    plain = oci.write_layer(folder, tmp_path / "debian-1.tar", nobodys)
    layer = oci.compress(plain, tmp_path / "debian-1.tar.gz") if compressed else plain
    config = {"User": "65532:65532", "Entrypoint": ["camslice"]}
    digest = oci.write_archive(tmp_path / "image.tar", "registry.example:5000/camslice:1.0", [layer, layer], config)

    files = blobs(tmp_path / "image.tar")
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    [named] = json.loads(files["index.json"])["manifests"]
    assert named["digest"] == digest
    assert named["annotations"]["io.containerd.image.name"] == "registry.example:5000/camslice:1.0"
    assert named["annotations"]["org.opencontainers.image.ref.name"] == "1.0"
    manifest = json.loads(pointed_at(files, named))
    described = json.loads(pointed_at(files, manifest["config"]))
    assert described["config"] == config
    for entry, diff_id in zip(manifest["layers"], described["rootfs"]["diff_ids"], strict=True):
        data = pointed_at(files, entry)
        assert entry["mediaType"].endswith("tar+gzip") is compressed
        content = gzip.decompress(data) if compressed else data
        assert diff_id == "sha256:" + hashlib.sha256(content).hexdigest()
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            assert "usr/bin/program" in tar.getnames()
    assert len(described["history"]) == 2
