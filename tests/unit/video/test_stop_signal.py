from __future__ import annotations

import threading

from camslice.video.stop_signal import StopSignal


def test_a_sleeper_wakes_when_asked_to_stop() -> None:
    signal, woke = StopSignal(), threading.Event()

    def sleep() -> None:
        if signal.wait(3600):
            woke.set()

    thread = threading.Thread(target=sleep)
    thread.start()
    signal.ask()
    assert woke.wait(10)
    thread.join()


def test_a_sleep_without_a_stop_comes_to_its_end() -> None:
    signal = StopSignal()
    assert not signal.wait(0.001)
    assert not signal.wait(0)
    assert not signal.wait(-1)


def test_after_the_stop_nobody_sleeps_and_asking_again_is_harmless() -> None:
    signal = StopSignal()
    signal.ask()
    signal.ask()
    assert signal.asked
    assert signal.wait(3600)
    assert signal.wait(3600)
