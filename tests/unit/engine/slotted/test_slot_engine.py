"""Workers that share one engine: the same answers as from an engine of their own, whoever else asks."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from camslice.engine.openvino_engine import OpenVinoEngine
from camslice.engine.slots import Layout
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError
from camslice.fleet.types import Precision
from tests.unit.engine.slotted.held_engine import HeldEngine
from tests.unit.engine.slotted.sharing import ask, model, sharing, start, wait_for
from tests.unit.engine.tiny_models import SIDE, failing_model, mean_model


def test_answers_are_those_of_the_engine_itself(tmp_path: Path) -> None:
    info = mean_model(tmp_path / "mean.onnx")
    with sharing(OpenVinoEngine(info, SIDE, SIDE, precision=Precision.FP32, max_batch=3)) as shared:
        client = shared.client(info)
        assert (client.info.backend, client.info.max_batch, client.info.model_sha256) == ("openvino", 3, info.sha256)
        for lumas in ([10, 20, 30], [200], [40, 50]):
            (means,) = ask(client, *lumas).wait().values
            np.testing.assert_allclose(means, [[luma] * 3 for luma in lumas], atol=0.5)


def test_every_wait_on_the_way_is_queue_and_the_parts_add_up() -> None:
    with sharing(HeldEngine()) as shared:
        before_ns = time.monotonic_ns()
        times = ask(shared.client(), 7).wait().times
        after_ns = time.monotonic_ns()
    assert times is not None
    assert before_ns <= times.began_ns <= times.ended_ns <= after_ns
    assert times.network_ns == 0
    assert times.queue_ns > 0
    assert 0 <= times.inference_ns == times.ended_ns - times.began_ns - times.queue_ns


def test_pictures_of_several_workers_go_in_one_batch_and_each_gets_its_own_answer() -> None:
    engine = HeldEngine(max_batch=4)
    with sharing(engine) as shared:
        first, second, third = shared.client(), shared.client(), shared.client(batches=2)
        engine.hold()
        answers = [ask(first, 1)]
        wait_for(lambda: engine.started)
        answers += [ask(second, 2, 3), ask(third, 4), ask(third, 5)]
        wait_for(lambda: shared.server.waiting() == 3)
        engine.answer()
        wait_for(lambda: len(engine.started) == 2)
        engine.answer()
        assert [answer.wait().values for answer in answers] == [[[[1, 1]]], [[[2, 2], [3, 3]]], [[[4, 4]]], [[[5, 5]]]]
    assert [sorted(batch) for batch in engine.started] == [[1], [2, 3, 4, 5]]


def test_the_time_of_a_batch_is_shared_by_those_whose_pictures_are_in_it() -> None:
    engine = HeldEngine(max_batch=4)
    with sharing(engine) as shared:
        first, second, third = shared.client(), shared.client(), shared.client()
        engine.hold()
        answers = [ask(first, 1)]
        wait_for(lambda: engine.started)
        answers += [ask(second, 2, 3), ask(third, 4)]
        wait_for(lambda: shared.server.waiting() == 2)
        engine.answer()
        wait_for(lambda: len(engine.started) == 2)
        engine.answer()
        alone, two, one = (answer.wait().times for answer in answers)
        assert alone is not None
        assert two is not None
        assert one is not None
        used_ns = alone.inference_ns + two.inference_ns
        wait_for(lambda: shared.server.busy_ns()["tiny"] == used_ns)
    assert alone.busy_ns == alone.inference_ns > 0
    assert two.inference_ns == one.inference_ns == two.busy_ns + one.busy_ns
    assert abs(two.busy_ns - 2 * one.busy_ns) <= 2


def test_the_earliest_deadline_goes_first_whoever_has_it() -> None:
    engine = HeldEngine()
    with sharing(engine) as shared:
        first, second = shared.client(batches=2), shared.client(batches=2)
        engine.hold()
        answers = [ask(first, 1)]
        wait_for(lambda: engine.started)
        hour_ns = 3600 * 10**9
        now_ns = time.monotonic_ns()
        answers.append(ask(first, 2, deadline_ns=now_ns + 3 * hour_ns))
        answers.append(ask(second, 3, deadline_ns=now_ns + hour_ns))
        answers.append(ask(second, 4, deadline_ns=now_ns + 2 * hour_ns))
        wait_for(lambda: shared.server.waiting() == 3)
        for started in range(1, 5):
            wait_for(lambda: len(engine.started) == started)  # noqa: B023 (called at once)
            engine.answer()
        assert all(answer.wait().error is None for answer in answers)
    assert engine.started == [[1], [3], [4], [2]]


def test_what_can_no_longer_be_in_time_is_not_computed() -> None:
    engine = HeldEngine()
    with sharing(engine) as shared:
        client = shared.client()
        engine.started.clear()
        assert isinstance(ask(client, 1, deadline_ns=time.monotonic_ns() - 1).wait().error, TooLateError)
        assert ask(client, 2).wait().values == [[[2, 2]]]
    assert engine.started == [[2]]


def test_a_failure_of_the_device_is_told_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = HeldEngine()
    with sharing(engine) as shared:
        client = shared.client()
        engine.error = EngineError("the device failed: out of smoke")
        error = ask(client, 1).wait().error
        assert type(error) is EngineError
        assert str(error) == "the device failed: out of smoke"
        engine.error = None
        assert ask(client, 2).wait().values == [[[2, 2]]]


def test_answers_of_another_shape_than_before_fail() -> None:
    engine = HeldEngine()
    with sharing(engine) as shared:
        client = shared.client()
        engine.answer_length = 3
        assert "changed their shape" in str(ask(client, 1).wait().error)


def test_a_batch_is_lent_once_and_its_release_wakes_whoever_waits() -> None:
    with sharing(HeldEngine()) as shared:
        client = shared.client(batches=2)
        batches = [client.acquire(), client.acquire()]
        assert client.acquire() is None
        woken = threading.Event()
        client.on_free(woken.set)
        assert batches[0] is not None
        assert batches[1] is not None
        batches[0].release()
        assert woken.is_set()
        assert client.acquire() is batches[0]
        batches[0].release()
        batches[1].release()


def test_who_asks_before_the_model_is_loaded_waits_for_it() -> None:
    with sharing() as shared:
        with pytest.raises(EngineError, match=r"model tiny: its engine process has not loaded it after 0\.05 s"):
            shared.client(patience_s=0.05)
        came = threading.Event()

        def come() -> None:
            shared.client()
            came.set()

        thread = threading.Thread(target=come)
        thread.start()
        wait_for(lambda: shared.server.connections() == 1)
        assert not came.is_set()
        shared.server.serve("other", HeldEngine())
        shared.server.serve("tiny", HeldEngine(sha256="1" * 64))
        assert not came.is_set()
        shared.server.serve("tiny", HeldEngine())
        thread.join(20)
        assert ask(shared.clients[-1], 3).wait().values == [[[3, 3]]]


def test_an_engine_that_cannot_be_shared_is_refused_and_closed(tmp_path: Path) -> None:
    rgb = HeldEngine(layout=Layout.RGB)
    with sharing() as shared:
        with pytest.raises(EngineError, match="model tiny: its slots do not hold the planes"):
            shared.server.serve("tiny", rgb)
        assert rgb.closed.is_set()
        odd = OpenVinoEngine(failing_model(tmp_path / "odd.onnx"), SIDE, SIDE, precision=Precision.FP32)
        with pytest.raises(EngineError, match="not one entry for each"):
            shared.server.serve("tiny", odd)


def test_a_reloaded_model_takes_over_when_the_batches_are_done_and_none_fails() -> None:
    before, after = HeldEngine(), HeldEngine(max_batch=2)
    with sharing(before) as shared:
        client = shared.client(batches=2)
        before.hold()
        running = ask(client, 1)
        wait_for(lambda: before.started)
        lent = client.acquire()
        assert lent is not None
        shared.server.serve("tiny", after)
        wait_for(lambda: client.acquire() is None)
        late = start(lent, 2)
        before.answer()
        wait_for(lambda: len(before.started) == 2)
        before.answer()
        assert [answer.wait().error for answer in (running, late)] == [None, None]
        assert ask(client, 5, 6).wait().values == [[[5, 5], [6, 6]]]
        assert before.closed.wait(20)
        assert not after.closed.is_set()
    assert before.started == [[1], [2]]


def test_who_wants_the_model_as_it_was_goes_on_with_it_until_he_leaves() -> None:
    before, after = HeldEngine(), HeldEngine(sha256="1" * 64)
    with sharing(before) as shared:
        old = shared.client()
        shared.server.serve("tiny", after)
        new = shared.client(model(sha256="1" * 64))
        assert ask(old, 1).wait().values == [[[1, 1]]]
        assert ask(new, 2).wait().values == [[[2, 2]]]
        assert (before.started[-1], after.started[-1]) == ([1], [2])
        assert not before.closed.is_set()
        old.close()
        assert before.closed.wait(20)


def test_a_withdrawn_model_fails_what_runs_and_is_found_again_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    engine = HeldEngine(batches=2)
    with sharing(engine) as shared:
        client = shared.client()
        woken = threading.Event()
        client.on_free(woken.set)
        engine.hold()
        running = ask(client, 1)
        lent = client.acquire()
        assert lent is not None
        wait_for(lambda: engine.started)
        shared.server.withdraw("tiny")
        assert isinstance(running.wait().error, EngineAwayError)
        wait_for(lambda: client.acquire() is None)
        with pytest.raises(EngineAwayError):
            lent.start(1, running.take)
        lent.release()
        assert running.calls == 1
        woken.clear()
        shared.server.serve("tiny", HeldEngine())
        assert woken.wait(20)
        assert ask(client, 2).wait().values == [[[2, 2]]]
        engine.answer()
        assert engine.closed.wait(20)


def test_closing_waits_for_what_runs() -> None:
    engine = HeldEngine()
    with sharing(engine) as shared:
        client = shared.client()
        engine.hold()
        running = ask(client, 1)
        wait_for(lambda: engine.started)
        closer = threading.Thread(target=client.close)
        closer.start()
        wait_for(lambda: client.acquire() is None)
        engine.answer()
        closer.join(20)
        assert not closer.is_alive()
        assert running.wait().error is None


def test_many_reloads_under_load_fail_nothing() -> None:
    with sharing(HeldEngine(batches=2)) as shared:
        clients = [shared.client(), shared.client(batches=3)]
        stopping = threading.Event()
        errors: list[object] = []
        answered = [0, 0]

        def keep_asking(number: int) -> None:
            while not stopping.is_set():
                answer = ask(clients[number], number + 1).wait()
                answered[number] += 1
                if answer.error is not None or answer.values != [[[number + 1] * 2]]:
                    errors.append(answer)

        threads = [threading.Thread(target=keep_asking, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        engines = [HeldEngine(batches=2) for _ in range(20)]
        for engine in engines:
            shared.server.serve("tiny", engine)
            goal = [count + 5 for count in answered]
            wait_for(lambda: all(count >= least for count, least in zip(answered, goal, strict=True)))  # noqa: B023 (called at once)
        stopping.set()
        for thread in threads:
            thread.join(20)
        assert errors == []
        assert all(engine.closed.wait(20) for engine in engines[:-1])
