"""Certificates for tests of encrypted connections."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from tests.needs import program


class Authority:
    """Makes certificates with the program openssl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._openssl = program("openssl", "openssl")
        self._run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
                  "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")

    def certificate(self, name: str) -> tuple[Path, Path]:
        """Paths of a new certificate and its key."""
        self._run(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"
        )
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                  "-extfile", "names", "-out", f"{name}.pem")  # fmt: skip
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def context(self, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        """What a client trusts, and shows."""
        trusting = ssl.create_default_context(cafile=self.ca)
        if certificate is not None:
            trusting.load_cert_chain(certificate, key)
        return trusting

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._openssl, *arguments], cwd=self.folder, check=True, capture_output=True)
