"""Changes of models, which have a thread of their own: one per model, however often they are asked for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from camslice.engine.oip.bridge import Changes
from camslice.engine.oip.messages import OipError, Status

PATIENCE_S = 10.0


class Loading:
    """Takes until a test lets it end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ends = threading.Event()
        self.fails: Exception | None = None

    def __call__(self) -> None:
        self.begun.append(threading.current_thread().name)
        assert self.ends.wait(PATIENCE_S)
        if self.fails is not None:
            raise self.fails


def test_whoever_asks_and_leaves_again_starts_no_further_thread() -> None:
    async def ask() -> None:
        changes, work = Changes(), Loading()
        for _ in range(20):
            asked = asyncio.create_task(changes.make("m", "loaded", work))
            await asyncio.sleep(0)
            asked.cancel()
        joined = asyncio.create_task(changes.make("m", "loaded", work))
        await asyncio.sleep(0)
        work.ends.set()
        await joined
        assert work.begun == ["oip-control"]
        await changes.make("m", "loaded", work)
        assert len(work.begun) == 2

    asyncio.run(ask())


def test_another_change_of_the_model_is_refused_meanwhile_and_other_models_are_not() -> None:
    async def ask() -> None:
        changes, work, other = Changes(), Loading(), Loading()
        other.ends.set()
        loading = asyncio.create_task(changes.make("m", "loaded", work))
        await asyncio.sleep(0)
        with pytest.raises(OipError, match="'m' is just being loaded") as caught:
            await changes.make("m", "unloaded", work)
        assert caught.value.status is Status.UNAVAILABLE
        await changes.make("n", "unloaded", other)
        work.ends.set()
        await loading

    asyncio.run(ask())


def test_all_who_wait_for_a_change_hear_that_it_failed() -> None:
    async def ask() -> None:
        changes, work = Changes(), Loading()
        work.fails = OipError(Status.NOT_FOUND, "no such model")
        waiting = [asyncio.create_task(changes.make("m", "loaded", work)) for _ in range(3)]
        await asyncio.sleep(0)
        work.ends.set()
        assert await asyncio.gather(*waiting, return_exceptions=True) == [work.fails] * 3
        assert len(work.begun) == 1

    asyncio.run(ask())
