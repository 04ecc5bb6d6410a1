"""What `eval --policy ... --into PROFILE` does: what was measured of policies becomes part of a profile, for plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from camslice.cli.output import stderr
from camslice.fleet.errors import CamsliceError
from camslice.fleet.figures import Figure
from camslice.fleet.profile import Activity, PolicyCost, Profile
from camslice.fleet.profile_json import load_profile, profile_text, shipped_profiles
from camslice.fleet.types import CameraSpec
from camslice.measure.policy.evaluate import Evaluation, Judged
from camslice.measure.profile.identity import this_machine
from camslice.measure.profile.journal import write_whole
from camslice.models.model import ModelInfo
from camslice.stream.watching.look import Look


def profile_to_add_to(path: Path, info: ModelInfo) -> Profile:
    """The profile in that file. Raises CamsliceError where it is of another machine or model: a plan must not add up figures of
    two."""
    if str(path) in shipped_profiles() and not path.exists():
        raise CamsliceError(f"--into {path}: that profile comes along and stays as it is; measure one with `camslice profile`.")
    profile = load_profile(str(path))
    here = this_machine(profile.model.device or "")
    if here.name != profile.machine.name:
        raise CamsliceError(
            f"--into {path}: it is of {profile.machine.name}, and this machine is {here.name}; measure policies where the "
            "profile was measured."
        )
    model = profile.model
    for what, theirs, ours in (("the model", model.name, info.name), ("the weights' hash", model.sha256, info.sha256)):
        if theirs is not None and theirs != ours:
            raise CamsliceError(
                f"--into {path}: {what} of the profile is {theirs}, and here it is {ours}; evaluate what the profile is of."
            )
    return profile


def add_policies(path: Path, profile: Profile, evaluation: Evaluation, clips: Sequence[CameraSpec]) -> None:
    """Write the profile anew, with these policies instead of earlier measurements of the same ones. Raises CamsliceError where
    it is of another precision than was evaluated."""
    theirs = profile.model.precision
    if theirs is not None and theirs != evaluation.precision:
        raise CamsliceError(
            f"--into {path}: the profile's precision is {theirs}, and {evaluation.precision} was evaluated; give "
            f"--precision {theirs}."
        )
    names = tuple(clip.source.redacted for clip in clips)
    measured = {each.policy.name: _cost(each, evaluation, names) for each in evaluation.policies}
    kept = {each.policy: each for each in profile.policies}
    write_whole(path, profile_text(replace(profile, policies=tuple((kept | measured).values()))))
    stderr().print(f"profile: {path} ({', '.join(measured)})")


def _cost(judged: Judged, evaluation: Evaluation, clips: tuple[str, ...]) -> PolicyCost:
    recall, low = judged.recall, judged.recall_low
    return PolicyCost(
        judged.policy.name,
        None if recall is None else Figure.measured(recall, None if low is None else min(low, recall)),
        Figure.measured(judged.inferences_per_frame),
        Figure.measured(judged.looks.get(Look.FULL, 0.0)),
        Figure.measured(judged.region_pixels_per_frame),
        Figure.measured(evaluation.gate_cpu_ms_per_frame),
        Figure.measured(judged.own_cpu_ms_per_frame),
        Activity(
            clips,
            evaluation.cameras,
            evaluation.fps,
            evaluation.frames,
            Figure.measured(evaluation.moving_share),
            Figure.measured(evaluation.detections_per_frame),
        ),
    )
