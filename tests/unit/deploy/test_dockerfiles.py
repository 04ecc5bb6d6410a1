from __future__ import annotations

import fnmatch
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import camslice
from camslice.cluster.names import MODELS_DIR
from tests.unit.deploy.recipes import DOCKER, ROOT, recipe

dockerfile = recipe("dockerfile")
cpu_image = recipe("cpu_image")
BOTH = ("Dockerfile.cpu", "Dockerfile.cuda")


def lock(name: str) -> dict[str, set[str]]:
    """Packages of a lock, each with the versions that it may have (one per Python)."""
    versions: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE):
        versions.setdefault(package, set()).add(version)
    return versions


def environment(config: dict[str, Any]) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in config["Env"])


@pytest.mark.parametrize("name", BOTH)
def test_containers_are_nobody_in_particular_and_start_camslice(name: str) -> None:
    config = dockerfile.config_of(DOCKER / name)
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["camslice"]
    assert config["Labels"]["org.opencontainers.image.version"] == camslice.__version__
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert environment(config)["CAMSLICE_MODELS"] == MODELS_DIR


def test_both_images_run_alike_but_for_the_gpu() -> None:
    cpu, cuda = (environment(dockerfile.config_of(DOCKER / name)) for name in BOTH)
    assert set(cuda) - set(cpu) == {"NVIDIA_DRIVER_CAPABILITIES"}
    assert {key: cuda[key] for key in cpu} == cpu


def test_only_the_last_stage_says_how_containers_run_and_what_is_not_known_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM a AS build\nENV A=1\nUSER root\nFROM scratch\n# USER no\nENV B=2 \\\n  C='3 4'\nCOPY x /\n")
    assert dockerfile.config_of(file) == {"Env": ["B=2", "C=3 4"], "Labels": {}}
    file.write_text("FROM a\nHEALTHCHECK NONE\n")
    with pytest.raises(ValueError, match="HEALTHCHECK"):
        dockerfile.config_of(file)


@pytest.mark.parametrize("name", BOTH)
def test_what_is_copied_into_a_build_is_there_and_is_let_through(name: str) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DOCKER / name).read_text(), re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == path or fnmatch.fnmatch(source, f"{path}/*") for path in allowed), source


@pytest.mark.parametrize("name", BOTH)
def test_tools_of_the_build_stay_in_its_stage(name: str) -> None:
    last = (DOCKER / name).read_text().rpartition("\nFROM ")[2]
    assert not re.search(r"pip|venv|apt-get|gcc|/env", last)


def test_images_hold_the_versions_that_are_tested() -> None:
    tested = lock("dev.txt")
    for name in ("image.txt", "build.txt"):
        for package, versions in lock(name).items():
            assert versions <= tested[package], f"{name}: {package}"
    image = lock("image.txt")
    assert {"kopf", "lightkube", "psycopg-binary", "openvino", "sqlalchemy"} <= set(image)
    assert not {"hatchling", "pytest", "mypy", "ortools", "numba", "ultralytics", "torch"} & set(image)
    assert "onnxruntime" not in lock("gpu.txt")
    for package, versions in lock("gpu.txt").items():
        assert package == "onnxruntime-gpu" or versions <= image[package], package


def test_every_file_that_a_layer_is_made_from_is_in_its_key() -> None:
    for what, names in cpu_image.MADE_FROM.items():
        said = re.search(rf"^{what}\(\) \{{\n(.*?)^\}}", (DOCKER / "layer").read_text(), re.MULTILINE | re.DOTALL)
        assert said
        for used in re.findall(r"requirements/[a-z]+\.txt", said[1]):
            assert used in names, f"{what}: {used}"
        assert "deploy/docker/layer" in names
        assert all((ROOT / name).exists() for name in names)


def test_a_change_of_our_code_is_a_change_of_the_last_layer_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in {name for names in cpu_image.MADE_FROM.values() for name in names}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if "." in Path(name).name or Path(name).name in {"layer", "packages", "LICENSE"}:
            (tmp_path / name).write_text(name)
    (tmp_path / "src" / "camslice" / "fleet").mkdir(parents=True)
    code = tmp_path / "src" / "camslice" / "fleet" / "types.py"
    code.write_text("one")
    monkeypatch.setattr(cpu_image, "ROOT", tmp_path)

    def keys() -> dict[str, str]:
        return {what: cpu_image._hash(names) for what, names in cpu_image.MADE_FROM.items()}

    before = keys()
    code.write_text("two")
    after_code = keys()
    assert {what for what in before if before[what] != after_code[what]} == {"camslice"}
    (tmp_path / "requirements" / "image.txt").write_text("another")
    assert {what for what in before if after_code[what] != keys()[what]} == {"dependencies"}


def test_the_folders_that_containers_write_to_are_theirs() -> None:
    for folder in cpu_image.OWN_FOLDERS:
        assert cpu_image._owner(f"{folder}/x") == cpu_image.UID
        for name in BOTH:
            assert f"/{folder}" in (DOCKER / name).read_text()
    assert cpu_image._owner("usr/bin") == 0


def test_a_layer_that_there_is_none_of_is_refused(tmp_path: Path) -> None:
    for arguments in ([], ["wrong", str(tmp_path / "x")]):
        done = subprocess.run([DOCKER / "layer", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "dependencies" in done.stderr
