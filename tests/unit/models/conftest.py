from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own; nothing is found in the user's folders."""
    monkeypatch.setenv("CAMSLICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CAMSLICE_MODELS", raising=False)
    return tmp_path / "cache" / "files"
