"""How much a client may send before its request is refused; what lies behind the transports has `limits.Limits`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WireLimits:
    """Bounds of both transports. Sizes in bytes."""

    message_bytes: int = 64 << 20
    """One request with its tensors. An 8-megapixel picture is 25 MB as UINT8."""
    structure_bytes: int = 8 << 20
    """What of a request has to be taken apart: everything but its raw tensors. Parsed, it takes up to 40 times as much."""
    fields: int = 1024
    """Fields of an inference request (inputs, outputs, parameters, raw tensors)."""
    json_elements_bytes: int = 1 << 20
    """Raw bytes of an answer's tensors that may be told as numbers of JSON, which takes ten times as much, and long."""
    control_bytes: int = 1 << 20
    """A request that is not for inference."""
    requests_at_once: int = 256
    """Requests of either transport under way, beyond which a further one is refused at once; so many HTTP connections may be
    open before silent ones are closed for new ones.
    """
    stream_requests_at_once: int = 64
    """Requests of one stream that are not answered yet; the stream's next one is read when one of them has been."""
    unwritten_bytes: int = 256 << 20
    """Answers that their clients have not read yet; with more, further requests are refused when they are answered."""
    stream_unwritten_bytes: int = 64 << 20
    """Answers of one stream that its client has not read yet; with more, its next request is not read."""
    read_s: float = 30.0
    """How long a client may take to send a request's message or body, or to read a part of an answer over HTTP."""
    head_s: float = 10.0
    """How long an HTTP client may take to say what it wants: from connecting, or from its last answer, to the next request."""
