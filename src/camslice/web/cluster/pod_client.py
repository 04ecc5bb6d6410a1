"""One request to one pod: nothing but its own address, a bound on what it may answer, and no redirection."""

from __future__ import annotations

import http.client
import ipaddress
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from camslice.cluster.names import HTTP_PORT

MOST_BYTES = 16_000_000


class PodError(Exception):
    """A pod does not answer as it should; the text is a sentence's end."""


Ask = Callable[[str, str], bytes]
"""From a pod's address and a path with its query to the body of the answer. Raises PodError."""


def pod_asker(token: Callable[[], str | None], *, port: int = HTTP_PORT, timeout_s: float = 3.0) -> Ask:
    """Asks pods by HTTP. `token` gives the pods' token as it is now: Secrets change."""

    def ask(address: str, path: str) -> bytes:
        headers = {"Accept-Encoding": "identity"}
        if told := token():
            headers["Authorization"] = f"Bearer {told}"
        connection = http.client.HTTPConnection(_checked(address), port, timeout=timeout_s)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise PodError(_refusal(answer.status))
            body = answer.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise PodError(f"does not answer ({error or type(error).__name__})") from None
        finally:
            connection.close()
        if len(body) > MOST_BYTES:
            raise PodError("answers with more than 16 MB")
        return body

    return ask


def state_path() -> str:
    """Where a pod tells its state."""
    return "/api/state"


def camera_path(name: str) -> str:
    """Where a pod tells of one camera."""
    return f"/api/cameras/{quote(name, safe='')}"


def pictures_path(newer_than: Mapping[str, int]) -> str:
    """Where a pod has pictures of these cameras, newer than those numbers."""
    return "/api/pictures?" + urlencode(
        [pair for name, n in newer_than.items() for pair in (("camera", name), ("newer_than", n))]
    )


def _checked(address: str) -> str:
    """An address as a cluster gives it to a pod. PodError for a name: who writes names could lead us anywhere."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise PodError(f"has no address but {address!r}") from None
    if found.is_unspecified or found.is_multicast or found.is_link_local:
        raise PodError(f"has the address {address}, which is no pod's")
    return str(found)


def _refusal(status: int) -> str:
    if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
        return "refuses our token; --pod-token-file must hold what the pods ask for"
    return f"answers with status {status}"
