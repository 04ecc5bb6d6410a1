"""A real Prometheus, Debian's, that reads the metrics of camera pods as the chart's PodMonitor has them read."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests import needs
from tests.cluster.harness.logs import LOGS
from tests.cluster.harness.programs import Program, free_ports, until


class Prometheus:
    """A context: entered, it is ready. Reads `target` (HOST:PORT) each second and adds `labels`, as relabelling does."""

    def __init__(self, folder: Path, target: str, labels: Mapping[str, str]) -> None:
        self._path = Path(needs.program("prometheus", "prometheus"))
        self._folder = folder
        self._config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "cameras", "static_configs": [{"targets": [target], "labels": dict(labels)}]}],
        }
        self._program: Program | None = None
        self.address = f"http://127.0.0.1:{free_ports(1)[0]}"

    def __enter__(self) -> Self:
        logs = self._folder / "logs"
        logs.mkdir(parents=True)
        LOGS.watch(logs)
        (self._folder / "prometheus.json").write_text(json.dumps(self._config))  # JSON is YAML
        options = [
            f"--config.file={self._folder / 'prometheus.json'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.address.removeprefix('http://')}",
        ]
        self._program = Program("prometheus", options, logs / "prometheus", path=self._path)
        try:
            until(self._ready, "prometheus", 60, self._program.check)
        except BaseException:
            self._program.end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._program is not None:
            self._program.end()

    def _ready(self) -> bool:
        with urllib.request.urlopen(f"{self.address}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
