"""Keys, certificates and kubeconfig files of a control plane, by openssl."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path

SERVICE_ADDRESS = "10.96.77.1"
_DAYS = "2"


class Keys:
    """All in one folder. `users`: each with its group ('' for none), a token and a kubeconfig file."""

    def __init__(self, folder: Path, users: dict[str, str]) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._users = users
        for authority in ("ca", "front"):
            _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path(f"{authority}.key"))
            _openssl(
                *(
                    "req",
                    "-x509",
                    "-new",
                    "-key",
                    self.path(f"{authority}.key"),
                    "-days",
                    _DAYS,
                    "-subj",
                    f"/CN=test-{authority}",
                ),
                *("-out", self.path(f"{authority}.crt")),
            )
        names = f"IP:127.0.0.1,IP:{SERVICE_ADDRESS},DNS:localhost,DNS:kubernetes.default.svc"
        self.certificate("server", "ca", "/CN=kube-apiserver", f"subjectAltName={names}")
        self.certificate("proxy", "front", "/CN=front-proxy", "extendedKeyUsage=clientAuth")
        self.certificate("to-kubelet", "ca", "/O=system:masters/CN=apiserver", "extendedKeyUsage=clientAuth")
        _openssl("genrsa", "-out", self.path("accounts.key"), "2048")
        _openssl("rsa", "-in", self.path("accounts.key"), "-pubout", "-out", self.path("accounts.pub"))
        self._tokens = {user: secrets.token_hex(16) for user in users}
        lines = [f'{self._tokens[user]},{user},{user},"{group}"' for user, group in users.items()]
        self.path("tokens.csv").write_text("\n".join(lines) + "\n")

    def path(self, name: str) -> Path:
        """A file of the folder."""
        return self.folder / name

    def certificate(self, name: str, authority: str, subject: str, extension: str) -> None:
        """NAME.key and NAME.crt, signed by the authority."""
        request = self.path(f"{name}.csr")
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path(f"{name}.key"))
        _openssl("req", "-new", "-key", self.path(f"{name}.key"), "-subj", subject, "-addext", extension, "-out", request)
        signer = ("-CA", self.path(f"{authority}.crt"), "-CAkey", self.path(f"{authority}.key"), "-CAcreateserial")
        _openssl(
            *("x509", "-req", "-in", request, *signer, "-days", _DAYS, "-copy_extensions", "copy"),
            *("-out", self.path(f"{name}.crt")),
        )

    def kubeconfig(self, user: str, server: str) -> Path:
        """Of one of the users."""
        return self.write_kubeconfig(user.replace(":", "-"), server, {"token": self._tokens[user]})

    def write_kubeconfig(self, name: str, server: str, credentials: dict[str, str]) -> Path:
        """NAME.kubeconfig for whoever has these credentials."""
        cluster = {"server": server, "certificate-authority": str(self.path("ca.crt"))}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "me", "user": credentials}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "default"}}],
            "current-context": "here",
        }
        path = self.path(f"{name}.kubeconfig")
        path.write_text(json.dumps(config, indent=1))
        path.chmod(0o600)
        return path


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
