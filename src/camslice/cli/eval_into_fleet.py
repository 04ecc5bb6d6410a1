"""What `eval --policy ... --into FLEET` does: what was measured of policies becomes part of a fleet file, for running it."""

from __future__ import annotations

from pathlib import Path

from camslice.cli.edited_fleet import edit_fleet
from camslice.cli.output import stderr
from camslice.fleet.errors import CamsliceError
from camslice.fleet.policy import FULL, LADDER, Evaluated
from camslice.fleet.profile import CPU
from camslice.fleet.spec import load_fleet
from camslice.fleet.spec_edit import same_but_evaluated, with_evaluated
from camslice.fleet.types import Fleet, ModelSpec
from camslice.measure.policy.evaluate import Evaluation
from camslice.measure.profile.identity import this_machine

ENDINGS = (".yaml", ".yml")


def fleet_to_add_to(path: Path, spec: ModelSpec) -> Fleet:
    """The fleet in that file. Raises CamsliceError where it has not the model that is evaluated."""
    fleet = load_fleet(path)
    theirs = fleet.models.get(spec.name)
    if theirs is None or theirs.weights != spec.weights:
        raise CamsliceError(
            f"--into {path}: it has no model {spec.name} with the weights {spec.weights}; evaluate its own by --policy {path}."
        )
    return fleet


def add_evaluated(path: Path, fleet: Fleet, model: str, evaluation: Evaluation) -> None:
    """Write the file anew, with these policies instead of earlier evaluations of the same ones. Raises CamsliceError."""
    measured = {each.policy: each for each in _evaluated(evaluation)}
    if not measured:
        raise CamsliceError(f"--into {path}: no policy was judged on anything that the model finds; give other clips.")
    known = {each.policy: each for each in fleet.models[model].evaluated} | measured
    values = [known[policy.name] for policy in LADDER if policy.name in known]
    edit_fleet(path, fleet, lambda text: with_evaluated(text, model, values), same_but_evaluated, "its models are")
    stderr().print(f"fleet: {path} ({', '.join(measured)})")


def _evaluated(evaluation: Evaluation) -> list[Evaluated]:
    """A frame costs what it takes of the processor, or of the accelerator that computes the model."""
    full = next(each for each in evaluation.policies if each.policy == FULL)
    on_cpu = this_machine(evaluation.device).accelerator == CPU
    found = []
    for each in evaluation.policies:
        if each.policy == FULL or each.recall is None:
            continue
        cost = each.cpu_ms_per_frame / full.cpu_ms_per_frame if on_cpu else each.inferences_per_frame
        low = each.recall if each.recall_low is None else min(each.recall, each.recall_low)
        found.append(
            Evaluated(each.policy.name, round(each.recall, 4), round(low, 4), max(0.0001, round(cost, 4)), evaluation.frames)
        )
    return found
