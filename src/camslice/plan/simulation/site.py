"""What the pods of a simulated node share: time, processor and accelerators; and how a frame takes its steps there."""

from __future__ import annotations

from collections.abc import Sequence

from camslice.plan.simulation.clock import Clock, Done, SharedEqually
from camslice.plan.simulation.device import AtOnce, Device, TimeSliced
from camslice.plan.simulation.frames import STAGE_INDEX, SimulatedFrame
from camslice.plan.simulation.node import Concurrent, Processor, Slices, Step, Where


class Site:
    """Owns the clock and the resources of one node."""

    def __init__(self, processor: Processor, devices: Sequence[Slices | Concurrent]) -> None:
        self.clock = Clock()
        self.processor = SharedEqually(self.clock, processor.rate, processor.capacity)
        self.devices: list[Device] = [
            TimeSliced(self.clock, each) if isinstance(each, Slices) else AtOnce(self.clock, each) for each in devices
        ]

    @property
    def shared(self) -> list[SharedEqually]:
        """What the clock has to ask for ends of jobs."""
        return [self.processor, *(device.shared for device in self.devices if isinstance(device, AtOnce))]

    def take_steps(
        self,
        steps: Sequence[Step],
        frames: Sequence[SimulatedFrame],
        context: int,
        device: int | None,
        spinning_threads: float,
        done: Done,
    ) -> None:
        """Let these frames take the steps together, one after the other; every frame's clock gets the whole time of each.

        `spinning_threads` are runnable while they are at the accelerator. `done` is called at the end, at once for no steps.
        """
        factor = sum(frame.factor for frame in frames) / len(frames)
        _Walk(self, steps, frames, context, device, spinning_threads, factor, done).go_on()


class _Walk:
    """Some frames on their way through some steps."""

    def __init__(
        self,
        site: Site,
        steps: Sequence[Step],
        frames: Sequence[SimulatedFrame],
        context: int,
        device: int | None,
        spinning_threads: float,
        factor: float,
        done: Done,
    ) -> None:
        self._site = site
        self._steps = steps
        self._frames = frames
        self._context = context
        self._device = device
        self._spinning = spinning_threads
        self._factor = factor
        self._done = done
        self._at = 0

    def go_on(self) -> None:
        site = self._site
        while self._at < len(self._steps):
            step = self._steps[self._at]
            if step.ms > 0.0:
                work_ms = step.ms * self._factor
                if step.where is Where.CPU:
                    site.processor.run(work_ms, step.threads, self._step_ends)
                elif step.where is Where.ACCELERATOR and self._device is not None:
                    site.processor.hold(self._spinning)
                    site.devices[self._device].visit(self._context, work_ms, self._visit_ends)
                else:
                    site.clock.at(site.clock.now_ms + work_ms, self._step_ends)
                return
            self._stamp()
        self._done()

    def _visit_ends(self) -> None:
        self._site.processor.hold(-self._spinning)
        self._step_ends()

    def _step_ends(self) -> None:
        self._stamp()
        self.go_on()

    def _stamp(self) -> None:
        stage = STAGE_INDEX[self._steps[self._at].stage]
        now_ms = self._site.clock.now_ms
        for frame in self._frames:
            frame.end_stage(stage, now_ms)
        self._at += 1
