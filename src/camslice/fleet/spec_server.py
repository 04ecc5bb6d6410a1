"""Where a model is served, as declared in fleet.yaml: variables filled in, and keys that do not go together refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from camslice.fleet.secrets import redact_address
from camslice.fleet.spec_keys import ModelKeys, ServerKeys
from camslice.fleet.spec_sources import expanded, resolved
from camslice.fleet.types import Backend, Server, Transport
from camslice.fleet.yaml_lines import Document, KeyPath

_SECURE = "grpcs://"
_URL_RULE = "write grpc://HOST:PORT, grpcs://HOST:PORT, unix:/PATH or unix-abstract:NAME"

_URL = re.compile(r"grpcs?://([^\s/?#@\[\]:]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})|unix:/[^\s]+|unix-abstract:[^\s/]+")
_HIGHEST_PORT = 65_535


@dataclass(slots=True)
class ServerDeclarations:
    """Turns what models say of their servers into `Server` values, and collects one sentence for each mistake."""

    document: Document
    base_dir: Path
    environ: Mapping[str, str]
    mistakes: list[str] = field(default_factory=list)

    def read(self, model: str, keys: ModelKeys) -> Server | None:
        """The server of a model, None if it has none or what it says is no server."""
        path: KeyPath = ("models", model)
        if (Backend(keys.engine) is Backend.OIP) != (keys.server is not None):
            lacks_server = keys.server is None
            self._mistake((*path, "engine" if lacks_server else "server"), _NO_SERVER if lacks_server else _NO_CLIENT)
            return None
        if keys.server is None:
            return None
        for key in sorted({"device", "precision"} & keys.model_fields_set):
            self._mistake((*path, key), "that is for the server to choose, and `engine: oip` only asks it; remove the key")
        return self._server(keys.server, (*path, "server"))

    def _server(self, keys: ServerKeys, path: KeyPath) -> Server | None:
        values: dict[str, str | None] = {}
        for name in _TEXTS:
            try:
                values[name] = self._value(name, getattr(keys, name))
            except ValueError as error:
                self._mistake((*path, name), str(error))
        if len(values) < len(_TEXTS):
            return None
        url = values["url"] or ""
        for name, sentence in _contradictions(url, values):
            self._mistake((*path, name), sentence)
        return Server(
            url, keys.model, values["token"], values["ca"], values["certificate"], values["key"], Transport(keys.transport)
        )

    def _value(self, name: str, written: str | None) -> str | None:
        if written is None:
            return None
        if name in _FILES:
            return resolved(written, self.base_dir, self.environ)
        value = expanded(written, self.environ)
        if name == "url":
            _check_url(value, written)
        return value

    def _mistake(self, path: KeyPath, sentence: str) -> None:
        self.mistakes.append(f"{self.document.place(path)}: {sentence}.")


_FILES = ("ca", "certificate", "key")
_TEXTS = ("url", "token", *_FILES)
_NO_SERVER = "oip is a server's, and no server is named; add `server: {url: grpc://HOST:PORT}`"
_NO_CLIENT = "only `engine: oip` asks a server; write it, or remove the server"


def _check_url(url: str, written: str) -> None:
    found = _URL.fullmatch(url)
    if found is None or (found["port"] is not None and not 0 < int(found["port"]) <= _HIGHEST_PORT):
        raise ValueError(f'"{redact_address(written)}" is no address of a server; {_URL_RULE}')


def _contradictions(url: str, values: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Keys that do not go together, and why."""
    for name in _FILES:
        if values[name] is not None and not url.startswith(_SECURE):
            yield name, f"certificates are for {_SECURE} addresses; write the url so, or remove the key"
            return
    if values["certificate"] is None and values["key"] is not None:
        yield "key", "a private key comes with its certificate; add `certificate`"
    if values["key"] is None and values["certificate"] is not None:
        yield "certificate", "a certificate comes with its private key; add `key`"
