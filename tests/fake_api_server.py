"""As much of a Kubernetes API server as a program that lists and watches needs. What a test writes is sent to who watches."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class FakeApiServer:
    """Holds objects by plural and name. Ends in `close`. `fails` maps a plural to the status that it is answered with."""

    def __init__(self) -> None:
        self.fails: dict[str, int] = {}
        self.asked: list[str] = []
        self._objects: dict[str, dict[str, dict[str, Any]]] = {"camerafleets": {}, "cameras": {}, "pods": {}}
        self._version = 10
        self._lock = threading.Lock()
        self._happened: list[tuple[str, dict[str, Any]]] = []
        self._watchers: list[tuple[str, queue.Queue[dict[str, Any] | None]]] = []
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, at the same port as before."""
        server = self

        class Handler(_Handler):
            owner = server

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Be away: watches end, and nothing listens."""
        self._server.shutdown()
        self._server.server_close()
        self.end_watches()

    close = stop

    def put(self, plural: str, manifest: Mapping[str, Any]) -> None:
        """Create or replace an object."""
        name = manifest["metadata"]["name"]
        with self._lock:
            self._version += 1
            kind = "MODIFIED" if name in self._objects[plural] else "ADDED"
            known = {
                **manifest,
                "metadata": {"namespace": "video", **manifest["metadata"], "resourceVersion": str(self._version)},
            }
            self._objects[plural][name] = known
            self._send(plural, {"type": kind, "object": known})

    def delete(self, plural: str, name: str) -> None:
        with self._lock:
            self._version += 1
            gone = self._objects[plural].pop(name)
            gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self._version)}}
            self._send(plural, {"type": "DELETED", "object": gone})

    def expire(self, plural: str) -> None:
        """Say that what is watched is too old, as after a long pause."""
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": 410,
            "reason": "Expired",
            "message": "too old",
        }
        with self._lock:
            self._send(plural, {"type": "ERROR", "object": status})

    def end_watches(self) -> None:
        with self._lock:
            for _, events in self._watchers:
                events.put(None)

    def list(self, plural: str) -> dict[str, Any]:
        with self._lock:
            items = [*self._objects[plural].values()]
            return {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": str(self._version)}, "items": items}

    def watch(self, plural: str, since: int) -> queue.Queue[dict[str, Any] | None]:
        """What happened since that version, and what happens from now on."""
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with self._lock:
            for watched, event in self._happened:
                if watched == plural and int(event["object"]["metadata"]["resourceVersion"]) > since:
                    events.put(event)
            self._watchers.append((plural, events))
        return events

    def _send(self, plural: str, event: dict[str, Any]) -> None:
        if event["type"] != "ERROR":
            self._happened.append((plural, event))
        for watched, events in self._watchers:
            if watched == plural:
                events.put(event)


class _Handler(BaseHTTPRequestHandler):
    owner: FakeApiServer

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        plural, query = split.path.rsplit("/", 1)[-1], parse_qs(split.query)
        self.owner.asked.append(self.path)
        if status := self.owner.fails.get(plural):
            message = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "code": status,
                "message": f"no {plural} for you",
            }
            self._answer(status, message)
        elif "watch" in query:
            self._stream(plural, int(query["resourceVersion"][0]))
        else:
            self._answer(200, self.owner.list(plural))

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, plural: str, since: int) -> None:
        events = self.owner.watch(plural, since)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.flush()
        while (event := events.get()) is not None:
            self.wfile.write(json.dumps(event).encode() + b"\n")
            self.wfile.flush()
