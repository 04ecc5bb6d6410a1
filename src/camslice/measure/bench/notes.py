"""What a reader of a row must know to read it right."""

from __future__ import annotations

from camslice.fleet.types import Backend
from camslice.measure.bench.values import Question, Row


def notes_on(row: Row, question: Question) -> list[str]:
    """One sentence each."""
    load, frames = row.load, row.frames
    notes = []
    if load.machines > 1:
        notes.append(
            f"One pod was measured alone on its machine: frames/s, memory and cores are those of one of the {load.machines} "
            "machines, dollars those of all."
        )
    if question.spec.backend is Backend.OIP:
        notes.append("What a server that is not camslice's lets a request wait is part of network, for it does not say.")
    if frames.missed:
        notes.append(f"{frames.missed} frames fell due and were never captured: decoding is hopelessly late.")
    if down := sum(trial.pods_down for trial in row.trials):
        notes.append(f"{down} times a pod had no process at the end of a round: memory is that of the others.")
    if wrong := sum(trial.negative_stages for trial in row.trials):
        notes.append(f"{wrong} frames have a stage below 0 ms, which counts as 0: a defect of camslice, please report it.")
    if restarts := sum(trial.restarts for trial in row.trials):
        notes.append(f"{restarts} times a pod ended and was started again.")
    if lost := sum(trial.unpublished for trial in row.trials):
        notes.append(
            f"{lost} frames were analysed whose latencies are not in these figures: their results were lost on the way."
        )
    return notes
