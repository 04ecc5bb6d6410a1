"""Who may use the server: whoever knows the token, or anyone on this machine where there is none."""

from __future__ import annotations

import hmac


def admits(token: str | None, authorization: str | None) -> bool:
    """Whether a request with this `authorization` header may come in. Takes as long for any wrong token."""
    if token is None:
        return True
    scheme, _, bearer = (authorization or "").partition(" ")
    offered = bearer.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(offered, token.encode())


DEMAND = "this needs the token: send it in the header authorization, after the word Bearer"
