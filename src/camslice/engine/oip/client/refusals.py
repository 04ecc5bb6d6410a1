"""What a gRPC status means to a stream: too late, out of reach, or a failure of the model."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message

from camslice.engine.oip.messages import Status
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError

_LATE = {"DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}
"""Given up, or refused because the server's queue is full: the frame is dropped, the server goes on."""
_AWAY = {"UNAVAILABLE", "CANCELLED", "NOT_FOUND", "ABORTED"}
"""No connection, a model that is being loaded again, or a region that a restarted server has forgotten."""
_TOO_LARGE = "larger than max"
"""gRPC's own words for a message beyond a server's limit, under the code that servers use for a full queue."""
_LAST_ERROR = "last error:"
_CODES: Mapping[str, str] = {
    Status.INVALID_ARGUMENT: "INVALID_ARGUMENT",
    Status.UNAUTHENTICATED: "UNAUTHENTICATED",
    Status.NOT_FOUND: "NOT_FOUND",
    Status.ALREADY_EXISTS: "ALREADY_EXISTS",
    Status.TOO_LARGE: "INVALID_ARGUMENT",
    Status.OVERLOADED: "RESOURCE_EXHAUSTED",
    Status.TOO_LATE: "DEADLINE_EXCEEDED",
    Status.UNAVAILABLE: "UNAVAILABLE",
    Status.UNSUPPORTED: "UNIMPLEMENTED",
    Status.INTERNAL: "INTERNAL",
}
"""What our server says in a stream, as the status of a single call."""


class UnsupportedError(EngineError):
    """The server does not know this part of the protocol, which is its good right."""


def refusal(url: str, code: str, details: str, *, hurried: bool = True) -> EngineError:
    """The error for gRPC's status `code` (its name) from the server at `url`.

    `hurried`: the request had a deadline of its own. Without one, a server that gives no answer is out of reach.
    """
    reason = _reason(details) or code
    if code == "DEADLINE_EXCEEDED" and not hurried:
        return EngineAwayError(f"{url}: no answer came in time")
    if code in _LATE and _TOO_LARGE not in reason:
        return TooLateError(f"{url}: {reason}")
    if code in _AWAY:
        return EngineAwayError(f"{url}: {reason}")
    if code == "UNIMPLEMENTED":
        return UnsupportedError(f"{url}: {reason} (unimplemented)")
    return EngineError(f"{url}{_mistake(code, reason)}")


def refusal_in_stream(url: str, answer: Message) -> EngineError:
    """The error for a `ModelStreamInferResponse` that brings one: as for a single call where the server gives a status, which
    only ours does.
    """
    parameters = answer.infer_response.parameters
    status = parameters["status"].string_param if "status" in parameters else ""
    if status not in _CODES:
        return EngineError(f"{url}: {' '.join(answer.error_message.split())}")
    return refusal(url, _CODES[status], answer.error_message)


def no_answer(url: str, *, hurried: bool) -> EngineError:
    """The error for a request that nobody has answered in its time."""
    return refusal(url, "DEADLINE_EXCEEDED", "no answer came in time", hurried=hurried)


def _mistake(code: str, reason: str) -> str:
    """What somebody has to correct."""
    if _TOO_LARGE in reason:
        return (
            f": a request is larger than the server takes ({reason}); set a smaller `max_batch` or another `transport:` "
            "(jpeg, or shared_memory on one host), or have the server take more."
        )
    if code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return f" lets us not in ({reason}); set `server.token` or its certificate."
    return f": {reason} ({code.lower().replace('_', ' ')})"


def _reason(details: str) -> str:
    """The end of gRPC's text where it strings causes together, else the text, as one line."""
    text = " ".join(details.split())
    return text.rpartition(": ")[2] if _LAST_ERROR in text else text
