"""A camera: one thread, one connection, one decoder."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from camslice.fleet.errors import SourceError
from camslice.fleet.types import CameraSpec, Decoding, Pace
from camslice.video.backoff import Backoff
from camslice.video.camera_state import CameraListener, CameraState
from camslice.video.capture_clock import CaptureClock, LosslessClock
from camslice.video.feed import ConnectionLostError, CorruptPacketError, DueFrame, Feed, SelectiveFeed, SourceEndedError
from camslice.video.frame import Frame, FrameStamp
from camslice.video.live_clock import LiveClock
from camslice.video.pacing import NS_PER_S, DueClock, Outage
from camslice.video.playback import PlaybackClock, SkippedFrames
from camslice.video.ring import PacketRing
from camslice.video.selection import Selection
from camslice.video.sources.open import open_source
from camslice.video.sources.request import SourceRequest, Timeouts
from camslice.video.stop_signal import StopSignal
from camslice.video.timeline import CountedTimeline, SourceTimeline, Timeline

log = logging.getLogger(__name__)

RING_SECONDS = 10.0
_STEADY_NS = 5 * NS_PER_S
"""A connection that held so long was a good one: the next loss begins with short waits again."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two clocks of this machine, replaceable in tests."""

    monotonic_ns: Callable[[], int] = time.monotonic_ns
    utc_s: Callable[[], float] = time.time


class Camera:
    """Reads one camera and tells its listener, from a thread of its own, until stopped.

    Owns the thread, and through it the connection and the decoder. `stop` asks and returns at once; the thread ends as soon
    as it is not inside FFmpeg, at the latest after the time-out of an unanswered read. After `stop` no frame, loss or state is
    told any more, only the count of frames decoded before. A fault that the user has to mend ends the thread (`FAILED`);
    everything else is tried again.
    """

    def __init__(
        self,
        spec: CameraSpec,
        pace: Pace,
        listener: CameraListener,
        *,
        first_sequence: int = 0,
        phase: float = 0.0,
        start_ns: int | None = None,
        ring_bytes: int = 0,
        timeouts: Timeouts | None = None,
        backoff: Backoff | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        """`phase` (0..1) delays what is played in real time by that share of 1 / fps: real cameras do not expose in step.
        What is played, at whatever pace, begins no sooner than `start_ns` on the monotonic clock.

        `ring_bytes` > 0 keeps the last seconds of compressed packets in `ring`, at most so many bytes."""
        self.ring = PacketRing(RING_SECONDS, ring_bytes) if ring_bytes else None
        """The last compressed packets, when asked for."""
        self._request = SourceRequest(spec, pace, timeouts or Timeouts(), self.ring)
        self._listener = listener
        self._sequence = first_sequence
        self._delay_ns = round(phase / spec.fps * NS_PER_S) if pace is Pace.LIVE else 0
        self._start_ns = start_ns
        self._backoff = backoff or Backoff()
        self._clocks = clocks or Clocks()
        self._now_ns = self._clocks.monotonic_ns
        self._stop = StopSignal()
        self._thread = threading.Thread(target=self._run, name=f"camera {spec.name}", daemon=True)
        self._due = DueClock(spec.fps)
        self._skipped = SkippedFrames()
        self._outage: Outage | None = None
        self._state: CameraState | None = None
        self._reason = ""
        self._decoded = self._left_out = 0
        self._last_due_ns = self._reported_ns = 0
        self._utc_at_0_s = 0.0

    def start(self) -> None:
        """Start the thread. A camera is started once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._stop.ask()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end; False when it has not within `timeout_s`. One that was never started has ended."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        now_ns = self._now_ns()
        self._utc_at_0_s = self._clocks.utc_s() - now_ns / NS_PER_S
        self._last_due_ns = self._reported_ns = now_ns
        self._tell_state(CameraState.STARTING)
        try:
            while not self._stop.asked:
                self._connect_and_play()
        except SourceEndedError:
            self._finish(CameraState.ENDED, "the source came to its end")
        except SourceError as error:
            self._finish(CameraState.FAILED, self._request.spec.scrub(str(error)))
        except Exception as error:  # noqa: BLE001  # a defect must not look like a camera that is merely silent
            # Not log.exception: the text of FFmpeg's errors ends with the address and its password.
            spec = self._request.spec
            log.error("camera %s stopped by a defect\n%s", spec.name, spec.scrub(traceback.format_exc()))
            self._finish(CameraState.FAILED, f"stopped by a defect of camslice: {type(error).__name__}")
        self._report_decoded()

    def _connect_and_play(self) -> None:
        """One connection, from opening to its loss."""
        opened_ns = self._now_ns()
        try:
            feed = open_source(self._request)
            try:
                self._play(feed)
            finally:
                feed.close()
        except ConnectionLostError as lost:
            if self._now_ns() - opened_ns > _STEADY_NS and self._state is CameraState.LIVE:
                self._backoff.reset()
            self._go_down(str(lost))

    def _play(self, feed: Feed) -> None:
        clock = self._capture_clock(feed, None if feed.live else self._waited_for_start_ns())
        selection = Selection(clock, self._due)
        selective = feed if isinstance(feed, SelectiveFeed) else None
        sieved = None if self._request.spec.decode is Decoding.ALL else selective
        frames: Sequence[DueFrame]
        stop, now_ns = self._stop, self._now_ns
        while not stop.asked:
            asked_ns = now_ns()
            packet = feed.advance()
            arrived_ns = now_ns()
            not_before_ns = clock.on_packet(packet, asked_ns, arrived_ns)
            if not_before_ns > arrived_ns and stop.wait((not_before_ns - arrived_ns) / NS_PER_S):
                return
            try:
                frames = list(selection.of(feed.decode())) if sieved is None else sieved.decode_due(selection)
            except CorruptPacketError:
                frames = []
                selection.count(corrupt=1)
            self._take_counts(selection, "" if selective is None else selective.remark)
            for frame in frames:
                self._hand_over(frame)

    def _waited_for_start_ns(self) -> int | None:
        """Once: cameras that are to begin together have opened their sources by then. None if the instant was past."""
        now_ns = self._now_ns()
        first_ns = (now_ns if self._start_ns is None else max(now_ns, self._start_ns)) + self._delay_ns
        self._start_ns, self._delay_ns = None, 0
        if first_ns <= now_ns:
            return None
        self._stop.wait((first_ns - now_ns) / NS_PER_S)
        return first_ns

    def _take_counts(self, selection: Selection, remark: str) -> None:
        if self._stop.asked:
            return
        decoded, skipped, corrupt = selection.taken_counts()
        self._decoded += decoded
        self._left_out += skipped
        if corrupt:
            self._listener.on_corrupt(corrupt)
        if decoded and self._state is not CameraState.LIVE:
            self._tell_state(CameraState.LIVE, remark)
        if self._now_ns() - self._reported_ns > NS_PER_S:
            self._report_decoded()

    def _hand_over(self, due: DueFrame) -> None:
        if self._stop.asked:
            return
        captured_ns, _, pts_s = due.captured
        if self._outage is not None:
            self._tell_missed(self._outage.newly_missed(captured_ns))
            self._outage = None
        self._last_due_ns = captured_ns
        self._report_decoded()
        picture = due.picture()
        decoded_ns = self._now_ns()
        if decoded_ns < captured_ns:  # a decoder that gave out its frame before the frame is scheduled
            if self._stop.wait((captured_ns - decoded_ns) / NS_PER_S):
                return
            decoded_ns = max(captured_ns, self._now_ns())
        captured_at_s = self._utc_at_0_s + captured_ns / NS_PER_S
        stamp = FrameStamp(self._sequence, pts_s, captured_at_s, captured_ns, decoded_ns)
        self._sequence += 1
        self._listener.on_due(Frame(picture, stamp))

    def _capture_clock(self, feed: Feed, start_ns: int | None) -> CaptureClock:
        if feed.live:
            return LiveClock()
        spec = self._request.spec
        timeline: Timeline
        timeline = CountedTimeline(spec.playback_fps) if spec.playback_fps else SourceTimeline(feed.nominal_fps)
        if self._request.pace is not Pace.LIVE:
            return LosslessClock(timeline)
        return PlaybackClock(timeline, self._tell_skipped, start_ns)

    def _go_down(self, reason: str) -> None:
        """The source is out of reach: say so, count what falls due meanwhile, and wait before the next try."""
        if self._stop.asked:
            return
        if self._outage is None:
            self._outage = Outage(self._due.rate_fps, self._last_due_ns)
            self._due.break_off()
        self._report_decoded()
        self._tell_missed(self._outage.newly_missed(self._now_ns()))
        self._tell_state(CameraState.RECONNECTING, reason)
        if self.ring is not None:
            self.ring.clear()
        if not self._stop.wait(self._backoff.next_s()):
            self._tell_missed(self._outage.newly_missed(self._now_ns()))

    def _finish(self, state: CameraState, reason: str) -> None:
        if not self._stop.asked:
            self._tell_state(state, reason)

    def _tell_state(self, state: CameraState, reason: str = "") -> None:
        """Tell what is new; a retry that fails as the one before is not."""
        if (state, reason) == (self._state, self._reason):
            log.debug("camera %s is still %s: %s", self._request.spec.name, state, reason)
            return
        self._state, self._reason = state, reason
        log.log(logging.WARNING if reason else logging.INFO, "camera %s is %s %s", self._request.spec.name, state, reason)
        self._listener.on_state(state, reason)

    def _tell_missed(self, frames: int) -> None:
        if frames > 0:
            self._listener.on_missed(frames)

    def _tell_skipped(self, skipped_ns: int) -> None:
        self._tell_missed(self._skipped.take(skipped_ns, self._due.rate_fps))

    def _report_decoded(self) -> None:
        if self._decoded or self._left_out:
            self._listener.on_decoded(self._decoded, self._left_out)
            self._decoded = self._left_out = 0
        self._reported_ns = self._now_ns()
