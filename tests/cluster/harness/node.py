"""A real node: kubelet, containerd and runc on this machine, in a mount and process namespace of their own. Needs root.

Ending the first process of the namespace ends them all, and every container, and drops their mounts.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cluster.harness.device_plugin import DevicePlugin
from tests.cluster.harness.logs import LOGS, trim
from tests.cluster.harness.plane import Plane
from tests.cluster.harness.programs import BIN, TOOLS, end_with_parent, free_ports, program, tail, until
from tests.needs import need

NAME = "localhost"
"""The node's name: by it the API server reaches the kubelet, for logs."""
GATEWAY = "10.88.77.1"
"""This machine, as pods see it."""
PAUSE = "localhost/pause:test"
_CGROUPS = Path("/sys/fs/cgroup")
_PROGRAMS = ("kubelet", "containerd", "containerd-shim-runc-v2", "ctr", "runc", "ptp", "host-local", "loopback")
_FIRST = """
set -e
mount --make-rshared /
mkdir -p /var/lib/kubelet /run/netns /run/containerd /var/log/containers
mount --bind "$NODE/kubelet" /var/lib/kubelet
for each in /run/netns /run/containerd /var/log/containers; do mount -t tmpfs none "$each"; done
containerd --config "$NODE/containerd.toml" >"$LOG/containerd" 2>&1 &
until ctr -a "$NODE/containerd.sock" version >/dev/null 2>&1; do sleep 0.1; done
for each in $IMAGES; do ctr -a "$NODE/containerd.sock" -n k8s.io images import --no-unpack "$each"; done
kubelet --config="$NODE/kubelet.json" --kubeconfig="$KUBELET" --hostname-override=localhost --cert-dir="$NODE/keys" \
    --node-labels="$LABELS" >"$LOG/kubelet" 2>&1 &
wait -n
"""


class Node:
    """A context: entered, the node is ready."""

    def __init__(self, plane: Plane, folder: Path, images: Sequence[Path], labels: Mapping[str, str]) -> None:
        need(os.geteuid() == 0, "root, for a kubelet", "run as root")
        need(shutil.which("unshare"), "the program unshare", "apt-get install util-linux")
        for name in _PROGRAMS:
            program(name)
        self._plane = plane
        self._folder = folder
        self._logs = folder.with_name(f"{folder.name}-logs")
        self._images = [pause_image(folder.parent), *images]
        self._labels = labels
        self._group = f"camslice-test-{os.getpid()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._plugins: list[DevicePlugin] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def share_gpu(self, resource: str, slices: int) -> DevicePlugin:
        """Advertise slices, and wait until the node has them."""
        plugin = DevicePlugin(self._folder / "kubelet" / "device-plugins", resource, slices)
        self._plugins.append(plugin)

        def has_them() -> bool:
            found = self._plane.get("node", NAME)[0]["status"]["allocatable"]
            return found.get(resource) == str(slices)

        until(has_them, f"{slices} of {resource}", 60, self._check)
        return plugin

    def stop(self) -> None:
        """End it all and leave nothing but the end of each log."""
        for plugin in self._plugins:
            plugin.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)  # --kill-child takes the namespace with it
            self._process.wait()
        deadline_s = time.monotonic() + 20
        for controller in _controllers():
            top = controller / self._group
            for folder in sorted((path for path in top.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
                _remove_group(folder, deadline_s)
            _remove_group(top, deadline_s)
        shutil.rmtree(self._folder, ignore_errors=True)
        trim(self._logs)

    def _start(self) -> None:
        for name in ("kubelet", "cni", "keys"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._logs / "pods").mkdir(parents=True, exist_ok=True)
        LOGS.watch(self._logs)
        for controller in _controllers():
            (controller / self._group).mkdir(exist_ok=True)
        keys = self._plane.keys
        keys.certificate("node", "ca", f"/O=system:nodes/CN=system:node:{NAME}", "extendedKeyUsage=clientAuth")
        credentials = {"client-certificate": str(keys.path("node.crt")), "client-key": str(keys.path("node.key"))}
        kubeconfig = keys.write_kubeconfig("kubelet", self._plane.server, credentials)
        (self._folder / "containerd.toml").write_text(self._containerd())
        (self._folder / "cni" / "10-pods.conflist").write_text(json.dumps(self._network()))
        (self._folder / "kubelet.json").write_text(json.dumps(self._kubelet()))
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "NODE": str(self._folder),
            "LOG": str(self._logs),
            "IMAGES": " ".join(map(str, self._images)),
            "KUBELET": str(kubeconfig),
            "LABELS": ",".join(f"{key}={value}" for key, value in self._labels.items() if "kubernetes.io" not in key),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", _FIRST]
        with (self._logs / "node").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - as for programs
            )

        def ready() -> bool:
            conditions = self._plane.get("node", NAME)[0]["status"]["conditions"]
            return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

        until(ready, "the node", 120, self._check)

    def _check(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            ends = (tail(self._logs / name) for name in ("node", "containerd", "kubelet"))
            raise RuntimeError("the node ended:\n" + "\n".join(ends))

    def _containerd(self) -> str:
        return f"""
version = 3
root = "{self._folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{self._folder}/containerd.sock"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{PAUSE}"
[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["{BIN}"]
  conf_dir = "{self._folder}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "{BIN}/runc"
  SystemdCgroup = false
"""

    def _network(self) -> dict[str, Any]:
        addresses = {
            "type": "host-local",
            "dataDir": str(self._folder / "addresses"),
            "ranges": [[{"subnet": "10.88.77.0/24", "gateway": GATEWAY}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]}

    def _kubelet(self) -> dict[str, Any]:
        port, health = free_ports(2)
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": "127.0.0.1",
            "port": port,
            "healthzPort": health,
            "readOnlyPort": 0,
            "failCgroupV1": False,
            "failSwapOn": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._group}",
            "containerRuntimeEndpoint": f"unix://{self._folder}/containerd.sock",
            "podLogsDir": str(self._logs / "pods"),
            "makeIPTablesUtilChains": False,
            "resolvConf": "",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(self._plane.keys.path("ca.crt"))},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        }


def pause_image(folder: Path) -> Path:
    """An image of the one static program that holds a pod together."""
    built = TOOLS / "bin" / "pause"
    source = Path(__file__).parent / "pause" / "main.go"
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        need(shutil.which("go"), "Go", "install Go 1.26 or newer")
        command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(built), str(source)]
        subprocess.run(command, check=True, env=os.environ | {"CGO_ENABLED": "0", "GO111MODULE": "off"})
    sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "docker"))
    from oci import write_archive, write_layer

    layer_folder = folder / "pause"
    layer_folder.mkdir(exist_ok=True)
    shutil.copy(built, layer_folder / "pause")
    layer = write_layer(layer_folder, folder / "pause-layer.tar", lambda _name: 0)
    archive = folder / "pause.tar"
    write_archive(archive, PAUSE, [layer], {"Entrypoint": ["/pause"]})
    return archive


def _controllers() -> list[Path]:
    """Of cgroup v1 each its own; of v2 the one there is."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return sorted(path for path in _CGROUPS.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink())


def _remove_group(folder: Path, deadline_s: float) -> None:
    """It goes only when its last process is gone."""
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)
