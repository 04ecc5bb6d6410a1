"""What `render` makes of plans of every topology, judged by the real API server and the real definitions of Karpenter."""

from __future__ import annotations

import pytest

from camslice.cluster.rendering import RenderSettings, rendered
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import KubectlError
from tests.unit.cluster import made_plan as made
from tests.unit.cluster.test_schemas import PLANS


@pytest.fixture(scope="module")
def judge(plane: Plane) -> Plane:
    """With the definitions of Karpenter and of its AWS provider."""
    plane.define("karpenter", "karpenter-aws")
    return plane


@pytest.mark.parametrize("topology", PLANS)
def test_every_rendered_object_is_taken_strictly(judge: Plane, topology: str) -> None:
    found = rendered(PLANS[topology], made.declared(20), made.CATALOGUE, RenderSettings("street"))
    assert {"CameraFleet", "Camera", "NodePool", "EC2NodeClass"} <= {each["kind"] for each in found.objects}
    judge.apply(found.objects, "--dry-run=server")


def test_karpenters_definitions_are_those_that_judge(judge: Plane) -> None:
    found = rendered(PLANS["sliced"], made.declared(20), made.CATALOGUE, RenderSettings("street"))
    [overlay] = [each for each in found.objects if each["kind"] == "NodeOverlay"]
    overlay["spec"]["capacity"] = {"cpu": "4"}
    with pytest.raises(KubectlError, match="invalid resource restricted"):
        judge.apply([overlay], "--dry-run=server")
