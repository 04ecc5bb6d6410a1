"""A profile speaks for machines like its own, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from camslice.fleet.errors import PlanError
from camslice.fleet.figures import Provenance
from camslice.fleet.profile import Coverage, Profile
from camslice.fleet.types import ModelSpec, Scale, Topology
from camslice.plan.catalogue.instance_type import Accelerator
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.eligibility import Covering, KnownProfile, covering, profiles_by_model, why_not
from tests.unit.plan.made import case_study_profile, machine


def known(profile: Profile, where: str = "t4") -> KnownProfile:
    return KnownProfile(profile, where, "0" * 64)


def anywhere(profile: Profile) -> Profile:
    return replace(profile, covers=Coverage(profile.covers.topologies))


def test_the_case_study_speaks_for_its_own_machines_alone() -> None:
    covered = {
        each.name
        for each in load_catalogue().values()
        for topology in Topology
        if why_not(case_study_profile(), each, topology) is None
    }
    assert covered == {f"g4dn.{size}" for size in ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")}


@pytest.mark.parametrize(
    ("changes", "topology", "said"),
    [
        ({"accelerator": Accelerator("L4", 1, 24_000.0)}, Topology.SLICED, "is of a T4, not a L4"),
        ({"accelerator": None}, Topology.SLICED, "not a machine without an accelerator"),
        ({"cpu_family": "AMD Zen 3"}, Topology.SLICED, "is of Intel Cascade Lake, not AMD Zen 3"),
        ({}, Topology.POOLED, "does not cover pooled"),
    ],
)
def test_another_machine_or_way_of_sharing_has_no_profile(changes: dict[str, object], topology: Topology, said: str) -> None:
    found = covering([known(anywhere(case_study_profile()))], machine(**changes), topology, ())
    assert isinstance(found, str)
    assert found.startswith("no profile (")
    assert said in found


def test_of_several_profiles_the_surest_speaks() -> None:
    published = anywhere(case_study_profile())
    measured = replace(published, provenance=Provenance.MEASURED)
    found = covering([known(published, "a"), known(measured, "b")], machine(), Topology.SLICED, ())
    assert isinstance(found, Covering)
    assert (found.known.where, found.factor) == ("b", 1.0)


def test_a_declared_scale_lets_a_profile_speak_for_another_machine_but_for_no_other_way_of_sharing() -> None:
    scale = Scale("t4", ("made.*",), 1.5)
    other = machine(cpu_family="AMD Zen 3")
    found = covering([known(case_study_profile())], other, Topology.SLICED, (scale,))
    assert isinstance(found, Covering)
    assert found.factor == 1.5
    assert isinstance(covering([known(case_study_profile())], other, Topology.POOLED, (scale,)), str)
    assert isinstance(covering([known(case_study_profile())], machine(name="else.large"), Topology.SLICED, (scale,)), str)


@pytest.mark.parametrize("weights", ["yolov8", "models/yolov8.onnx", "/somewhere/yolov8.pt"])
def test_a_profile_is_of_a_model_by_the_name_of_its_weights(weights: str) -> None:
    assert list(profiles_by_model({"people": ModelSpec("people", weights)}, ["people"], [known(case_study_profile())])) == [
        "people"
    ]


def test_a_profile_of_a_model_that_the_fleet_lacks_is_refused() -> None:
    with pytest.raises(PlanError, match=r"t4: this profile is of the model yolov8, and the fleet has people \(weights yolox"):
        profiles_by_model({"people": ModelSpec("people", "yolox-nano")}, ["people"], [known(case_study_profile())])


def test_a_model_without_a_profile_is_named() -> None:
    models = {"yolov8": ModelSpec("yolov8", "yolov8"), "faces": ModelSpec("faces", "face-net")}
    with pytest.raises(
        PlanError, match=r"models.faces: there is no profile of it; measure one with `camslice profile face-net`"
    ):
        profiles_by_model(models, ["yolov8", "faces"], [known(case_study_profile())])
