"""`camslice render` as it is typed: what it writes, and what it says to a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.command_line import ended

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "case-study" / "fleet.yaml"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The case study's fleet on the cheapest machine alone, planned by the likeliest figures: quick."""
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "street.yaml"
    text = EXAMPLE.read_text("utf-8").replace("[g4dn.*]", "[g4dn.xlarge]")
    path.write_text(text.replace("  system_pods:", "  topologies: [sliced]\n  robust: false\n  system_pods:"), "utf-8")
    return path


@pytest.fixture
def plan(fleet: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = fleet.with_name("plan.yaml")
    assert ended("plan", str(fleet), "--profile", "t4-case-study", "--out", str(path)) == 0
    capsys.readouterr()
    return path


def read(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(folder.rglob("*.yaml"))}


def test_a_plan_becomes_a_fleet_its_cameras_and_its_nodes(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = plan.with_name("cluster")
    assert ended("render", str(plan), "--out", str(out), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == [str(out / name) for name in read(out)]
    assert any("weights (yolov8) must be in the image" in each for each in said["warnings"])
    applied = [each for path in out.glob("*.yaml") for each in yaml.safe_load_all(path.read_text())]
    kinds = [each["kind"] for each in applied]
    assert kinds.count("Camera") == 54
    assert kinds.count("CameraFleet") == 1
    assert kinds.count("NodePool") == kinds.count("EC2NodeClass") == kinds.count("NodeOverlay") > 0
    assert "Pod" not in kinds, "pods are the operator's"
    [fleet] = [each for each in applied if each["kind"] == "CameraFleet"]
    slices = [pod["count"] for shape in fleet["spec"]["shapes"] for pod in shape["pods"]]
    overlays = [each["spec"]["capacity"]["nvidia.com/gpu.shared"] for each in applied if each["kind"] == "NodeOverlay"]
    assert overlays == [str(each) for each in slices]
    nodes = sum(shape["nodes"] for shape in fleet["spec"]["shapes"])
    assert sum(int(each["spec"]["limits"]["nodes"]) for each in applied if each["kind"] == "NodePool") == nodes


def test_rendering_twice_gives_no_difference_and_what_is_no_longer_planned_goes(plan: Path) -> None:
    out = plan.with_name("cluster")
    assert ended("render", str(plan), "--out", str(out), "--preview-pods") == 0
    first = read(out)
    assert ended("render", str(plan), "--out", str(out), "--preview-pods") == 0
    assert read(out) == first
    (out / "mine.yaml").write_text("kind: Mine\n")
    (out / "10-nodes-old.yaml").write_text(first["20-fleet.yaml"])
    assert ended("render", str(plan), "--out", str(out)) == 0
    assert set(read(out)) == {*first, "mine.yaml"} - {"preview/pods.yaml"}


def test_pods_can_be_seen_before_there_is_a_cluster(plan: Path) -> None:
    out = plan.with_name("cluster")
    assert ended("render", str(plan), "--out", str(out), "--preview-pods", "--image", "registry.example/camslice:7") == 0
    pods = [each for each in yaml.safe_load_all((out / "preview" / "pods.yaml").read_text()) if each["kind"] == "Pod"]
    assert len(pods) == 54
    assert {each["spec"]["containers"][0]["image"] for each in pods} == {"registry.example/camslice:7"}


def test_a_fleet_file_that_was_changed_since_is_to_be_planned_again(
    plan: Path, fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.write_text(fleet.read_text() + "# later\n")
    assert ended("render", str(plan), "--out", str(plan.with_name("cluster"))) == 2
    assert "the fleet was changed after it was planned; plan it again" in capsys.readouterr().err
    assert not plan.with_name("cluster").exists()


def test_a_fleet_file_that_was_moved_can_be_named(plan: Path, fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = fleet.rename(fleet.with_name("moved.yaml"))
    out = str(plan.with_name("cluster"))
    assert ended("render", str(plan), "--out", out) == 2
    assert "the plan's fleet file is not there; name it with --fleet" in capsys.readouterr().err
    assert ended("render", str(plan), "--out", out, "--fleet", str(elsewhere)) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--weights-claim", "a", "--weights-image", "b"], "weights come from one place"),
        (["--weights-url", "s3://a"], "--weights-url and --weights-fetcher go together"),
        (["--name", "n" * 60], "is longer than a label may be"),
    ],
)
def test_options_that_do_not_go_together_are_told(
    plan: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert ended("render", str(plan), "--out", str(plan.with_name("cluster")), *options) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_cannot_be_written_is_told(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("render", str(plan), "--out", str(plan)) == 2
    assert "name another folder" in capsys.readouterr().err
