"""The server's certificate, its key, and the authority that clients' certificates must come from: checked before use."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from camslice.fleet.errors import MachineError


@dataclass(frozen=True, slots=True)
class Tls:
    """Encrypted transport. With `client_ca` only clients that show a certificate of that authority come in (mTLS).

    The paths name PEM files; `*_pem` is what they held when they were checked.
    """

    certificate: Path
    key: Path
    client_ca: Path | None
    certificate_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)
    client_ca_pem: bytes | None = field(repr=False)


def read_tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    """What --tls-cert, --tls-key and --tls-client-ca name, or None without them.

    Raises MachineError when one of the pair is missing, a file cannot be read, or what it holds will not do.
    """
    if certificate is None or key is None:
        for option, path, lacking in (
            ("--tls-cert", certificate, "--tls-key"),
            ("--tls-key", key, "--tls-cert"),
            ("--tls-client-ca", client_ca, "--tls-cert and --tls-key"),
        ):
            if path is not None:
                raise MachineError(f"{option} needs {lacking} beside it.")
        return None
    tls = Tls(
        certificate,
        key,
        client_ca,
        certificate_pem=_read("--tls-cert", certificate),
        key_pem=_read("--tls-key", key),
        client_ca_pem=None if client_ca is None else _read("--tls-client-ca", client_ca),
    )
    _check_pair(tls)
    _check_authority(tls)
    return tls


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MachineError(f"{option} {path}: {error.strerror}; name a PEM file that can be read.") from None


def _check_pair(tls: Tls) -> None:
    try:
        # The password is never asked for: a server must be able to start with nobody at the keyboard.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        why = "they do not belong together" if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH" else _NO_PAIR
        raise MachineError(f"--tls-cert {tls.certificate} and --tls-key {tls.key}: {why}.") from None


def _check_authority(tls: Tls) -> None:
    if tls.client_ca is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(tls.client_ca)
    except (ssl.SSLError, OSError, ValueError):
        raise MachineError(f"--tls-client-ca {tls.client_ca}: it holds no certificate in PEM form.") from None


_NO_PAIR = "these are no certificate and private key in PEM form, or the key is protected by a passphrase"
