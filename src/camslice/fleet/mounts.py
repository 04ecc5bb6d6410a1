"""Files and folders that somebody else exchanges while we run: what tells one content from the next, and reading one whole.

Kubernetes mounts a ConfigMap or a Secret as a folder in which every name leads through the link `..data` to a folder with the
content, and a change is one exchange of that link. A new content may be as long as the old one and of the same second, so what
counts is where names lead to, beside size and time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_DATA = "..data"
_TRIES = 20

Seen = tuple[object, ...]
"""What a file or a folder looked like. Equal: the same content, as far as anybody can see without reading it."""

Value = TypeVar("Value")


def seen_file(path: Path) -> Seen:
    """How a file looks now; empty when there is none."""
    try:
        leads_to = path.resolve(strict=True)
        stat = leads_to.stat()
    except (OSError, RuntimeError):
        return ()
    return str(leads_to), stat.st_mtime_ns, stat.st_size, stat.st_ino


def seen_folder(folder: Path) -> Seen:
    """How a folder and the files right in it look now; empty when there is none."""
    data = folder / _DATA
    if data.is_symlink():
        return (str(data.resolve()),)
    try:
        with os.scandir(folder) as entries:
            return tuple(sorted(seen_file(Path(entry.path)) for entry in entries))
    except OSError:
        return ()


def read_whole(see: Callable[[], Seen], read: Callable[[], Value]) -> tuple[Value, Seen]:
    """What `read` gives, from one content: once more whenever what `see` sees was exchanged meanwhile. And what it saw.

    An error of `read` counts only when nothing was exchanged.
    """
    for _ in range(_TRIES):
        before = see()
        try:
            value = read()
        except Exception:
            if see() == before:
                raise
            continue
        if see() == before:
            return value, before
    before = see()
    return read(), before
