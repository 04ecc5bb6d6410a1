"""A source address that may hold credentials: readable only on purpose.

Everything that prints (logs, metrics, errors, the page, the store, `repr`) gets the redacted form; the two
places that open a connection call `reveal()`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s]*@")
_SECRET_QUERY = re.compile(
    r"(?P<key>[?&](?:[^=&\s]*(?:pass|pwd|token|secret|key|auth|user|login|credential|sig)[^=&\s]*)=)[^&\s'\"]*",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Return `text` with credentials inside any URL (user info and telling query values) replaced by `***`.

    >>> redact("cannot open rtsp://bob:hunter2@10.0.0.7/1?token=abc: timed out")
    'cannot open rtsp://***@10.0.0.7/1?token=***: timed out'
    """
    without_user = _USERINFO.sub(r"\g<scheme>***@", text)
    return _SECRET_QUERY.sub(r"\g<key>***", without_user)


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """Where a camera's pictures come from.

    `template` is what the user wrote (`rtsp://${CAM_USER}:${CAM_PASSWORD}@host/1`), `address` what it expands to.
    """

    template: str
    address: str

    def reveal(self) -> str:
        """The address with its credentials, for opening a connection and for nothing else."""
        return self.address

    @property
    def redacted(self) -> str:
        """The address as it may be shown to anyone."""
        return redact(self.address if self.template == self.address else _masked(self.template))

    def scrub(self, text: str) -> str:
        """Remove this source's credentials from `text` (a library's error message, say)."""
        scrubbed = text.replace(self.address, self.redacted)
        for secret in self._secrets():
            scrubbed = scrubbed.replace(secret, "***")
        return redact(scrubbed)

    def _secrets(self) -> list[str]:
        match = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://([^/@\s]*)@", self.address)
        parts = match.group(1).split(":", 1) if match else []
        query = [m.group(0).split("=", 1)[1] for m in _SECRET_QUERY.finditer(self.address)]
        return sorted((p for p in [*parts, *query] if len(p) > 2), key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Source({self.redacted!r})"

    def __str__(self) -> str:
        return self.redacted


def _masked(template: str) -> str:
    return re.sub(r"\$\{[^}]*\}", "***", template)
