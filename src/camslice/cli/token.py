"""The token that a listening command asks for."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from camslice.fleet.address import require_token
from camslice.fleet.errors import MachineError
from camslice.fleet.mounts import seen_file

log = logging.getLogger(__name__)


def read_token(token_file: Path | None) -> str | None:
    """What the file holds, else the environment variable CAMSLICE_TOKEN, else None. Raises MachineError."""
    if token_file is None:
        return os.environ.get("CAMSLICE_TOKEN") or None
    try:
        return token_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MachineError(f"--token-file {token_file}: {why}; name a file that can be read.") from None


class FollowedToken:
    """The token of a file that may be exchanged while we listen. Called with each request: it looks at the file's place and
    time, and reads it only when that is another. What is no token changes nothing, and is logged."""

    def __init__(self, file: Path, token: str, host: str) -> None:
        """`token` was read from `file`; `host` is listened on."""
        self._file = file
        self._token = token
        self._host = host
        self._seen = seen_file(file)

    def __call__(self) -> str:
        """The token that holds now."""
        seen = seen_file(self._file)
        if seen != self._seen:
            self._seen = seen
            try:
                self._token = self._read()
            except MachineError as error:
                log.error("the token stays as it was: %s", error)
        return self._token

    def _read(self) -> str:
        token = read_token(self._file) or ""
        require_token(self._host, token, "the page")
        return token
