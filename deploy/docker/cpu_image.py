"""Build the CPU image from layers that are kept between runs, each under the hash of what it is made from.

A change of our own code makes the last layer again (seconds); a change of the lock also the second; new Debian packages all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from dockerfile import config_of
from oci import Layer, compress, file_digest, write_archive, write_layer

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "deploy" / "docker"
DOCKERFILE = HERE / "Dockerfile.cpu"
UID = 65532
OWN_FOLDERS = ("var/lib/camslice", "var/cache/camslice", "var/spool/camslice")
MADE_FROM: Mapping[str, tuple[str, ...]] = {
    "debian": ("deploy/docker/layer", "deploy/docker/packages"),
    "dependencies": ("deploy/docker/layer", "requirements/image.txt"),
    "camslice": ("deploy/docker/layer", "requirements/build.txt", "pyproject.toml", "README.md", "LICENSE", "src/camslice"),
}
_MB = 1e6
_KEPT = 3
"""How many versions of a layer are kept: that of this branch, of another, and one to spare."""


def main() -> int:
    """Build, and say where the archive lies and how large it is."""
    asked = _arguments()
    started_s = time.monotonic()
    cache = asked.cache
    cache.mkdir(parents=True, exist_ok=True)
    try:
        python = _python(cache)
        layers = [_layer(cache, what, python) for what in MADE_FROM]
        if asked.compress:
            layers = [_compressed(layer) for layer in layers]
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        new = asked.out.with_name(asked.out.name + ".new")
        digest = write_archive(new, asked.name, layers, config_of(DOCKERFILE))
        new.replace(asked.out)
    except subprocess.CalledProcessError as error:
        print(f"build-cpu-image: {error.cmd[0]} ended with {error.returncode}; its own words stand above.", file=sys.stderr)  # noqa: T201
        return 1
    sizes = {layer.path.name.split("-")[0]: round(layer.path.stat().st_size / _MB, 1) for layer in layers}
    report = {
        "archive": str(asked.out),
        "name": asked.name,
        "digest": digest,
        "layers_mb": sizes,
        "mb": round(sum(sizes.values()), 1),
        "wall_s": round(time.monotonic() - started_s, 1),
    }
    print(json.dumps(report) if asked.json else _words(report))  # noqa: T201
    return 0


def _words(report: Mapping[str, object]) -> str:
    size = f"{report['mb']} MB {report['layers_mb']} in {report['wall_s']} s"
    return f"{report['name']} {report['digest']}\n{size}: {report['archive']}"


def _arguments() -> argparse.Namespace:
    tools = Path(os.environ.get("KUBE_TOOLS_DIR") or Path.home() / ".cache" / "kube-tools")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=tools / "image", help="where layers are kept (%(default)s)")
    parser.add_argument("--out", type=Path, default=None, help="the archive (in the cache)")
    parser.add_argument("--name", default=f"localhost/camslice:{_version()}", help="what the image is called (%(default)s)")
    parser.add_argument("--compress", action="store_true", help="gzip the layers, as registries keep them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    asked.out = (asked.out or asked.cache / "camslice-cpu.tar").resolve()
    asked.cache = asked.cache.resolve()
    return asked


def _version() -> str:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit("build-cpu-image: pyproject.toml names no version")
    return found[1]


def _python(cache: Path) -> Path:
    """A Python with pip and what our wheel is built with; kept, as it takes longer to make than the layer of our own code."""
    folder = cache / f"env-{_hash(['requirements/build.txt'], sys.version)}"
    if not (folder / "done").exists():
        if sys.version_info[:2] != (3, 11):
            raise SystemExit(
                "build-cpu-image: the image runs Debian 12's Python 3.11, and is built with one; name it in PYTHON."
            )
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            "requirements/build.txt",
        ]
        subprocess.run(install, cwd=ROOT, check=True, stdout=sys.stderr)
        (folder / "done").touch()
    return folder / "bin" / "python"


def _layer(cache: Path, what: str, python: Path) -> Layer:
    versions = _candidates() if what == "debian" else ""
    stem = f"{what}-{_hash(MADE_FROM[what], versions)}"
    path, known = cache / f"{stem}.tar", cache / f"{stem}.json"
    if known.exists() and path.exists():
        os.utime(known)
        return Layer(path, **json.loads(known.read_text()))
    print(f"build-cpu-image: making the layer {what}", file=sys.stderr)  # noqa: T201
    with tempfile.TemporaryDirectory(dir=cache) as work:
        folder = Path(work) / "layer"
        subprocess.run([HERE / "layer", what, folder], check=True, env=os.environ | {"PYTHON": str(python)})
        made = write_layer(folder, Path(work) / "layer.tar", _owner)
        shutil.move(made.path, path)
    known.write_text(json.dumps({"diff_id": made.diff_id, "digest": made.digest}))
    _forget_old(cache, what)
    return Layer(path, made.diff_id, made.digest)


def _owner(name: str) -> int:
    return UID if name.startswith(OWN_FOLDERS) else 0


def _candidates() -> str:
    """Which versions apt would take, so that a security update makes the layer again. Without lists it knows only what is
    installed, if anything: then they are fetched first."""
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        subprocess.run(["apt-get", "-q", "update"], check=True, stdout=sys.stderr)
    names = [line.split("#")[0].strip() for line in (HERE / "packages").read_text().splitlines()]
    asked = ["apt-cache", "policy", *filter(None, names)]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in said.splitlines() if not line.startswith(" ") or "Candidate:" in line)


def _compressed(layer: Layer) -> Layer:
    path = layer.path.with_suffix(".tar.gz")
    return Layer(path, layer.diff_id, file_digest(path), compressed=True) if path.exists() else compress(layer, path)


def _forget_old(cache: Path, what: str) -> None:
    known = sorted(cache.glob(f"{what}-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in known[_KEPT:]:
        for ending in (".json", ".tar", ".tar.gz"):
            old.with_suffix(ending).unlink(missing_ok=True)


def _hash(names: list[str] | tuple[str, ...], more: str = "") -> str:
    told = hashlib.sha256(more.encode())
    for file in _files(names):
        told.update(f"{file.relative_to(ROOT)} {file.stat().st_mode & 0o111}\n".encode())
        told.update(file.read_bytes())
    return told.hexdigest()[:16]


def _files(names: list[str] | tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        path = ROOT / name
        if path.is_file():
            yield path
        else:
            yield from sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


if __name__ == "__main__":
    sys.exit(main())
