"""A stand-in for an API server that keeps what is applied: enough to see what a deploy does, and in which order.

The real one judges the same in tests/cluster/test_deploy.py.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import httpx2 as httpx

from camslice.cluster.client import Cluster

Object = dict[str, Any]


class KeptCluster:
    """Objects by path. `fails` maps the end of a path to the status it is answered with; `asked` is every request."""

    def __init__(self, namespace: str = "video") -> None:
        self.objects: dict[str, Object] = {}
        self.fails: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        http = httpx.Client(transport=httpx.MockTransport(self._answer), base_url="https://api.test")
        self.cluster = Cluster(http, namespace)

    def put(self, path: str, manifest: Object) -> None:
        self.objects[path] = manifest

    def names(self, plural: str) -> list[str]:
        """Of all objects of a kind."""
        return sorted(path.rpartition("/")[2] for path in self.objects if path.split("/")[-2] == plural)

    def written(self) -> list[str]:
        """The paths that were applied to or deleted, in order, dry runs left out."""
        return [f"{method} {path}" for method, path in self.asked if method in ("PATCH", "DELETE") and "dryRun" not in path]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path, parse_qs(request.url.query.decode())
        dry = "dryRun" in query
        self.asked.append((request.method, path + ("?dryRun" if dry else "")))
        for end, status in self.fails.items():
            if path.endswith(end) and request.method != "GET":
                return httpx.Response(status, json={"kind": "Status", "message": f"{end} is refused"})
        if path.endswith("selfsubjectaccessreviews"):
            return httpx.Response(201, json={"status": {"allowed": True}})
        if path == "/version":
            return httpx.Response(200, json={"gitVersion": "v1.36.3"})
        if request.method == "PATCH":
            applied = json.loads(request.content)
            if not dry:
                self.objects[path] = applied
            return httpx.Response(200, json=applied)
        if request.method == "DELETE":
            found = self.objects.pop(path, None)
            return httpx.Response(200 if found else 404, json={})
        if path in self.objects:
            return httpx.Response(200, json=self.objects[path])
        return self._listed(path, query.get("labelSelector", [""])[0])

    def _listed(self, path: str, selector: str) -> httpx.Response:
        plural = path.rpartition("/")[2]
        wanted = dict(each.split("=") for each in selector.split(",") if "=" in each)
        inside = path if "/namespaces/" in path else ""
        found = [
            each
            for where, each in sorted(self.objects.items())
            if where.split("/")[-2] == plural
            and where.startswith(inside)
            and wanted.items() <= (each["metadata"].get("labels") or {}).items()
        ]
        known = plural.endswith("s") and (found or path.count("/") in (3, 4, 5, 6))
        return httpx.Response(200 if known else 404, json={"items": found, "metadata": {}})
