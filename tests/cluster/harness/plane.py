"""A control plane on the loopback address: etcd, API server, scheduler, controllers; fake nodes by kwok; Karpenter, KEDA.

Everything it writes lies in one folder, and its logs in one beside it, which stays. Ports are free ones, so several may run
beside each other.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from camslice.cluster.crds.definitions import definitions
from tests.cluster.harness.keys import Keys
from tests.cluster.harness.logs import LOGS, trim
from tests.cluster.harness.programs import TOOLS, KubectlError, Program, free_ports, program, tail, until

Object = Mapping[str, Any]
_USERS = {
    "admin": "system:masters",
    "system:kube-scheduler": "",
    "system:kube-controller-manager": "",
    "kwok": "system:masters",
    "karpenter": "system:masters",
    "keda": "system:masters",
}
_AUTOSCALER_S = 2
"""How often the controller of autoscalers looks; 15 s by default."""
_SERVICES = "10.96.77.0/24"
_NOT_VERIFIED = ssl._create_unverified_context()


class Plane:
    """A context: entered, everything answers; left, everything has ended and the folder is gone; `logs` stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder.with_name(f"{folder.name}-logs")
        self.programs: dict[str, Program] = {}
        self.server = ""
        self.kubeconfig = Path()
        self.keys: Keys

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End what was started, the newest first."""
        for each in reversed(self.programs.values()):
            each.end()
        self.programs.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        trim(self.logs)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """As the cluster's admin. Raises KubectlError with what it said."""
        command = [program("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(list(map(str, command)), input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, objects: Iterable[Object], *options: str) -> str:
        """Strictly validated."""
        text = yaml.safe_dump_all([dict(each) for each in objects])
        return self.kubectl("apply", "--server-side", "--validate=strict", *options, "-f", "-", stdin=text)

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """The items of `kubectl get`."""
        read = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        items: list[dict[str, Any]] = read["items"] if read.get("kind", "").endswith("List") else [read]
        return items

    def define_cameras(self) -> None:
        """Install our own kinds."""
        self.apply(definitions().values())
        self.kubectl("wait", "--for=condition=Established", "crd/camerafleets.camslice.dev", "crd/cameras.camslice.dev")

    def define(self, *groups: str) -> None:
        """Install the kinds of karpenter, karpenter-aws, karpenter-kwok, keda or prometheus-operator."""
        for group in groups:
            folder = TOOLS / "crds" / group
            for file in sorted(folder.glob("*.yaml")):
                if group == "karpenter-aws" and "ec2nodeclass" not in file.name:
                    continue  # the others repeat Karpenter's own
                self.kubectl("apply", "--server-side", "-f", str(file))

    def undefine(self, group: str) -> None:
        """Take kinds away again, and all objects of them."""
        for file in sorted((TOOLS / "crds" / group).glob("*.yaml")):
            self.kubectl("delete", "--ignore-not-found", "-f", str(file))

    def fake_node(self, name: str, labels: Mapping[str, str], allocatable: Mapping[str, str]) -> Object:
        """A node that kwok plays. To be applied."""
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": dict(labels)},
            "status": {"allocatable": dict(allocatable), "capacity": dict(allocatable)},
        }

    def start_karpenter(self, instance_types: list[Object]) -> None:
        """The real one, buying nodes of these types from kwok."""
        self.define("karpenter", "karpenter-kwok")
        path = self.folder / "instance-types.json"
        path.write_text(json.dumps(instance_types))
        metrics, health = free_ports(2)
        self._run(
            "karpenter-kwok",
            [],
            {
                "KUBECONFIG": str(self.keys.kubeconfig("karpenter", self.server)),
                "DISABLE_LEADER_ELECTION": "true",
                "FEATURE_GATES": "NodeOverlay=true",
                "INSTANCE_TYPES_FILE_PATH": str(path),
                "METRICS_PORT": str(metrics),
                "HEALTH_PROBE_PORT": str(health),
                "SYSTEM_NAMESPACE": "kube-system",
                "BATCH_IDLE_DURATION": "1s",
            },
        )
        self._answers("karpenter-kwok", f"http://127.0.0.1:{health}/readyz")

    def stop_karpenter(self) -> None:
        """End it; its kinds stay."""
        self.programs.pop("karpenter-kwok").end()

    def start_keda(self) -> None:
        """The real one: its operator, and its adapter as the server of external.metrics.k8s.io."""
        self.define("keda")
        folder = self.folder / "keda"
        folder.mkdir()
        self.keys.certificate("keda", "ca", "/CN=keda", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        for source, name in (("ca.crt", "ca.crt"), ("keda.crt", "tls.crt"), ("keda.key", "tls.key")):
            shutil.copy(self.keys.path(source), folder / name)
        metrics, health, between, adapter, adapter_metrics = free_ports(5)
        self.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}}])
        text = (Path(__file__).parent / "keda-adapter.yaml").read_text().replace("PORT", str(adapter))
        self.kubectl("apply", "-f", "-", stdin=text)
        user = self.keys.kubeconfig("keda", self.server)
        environment = {"KUBECONFIG": str(user), "POD_NAMESPACE": "keda", "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda"}
        environment |= {"WATCH_NAMESPACE": ""}
        self._run(
            "keda-operator",
            [
                f"--metrics-bind-address=127.0.0.1:{metrics}",
                f"--health-probe-bind-address=127.0.0.1:{health}",
                f"--metrics-service-bind-address=127.0.0.1:{between}",
                f"--cert-dir={folder}",
            ],
            environment,
        )
        self._answers("keda-operator", f"http://127.0.0.1:{health}/readyz")
        self._run(
            "keda-adapter",
            [
                f"--secure-port={adapter}",
                "--bind-address=127.0.0.1",
                f"--port={adapter_metrics}",
                f"--metrics-service-address=127.0.0.1:{between}",
                f"--cert-dir={folder}",
                f"--tls-cert-file={folder / 'tls.crt'}",
                f"--tls-private-key-file={folder / 'tls.key'}",
                f"--client-ca-file={folder / 'ca.crt'}",
                *(f"--{kind}-kubeconfig={user}" for kind in ("authentication", "authorization", "lister")),
            ],
            environment,
        )

        def serves() -> str:
            return self.kubectl("get", "--raw", "/apis/external.metrics.k8s.io/v1beta1")

        until(serves, "keda-adapter", 90, self.programs["keda-adapter"].check)

    def stop_keda(self) -> None:
        """End it and take back its part of the API, else deleting any namespace waits for it; its kinds and
        namespace stay.

        What it scaled goes first, for only KEDA lets go of that.
        """
        self.kubectl("delete", "scaledobjects", "--all", "--all-namespaces", "--ignore-not-found", "--timeout=30s")
        self.kubectl("delete", "apiservice", "v1beta1.external.metrics.k8s.io", "--ignore-not-found")
        for name in ("keda-adapter", "keda-operator"):
            if name in self.programs:
                self.programs.pop(name).end()
        shutil.rmtree(self.folder / "keda", ignore_errors=True)

    def log(self, name: str) -> str:
        """The end of a program's log."""
        return tail(self.logs / name, 40)

    def _start(self) -> None:
        self.folder.mkdir(parents=True)
        self.logs.mkdir()
        LOGS.watch(self.logs)
        client, peer, api, scheduler, controllers = free_ports(5)
        self.server = f"https://127.0.0.1:{api}"
        self.keys = Keys(self.folder / "keys", _USERS)
        self.kubeconfig = self.keys.kubeconfig("admin", self.server)
        self._etcd(client, peer)
        self._api_server(api, client)
        self._run("kube-scheduler", [*self._control(scheduler), *self._as("system:kube-scheduler")])
        self._run(
            "kube-controller-manager",
            [
                *self._control(controllers),
                *self._as("system:kube-controller-manager"),
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={self.keys.path('accounts.key')}",
                f"--root-ca-file={self.keys.path('ca.crt')}",
                "--node-monitor-grace-period=50s",
                f"--horizontal-pod-autoscaler-sync-period={_AUTOSCALER_S}s",
            ],
        )
        self._answers("kube-scheduler", f"https://127.0.0.1:{scheduler}/healthz")
        self._answers("kube-controller-manager", f"https://127.0.0.1:{controllers}/healthz")
        until(lambda: self.kubectl("get", "serviceaccount", "default"), "the default service account")
        self._kwok()

    def _etcd(self, client: int, peer: int) -> None:
        here, there = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        self._run(
            "etcd",
            [
                f"--data-dir={self.folder / 'etcd'}",
                "--unsafe-no-fsync",
                "--log-level=warn",
                f"--listen-client-urls={here}",
                f"--advertise-client-urls={here}",
                f"--listen-peer-urls={there}",
                f"--initial-advertise-peer-urls={there}",
                f"--initial-cluster=default={there}",
            ],
        )
        self._answers("etcd", f"{here}/health")

    def _api_server(self, port: int, etcd: int) -> None:
        keys = self.keys
        self._run(
            "kube-apiserver",
            [
                f"--etcd-servers=http://127.0.0.1:{etcd}",
                f"--secure-port={port}",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                f"--service-cluster-ip-range={_SERVICES}",
                f"--tls-cert-file={keys.path('server.crt')}",
                f"--tls-private-key-file={keys.path('server.key')}",
                f"--client-ca-file={keys.path('ca.crt')}",
                f"--token-auth-file={keys.path('tokens.csv')}",
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                "--allow-privileged=true",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-signing-key-file={keys.path('accounts.key')}",
                f"--service-account-key-file={keys.path('accounts.pub')}",
                f"--requestheader-client-ca-file={keys.path('front.crt')}",
                "--requestheader-allowed-names=front-proxy",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                f"--proxy-client-cert-file={keys.path('proxy.crt')}",
                f"--proxy-client-key-file={keys.path('proxy.key')}",
                f"--kubelet-client-certificate={keys.path('to-kubelet.crt')}",
                f"--kubelet-client-key={keys.path('to-kubelet.key')}",
                "--kubelet-preferred-address-types=Hostname",
            ],
        )
        self._answers("kube-apiserver", f"{self.server}/readyz")

    def _kwok(self) -> None:
        stages = [path.read_text() for path in sorted((TOOLS / "kwok-stages").glob("*.yaml"))]
        stages.append((Path(__file__).parent / "shared-gpus.yaml").read_text())
        config = self.folder / "kwok.yaml"
        config.write_text("\n---\n".join(stages))
        self._run(
            "kwok",
            [
                f"--kubeconfig={self.keys.kubeconfig('kwok', self.server)}",
                f"--config={config}",
                "--manage-all-nodes=false",
                "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
                "--node-lease-duration-seconds=40",
                "--cidr=10.77.0.0/16",
            ],
        )

    def _control(self, port: int) -> list[str]:
        return ["--leader-elect=false", "--bind-address=127.0.0.1", f"--secure-port={port}"]

    def _as(self, user: str) -> list[str]:
        path = self.keys.kubeconfig(user, self.server)
        return [f"--{kind}kubeconfig={path}" for kind in ("", "authentication-", "authorization-")]

    def _run(self, name: str, arguments: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.programs[name] = Program(name, arguments, self.logs / name, environment)

    def _answers(self, name: str, url: str) -> None:
        def probe() -> bool:
            with urllib.request.urlopen(url, timeout=2, context=_NOT_VERIFIED if url.startswith("https") else None) as answer:
                return bool(answer.status == 200)

        until(probe, name, 90, self.programs[name].check)
