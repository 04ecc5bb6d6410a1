"""`${NAME}` from files: a folder with one file for each name, as Kubernetes mounts a Secret, goes before the environment.

A file is read whenever its name is asked for, so that a password that was changed holds from the next time the fleet file
is read. What a file ends with, a line break as editors add it, is no part of the value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

SECRETS_DIR = "CAMSLICE_SECRETS_DIR"
_LARGEST_BYTES = 1 << 20


def secrets_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder that CAMSLICE_SECRETS_DIR names, None without one. It need not exist."""
    named = environ.get(SECRETS_DIR)
    return Path(named) if named else None


def variables(environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """What `${NAME}` stands for: the files of CAMSLICE_SECRETS_DIR, if that is set, and then the environment."""
    folder = secrets_folder(environ)
    return environ if folder is None else FilesFirst(folder, environ)


class FilesFirst(Mapping[str, str]):
    """A value for every file of `folder`, read when it is asked for, and for every variable that has no file.

    Raises ValueError, in the rest of a sentence that begins with the place, for a file that cannot be read; never with what it
    holds.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value = None if "/" in name or name.startswith(".") else _content(self._folder / name, name)
        return self._environ[name] if value is None else value

    def __iter__(self) -> Iterator[str]:
        return iter({*self._files(), *self._environ})

    def __len__(self) -> int:
        return len({*self._files(), *self._environ})

    def _files(self) -> list[str]:
        try:
            return [entry.name for entry in self._folder.iterdir() if not entry.name.startswith(".") and entry.is_file()]
        except OSError:
            return []


def _content(path: Path, name: str) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES)
        return content.decode().removesuffix("\n").removesuffix("\r")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except UnicodeDecodeError:
        raise ValueError(f"the file {name} in {SECRETS_DIR} is not UTF-8 text; write the value as text") from None
    except OSError as error:
        reason = error.strerror or "unknown"
        raise ValueError(f"the file {name} in {SECRETS_DIR} cannot be read ({reason}); let this user read it") from None
