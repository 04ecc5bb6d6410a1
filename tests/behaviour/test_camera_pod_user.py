"""A camera pod's user: nobody, without a home and without a name, on a root that cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.needs import need
from tests.tiny_detector import tiny_detector

NOBODY = 65_532
SOURCE = Path(__file__).resolve().parents[2] / "src"
_IN_A_NAMESPACE = """
set -eu
mkdir -p "$WORK/writable"
n=0
for kept in $KEPT; do n=$((n + 1)); mkdir -p "$WORK/kept$n"; mount --bind "$kept" "$WORK/kept$n"; done
mount -t tmpfs -o mode=755 tmpfs /root                # a home that nobody else may enter, and the interpreter may lie in it
n=0
for kept in $KEPT; do n=$((n + 1)); mkdir -p "$kept"; mount --bind "$WORK/kept$n" "$kept"; done
mount -t tmpfs -o size=200m,mode=1777 tmpfs "$WORK/writable"
mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm
findmnt --noheadings --raw --output TARGET,OPTIONS | while read -r target options; do
  case "$target" in "$WORK/writable"|/dev|/dev/*|/proc|/proc/*|/sys|/sys/*) continue ;; esac
  case "$options" in ro|ro,*) continue ;; esac
  mount -o remount,bind,ro "$target"
done
if touch "$WORK/x" /x 2>/dev/null; then echo "the root can be written" >&2; exit 99; fi
cd /
exec setpriv --reuid $NOBODY --regid $NOBODY --clear-groups --no-new-privs --bounding-set=-all \
  env -i PATH="$PATH" PYTHONPATH="$SOURCE" HOME=/nonexistent TMPDIR="$WORK/writable" CAMSLICE_CACHE="$WORK/writable/cache" \
  CAMSLICE_SHM_DIR=/dev/shm CAMSLICE_SECRETS_DIR="$WORK/secrets" CAMSLICE_SPOOL_DIR="$WORK/writable/spool" \
  "$PYTHON" -m camslice run "$WORK/fleet/fleet.yaml" --listen 0.0.0.0:0 --token-file "$WORK/token" --json \
  --store "sqlite:///$WORK/writable/results.db" --duration 4
"""


def test_nobody_analyses_cameras_where_only_the_mounted_volumes_can_be_written(tmp_path: Path) -> None:
    may = os.geteuid() == 0 and shutil.which("unshare") and shutil.which("setpriv")
    may = may and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
    need(bool(may), "a mount namespace", "run as root, with the capability SYS_ADMIN")
    for folder in tmp_path.parents:  # pytest keeps its folders to its own user
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    (tmp_path / "fleet").mkdir()
    tiny_detector(tmp_path / "tiny.onnx")
    (tmp_path / "token").write_text("0123456789abcdef")
    (tmp_path / "fleet" / "placement.json").write_text('{"revision": "1", "epochs": {"gate/tiny": 1}}')
    (tmp_path / "fleet" / "fleet.yaml").write_text(
        f"objective: {{latency_ms: 5000, drop_rate: 0.5}}\nmodels: {{tiny: {{weights: {tmp_path}/tiny.onnx}}}}\n"
        "cameras: [{name: gate, source: 'scene://people?seed=1&size=128x96&fps=30', fps: 10, model: tiny}]\n"
    )
    ended = subprocess.run(
        ["unshare", "-m", "bash", "-c", _IN_A_NAMESPACE],
        env={
            **os.environ,
            "WORK": str(tmp_path),
            "KEPT": f"{sys.base_prefix} {sys.prefix} {SOURCE}",
            "PYTHON": sys.executable,
            "SOURCE": str(SOURCE),
            "NOBODY": str(NOBODY),
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["fleet"]["frames"]["analysed"] > 5
    assert report["dropped_results"] == {}
    assert "ermission denied" not in ended.stderr
