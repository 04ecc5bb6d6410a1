"""Alerts on the real promtool: the rules are rules, and each of them does what it says on series made for it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.cluster.containers import TOOLS
from tests.needs import need
from tests.unit.deploy.recipes import ROOT


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts.test.yaml")])
def test_promtool_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool", path=f"{TOOLS}:{os.environ['PATH']}")
    need(promtool, "the program promtool", "make the cluster tools, or apt-get install prometheus")
    assert promtool is not None
    folder = ROOT / "deploy" / "monitoring"
    done = subprocess.run([promtool, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
