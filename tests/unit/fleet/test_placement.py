"""The file that says where an operator has placed streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import FleetError
from camslice.fleet.placement import CREDENTIALS_FILE, Placed, parse_placement, read_placement, stream_key, stream_name
from camslice.fleet.types import StreamKey


def test_revision_and_epochs_are_read(tmp_path: Path) -> None:
    (tmp_path / "placement.json").write_text('{"revision": "7", "epochs": {"gate/people": 12, "gate/cars": 0}, "later": 1}')
    assert read_placement(tmp_path) == Placed("7", {StreamKey("gate", "people"): 12, StreamKey("gate", "cars"): 0})


def test_mounted_credentials_have_a_part_in_what_runs(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (tmp_path / "placement.json").write_text('{"revision": "7"}')
    assert read_placement(tmp_path, secrets) == Placed("7"), "nobody says which these are"
    (secrets / CREDENTIALS_FILE).write_text("a1b2\n")
    assert read_placement(tmp_path, secrets) == Placed("7.a1b2")
    (secrets / CREDENTIALS_FILE).write_bytes(b"\xff")
    with pytest.raises(FleetError, match="revision of the credentials cannot be read; let this user read it"):
        read_placement(tmp_path, secrets)


def test_a_fleet_that_nobody_placed_has_no_such_file(tmp_path: Path) -> None:
    assert read_placement(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "this is not JSON"),
        ("[]", "this is no placement"),
        ('{"revision": 7}', "this is no placement"),
        ('{"revision": ""}', "this is no placement"),
        ('{"revision": "7", "epochs": []}', "this is no placement"),
        ('{"revision": "7", "epochs": {"gate": 1}}', "'gate' is no stream; write CAMERA/MODEL"),
        ('{"revision": "7", "epochs": {"a/b/c": 1}}', "'a/b/c' is no stream"),
        ('{"revision": "7", "epochs": {"gate/people": true}}', "gate/people: an epoch is a whole number"),
        ('{"revision": "7", "epochs": {"gate/people": -1}}', "gate/people: an epoch is a whole number"),
        ('{"revision": "7", "epochs": {"gate/people": 1.5}}', "gate/people: an epoch is a whole number"),
        ("[" * 100_000, "this is not JSON"),
    ],
)
def test_what_is_no_placement_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(FleetError) as caught:
        parse_placement(text, "placement.json")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("placement.json: ")


def test_names_of_streams_come_back() -> None:
    key = StreamKey("gate.1-a", "people_x")
    assert stream_key(stream_name(key)) == key
    assert stream_key("/people") is None
    assert stream_key("gate/") is None
