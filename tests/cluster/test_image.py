"""The CPU image, built here and run: as nobody, on a root that cannot be written, without a shell."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import camslice
from tests.cluster.containers import Image, unpack
from tests.docs_stage import write_clip, write_network
from tests.unit.deploy.recipes import DOCKER

Runs = Callable[..., subprocess.CompletedProcess[str]]
LARGEST_MB = 720
"""Of all layers, uncompressed; some 680 were measured, 590 of them the libraries for video and networks."""


@pytest.fixture(scope="module")
def built() -> dict[str, Any]:
    """What `build-cpu-image` says of the image; layers that are already there are not made again."""
    done = subprocess.run([DOCKER / "build-cpu-image", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def image(built: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Image:
    return unpack(Path(built["archive"]), tmp_path_factory.mktemp("image"))


@pytest.fixture
def runs(image: Image, tmp_path: Path) -> Iterator[Runs]:
    (tmp_path / "runtime").mkdir()

    def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return image.run(arguments, tmp_path / "runtime", **more)

    return run


def test_it_is_small(built: dict[str, Any]) -> None:
    assert built["mb"] < LARGEST_MB, built["layers_mb"]
    assert built["layers_mb"]["camslice"] < 15, "our own code's layer holds more than our own code"


def test_it_starts_camslice(runs: Runs) -> None:
    done = runs("--version")
    assert (done.returncode, done.stdout) == (0, f"camslice {camslice.__version__}\n"), done.stderr


def test_doctor_finds_everything_that_an_image_can_bring(runs: Runs) -> None:
    done = runs("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert {name for name, check in checks.items() if not check["ok"]} == {"model files"}, done.stdout
    assert "CPU" in checks["openvino"]["detail"]
    assert "H.264, HEVC" in checks["decoders"]["detail"]
    assert "/var/cache/camslice" in checks["cache"]["detail"]


def test_it_runs_as_nobody_and_can_write_only_where_it_is_given_room(runs: Runs) -> None:
    script = """
import os, pathlib
written = []
for folder in ("/", "/etc", "/usr/local/lib", "/var/lib/camslice", "/tmp", "/var/cache/camslice"):
    try:
        pathlib.Path(folder, "x").write_text("x")
        written.append(folder)
    except OSError:
        pass
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(os.getuid(), os.getgid(), *written, status["CapEff"].strip())
"""
    done = runs("-c", script, entrypoint=["python3"])
    assert done.stdout.split() == ["65532", "65532", "/tmp", "/var/cache/camslice", "0" * 16], done.stderr


def test_there_is_no_shell_no_package_manager_and_nothing_that_changes_users(image: Image) -> None:
    programs = {path.name for folder in ("usr/bin", "usr/sbin", "usr/local/bin") for path in (image.root / folder).iterdir()}
    assert programs == {"python3", "python3.11", "camslice"}
    changing = [
        path for path in image.root.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o6000
    ]
    assert changing == []


def test_every_native_library_finds_what_it_is_linked_with(runs: Runs) -> None:
    script = """
import pathlib, subprocess
missing, looked = [], 0
for folder in ("/usr/lib/python3.11/lib-dynload", "/usr/local/lib"):
    for file in sorted(pathlib.Path(folder).rglob("*.so*")):
        if file.is_file() and file.open("rb").read(4) == b"\\x7fELF":
            said = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--list", file], capture_output=True, text=True).stdout
            looked += 1
            missing += [f"{file}: {line.strip()}" for line in said.splitlines() if "not found" in line]
print(looked)
print(*missing, sep="\\n")
"""
    looked, *missing = runs("-c", script, entrypoint=["python3"]).stdout.splitlines()
    assert int(looked) > 200
    assert [line for line in missing if line] == []


@pytest.mark.parametrize(
    "module", ["kopf", "lightkube", "psycopg", "sqlalchemy", "grpc", "camslice.web.server", "ssl, sqlite3"]
)
def test_what_pods_of_a_cluster_need_can_be_imported(runs: Runs, module: str) -> None:
    done = runs("-c", f"import {module}", entrypoint=["python3"])
    assert done.returncode == 0, done.stderr


def test_licences_come_along(image: Image) -> None:
    packages = image.root / "usr/local/lib/python3.11/dist-packages"
    assert list(packages.glob("camslice-*.dist-info/licenses/LICENSE"))
    assert not list(packages.glob("*.dist-info/direct_url.json")), "says where it was built"
    named = {line.split("#")[0].strip() for line in (DOCKER / "packages").read_text().splitlines()} - {""}
    for package in named:
        assert (image.root / "usr/share/doc" / package).exists(), package
        assert (image.root / "var/lib/dpkg/status.d" / package).read_text().startswith(f"Package: {package}\n")


def test_a_camera_is_analysed_in_it(runs: Runs, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    write_clip(fleet / "yard.mp4")
    write_network(fleet / "tiny.onnx")
    (fleet / "fleet.yaml").write_text(
        "models: {people: {weights: tiny.onnx}}\ncameras: [{name: yard, source: yard.mp4, fps: 5, model: people}]\n"
    )
    arguments = ("run", "/etc/camslice/fleet/fleet.yaml", "--duration", "3", "--no-page", "--store", "none", "--json")
    done = runs(*arguments, mounts={fleet: "/etc/camslice/fleet"})
    assert done.returncode in {0, 1}, done.stderr
    [stream] = json.loads(done.stdout)["streams"]
    assert stream["frames"]["analysed"] > 0
    assert stream["frames"]["failed"] == 0


def test_what_refuses_an_uninstallation_is_in_it(runs: Runs) -> None:
    done = runs("-m", "camslice.cluster.live_fleets", "--namespace", "shop", entrypoint=["python3"])
    assert done.returncode == 2
    assert "no cluster is known" in done.stderr
