"""What a command shows while it fetches, and how it asks about a licence."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.prompt import Confirm

from camslice.cli.output import stderr
from camslice.models.licences import AcceptLicence
from camslice.models.progress import Advance


class FetchBars:
    """Draws what is being fetched on standard error. A `camslice.models.progress.Progress`."""

    @contextmanager
    def fetching(self, what: str, total_bytes: int) -> Iterator[Advance]:
        """See `Progress`."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=stderr(), transient=True) as bar:
            task = bar.add_task(f"fetching {what}", total=total_bytes)
            yield lambda done_bytes: bar.update(task, completed=min(done_bytes, total_bytes))


def asking(accepted: Collection[str]) -> AcceptLicence:
    """Accept the licences given; ask about any other where somebody sits at the keyboard, else refuse it."""

    def accept(name: str, licence: str) -> bool:
        if licence in accepted:
            return True
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        return Confirm.ask(f"{name} is under {licence}. Accept this licence on this machine?", console=stderr(), default=False)

    return accept
