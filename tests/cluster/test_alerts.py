"""Alerts on the real promtool: the rules are rules, and each of them does what it says on series made for it."""

from __future__ import annotations

import subprocess

import pytest

from tests.needs import program
from tests.unit.deploy.recipes import ROOT


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts.test.yaml")])
def test_promtool_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    folder = ROOT / "deploy" / "monitoring"
    promtool = program("promtool", "prometheus")
    done = subprocess.run([promtool, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
