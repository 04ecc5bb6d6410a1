"""How much of the frames is looked at, and what that keeps, told to people: sentences, JSON, and one recall for a fleet."""

from __future__ import annotations

from dataclasses import asdict

from camslice.fleet.accounting import FrameCounts
from camslice.fleet.policy import FULL
from camslice.stream.report import recall_of
from camslice.stream.watching.recall import FEWEST_FRAMES
from camslice.stream.watching.steward import PolicyState
from camslice.web.view import EngineStatus, FleetStatus


def less_than_demanded(state: PolicyState, demanded: float) -> str:
    """What an operator should know of a policy now: that it is below what is demanded, or cheaper than it should be.

    Empty when all is well, and while too little was audited to say."""
    if state.overloaded:
        return f"policy {state.policy}, less than the recall allows, for want of room ({state.reason})"
    if state.recall is not None and state.audited >= FEWEST_FRAMES and state.recall < demanded:
        return f"policy {state.policy}: recall {state.recall:.3f} of {state.audited} audited frames, {demanded:g} demanded"
    return ""


def recall_now(status: FleetStatus, frames: FrameCounts) -> float | None:
    """Of the policies that are in force, as far as they were audited: the lowest of all models.

    1 where nothing but full frames was analysed of these `frames`; None where it is not known.
    """
    states = [engine.policy for engine in status.engines if engine.policy is not None]
    if frames.analysed and not states and not frames.regions + frames.gated + frames.predicted:
        return 1.0
    return min(
        (
            state.recall
            for state in states
            if state.recall is not None and (state.policy == FULL.name or state.audited >= FEWEST_FRAMES)
        ),
        default=None,
    )


def recall_since_start(status: FleetStatus, frames: FrameCounts) -> float | None:
    """Over all frames that were audited since the start; see `recall_of`."""
    return recall_of((engine.work for engine in status.engines), frames)


def engine_json(engine: EngineStatus) -> dict[str, object]:
    """A loaded model, its work and its policy."""
    told = asdict(engine)
    work, policy = told.pop("work"), told.pop("policy")
    if policy is not None and policy["recall"] is not None:
        policy["recall"] = round(policy["recall"], 4)
    return {**told, "occupancy": round(engine.occupancy, 4), **work, "policy": policy}
