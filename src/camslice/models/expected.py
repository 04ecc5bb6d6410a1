"""Weights are those that somebody asked for, by their hash: what a cluster's pods are told in CAMSLICE_WEIGHTS_SHA256.

    yolox-nano=695e750a...,people.onnx=0a1b2c...

A name is what `weights` says in the fleet file. The hash is that of the file, or that of what was made of it here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from camslice.fleet.errors import ModelError
from camslice.fleet.types import ModelSpec
from camslice.models.cache import sha256_of
from camslice.models.catalogue import Catalogue, load_catalogue
from camslice.models.model import ModelInfo
from camslice.models.resolve import own_file

VARIABLE = "CAMSLICE_WEIGHTS_SHA256"
_SHOWN = 12


def expected_hashes(environ: Mapping[str, str]) -> Mapping[str, str]:
    """What CAMSLICE_WEIGHTS_SHA256 says, by name. Raises ModelError."""
    expected = {}
    for part in filter(None, (part.strip() for part in environ.get(VARIABLE, "").split(","))):
        name, _, sha256 = part.rpartition("=")
        if not name or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
            raise ModelError(f"{VARIABLE}: {part!r} is not NAME=HASH with the 64 hexadecimal digits of a SHA-256.")
        expected[name] = sha256.lower()
    return expected


def refuse_other_weights(spec: ModelSpec, info: ModelInfo, expected: Mapping[str, str], known: Catalogue | None = None) -> None:
    """Raise ModelError when a hash is expected of the weights of `spec` and those that were found have another one."""
    names = [name for name in expected if spec.weights == name or spec.weights.endswith(f"/{name}")]
    if not names:
        return
    wanted = expected[names[0]]
    if wanted != info.sha256 and wanted not in _hashes_of_origin(spec, known or load_catalogue()):
        raise ModelError(
            f"model {spec.name}: the weights {names[0]} are not those that were asked for: their SHA-256 begins with "
            f"{info.sha256[:_SHOWN]}, and {wanted[:_SHOWN]} was expected; put the right file there, or correct the hash."
        )


def _hashes_of_origin(spec: ModelSpec, known: Catalogue) -> set[str]:
    """Of the file that the weights were read or made from. Those of the model list were checked when they were found."""
    own = own_file(spec.weights, known)
    if own is not None:
        return {sha256_of(own)} if own.is_file() else set()
    return {file.sha256 for file in known.entry(spec.weights).files}
