"""The token that a listening command asks for."""

from __future__ import annotations

import os
from pathlib import Path

from camslice.fleet.errors import MachineError


def read_token(token_file: Path | None) -> str | None:
    """What the file holds, else the environment variable CAMSLICE_TOKEN, else None. Raises MachineError."""
    if token_file is None:
        return os.environ.get("CAMSLICE_TOKEN") or None
    try:
        return token_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MachineError(f"--token-file {token_file}: {why}; name a file that can be read.") from None
