"""The keys of a camera that say what of it is decoded."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import FleetError
from camslice.fleet.spec import parse_fleet
from camslice.fleet.types import CameraSpec, Decoder, Decoding

ENVIRONMENT = {"PASSWORD": "hunter2"}
MAIN = "rtsp://viewer:${PASSWORD}@10.0.0.7/1"
SMALL = "rtsp://viewer:${PASSWORD}@10.0.0.7/2"


def camera(keys: str = "", environment: dict[str, str] | None = None) -> CameraSpec:
    text = f'models: {{p: {{weights: yolox-nano}}}}\ncameras: [{{name: a, source: "{MAIN}", fps: 5, model: p{keys}}}]\n'
    return parse_fleet(text, Path("/"), ENVIRONMENT if environment is None else environment, "fleet.yaml").cameras[0]


def test_what_is_needed_is_decoded_in_software_unless_something_else_is_written() -> None:
    plain = camera()
    assert (plain.decode, plain.decoder, plain.substream) == (Decoding.NEEDED, Decoder.SOFTWARE, None)
    assert plain.watched is plain.source
    other = camera(", decode: key_frames, decoder: auto")
    assert (other.decode, other.decoder) == (Decoding.KEY_FRAMES, Decoder.AUTO)


def test_a_substream_has_its_variables_filled_in_and_is_what_is_watched() -> None:
    both = camera(f', substream: "{SMALL}"')
    assert both.watched.reveal() == "rtsp://viewer:hunter2@10.0.0.7/2"
    assert both.source.reveal() == "rtsp://viewer:hunter2@10.0.0.7/1"
    assert "hunter2" not in repr(both)


def test_both_addresses_are_scrubbed_from_a_text() -> None:
    both = camera(f', substream: "{SMALL}"')
    assert "hunter2" not in both.scrub(f"{both.source.reveal()} and {both.watched.reveal()} and hunter2")


def test_a_mistake_in_a_substream_names_its_key_and_shows_no_secret() -> None:
    with pytest.raises(FleetError) as raised:
        camera(', substream: "ftp://bob:sesame@10.0.0.7/2"')
    assert "cameras[0].substream: ftp:// is no kind of source" in str(raised.value)
    assert "sesame" not in str(raised.value)
    with pytest.raises(FleetError, match=r"cameras\[0\]\.substream: the environment variable OTHER is not set"):
        camera(', substream: "rtsp://${OTHER}@10.0.0.7/2"')


@pytest.mark.parametrize(
    ("keys", "allowed"), [("decode: some", "needed, all or key_frames"), ("decoder: gpu", "software, auto, cuda or vaapi")]
)
def test_other_values_are_refused_with_those_that_are_allowed(keys: str, allowed: str) -> None:
    with pytest.raises(FleetError, match=allowed):
        camera(f", {keys}")
