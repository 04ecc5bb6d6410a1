"""Who may come in."""

from __future__ import annotations

import pytest
from starlette.datastructures import URL
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from camslice.web.app import create_app
from tests.fake_fleet import FakeFleet, parse_camera

TOKEN = "0123456789abcdef-token"
CAMERA = {"name": "new", "source": "scene://x", "fps": 1}


def client(token: str | None = None, base_url: str = "http://127.0.0.1:8080") -> TestClient:
    return TestClient(
        create_app(FakeFleet(), token=token, parse_camera=parse_camera), base_url=base_url, follow_redirects=False
    )


PATHS = ["/", "/static/css/tokens.css", "/api/status", "/api/report", "/api/cameras/gate", "/metrics"]


@pytest.mark.parametrize("path", PATHS)
def test_with_a_token_nothing_is_served_without_it(path: str) -> None:
    assert client(TOKEN).get(path).status_code == 401
    assert client(TOKEN).get(path, headers={"Authorization": "Bearer 0123456789abcdef-tokeN"}).status_code == 401
    assert client(TOKEN).get(path, headers={"Cookie": f"camslice={TOKEN}"}).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1/healthz?", "127.0.0.1/healthz#", "127.0.0.1:8080/healthz?x="])
def test_no_host_header_makes_an_address_an_open_one(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As older Starlette builds it: whatever stands in Host goes before the path.
    naive = property(lambda request: URL(f"http://{request.headers['host']}{request.scope['path']}"))
    monkeypatch.setattr(HTTPConnection, "url", naive)
    assert client(TOKEN).get("/api/status", headers={"Host": host}).status_code == 401
    assert client(TOKEN).delete("/api/cameras/gate", headers={"Host": host}).status_code == 401


@pytest.mark.parametrize("path", ["//evil.example", "///evil.example/x", "//evil.example//"])
def test_a_first_visit_is_never_sent_to_another_host(path: str) -> None:
    answer = client(TOKEN).get(f"http://127.0.0.1:8080{path}?token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/" + path.lstrip("/")


def test_a_program_without_token_reads_how_to_send_it() -> None:
    sentence = client(TOKEN).get("/api/status").json()["error"]
    assert "Authorization" in sentence
    assert "Bearer" in sentence
    assert "***" not in sentence


def test_healthz_needs_no_token() -> None:
    assert client(TOKEN).get("/healthz").status_code == 200


def test_the_token_opens_as_bearer() -> None:
    assert client(TOKEN).get("/api/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_first_visit_gets_a_cookie_and_the_clean_address() -> None:
    browser = client(TOKEN)
    first = browser.get(f"/?token={TOKEN}&view=wall")
    assert (first.status_code, first.headers["location"]) == (303, "/?view=wall")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    assert browser.get("/").status_code == 200
    assert browser.get("/api/status").status_code == 200


def test_opening_the_page_again_renews_the_cookie() -> None:
    browser = client(TOKEN)
    first = browser.get(f"/?token={TOKEN}").headers["set-cookie"]
    assert "Max-Age=2592000" in first
    assert browser.get("/").headers["set-cookie"] == first
    assert "set-cookie" not in browser.get("/api/status").headers
    assert "set-cookie" not in client(TOKEN).get("/", headers={"Authorization": f"Bearer {TOKEN}"}).headers
    assert "set-cookie" not in client(TOKEN).get("/").headers
    assert "set-cookie" not in client().get("/").headers


def test_a_first_visit_with_a_wrong_token_gets_nothing() -> None:
    answer = client(TOKEN).get("/?token=wrong")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_the_cookie_is_secure_behind_tls() -> None:
    assert "secure" in client(TOKEN, "https://cams.example").get(f"/?token={TOKEN}").headers["set-cookie"].lower()


def test_a_token_beyond_ascii_is_refused_and_not_fatal() -> None:
    assert client(TOKEN).get("/", params={"token": "schlüssel"}).status_code == 401


def test_a_person_without_token_gets_a_form() -> None:
    answer = client(TOKEN).get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert '<input name="token"' in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.1.2.3"])
def test_without_a_token_loopback_names_are_answered(host: str) -> None:
    assert client().get("/api/status", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.5", "localhost.evil.nl", "", "["]
)
def test_without_a_token_a_rebound_name_is_refused(host: str) -> None:
    assert client().get("/api/status", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:8080"},
    ],
)
def test_another_web_site_changes_nothing(headers: dict[str, str]) -> None:
    browser = client()
    assert browser.post("/api/cameras", json=CAMERA, headers=headers).status_code == 403
    assert browser.delete("/api/cameras/gate", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("ws://127.0.0.1:8080/ws", headers=headers):
        pass
    assert len(browser.get("/api/status").json()["cameras"]) == 2


def test_our_own_page_and_programs_may_change_things() -> None:
    own = {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}
    assert client().post("/api/cameras", json=CAMERA, headers=own).status_code == 201
    assert client().post("/api/cameras", json=CAMERA).status_code == 201


def test_a_websocket_needs_the_token_too() -> None:
    browser = client(TOKEN)
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("ws://127.0.0.1:8080/ws"):
        pass
    with browser.websocket_connect("ws://127.0.0.1:8080/ws", headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        assert socket.receive_json()["type"] == "history"


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
def test_every_answer_tells_the_browser_to_load_nothing_from_elsewhere(path: str) -> None:
    for answer in (client().get(path), client(TOKEN).get(path)):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
