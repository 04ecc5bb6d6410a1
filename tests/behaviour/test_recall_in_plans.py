"""Recall from a measurement on clips to a plan: `eval --policy ... --into`, then `plan`, `simulate` and `render`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.profile import Activity, Coverage, PolicyCost, Profile, ProfiledModel
from camslice.fleet.profile_json import load_profile, profile_text
from camslice.fleet.types import Topology
from camslice.measure.profile.identity import this_machine
from tests.command_line import Camslice, typing
from tests.tiny_detector import tiny_detector

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "case-study" / "fleet.yaml"
CLIP = "scene://people?size=320x240&seconds=5"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def camslice(capsys: pytest.CaptureFixture[str]) -> Camslice:
    return typing(capsys)


def profile_of_here(**model: object) -> Profile:
    """Of the tiny detector on this machine, with nothing measured yet."""
    made = ProfiledModel("tiny", "openvino", device="CPU")
    return Profile(
        "tiny here", "a test", "2026-11-28", Provenance.MEASURED, this_machine("CPU"),
        replace(made, **model), Coverage((Topology.POOLED,)),  # type: ignore[arg-type]  # per test
    )  # fmt: skip


def evaluated(camslice: Camslice, policy: str, into: str = "p.json") -> tuple[int, str, str]:
    options = ("--model", "tiny.onnx", "--cameras", 2, "--seconds", 3, "--into", into, "--json")
    return camslice("eval", "--policy", policy, *options, CLIP)


def test_what_eval_measured_of_policies_becomes_part_of_the_profile(here: Path, camslice: Camslice) -> None:
    tiny_detector(here / "tiny.onnx")
    (here / "p.json").write_text(profile_text(profile_of_here()))
    code, out, err = evaluated(camslice, "all")
    assert code == 0, err
    said = {each["policy"]: each for each in json.loads(out)["policies"]}
    found = load_profile("p.json")
    assert [each.policy for each in found.policies] == list(said)
    for each in found.policies:
        assert each.inferences_per_frame.value == pytest.approx(said[each.policy]["inferences_per_frame"], abs=1e-4)
        assert each.full_share.value == pytest.approx(said[each.policy]["looks"]["full"], abs=1e-4)
        assert each.activity.clips == (CLIP,)
        assert (each.activity.cameras, each.activity.frames) == (2, 30)
        assert 0 < each.activity.moving_share.value < 1
    assert found.policies[0].full_share.value == 1
    assert found.policies[0].region_pixels_per_frame.value == 0
    assert replace(found, policies=()) == profile_of_here()


def test_a_policy_that_is_measured_again_replaces_what_was_known_of_it(here: Path, camslice: Camslice) -> None:
    tiny_detector(here / "tiny.onnx")
    old = measured("regions", 0.5, 0.5), measured("careful", 0.5, 0.5)
    (here / "p.json").write_text(profile_text(replace(profile_of_here(), policies=old)))
    code, _, err = evaluated(camslice, "regions")
    assert code == 0, err
    found = {each.policy: each for each in load_profile("p.json").policies}
    assert set(found) == {"regions", "careful", "full"}
    assert found["careful"] == old[1]
    assert found["regions"].activity.clips == (CLIP,)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (profile_of_here(name="other"), "the model of the profile is other, and here it is tiny"),
        (profile_of_here(sha256="0" * 64), "the weights' hash of the profile is 000"),
        (profile_of_here(precision="int8"), "the profile's precision is int8"),
        (replace(profile_of_here(), machine=replace(this_machine("CPU"), name="a mainframe")), "it is of a mainframe"),
    ],
)
def test_a_profile_of_something_else_is_left_as_it_is(here: Path, profile: Profile, said: str, camslice: Camslice) -> None:
    tiny_detector(here / "tiny.onnx")
    (here / "p.json").write_text(profile_text(profile))
    code, out, err = evaluated(camslice, "regions")
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert load_profile("p.json") == profile


def test_profiles_that_come_along_take_up_nothing(here: Path, camslice: Camslice) -> None:
    tiny_detector(here / "tiny.onnx")
    code, _, err = evaluated(camslice, "regions", "t4-case-study")
    assert code == 2
    assert "comes along and stays as it is" in err


def measured(policy: str, recall: float, inferences: float) -> PolicyCost:
    def of(value: float) -> Figure:
        return Figure.measured(value)

    activity = Activity(("yard.mp4",), 4, 5.0, 600, of(0.12), of(3.5))
    low = Figure.measured(recall, recall - 0.005)
    return PolicyCost(policy, low, of(inferences), of(0.05), of(9e4), of(0.2), of(0.3), activity)


@pytest.fixture
def fleet(here: Path) -> Path:
    """The case study's fleet at twice its rate, with less than all to be found, and a profile that knows how."""
    profile = replace(load_profile("t4-case-study"), policies=(measured("careful", 0.99, 0.6), measured("carry-2", 0.976, 0.3)))
    (here / "t4.json").write_text(profile_text(profile))
    path = here / "fleet.yaml"
    text = EXAMPLE.read_text("utf-8").replace("[g4dn.*]", "[g4dn.xlarge]").replace("fps: 4\n", "fps: 8\n")
    text = text.replace("  system_pods:", "  topologies: [sliced]\n  robust: false\n  system_pods:")
    path.write_text(text.replace("latency_ms: 500", "recall: 0.97, latency_ms: 500"), "utf-8")
    assert "recall" in path.read_text()
    return path


def test_a_plan_with_recall_names_its_policy_and_what_rests_on_it(fleet: Path, here: Path, camslice: Camslice) -> None:
    code, out, err = camslice("plan", fleet, "--profile", "t4.json", "--json", "--out", "plan.yaml", "--plot", "plan.html")
    assert code in (0, 1), err
    found = json.loads(out)
    (policy,) = found["policies"]
    assert (policy["policy"], policy["recall"]["value"], policy["recall"]["provenance"]) == ("carry-2", 0.976, "measured")
    assert policy["activity"]["clips"] == ["yard.mp4"]
    full = json.loads(camslice("plan", at_recall_1(fleet), "--profile", "t4.json", "--json")[1])
    assert found["saving"]["usd_per_month_at_full_frames"] == full["usd_per_month"] > found["usd_per_month"]
    assert {(point["policy"], point["recall"]) for point in found["frontier"]} >= {("full", 1.0), ("carry-2", 0.976)}
    written = yaml.safe_load((here / "plan.yaml").read_text())
    assert written["nodes"][0]["policies"] == {"yolov8": "carry-2"}
    assert written["frontier"] == found["frontier"]
    page = (here / "plan.html").read_text()
    assert "carry-2: recall 0.976" in page
    assert "<td>0.976</td><td>carry-2</td>" in page


def at_recall_1(fleet: Path) -> Path:
    path = fleet.with_name("full.yaml")
    path.write_text(fleet.read_text().replace("recall: 0.97, ", ""))
    return path


def test_people_read_the_policy_first_and_see_recall_beside_dollars(fleet: Path, camslice: Camslice) -> None:
    _, out, _ = camslice("plan", fleet, "--profile", "t4.json")
    words = " ".join(out.split())
    assert words.startswith("note: yolov8 is analysed by policy carry-2: recall 0.976, at least 0.971 (measured, t4.json)")
    assert "with full frames it would be $" in words
    assert "0.976" in words[words.index("cost against latency and recall") :]


def test_without_a_measurement_the_note_says_how_to_make_one(fleet: Path, camslice: Camslice) -> None:
    _, out, _ = camslice("plan", fleet, "--profile", "t4-case-study")
    words = " ".join(out.split())
    assert words.startswith("note: yolov8 is planned with full frames, though `objective.recall` is 0.97")
    assert "t4-case-study says nothing of policies" in words
    assert "`camslice profile yolov8`), and `camslice eval --policy all --model yolov8 CLIP... --into profile.json`" in words


def simulated(camslice: Camslice) -> str:
    return " ".join(camslice("simulate", "plan.yaml", "--seconds", 5)[1].split())


def test_a_plan_with_a_policy_is_simulated_and_rendered_like_any_other(fleet: Path, camslice: Camslice) -> None:
    code, _, err = camslice("plan", fleet, "--profile", "t4.json", "--out", "plan.yaml")
    assert code in (0, 1), err
    code, out, err = camslice("simulate", "plan.yaml", "--json", "--seconds", 20)
    assert code == 0, err
    found, plan = json.loads(out), yaml.safe_load(Path("plan.yaml").read_text())
    assert found["objective"]["met"] is True
    assert found["objective"]["recall"] == 0.976, "what the profile measured: nobody can simulate it"
    assert "recall 0.976, as the profiles measured it and not simulated (yolov8 by policy carry-2)" in simulated(camslice)
    assert found["stages"]["queue"]["mean"] > 200
    assert found["stages"]["total"]["p50"] == pytest.approx(plan["nodes"][0]["predicted"]["latency"]["p50"], rel=0.05)
    code, _, err = camslice("render", "plan.yaml", "--out", "cluster")
    assert code == 0, err
