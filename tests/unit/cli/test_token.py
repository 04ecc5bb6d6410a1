"""The token of a file that is exchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from camslice.cli.token import FollowedToken
from camslice.web.app import create_app
from tests.fake_fleet import FakeFleet, parse_camera
from tests.kubelet import mount

FIRST, SECOND = "first-0123456789abcdef", "other-0123456789abcdef"
SAME_TIME = 1_700_000_000_000_000_000


def test_a_token_that_was_exchanged_holds_from_the_next_request_on(tmp_path: Path) -> None:
    mount(tmp_path, {"token": FIRST}, at_ns=SAME_TIME)
    token = FollowedToken(tmp_path / "token", FIRST, "0.0.0.0")
    client = TestClient(create_app(FakeFleet(), token=token, parse_camera=parse_camera), base_url="http://10.0.0.1")

    def answered(with_token: str) -> int:
        return client.get("/api/status", headers={"Authorization": f"Bearer {with_token}"}).status_code

    assert (answered(FIRST), answered(SECOND)) == (200, 401)
    mount(tmp_path, {"token": SECOND + "\n"}, at_ns=SAME_TIME)
    assert (answered(FIRST), answered(SECOND)) == (401, 200)


@pytest.mark.parametrize("content", ["", "short", None])
def test_what_is_no_token_opens_nothing_and_leaves_the_old_one(
    tmp_path: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    mount(tmp_path, {"token": FIRST})
    token = FollowedToken(tmp_path / "token", FIRST, "0.0.0.0")
    mount(tmp_path, {} if content is None else {"token": content})
    assert token() == FIRST
    assert token() == FIRST
    assert len(caplog.records) == 1, "it is said once"
    mount(tmp_path, {"token": SECOND})
    assert token() == SECOND
