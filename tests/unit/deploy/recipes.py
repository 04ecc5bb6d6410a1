"""The programs beside the Dockerfiles, which lie outside the package, as modules."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]
DOCKER = ROOT / "deploy" / "docker"
CHARTS = ROOT / "deploy" / "helm"


def recipe(name: str) -> ModuleType:
    """`oci`, `dockerfile` or `cpu_image`, imported as the programs themselves import each other."""
    if str(DOCKER) not in sys.path:
        sys.path.append(str(DOCKER))
    return import_module(name)
