"""How many cameras each way of looking carries: rounds of bracketing searches that take turns trial by trial.

Loads are rungs of one ladder, 1.05^k cameras, the same for all ways; a part of a camera is a camera at that part of the rate.
A round asks every way once: up or down from where the round before ended, in strides that double, until one rung holds and
another breaks, then halving until they are neighbours. Everything is derived from the trials alone, so a search that was cut
off goes on where it stopped, and one that is not complete counts in nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.record import spread

STEP = 1.05
FIRST_STRIDE = 2
LOWEST, HIGHEST = round(math.log(0.2, STEP)), round(math.log(800, STEP))
DISTURBED = 0.1
LATENCY_MS = 500.0
DROP_RATE = 0.01
PERCENTILE = 95


@dataclass(frozen=True)
class Trial:
    """One load tried. `p_all_ms`: over all captured frames but the gated ones, None for infinite, as a dropped frame is.
    `answered_fps`: frames per second whose detections became known: analysed, carried on or gated. `as_declared`: the policy in
    force was no cheaper than the one that is measured, whose recall is known. `others`: what other programs than ours kept busy
    of all processors, a share. `recall`: what was kept of the detections of the frames that were audited in the window,
    `audited` of them, against the model as it runs.
    """

    rung: int
    cameras: float
    p_all_ms: float | None
    drop_rate: float
    answered_fps: float
    as_declared: bool = True
    others: float | None = None
    frames: Mapping[str, int] = field(default_factory=dict)
    recall: float | None = None
    audited: int = 0

    @property
    def holds(self) -> bool:
        in_time = self.p_all_ms is not None and self.p_all_ms <= LATENCY_MS
        return in_time and self.drop_rate <= DROP_RATE and self.as_declared

    @property
    def disturbed(self) -> bool:
        """Whether other programs took so much that it would have held without them, perhaps."""
        return self.others is not None and self.others > DISTURBED


class Bracket:
    """One way in one round. `next` is the rung to try, None when there is an answer. One that breaks while other programs take
    much of the machine is tried once more before it counts."""

    def __init__(self, start: int, stride: int) -> None:
        self._next: int | None = min(HIGHEST, max(LOWEST, start))
        self._stride = stride
        self._again = False
        self.held: int | None = None
        self.broke: int | None = None

    @property
    def next(self) -> int | None:
        return self._next

    @property
    def done(self) -> bool:
        return self._next is None

    def note(self, trial: Trial) -> None:
        """What came of the rung that was to be tried."""
        assert self._next is not None
        if not trial.holds and trial.disturbed and not self._again:
            self._again = True
            return
        self._again = False
        if trial.holds:
            self.held = self._next
        else:
            self.broke = self._next
        self._next = self._following()

    def _following(self) -> int | None:
        if self.held is not None and self.broke is not None:
            return (self.held + self.broke) // 2 if self.broke - self.held > 1 else None
        at, towards = (self.held, 1) if self.held is not None else (self.broke, -1)
        assert at is not None
        if at == (HIGHEST if towards > 0 else LOWEST):
            return None
        following = min(HIGHEST, max(LOWEST, at + towards * self._stride))
        self._stride *= 2
        return following


Round = dict[str, list[Trial]]
RunTrial = Callable[[str, int], Trial]


def search(
    rounds: list[Round],
    ways: Sequence[str],
    starts: Mapping[str, float],
    number: int,
    run: RunTrial,
    has_time: Callable[[str], bool],
    on_trial: Callable[[], None],
) -> bool:
    """Go on until there are so many complete rounds; `rounds` is filled, and may hold what was tried before. `starts`: cameras
    to begin with. `has_time` is asked before each trial, `on_trial` told after it. Returns whether everything was tried."""
    for turn in range(number):
        if turn == len(rounds):
            rounds.append({})
        current = rounds[turn]
        brackets = {way: bracket_of(rounds, turn, way, starts[way]) for way in ways}
        forwards = True
        while unfinished := [way for way in ways if not brackets[way].done]:
            for way in unfinished if forwards else reversed(unfinished):
                rung = brackets[way].next
                assert rung is not None
                if not has_time(way):
                    return False
                trial = run(way, rung)
                current.setdefault(way, []).append(trial)
                brackets[way].note(trial)
                on_trial()
            forwards = not forwards
    return True


def bracket_of(rounds: Sequence[Round], turn: int, way: str, start: float) -> Bracket:
    """The search of a way in a round, as far as it has come."""
    before = [held for each in range(turn) if (held := held_in(rounds, each, way, start)) is not None]
    first = before[-1] if before else rung_of(start)
    bracket = Bracket(first, 1 if before else FIRST_STRIDE)
    for trial in rounds[turn].get(way, ()):
        if not bracket.done:
            bracket.note(trial)
    return bracket


def held_in(rounds: Sequence[Round], turn: int, way: str, start: float) -> int | None:
    """The rung that held in a complete search; None where it is not complete, or nothing held."""
    bracket = bracket_of(rounds, turn, way, start)
    return bracket.held if bracket.done else None


def carried(rounds: Sequence[Round], way: str, start: float) -> list[float | None]:
    """Cameras carried, round by round; None where the search is not complete."""
    held = [held_in(rounds, turn, way, start) for turn in range(len(rounds))]
    return [None if rung is None else cameras_at(rung) for rung in held]


def ratios(over: Sequence[float | None], under: Sequence[float | None]) -> dict[str, float] | None:
    """Of the rounds in which both are known; None where there is none."""
    found = [a / b for a, b in zip(over, under, strict=True) if a is not None and b is not None]
    return spread(found) if found else None


def cameras_at(rung: int) -> float:
    """The load of a rung: tenths of a camera are exact enough."""
    return max(0.1, round(STEP**rung, 1))


def rung_of(cameras: float) -> int:
    """The nearest rung."""
    return round(math.log(cameras, STEP))


def rates_of(cameras: float, fps: float) -> list[float]:
    """The rate of each camera: whole ones, and a part of one as a camera at that part of the rate.

    >>> rates_of(2.4, 5.0)
    [5.0, 5.0, 2.0]
    """
    whole, part = divmod(round(cameras, 1), 1)
    return [fps] * int(whole) + ([round(part, 1) * fps] if part >= 0.05 else [])


class Budget:
    """When to stop: a trial is begun only where as long a one as its way ever took still fits."""

    def __init__(self, seconds: float, at_first: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`at_first`: seconds to expect of a way's first trial."""
        self._clock = clock
        self._until = clock() + seconds
        self._at_first = at_first
        self._longest: dict[str, float] = {}

    def has_time(self, way: str) -> bool:
        return self._clock() + self._longest.get(way, self._at_first) <= self._until

    def took(self, way: str, seconds: float) -> None:
        self._longest[way] = max(seconds, self._longest.get(way, 0.0))


def as_json(rounds: Iterable[Round]) -> list[dict[str, list[dict[str, object]]]]:
    """Rounds for a file."""
    return [
        {way: [asdict(trial) | {"holds": trial.holds} for trial in tried] for way, tried in each.items()} for each in rounds
    ]


def from_json(rounds: Iterable[Mapping[str, Sequence[Mapping[str, object]]]]) -> list[Round]:
    """Rounds of a file."""
    return [
        {way: [Trial(**{k: v for k, v in trial.items() if k != "holds"}) for trial in tried] for way, tried in each.items()}  # type: ignore[arg-type]
        for each in rounds
    ]
