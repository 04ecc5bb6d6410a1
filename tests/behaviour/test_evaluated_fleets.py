"""What `eval --policy` found on a fleet's clips stays in its file: `--into FLEET`, and what is said when that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from camslice.fleet.spec import load_fleet
from tests.command_line import Camslice, typing
from tests.tiny_detector import tiny_detector

CLIP = "scene://people?size=320x240&seconds=5"
FLEET = """\
objective: {recall: 0.9}  # of what full frames show
models:
  people: {weights: tiny.onnx}  # ours
cameras:
  - {name: gate, source: "%s", fps: 5, model: people}
"""


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    tiny_detector(tmp_path / "tiny.onnx")
    (tmp_path / "fleet.yaml").write_text(FLEET % CLIP)
    return tmp_path / "fleet.yaml"


@pytest.fixture
def camslice(capsys: pytest.CaptureFixture[str]) -> Camslice:
    return typing(capsys)


def evaluated(
    camslice: Camslice, *options: object, policy: str = "fleet.yaml", into: str = "fleet.yaml"
) -> tuple[int, str, str]:
    return camslice("eval", "--policy", policy, "--cameras", 2, "--seconds", 3, "--into", into, "--json", *options)


def test_what_was_found_of_every_policy_is_written_beside_the_model(fleet: Path, camslice: Camslice) -> None:
    code, out, err = evaluated(camslice)
    assert code == 0, err
    said = {each["policy"]: each for each in json.loads(out)["policies"]}
    found = load_fleet(fleet).models["people"].evaluated
    assert [each.policy for each in found] == [name for name in said if name != "full"]
    full_ms = said["full"]["cpu_ms_per_frame"]
    for each in found:
        assert each.recall == pytest.approx(said[each.policy]["recall"])
        assert each.low <= each.recall
        assert each.cost == pytest.approx(said[each.policy]["cpu_ms_per_frame"] / full_ms, rel=0.01)
        assert each.frames == 30
    lines = fleet.read_text().splitlines()
    assert lines[0] == FLEET.splitlines()[0]
    assert lines[2].endswith("  # ours")


def test_a_policy_that_is_evaluated_again_replaces_what_was_known_of_it(fleet: Path, camslice: Camslice) -> None:
    known = (
        "evaluated: [{policy: regions, recall: 0.5, cost: 3, frames: 1}, {policy: carry-1, recall: 0.4, cost: 2, frames: 1}]"
    )
    fleet.write_text(
        fleet.read_text().replace("tiny.onnx}", f"tiny.onnx, {known}}}").replace("models:", "policy: regions\nmodels:")
    )
    code, _, err = evaluated(camslice)
    assert code == 0, err
    regions, carry = load_fleet(fleet).models["people"].evaluated
    assert (regions.policy, regions.frames) == ("regions", 30)
    assert (carry.policy, carry.recall, carry.low) == ("carry-1", 0.4, 0.4)


def test_an_evaluation_of_other_weights_is_refused_before_anything_is_measured(fleet: Path, camslice: Camslice) -> None:
    before = fleet.read_text()
    code, out, err = evaluated(camslice, "--model", "tiny.onnx", CLIP, policy="regions")
    assert (code, out) == (2, "")
    assert "--into fleet.yaml: it has no model" in err
    assert len(err.strip().splitlines()) == 1
    assert fleet.read_text() == before


def test_a_file_that_is_no_fleet_is_refused_in_a_sentence(fleet: Path, camslice: Camslice) -> None:
    (fleet.parent / "other.yaml").write_text("- 1\n")
    code, _, err = evaluated(camslice, into="other.yaml")
    assert code == 2
    assert "other.yaml:1: a fleet is a mapping" in err


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{policy: carry-9, recall: 0.9, cost: 0.5, frames: 3}", "a name of the ladder of policies"),
        ("{policy: regions, recall: 1.9, cost: 0.5, frames: 3}", "a share from 0 to 1"),
        ("{policy: regions, recall: 0.9, cost: 0, frames: 3}", "a number above 0"),
        ("{policy: regions, recall: 0.9, frames: 3}", "cost is missing"),
    ],
)
def test_what_a_fleet_file_says_of_policies_is_checked(fleet: Path, camslice: Camslice, entry: str, said: str) -> None:
    fleet.write_text(fleet.read_text().replace("tiny.onnx}", f"tiny.onnx, evaluated: [{entry}]}}"))
    code, _, err = camslice("run", "fleet.yaml", "--no-page")
    assert code == 2
    assert "evaluated[0]" in err
    assert said in err
