from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camslice.models.progress import Advance, Progress, Silent
from camslice.models.sources import downloads
from camslice.models.sources.downloads import run_download
from camslice.models.sources.protocol import SourceFailedError


class Recorder:
    def __init__(self) -> None:
        self.seen: list[int] = []

    @contextmanager
    def fetching(self, what: str, total_bytes: int) -> Iterator[Advance]:
        yield self.seen.append


def run(script: str, folder: Path, progress: Progress | None = None, *arguments: str) -> None:
    command = [sys.executable, "-c", script, *arguments]
    run_download(command, folder, what="x", total_bytes=1000, env=os.environ, progress=progress or Silent())


def test_progress_is_what_has_arrived_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_LOOK_EVERY_S", 0.01)
    progress = Recorder()
    # The program ends only when its first thousand bytes have been seen.
    script = "import pathlib, sys; pathlib.Path('part').write_bytes(b'x' * 1000); open(sys.argv[1]).read()"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    class Releasing(Recorder):
        @contextmanager
        def fetching(self, what: str, total_bytes: int) -> Iterator[Advance]:
            def advance(done_bytes: int) -> None:
                progress.seen.append(done_bytes)
                if done_bytes >= 1000:
                    pipe.write_text("go on")

            yield advance

    (tmp_path / "work").mkdir()
    run(script, tmp_path / "work", Releasing(), str(pipe))
    assert max(progress.seen) >= 1000


def test_a_program_that_fails_is_told_in_its_last_complaint(tmp_path: Path) -> None:
    script = "import sys; print('working'); print('ERROR: first'); print('ERROR: second'); print('bye'); sys.exit(3)"
    with pytest.raises(SourceFailedError, match=r"^ERROR: second$"):
        run(script, tmp_path)


def test_a_program_that_makes_no_headway_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "STALLED_AFTER_S", 0.0)
    monkeypatch.setattr(downloads, "_LOOK_EVERY_S", 0.01)
    with pytest.raises(SourceFailedError, match="nothing arrived"):
        run("import threading; threading.Event().wait()", tmp_path)


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceFailedError, match=r"nowhere cannot be started \(No such file"):
        run_download(["nowhere"], tmp_path, what="x", total_bytes=1, env=os.environ, progress=Silent())
