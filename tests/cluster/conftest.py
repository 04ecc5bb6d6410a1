"""One control plane for all tests of the run; each test makes a namespace of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.harness.logs import pytest_runtest_makereport, pytest_runtest_setup
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import program

__all__ = ["pytest_runtest_makereport", "pytest_runtest_setup"]
_COUNT = itertools.count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane with kwok's fake nodes and our kinds."""
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok"):
        program(name)
    with Plane(Path(tmp_path_factory.mktemp("plane")) / "of-the-run") as made:
        made.define_cameras()
        yield made


@pytest.fixture
def namespace(plane: Plane) -> Iterator[str]:
    """A namespace of the test's own, emptied afterwards."""
    name = f"test-{next(_COUNT)}"
    plane.kubectl("create", "namespace", name)
    yield name
    plane.kubectl("delete", "namespace", name, "--wait=false")
