"""Credentials do not show, however an address is written."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet import secrets
from camslice.fleet.secrets import Source, redact, redact_address

# Neither letter nor digit of it occurs in what surrounds it in these tests.
PASSWORDS = st.text("QZ9@/:?#& ;,%'\"\\<>", min_size=4, max_size=20).map(lambda text: f"QZ{text}ZQ")


def test_the_examples_hold() -> None:
    assert doctest.testmod(secrets).failed == 0


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://bob:pw@10.0.0.7:554/1", "rtsp://***@10.0.0.7:554/1"),
        ("rtsp://bob@10.0.0.7/1", "rtsp://***@10.0.0.7/1"),
        ("rtsp://bob:p@ss/w@10.0.0.7/1", "rtsp://***@10.0.0.7/1"),
        ("rtsp:/bob:p w@10.0.0.7/1", "rtsp:/***@10.0.0.7/1"),
        ("bob:pw@10.0.0.7/1", "***@10.0.0.7/1"),
        ("http://cam/video?user=bob&pwd=x&size=2", "http://cam/video?user=***&pwd=***&size=2"),
        ("http://cam/video?AccessToken=x y", "http://cam/video?AccessToken=***"),
        ("rtsp://cam/user=bob&password=x&channel=1", "rtsp://cam/user=***&password=***&channel=1"),
        ("rtsp://cam/user=bob_password=x_channel=1", "rtsp://cam/user=***"),
        ("http://cam/1?user=bob@home", "http://***"),
        ("rtsp://bob:a?pass=b@cam/1", "rtsp://***"),
        ("/clips/gate@noon.mp4", "/clips/gate@noon.mp4"),
        ("scene://people?seed=1&size=768x576", "scene://people?seed=1&size=768x576"),
    ],
)
def test_what_is_shown_of_an_address(address: str, shown: str) -> None:
    assert redact_address(address) == shown
    assert str(Source(address, address)) == shown
    assert repr(Source(address, address)) == f"Source({shown!r})"
    assert Source(address, address).reveal() == address


def test_a_message_about_two_addresses_keeps_its_words() -> None:
    text = "rtsp://a:b@one/1 is down, trying http://c:d@two/1?token=e now"
    assert redact(text) == "rtsp://***@one/1 is down, trying http://***@two/1?token=*** now"


def test_variables_are_masked_wherever_they_stand() -> None:
    source = Source("rtsp://${HOST}/${KEY}/1", "rtsp://10.0.0.7/s3cret/1", ("10.0.0.7", "s3cret"))
    assert source.redacted == "rtsp://***/***/1"
    assert source.scrub("404 for path /s3cret/1 at 10.0.0.7") == "404 for path /***/1 at ***"


def test_a_message_of_a_library_is_scrubbed_of_every_piece() -> None:
    source = Source("rtsp://bob:hunter2@cam/1?token=abcdef", "rtsp://bob:hunter2@cam/1?token=abcdef")
    scrubbed = source.scrub("cannot open rtsp://bob:hunter2@cam/1?token=abcdef: login bob with hunter2 and abcdef refused")
    for secret in ("bob", "hunter2", "abcdef"):
        assert secret not in scrubbed
    assert "cannot open rtsp://***@cam/1" in scrubbed


@settings(deadline=None)
@given(PASSWORDS)
def test_no_password_shows(password: str) -> None:
    address = f"rtsp://bob:{password}@cam/1"
    source = Source(address, address)
    for text in (
        str(source),
        repr(source),
        source.redacted,
        source.scrub(f"no answer from {address}!"),
        source.scrub(password),
    ):
        assert "Q" not in text
        assert "Z" not in text


@settings(deadline=None)
@given(PASSWORDS.filter(lambda password: "&" not in password))
def test_no_query_value_shows(password: str) -> None:
    shown = redact_address(f"http://cam/1?password={password}")
    assert "Q" not in shown
    assert "Z" not in shown


@pytest.mark.parametrize("key", ["pw", "psw", "pswd", "jwt", "sid", "usr", "pin", "sessionid"])
def test_short_names_of_credentials_are_known(key: str) -> None:
    assert "hunter2" not in redact_address(f"http://cam/video?channel=1&{key}=hunter2&size=big")
