"""What containers of a Dockerfile's last stage run with, as an OCI image's configuration says it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

_FOR_OTHERS = {"FROM", "COPY", "RUN", "ARG"}


def config_of(dockerfile: Path) -> dict[str, object]:
    """ENV, LABEL, USER, WORKDIR, STOPSIGNAL, ENTRYPOINT and CMD of the last stage. Raises ValueError for any other."""
    config: dict[str, object] = {}
    environment: list[str] = []
    labels: dict[str, str] = {}
    for word, rest in _last_stage(dockerfile):
        if word == "ENV":
            environment += shlex.split(rest)
        elif word == "LABEL":
            labels.update(part.split("=", 1) for part in shlex.split(rest))  # type: ignore[arg-type]
        elif word in {"ENTRYPOINT", "CMD"}:
            config[word.capitalize()] = json.loads(rest)
        elif word in {"USER", "STOPSIGNAL", "WORKDIR"}:
            config[{"USER": "User", "STOPSIGNAL": "StopSignal", "WORKDIR": "WorkingDir"}[word]] = rest
        elif word not in _FOR_OTHERS:
            raise ValueError(f"{dockerfile.name}: {word} is not known here; teach it to deploy/docker/dockerfile.py")
    return config | {"Env": environment, "Labels": labels}


def _last_stage(dockerfile: Path) -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", dockerfile.read_text())
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    instructions = [(line.split(maxsplit=1)[0].upper(), line.split(maxsplit=1)[1]) for line in lines]
    last = max(i for i, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[last:]
