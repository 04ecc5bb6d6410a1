"""Objects of one kind, listed once and watched from then on, whatever happens in between.

A watch that ends is begun again where it stopped. One that cannot be (the server forgot, or was away) begins with a new list,
and what is missing in that was deleted meanwhile: whoever listens is told so, which a list alone does not say.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx2 as httpx
from lightkube import Client
from lightkube.core.exceptions import ApiError

from camslice.cluster.client import Kind
from camslice.cluster.resources import resource
from camslice.fleet.errors import ClusterError
from camslice.fleet.secrets import redact

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]
_WATCH_S = 240
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0


class Watched:
    """Tells `on_put` of every object that is there or changes, `on_gone` of every one that goes, from a thread of its own.

    `begin` lists once before it returns, so whoever asks then knows everything there is.
    """

    def __init__(
        self,
        client: Client,
        kind: Kind,
        namespace: str | None,
        labels: Mapping[str, Any] | None,
        on_put: Callable[[Manifest], None],
        on_gone: Callable[[Manifest], None],
    ) -> None:
        self._kind: Any = resource(kind)
        self._name = kind.plural
        self._client = client
        self._where: dict[str, Any] = {"namespace": namespace} if kind.namespaced else {}
        if labels:
            self._where["labels"] = dict(labels)
        self._on_put, self._on_gone = on_put, on_gone
        self._there: dict[tuple[str, str], Manifest] = {}
        self._version: str | None = None
        self._ending = threading.Event()
        self.lists = 0
        """How often everything was read."""

    def begin(self) -> None:
        """List, then watch. Raises ClusterError when the first list fails."""
        try:
            self._list()
        except (ApiError, httpx.HTTPError) as error:
            raise ClusterError(f"{self._name} cannot be listed: {_words(error)}") from None
        threading.Thread(target=self._run, name=f"watch {self._name}", daemon=True).start()

    def end(self) -> None:
        """Tell of nothing more."""
        self._ending.set()

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._ending.is_set():
            try:
                if self._version is None:
                    self._list()
                for event, one in self._client.watch(
                    self._kind, server_timeout=_WATCH_S, resource_version=self._version, **self._where
                ):
                    if self._ending.is_set():
                        return
                    self._take(event, one.to_dict())
                    pause_s = _FIRST_PAUSE_S
            except (ApiError, httpx.HTTPError) as error:
                self._version = None
                if not (isinstance(error, ApiError) and error.status.code == httpx.codes.GONE):
                    logger.warning("watching %s: %s", self._name, _words(error))
                    self._ending.wait(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            except Exception:  # what one object stumbles over must not end the watch
                logger.exception("watching %s met a defect; reading everything again", self._name)
                self._version = None
                self._ending.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _list(self) -> None:
        found = self._client.list(self._kind, chunk_size=500, **self._where)
        manifests = [one.to_dict() for one in found]
        self.lists += 1
        there = {_place(manifest): _thin(manifest) for manifest in manifests}
        gone = [thin for place, thin in self._there.items() if place not in there]
        self._there = there
        for manifest in manifests:
            self._on_put(manifest)
        for manifest in gone:
            self._on_gone(manifest)
        self._version = found.resourceVersion

    def _take(self, event: str, manifest: Manifest) -> None:
        if event in ("ADDED", "MODIFIED"):
            self._there[_place(manifest)] = _thin(manifest)
            self._on_put(manifest)
        elif event == "DELETED":
            self._there.pop(_place(manifest), None)
            self._on_gone(manifest)
        self._version = manifest["metadata"].get("resourceVersion", self._version)


def _place(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _thin(manifest: Manifest) -> Manifest:
    """As much of an object as tells which one it was."""
    metadata = manifest["metadata"]
    return {"metadata": {key: metadata[key] for key in ("name", "namespace", "uid") if key in metadata}}


def _words(error: Exception) -> str:
    if isinstance(error, ApiError):
        return redact(str(error.status.message or error))
    return redact(str(error)) or type(error).__name__
