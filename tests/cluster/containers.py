"""An image archive unpacked, and programs run in it as a kubelet would: its own user, nothing writable but what is given.

With runc, which needs root.
"""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.cluster.harness.programs import program
from tests.needs import need

_PATIENCE_S = 180


@dataclass(frozen=True, slots=True)
class Image:
    """`root` holds what its layers say, `config` how it wants to be run."""

    root: Path
    config: Mapping[str, Any]

    def run(
        self,
        arguments: Sequence[str],
        work: Path,
        *,
        entrypoint: Sequence[str] | None = None,
        mounts: Mapping[Path, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run until it ends. `mounts`: folders of ours (read-only) to places inside; /tmp and the cache can be written.
        `work` is a folder for the runtime's own files and the cache."""
        command = [*(self.config["Entrypoint"] if entrypoint is None else entrypoint), *arguments]
        merged = dict(entry.split("=", 1) for entry in self.config["Env"]) | dict(environment or {})
        places = {source: self._place(target) for source, target in (mounts or {}).items()}
        cache = work / "cache"
        cache.mkdir(exist_ok=True)
        os.chown(cache, *self._user)
        return self._with_runc(str(program("runc")), command, work, cache, places, merged)

    @property
    def _user(self) -> tuple[int, int]:
        user, group = (int(part) for part in self.config["User"].split(":"))
        return user, group

    def _place(self, target: str) -> str:
        (self.root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        return target

    def _with_runc(
        self,
        runc: str,
        command: Sequence[str],
        work: Path,
        cache: Path,
        places: Mapping[Path, str],
        environment: Mapping[str, str],
    ) -> subprocess.CompletedProcess[str]:
        user, group = self._user
        memory = ["nosuid", "nodev", "mode=1777", "size=512m"]
        bundle = {
            "ociVersion": "1.0.2",
            "root": {"path": str(self.root), "readonly": True},
            "process": {
                "terminal": False,
                "user": {"uid": user, "gid": group},
                "args": list(command),
                "env": [f"{key}={value}" for key, value in environment.items()],
                "cwd": self.config["WorkingDir"],
                "capabilities": {},
                "noNewPrivileges": True,
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": memory},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "ro"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": memory},
                {"destination": "/var/cache/camslice", "type": "bind", "source": str(cache), "options": ["rbind", "rw"]},
                *(
                    {"destination": target, "type": "bind", "source": str(source), "options": ["rbind", "ro"]}
                    for source, target in places.items()
                ),
            ],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
        }
        (work / "config.json").write_text(json.dumps(bundle))
        name = f"camslice-test-{uuid4().hex[:12]}"
        return _done([runc, "--root", str(work / "state"), "run", "--bundle", str(work), name])


def unpack(archive: Path, folder: Path) -> Image:
    """Lay the layers of an OCI archive over each other in `folder`."""
    need(os.geteuid() == 0, "root", "files of the image belong to several users")
    root = folder / "root"
    root.mkdir(parents=True)
    with tarfile.open(archive) as tar:

        def blob(descriptor: Mapping[str, Any]) -> tarfile.TarInfo:
            return tar.getmember("blobs/" + descriptor["digest"].replace(":", "/"))

        def read(entry: tarfile.TarInfo | str) -> dict[str, Any]:
            content = tar.extractfile(entry)
            assert content is not None
            parsed = json.loads(content.read())
            assert isinstance(parsed, dict)
            return parsed

        manifest = read(blob(read("index.json")["manifests"][0]))
        config = read(blob(manifest["config"]))["config"]
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=tar.extractfile(blob(layer))) as content:
                content.extractall(root, filter="fully_trusted", numeric_owner=True)
    return Image(root, config)


def _done(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
