"""Where an operator has placed streams: the file beside a pod's fleet file that says which revision this is, and since when.

    {"revision": "7", "epochs": {"gate/people": 12}}

Where the streams' credentials are mounted, a file among them says which revision these are: folders of a pod do not change
together, so each tells its own, and what runs is the revision of both.

An epoch counts how often a stream was placed, and grows: whoever writes a stream's results with a lower one than was seen has
lost the stream to another pod.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from camslice.fleet.errors import FleetError
from camslice.fleet.types import StreamKey

FILE = "placement.json"
CREDENTIALS_FILE = "CAMSLICE_CREDENTIALS_REVISION"
"""Among mounted secrets."""
_FORM = '{"revision": "7", "epochs": {"CAMERA/MODEL": 12}}'


@dataclass(frozen=True, slots=True)
class Placed:
    """A revision of what runs here, and the epoch of each stream's placement. The revision of mounted credentials is part of
    it, after a point."""

    revision: str
    epochs: Mapping[StreamKey, int] = field(default_factory=dict)


def read_placement(folder: Path, secrets: Path | None = None) -> Placed | None:
    """What `placement.json` in `folder` says of what runs with these secrets, None without one. Raises FleetError."""
    path = folder / FILE
    try:
        placed = parse_placement(path.read_text("utf-8"), str(path))
        credentials = "" if secrets is None else _credentials(secrets / CREDENTIALS_FILE)
        return replace(placed, revision=joined(placed.revision, credentials))
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise FleetError(f"{path}: this is not UTF-8 text; write {_FORM}.") from None
    except OSError as error:
        raise FleetError(f"{path}: it cannot be read ({error.strerror}); let this user read it.") from None


def parse_placement(text: str, origin: str) -> Placed:
    """What `text` says; `origin` names it in errors. Raises FleetError."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise FleetError(f"{origin}: this is not JSON; write {_FORM}.") from None
    revision = data.get("revision") if isinstance(data, dict) else None
    epochs = data.get("epochs", {}) if isinstance(data, dict) else None
    if not isinstance(revision, str) or not revision or not isinstance(epochs, dict):
        raise FleetError(f"{origin}: this is no placement; write {_FORM}.")
    return Placed(revision, {_stream(name, origin): _epoch(epoch, name, origin) for name, epoch in epochs.items()})


def joined(revision: str, credentials: str) -> str:
    """The revision of a pod whose configuration and credentials (empty for none) are of these."""
    return f"{revision}.{credentials}" if credentials else revision


def stream_key(name: str) -> StreamKey | None:
    """The stream that CAMERA/MODEL names, None if that is no name of one."""
    camera, slash, model = name.partition("/")
    return StreamKey(camera, model) if camera and slash and model and "/" not in model else None


def stream_name(key: StreamKey) -> str:
    """CAMERA/MODEL."""
    return f"{key.camera}/{key.model}"


def _credentials(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise FleetError(f"{path}: this revision of the credentials cannot be read; let this user read it.") from None


def _stream(name: str, origin: str) -> StreamKey:
    key = stream_key(name)
    if key is None:
        raise FleetError(f"{origin}: epochs: {name!r} is no stream; write CAMERA/MODEL.")
    return key


def _epoch(value: object, name: str, origin: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise FleetError(f"{origin}: epochs: {name}: an epoch is a whole number from 0; write one.")
    return value
