"""One load on one way of looking: camslice in its own processes with its store on SQLite, or Ultralytics in others.

Every camera plays the clip at the clip's own rate, and every n-th picture of it is due. The cameras begin at different places
of it (copies of the clip that begin at each of its key frames, remuxed and not encoded again), one after the other within
`STAGGER_S` as they would be added to a machine that runs, and only then the window opens. Ultralytics has no state to warm up:
its cameras begin within one interval between two frames, evenly, and all of their frames count.
"""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import psutil

from benchmarks.policy_search import DROP_RATE, LATENCY_MS, PERCENTILE, Trial, cameras_at, rates_of
from camslice.events.store.sink import StoreSink
from camslice.fleet.accounting import FrameCounts, total_of
from camslice.fleet.policy import policy_named, rung_of
from camslice.fleet.secrets import Source
from camslice.fleet.types import CameraSpec, Fleet, ModelSpec, Objective, Pace
from camslice.measure.bench.trial import carried
from camslice.measure.profile.machine_load import MachineLoad
from camslice.models.model import ModelInfo
from camslice.stream.results import FrameResult
from camslice.stream.supervisor import Supervisor, spread_phase

STAGGER_S = 14.0
SETTLE_S = 4.0
"""A camera begins with more full frames than it needs later on, until it knows its scene."""
RECALL = 0.97
_START_NS = 200_000_000
_LAST_RESULTS_S = 0.6
_STOP_S = 1.0


@dataclass(frozen=True)
class Setting:
    """What all trials have in common. `clips` are the copies, `every`: each so many-th picture of them is due."""

    clips: Sequence[Path]
    fps: float
    every: int
    seconds: float
    python: str


@dataclass(frozen=True)
class Ours:
    """How camslice looks: a model in a precision, by a policy of the ladder."""

    spec: ModelSpec
    info: ModelInfo
    policy: str

    def run(self, rung: int, setting: Setting) -> Trial:
        cameras = cameras_at(rung)
        rates = rates_of(cameras, setting.fps)
        results: list[FrameResult] = []
        with tempfile.TemporaryDirectory() as folder:
            store = StoreSink(f"sqlite:///{folder}/results.db", 1.0, 1000.0, "policies")

            def take(published: Sequence[FrameResult]) -> None:
                store.offer(published)
                results.extend(published)

            fleet = self._fleet(rates, setting)
            supervisor = Supervisor(fleet, {self.spec.name: self.info}, take, hold=True, phases=staggered(rates, setting.fps))
            try:
                supervisor.start()
                if problem := supervisor.models()[self.spec.name].problem:
                    raise SystemExit(problem)
                supervisor.release(time.monotonic_ns() + _START_NS)
                time.sleep(_START_NS / 1e9 + STAGGER_S + SETTLE_S)
                as_declared = self._as_declared(supervisor)
                others = Others([psutil.Process().pid, *supervisor.pids()])
                opened_s, before = time.time(), total_of(supervisor.counts().values())
                work_before = supervisor.models()[self.spec.name].work
                time.sleep(setting.seconds)
                closed_s, after = time.time(), total_of(supervisor.counts().values())
                work = supervisor.models()[self.spec.name].work
                busy = others.share()
                as_declared &= self._as_declared(supervisor)
                time.sleep(_LAST_RESULTS_S)
            finally:
                supervisor.stop(_STOP_S)
                supervisor.close()
                store.close()
        latencies = [each.stages.total for each in results if opened_s <= each.captured_at_s < closed_s]
        trial = trial_of(rung, carried(before, after), latencies, closed_s - opened_s, as_declared=as_declared, others=busy)
        wanted = work.audited_detections - work_before.audited_detections
        kept = work.kept_detections - work_before.kept_detections
        return replace(
            trial,
            recall=round(kept / wanted, 4) if wanted else None,
            audited=work.audited_frames - work_before.audited_frames,
        )

    def _fleet(self, rates: Sequence[float], setting: Setting) -> Fleet:
        cameras = tuple(
            CameraSpec(f"camera-{number}", Source(str(clip), str(clip)), rate, (self.spec.name,), loop=True)
            for number, rate in enumerate(rates)
            for clip in [setting.clips[number % len(setting.clips)]]
        )
        recall = RECALL if policy_named(self.policy).regions else 1.0
        objective = Objective(LATENCY_MS, PERCENTILE, DROP_RATE, recall=recall)
        return Fleet(objective, {self.spec.name: self.spec}, cameras, Pace.LIVE, policy=self.policy)

    def _as_declared(self, supervisor: Supervisor) -> bool:
        """Whether what is in force keeps at least what the declared policy does: an overloaded fleet goes down the ladder."""
        state = supervisor.models()[self.spec.name].policy
        return state is None or rung_of(policy_named(state.policy)) <= rung_of(policy_named(self.policy))


def trial_of(
    rung: int, frames: FrameCounts, latencies: Sequence[float], seconds: float, *, as_declared: bool, others: float | None
) -> Trial:
    """The figures of a window, `latencies` in ms being those of the frames that were captured in it and answered."""
    return Trial(
        rung,
        cameras_at(rung),
        percentile(latencies, frames.dropped),
        round(frames.drop_rate, 5),
        round((frames.analysed + frames.predicted + frames.gated) / seconds, 2),
        as_declared,
        others,
        {name: count for name, count in asdict(frames).items() if count},
    )


def percentile(latencies_ms: Sequence[float], dropped: int) -> float | None:
    """Over the answered frames and the dropped ones, which are infinitely late (None)."""
    rank = math.ceil(PERCENTILE / 100 * (len(latencies_ms) + dropped))
    return round(sorted(latencies_ms)[rank - 1], 2) if 0 < rank <= len(latencies_ms) else None


def staggered(rates: Sequence[float], fps: float):
    """Camera by camera, how long it waits, in intervals of its own between two frames."""

    def phase(number: int) -> float:
        return spread_phase(number) * STAGGER_S * rates[min(number, len(rates) - 1)]

    return phase


class Others:
    """What is kept busy of all processors by others than these processes."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._machine = MachineLoad()
        self._before_s = self._used_s()
        self._began_s = time.monotonic()
        self._machine.sample()

    def share(self) -> float | None:
        """Since the start; None where one of the processes has ended."""
        self._machine.sample()
        try:
            ours = (self._used_s() - self._before_s) / (time.monotonic() - self._began_s) / (psutil.cpu_count() or 1)
        except psutil.NoSuchProcess:
            return None
        busy = self._machine.busy
        return None if busy is None else round(max(0.0, busy - ours), 3)

    def _used_s(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._processes)


@dataclass(frozen=True)
class Theirs:
    """Ultralytics: `one_process` for all cameras, or one for each."""

    weights: Path
    size: tuple[int, int]
    one_process: bool

    def run(self, rung: int, setting: Setting) -> Trial:
        rates = rates_of(cameras_at(rung), setting.fps)
        shares = [range(len(rates))] if self.one_process else [range(number, number + 1) for number in range(len(rates))]
        workers = [self._start([rates[i] for i in share], share.start, setting) for share in shares]
        try:
            for worker in workers:
                while (line := worker.stdout.readline()).strip() != "ready":
                    if not line:
                        raise SystemExit("a process of Ultralytics ended before it was ready")
            others = Others([worker.pid for worker in workers])
            starts_s = time.monotonic() + 0.5
            for share, worker in zip(shares, workers, strict=True):
                phase = 0.0 if self.one_process else share.start / len(rates) / setting.fps
                worker.stdin.write(f"{starts_s + phase}\n")
                worker.stdin.flush()
            time.sleep(max(0.0, starts_s + setting.seconds - time.monotonic()))
            busy = others.share()
            outputs = [json.loads(worker.communicate()[0].splitlines()[-1]) for worker in workers]
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        latencies = [latency for output in outputs for latency in output["latencies_ms"]]
        captured = sum(output["captured"] for output in outputs)
        frames = FrameCounts(captured=captured, analysed=len(latencies), stale=captured - len(latencies))
        return trial_of(rung, frames, latencies, setting.seconds, as_declared=True, others=busy)

    def _start(self, rates: Sequence[float], first: int, setting: Setting) -> subprocess.Popen:
        clips = [setting.clips[(first + index) % len(setting.clips)] for index in range(len(rates))]
        command = [setting.python, str(Path(__file__).with_name("ultralytics_worker.py")), "--weights", str(self.weights)]
        command += ["--clip", *map(str, clips), "--every", str(setting.every), "--cameras", str(len(rates))]
        command += ["--fps", *map(str, rates), "--seconds", str(setting.seconds), "--latency-ms", str(LATENCY_MS)]
        command += ["--input", "x".join(map(str, self.size))]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def copies_of(clip: Path, folder: Path) -> list[Path]:
    """The clip as it is from each of its key frames on, round to where it began: packets in another order, nothing encoded."""
    with av.open(str(clip)) as container:
        keys = [number for number, packet in enumerate(_packets(container)) if packet.is_keyframe]
    return [rotated(clip, folder / f"from-{first}{clip.suffix}", first) for first in keys]


def rotated(clip: Path, target: Path, first: int) -> Path:
    """Packets from number `first` on, then those before it."""
    with av.open(str(clip)) as container, av.open(str(target), "w") as output:
        source = container.streams.video[0]
        copy = output.add_stream_from_template(source)
        packets = _packets(container)
        interval = 1 / Fraction(source.average_rate)
        for number, packet in enumerate([*packets[first:], *packets[:first]]):
            packet.stream = copy
            packet.time_base = interval
            packet.pts = packet.dts = number
            output.mux(packet)
    return target


def pictures_per_due(clip: Path, fps: float) -> int:
    """Each so many-th picture of the clip is due."""
    with av.open(str(clip)) as container:
        rate = container.streams.video[0].average_rate
    every = rate / Fraction(fps)
    if every.denominator != 1:
        raise SystemExit(f"--fps {fps:g} does not divide the clip's {float(rate):g} frames/s")
    return int(every)


def _packets(container: av.container.InputContainer) -> list[av.Packet]:
    return [packet for packet in container.demux(video=0) if packet.size]
