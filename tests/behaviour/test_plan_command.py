"""`camslice plan` as it is typed: what it answers, what it writes, and what it says to a mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from camslice.fleet.profile_json import load_profile, profile_text
from tests.command_line import ended

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "case-study" / "fleet.yaml"
ROW = "type,vcpu,cores,memory_mb,cpu_family,accelerator,accelerator_memory_mb,on_demand@here\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """The case study's fleet on the cheapest machine alone, planned by the likeliest figures: quick."""
    path = tmp_path / "fleet.yaml"
    text = EXAMPLE.read_text("utf-8").replace("[g4dn.*]", "[g4dn.xlarge]")
    path.write_text(text.replace("  system_pods:", "  topologies: [sliced]\n  robust: false\n  system_pods:"), "utf-8")
    return path


@pytest.fixture(autouse=True)
def own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    stderr: str


Plan = Callable[..., Done]
Planned = Callable[..., dict[str, object]]


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str]) -> Plan:
    def plan(*arguments: object) -> Done:
        code = ended("plan", *map(str, arguments))
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return plan


@pytest.fixture
def planned(plan: Plan) -> Planned:
    def planned(fleet: Path, *options: object) -> dict[str, object]:
        done = plan(fleet, "--profile", "t4-case-study", "--json", *options)
        assert done.code in (0, 1), done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    return planned


def test_the_object_has_the_keys_that_others_rely_on(fleet: Path, planned: Planned) -> None:
    found = planned(fleet)
    assert {
        "feasible", "usd_per_month", "usd_per_camera_month", "lower_bound_usd_per_month", "solve_s",
        "usd_per_camera_month_nodes_only", "nodes", "rejected", "frontier", "profiles",
    } <= set(found)  # fmt: skip
    node = found["nodes"][0]  # type: ignore[index]  # a list
    assert {
        "shape", "instance_type", "count", "purchase", "topology", "pods", "streams_per_node", "placements", "predicted",
        "binding_constraint", "utilisation",
    } <= set(node)  # fmt: skip
    assert {"n", "mean", "p50", "p95", "p99", "max"} <= set(node["predicted"])
    assert {"model", "count", "streams_per_pod", "cpu_m", "memory_mb", "shares"} <= set(node["pods"][0])
    assert set(node["utilisation"]) == {"cpu", "accelerator", "memory", "accelerator_memory", "pods"}
    assert {"instance_type", "topology", "reason"} <= set(found["rejected"][0])  # type: ignore[index]  # as above
    assert {"usd_per_camera_month", "p95", "topology", "instance_type"} <= set(found["frontier"][0])  # type: ignore[index]
    assert {"model", "machine", "provenance"} <= set(found["profiles"][0])  # type: ignore[index]  # as above


def test_the_same_call_writes_the_same_bytes_and_the_second_remembers_what_was_simulated(
    fleet: Path, tmp_path: Path, planned: Planned
) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    assert planned(fleet, "--out", first)["simulations"] != 0
    assert planned(fleet, "--out", second)["simulations"] == 0
    assert first.read_bytes() == second.read_bytes()


def test_a_damaged_memory_is_no_obstacle(fleet: Path, tmp_path: Path, planned: Planned) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "simulations.json").write_text('{"version": [1', "utf-8")
    assert planned(fleet)["feasible"] is True


@pytest.mark.parametrize("kind", ["svg", "png", "html"])
def test_the_frontier_is_drawn(fleet: Path, tmp_path: Path, kind: str, planned: Planned) -> None:
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "html": b"<!doctype html>"}[kind]
    path = tmp_path / f"frontier.{kind}"
    planned(fleet, "--plot", path)
    first = path.read_bytes()
    assert first.startswith(begins)
    planned(fleet, "--plot", path)
    assert path.read_bytes() == first


def test_a_plan_that_costs_too_much_ends_with_1_and_says_what_would_have_to_give(fleet: Path, plan: Plan) -> None:
    done = plan(fleet, "--profile", "t4-case-study", "--budget", "1")
    assert done.code == 1
    assert "feasible at $22." in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("asked", "impossible", "said"),
    [("latency_ms: 500", "latency_ms: 1", "ms"), ("fps: 4\n", "fps: 200\n", "frames/s")],
)
def test_what_no_machine_carries_ends_with_1_and_says_from_where_on_it_would(
    fleet: Path, plan: Plan, asked: str, impossible: str, said: str
) -> None:
    fleet.write_text(fleet.read_text("utf-8").replace(asked, impossible), "utf-8")
    done = plan(fleet, "--profile", "t4-case-study")
    assert done.code == 1
    words = " ".join(done.stdout.split())
    assert "no fleet keeps the objective at any price" in words
    assert re.search(rf"feasible (\$\S+ per camera and month, or )?at [0-9.]+ {said}", words)


def test_people_read_what_rests_on_what_first(fleet: Path, plan: Plan) -> None:
    done = plan(fleet, "--profile", "t4-case-study")
    assert done.code == 0
    assert done.stdout.startswith("note: rests on ")
    assert "3" in done.stdout
    assert "no profile" in done.stdout or "not among" in done.stdout


def test_a_plan_is_kept_and_only_grows(fleet: Path, tmp_path: Path, planned: Planned) -> None:
    current = tmp_path / "current.yaml"
    planned(fleet, "--out", current)
    more = tmp_path / "more.yaml"
    more.write_text(fleet.read_text("utf-8").replace("count: 54", "count: 60"), "utf-8")
    found = planned(more, "--keep", current)
    assert sum(node["count"] for node in found["nodes"]) == 3  # type: ignore[attr-defined, index]  # a list of nodes


def of_another_schema(folder: Path) -> tuple[str, ...]:
    path = folder / "old.json"
    path.write_text(profile_text(load_profile("t4-case-study")).replace("camslice.profile/1", "camslice.profile/0"), "utf-8")
    return ("--profile", str(path))


def of_another_model(folder: Path) -> tuple[str, ...]:
    path = folder / "other.json"
    path.write_text(profile_text(load_profile("t4-case-study")).replace('"name": "yolov8"', '"name": "faces"'), "utf-8")
    return ("--profile", str(path))


def catalogue(row: str, head: str = ROW) -> object:
    def written(folder: Path) -> tuple[str, ...]:
        path = folder / "offer.csv"
        path.write_text("# schema: camslice.catalogue/1\n# date: 2026-11-01\n" + head + row, "utf-8")
        return ("--profile", "t4-case-study", "--catalogue", str(path))

    return written


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (lambda _: (), "--profile is missing"),
        (lambda _: ("--profile", "nobody.json"), "there is no such file"),
        (of_another_schema, "its schema is 'camslice.profile/0'"),
        (of_another_model, "this profile is of the model faces"),
        (catalogue("big,4,2,16000,X,T4,16000,-1\n"), "offer.csv"),
        (catalogue("big,4,2,16000,X,T4,16000,nan\n"), "offer.csv"),
        (catalogue("big,4,2,16000,X,T4,16000,1\nbig,4,2,16000,X,T4,16000,1\n"), "big"),
        (catalogue("big,4,16000,1\n", "type,vcpu,memory_mb,on_demand@here\n"), "cores"),
        (lambda _: ("--profile", "t4-case-study", "--out", "/nowhere/plan.yaml"), "its folder does not exist"),
        (lambda _: ("--profile", "t4-case-study", "--plot", "plot.pdf"), "name a file that ends in .svg, .png, .html"),
        (lambda _: ("--profile", "t4-case-study", "--keep", "none.yaml"), "there is no such file"),
    ],
)
def test_a_mistake_is_one_sentence_and_2(fleet: Path, tmp_path: Path, options: object, said: str, plan: Plan) -> None:
    done = plan(fleet, *options(tmp_path))  # type: ignore[operator]  # per case
    assert done.code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_camera_that_does_not_say_what_it_sends_is_refused(fleet: Path, plan: Plan) -> None:
    text = "\n".join(line for line in fleet.read_text("utf-8").splitlines() if "stream: {" not in line)
    fleet.write_text(text, "utf-8")
    done = plan(fleet, "--profile", "t4-case-study")
    assert done.code == 2
    assert "without `stream`" in done.stderr


def test_a_pattern_that_matches_no_machine_is_refused(fleet: Path, plan: Plan) -> None:
    fleet.write_text(fleet.read_text("utf-8").replace("g4dn.xlarge", "g4dm.xlarge"), "utf-8")
    done = plan(fleet, "--profile", "t4-case-study")
    assert done.code == 2
    assert "did you mean g4dn.xlarge?" in done.stderr
