"""An API server in memory, for the real client over a transport of its own: objects with versions, watches, trouble at will.

As much of Kubernetes' rules as the operator leans on: versions that rise, conflicts, uids, merge patches with null, watches
that go on from a version. Nothing is validated and nobody is forbidden anything: tests/cluster asks the real one.
"""

from __future__ import annotations

import copy
import itertools
import json
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2 as httpx

from camslice.cluster.client import Cluster

Manifest = dict[str, Any]
Key = tuple[str, str, str]
"""Plural, namespace, name."""


class MemoryApi:
    """`before` is called with each request, and may raise or answer in place of the server; `after` once it is done."""

    def __init__(self) -> None:
        self.objects: dict[Key, Manifest] = {}
        self.before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        self.after: Callable[[httpx.Request], None] = lambda _: None
        self.asked: list[str] = []
        self._events: list[tuple[str, Manifest]] = []
        self._watchers: list[tuple[str, queue.Queue[Manifest | None]]] = []
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._version = 0

    def cluster(self) -> Cluster:
        """The real client."""
        return Cluster(httpx.Client(base_url="https://api:6443", transport=httpx.MockTransport(self._answer)), "default")

    def put(self, plural: str, manifest: Manifest, namespace: str = "default") -> Manifest:
        """As somebody else: create or replace."""
        key = (plural, namespace, manifest["metadata"]["name"])
        with self._lock:
            known = self.objects.get(key)
            return self._store(key, manifest if known is None else {**known, **manifest})

    def delete(self, plural: str, name: str, namespace: str = "default") -> None:
        """As somebody else."""
        with self._lock:
            gone = self.objects.pop((plural, namespace, name))
            self._version += 1
            gone["metadata"]["resourceVersion"] = str(self._version)
            self._tell(plural, "DELETED", gone)

    def of(self, plural: str) -> dict[str, Manifest]:
        """All of a kind, by name."""
        with self._lock:
            return {name: copy.deepcopy(each) for (kind, _, name), each in self.objects.items() if kind == plural}

    def watched(self, plural: str) -> int:
        """How many watch a kind."""
        with self._lock:
            return sum(kind == plural for kind, _ in self._watchers)

    def end_watches(self, *, forget: bool = False) -> None:
        """All of them end; `forget`: and cannot go on where they were."""
        with self._lock:
            if forget:
                self._events.clear()
            for _, events in self._watchers:
                events.put(None)
            self._watchers.clear()

    def _store(self, key: Key, manifest: Manifest) -> Manifest:
        known = self.objects.get(key)
        self._version += 1
        metadata = {**manifest["metadata"], "namespace": key[1], "resourceVersion": str(self._version)}
        metadata["uid"] = f"uid-{next(self._numbers)}" if known is None else known["metadata"]["uid"]
        stored = copy.deepcopy({**manifest, "metadata": metadata})
        self.objects[key] = stored
        self._tell(key[0], "ADDED" if known is None else "MODIFIED", stored)
        return copy.deepcopy(stored)

    def _tell(self, plural: str, kind: str, manifest: Manifest) -> None:
        event = {"type": kind, "object": copy.deepcopy(manifest)}
        self._events.append((plural, event))
        for watched, events in self._watchers:
            if watched == plural:
                events.put(event)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        instead = self.before(request)
        if instead is not None:
            return instead
        parts = request.url.path.split("/")[3 if request.url.path.startswith("/api/") else 4 :]
        namespace = ""
        if parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        with self._lock:
            answer = self._do(request, parts[0], namespace, parts[1:])
        self.after(request)
        return answer

    def _do(self, request: httpx.Request, plural: str, namespace: str, rest: list[str]) -> httpx.Response:
        query = request.url.params
        body = json.loads(request.content) if request.content else {}
        if not rest and request.method == "GET":
            return self._watch(plural, query["resourceVersion"]) if "watch" in query else self._list(plural)
        key = (plural, namespace, rest[0] if rest else body["metadata"]["name"])
        known = self.objects.get(key)
        if request.method == "POST":
            return _refuse(409, "already exists") if known is not None else _tell_of(self._store(key, body))
        if "apply-patch" in request.headers.get("Content-Type", ""):
            return _tell_of(self._store(key, {**(known or {}), **body}))
        if known is None:
            return _refuse(404, "not found")
        if request.method == "DELETE":
            if body.get("preconditions", {}).get("uid") not in (None, known["metadata"]["uid"]):
                return _refuse(409, "another uid")
            self.delete(plural, rest[0], namespace)
            return httpx.Response(200, json={"kind": "Status"})
        if request.method in ("PUT", "PATCH"):
            version = body.get("metadata", {}).get("resourceVersion")
            if version not in (None, known["metadata"]["resourceVersion"]):
                return _refuse(409, "the object has been modified")
            return _tell_of(self._store(key, _merged(known, body) if request.method == "PATCH" else body))
        return _tell_of(known)

    def _list(self, plural: str) -> httpx.Response:
        items = [each for (kind, _, _), each in sorted(self.objects.items()) if kind == plural]
        return _tell_of({"metadata": {"resourceVersion": str(self._version)}, "items": items})

    def _watch(self, plural: str, since: str) -> httpx.Response:
        first = int(self._events[0][1]["object"]["metadata"]["resourceVersion"]) if self._events else self._version + 1
        if int(since) < first - 1:
            return _refuse(410, "too old resource version")
        events: queue.Queue[Manifest | None] = queue.Queue()
        for watched, event in self._events:
            if watched == plural and int(event["object"]["metadata"]["resourceVersion"]) > int(since):
                events.put(event)
        self._watchers.append((plural, events))
        return httpx.Response(200, stream=_Stream(events))


class _Stream(httpx.SyncByteStream):
    def __init__(self, events: queue.Queue[Manifest | None]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        while (event := self._events.get()) is not None:
            yield json.dumps(event).encode() + b"\n"


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    made = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _merged(made.get(key), value)
    return made


def _tell_of(manifest: Manifest) -> httpx.Response:
    return httpx.Response(200, json=copy.deepcopy(manifest))


def _refuse(code: int, message: str) -> httpx.Response:
    return httpx.Response(code, json={"kind": "Status", "code": code, "message": message})
