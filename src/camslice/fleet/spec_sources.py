"""Addresses and paths as written in fleet.yaml, made ready to be opened: variables filled in, paths made absolute.

Every problem is a ValueError whose text ends a sentence that began with the place; none holds a credential.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from camslice.fleet.secret_files import SECRETS_DIR, FilesFirst
from camslice.fleet.secrets import Source, redact_address
from camslice.fleet.spec_values import plain

SCHEMES = ("rtsp", "rtsps", "http", "https", "scene")
DATABASES = ("sqlite", "postgresql")

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
"""The environment for what a stranger may send: no variable is filled in, whether it is set or not."""

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_DEVICE = re.compile(r"usb:\d+")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?![/:?]|file:)(?=.)")


def camera_source(template: str, base_dir: Path, environ: Mapping[str, str]) -> Source:
    """The source that `template` stands for."""
    address, values = _expand(template, environ)
    scheme = _SCHEME.match(address)
    if scheme is None and not _DEVICE.fullmatch(address):
        path = resolved(address, base_dir, environ)
        return Source(path if template == address else template, path, values)
    if scheme is not None and scheme[1].lower() not in SCHEMES:
        kinds = ", ".join(f"{known}://" for known in SCHEMES)
        raise ValueError(f"{scheme[1]}:// is no kind of source; write a file, a folder, usb:0 or one of {kinds}")
    if scheme is not None:  # FFmpeg knows schemes in lower case only
        address = scheme[1].lower() + address[len(scheme[1]) :]
    return Source(template, address, values)


def store_url(template: str, base_dir: Path, environ: Mapping[str, str]) -> str:
    """The database URL that `template` stands for. A relative SQLite file lies beside the fleet file."""
    url, _ = _expand(template, environ)
    scheme = _SCHEME.match(url)
    if scheme is None or scheme[1].split("+")[0] not in DATABASES:
        raise ValueError(f'"{redact_address(template)}" is no store; write sqlite:///FILE or postgresql://HOST/NAME')
    relative = _RELATIVE_SQLITE.match(url)
    return url if relative is None else relative[1] + resolved(url[relative.end() :], base_dir, environ)


def weights_path(weights: str, base_dir: Path, environ: Mapping[str, str]) -> str:
    """A path made absolute; a name of the model list stays as it is."""
    is_path = "/" in weights or weights.lower().endswith((".onnx", ".xml", ".pt"))
    return resolved(weights, base_dir, environ) if is_path else weights


def resolved(path: str, base_dir: Path, environ: Mapping[str, str]) -> str:
    """`path` made absolute: `~` is the home folder, anything else relative begins at `base_dir`. Looks at no file."""
    home = environ.get("HOME")
    if home and (path == "~" or path.startswith("~/")):
        path = home + path[1:]
    return os.path.normpath(base_dir / path)


def expanded(template: str, environ: Mapping[str, str]) -> str:
    """`template` with each `${NAME}` replaced by that variable of `environ`."""
    return _expand(template, environ)[0]


def _expand(template: str, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """`template` with its `${NAME}` replaced once, and what they were replaced by."""
    if "${" in _VARIABLE.sub("", template):
        raise ValueError("a ${ is not closed; write ${NAME}, where NAME is an environment variable")
    values = tuple(_variable(found[1], environ) for found in _VARIABLE.finditer(template))
    remaining = iter(values)
    address = _VARIABLE.sub(lambda _: next(remaining), template)
    if not address:
        raise ValueError("its environment variables are all empty; give them values")
    return address, values


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("what stands in ${} is not the name of an environment variable; write ${NAME}")
    if environ is NO_VARIABLES:
        raise ValueError("variables are filled in from the fleet file only; declare this camera there")
    if name not in environ:
        if isinstance(environ, FilesFirst):
            raise ValueError(f"there is no file {name} in {SECRETS_DIR}, nor a variable of that name; add one")
        raise ValueError(f"the environment variable {name} is not set; set it, or write the value itself")
    try:
        return plain(environ[name])
    except ValueError:
        raise ValueError(f"the environment variable {name} holds a line break or a control character; remove it") from None
