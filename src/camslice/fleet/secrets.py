"""A source address that may hold credentials: readable only on purpose.

Everything that prints (logs, metrics, errors, the page, the store, `repr`) gets the redacted form; the two
places that open a connection call `reveal()`. Where it is unclear what a credential is, too much is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TELLING = (
    r"(?:[^=&;?/\s]*(?:pass|pwd|psw|pswd|token|jwt|secret|key|auth|user|usr|login|credential|session|sig)[^=&;?/\s]*"
    r"|pw|sid|pin)"
)
# User names and passwords often hold an unescaped @ or / by mistake, so they reach to the last @ there is.
_IN_TEXT = (
    re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?P<secret>\S*)@"),
    re.compile(rf"[?&;/]{_TELLING}=(?P<secret>[^&\s'\"]*)", re.IGNORECASE),
)
_IN_ADDRESS = (
    re.compile(r"^(?=[^@]*:)(?:(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?/{1,3})?(?P<secret>.*)@", re.DOTALL),
    re.compile(rf"[?&;/]{_TELLING}=(?P<secret>[^&]*)", re.IGNORECASE),
)
_VARIABLE = re.compile(r"\$\{[^}]*\}")


def redact(text: str) -> str:
    """Return `text` with credentials inside any URL (user info and telling query values) replaced by `***`.

    >>> redact("cannot open rtsp://bob:hunter2@10.0.0.7/1?token=abc: timed out")
    'cannot open rtsp://***@10.0.0.7/1?token=*** timed out'
    """
    return _masked(text, _spans(text, _IN_TEXT))


def redact_address(address: str) -> str:
    """The same for a text that is one address and nothing else, however mistyped: blanks, no scheme, one slash too few.

    >>> redact_address("rtsp:/bob:hun ter2@10.0.0.7/1"), redact_address("bob:hunter2@10.0.0.7/1")
    ('rtsp:/***@10.0.0.7/1', '***@10.0.0.7/1')
    >>> redact_address("clips/gate@noon.mp4")
    'clips/gate@noon.mp4'
    """
    return _masked(address, _spans(address, _IN_ADDRESS))


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """Where a camera's pictures come from.

    `template` is what the user wrote (`rtsp://${CAM_USER}:${CAM_PASSWORD}@host/1`), `address` what it expands to,
    `variables` the values of the variables in it.
    """

    template: str
    address: str
    variables: tuple[str, ...] = ()

    def reveal(self) -> str:
        """The address with its credentials, for opening a connection and for nothing else."""
        return self.address

    @property
    def redacted(self) -> str:
        """The address as it may be shown to anyone."""
        return redact_address(_VARIABLE.sub("***", self.template))

    def scrub(self, text: str) -> str:
        """Remove this source's credentials from `text` (a library's error message, say)."""
        scrubbed = text.replace(self.address, self.redacted)
        for secret in self._secrets():
            scrubbed = scrubbed.replace(secret, "***")
        return redact(scrubbed)

    def _secrets(self) -> list[str]:
        """Pieces of the address to hide wherever they turn up, longest first. Too short ones would garble every text."""
        found = [self.address[start:end] for start, end in _spans(self.address, _IN_ADDRESS)]
        pieces = [piece for text in found for piece in (text, *text.split(":", 1))]
        return sorted({piece for piece in [*pieces, *self.variables] if len(piece) > 2}, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Source({self.redacted!r})"

    def __str__(self) -> str:
        return self.redacted


def _spans(text: str, patterns: Iterable[re.Pattern[str]]) -> list[tuple[int, int]]:
    """Where credentials stand, from left to right; what overlaps is one (an @ in a query, a ? in a password)."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted(found.span("secret") for pattern in patterns for found in pattern.finditer(text)):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    shown, at = "", 0
    for start, end in spans:
        shown += text[at:start] + "***"
        at = end
    return shown + text[at:]
