"""Whatever stands in a fleet file: it is taken or refused in sentences, and no password ever shows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.errors import FleetError
from camslice.fleet.spec import load_fleet, parse_camera, parse_fleet
from camslice.fleet.spec_allowed import known_keys
from camslice.fleet.spec_keys import FleetKeys
from camslice.fleet.types import Fleet

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.yaml"))
BASE = Path("/site")
KNOWN = st.sampled_from(
    [key for path in ((), ("objective",), ("models", "m"), ("cameras", 0), ("store",)) for key in known_keys(FleetKeys, path)]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["gate", "people", "${X}", "a.mp4"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KNOWN | st.text(), inner, max_size=5),
    max_leaves=15,
)
CAMERA = {"name": "gate", "source": "gate.mp4", "fps": 5, "model": "people"}
FLEET = {"models": {"people": {"weights": "yolox-nano"}}, "cameras": [CAMERA]}
# Of letters that no key, no value and no error message here has.
PASSWORDS = st.text("ΩΨΦ@/:?#&${ ,;%'\"[]\\", min_size=1, max_size=12).map(lambda text: f"Ω{text}Ψ")
LETTERS = set("ΩΨΦ")


def fleet_of(data: object, environ: dict[str, str] | None = None) -> Fleet:
    return parse_fleet(yaml.safe_dump(data, allow_unicode=True), BASE, environ or {}, "fleet.yaml")


def outcome(data: object, environ: dict[str, str] | None = None) -> str:
    """All that anyone can see of a fleet, or of the refusal."""
    try:
        fleet = fleet_of(data, environ)
    except FleetError as error:
        return f"{error} {error!r}"
    return f"{fleet} {fleet!r} {[str(camera.source) for camera in fleet.cameras]}"


@settings(deadline=None)
@given(st.dictionaries(KNOWN | st.text(), VALUES, max_size=6))
def test_a_fleet_of_anything_is_taken_or_refused_in_sentences(extra: dict[str, object]) -> None:
    for line in outcome({**FLEET, **extra}).splitlines():
        assert line


@settings(deadline=None)
@given(st.sampled_from(["objective", "machine", "store", "people", "gate"]), KNOWN | st.text(min_size=1), VALUES)
def test_any_key_with_any_value_anywhere_is_taken_or_refused_in_sentences(where: str, key: str, value: object) -> None:
    fleet: dict[str, object] = dict(FLEET)
    if where == "people":
        fleet["models"] = {"people": {"weights": "yolox-nano", key: value}}
    elif where == "gate":
        fleet["cameras"] = [{**CAMERA, key: value}]
    else:
        fleet[where] = {key: value}
    assert outcome(fleet)


@settings(deadline=None)
@given(KNOWN | st.text(min_size=1), VALUES)
def test_a_camera_of_anything_is_taken_or_refused_in_sentences(key: str, value: object) -> None:
    fleet = fleet_of({**FLEET, "cameras": []})
    try:
        cameras = parse_camera({**CAMERA, key: value}, fleet, BASE, {})
    except FleetError as error:
        assert str(error).startswith("camera: ")  # noqa: PT017 - it may also be taken
    else:
        assert cameras


@settings(deadline=None)
@given(st.text(max_size=200))
def test_a_file_of_any_text_is_taken_or_refused_in_sentences(text: str) -> None:
    with pytest.raises(FleetError, match=r"^fleet\.yaml"):
        parse_fleet(text, BASE, {}, "fleet.yaml")


SECRET_PLACES = [
    "rtsp://bob:{}@10.0.0.7/1",
    "rtsp://{}@10.0.0.7/1",
    "rtsp://bob:{}@${{HOST}}/1",
    "rtsps:/bob:{}@10.0.0.7/1",
    "ftp://bob:{}@10.0.0.7/1",
    "bob:{}@10.0.0.7/1",
]
MISTAKES: list[dict[str, object]] = [{}, {"fps": -1}, {"model": "dogs"}, {"zones": []}, {"count": 2}, {"name": 5}]


@settings(deadline=None)
@given(PASSWORDS, st.sampled_from(SECRET_PLACES), st.sampled_from(MISTAKES))
def test_a_password_in_a_source_shows_nowhere(password: str, place: str, mistake: dict[str, object]) -> None:
    camera = {**CAMERA, "source": place.format(password), **mistake}
    assert not LETTERS & set(outcome({**FLEET, "cameras": [camera]}, {"HOST": "10.0.0.7"}))


@settings(deadline=None)
@given(PASSWORDS.filter(lambda password: "&" not in password))
def test_a_password_in_a_query_shows_nowhere(password: str) -> None:
    camera = {**CAMERA, "source": f"http://10.0.0.7/video?user=bob&password={password}"}
    assert not LETTERS & set(outcome({**FLEET, "cameras": [camera]}))


@settings(deadline=None)
@given(PASSWORDS, st.sampled_from(["rtsp://${U}:${P}@cam/1", "${P}", "rtsp://cam/${P}/1", "/clips/${P}.mp4", "${P}://cam/1"]))
def test_a_password_from_the_environment_shows_nowhere(password: str, source: str) -> None:
    assert not LETTERS & set(outcome({**FLEET, "cameras": [{**CAMERA, "source": source}]}, {"U": "bob", "P": password}))


@settings(deadline=None)
@given(PASSWORDS, st.sampled_from([{}, {"keep_days": -1}]))
def test_a_password_in_the_store_shows_nowhere(password: str, mistake: dict[str, object]) -> None:
    for url in (f"postgresql://bob:{password}@db/events", f"oracle://bob:{password}@db/events"):
        assert not LETTERS & set(outcome({**FLEET, "store": {"url": url, **mistake}}))
        assert not LETTERS & set(outcome({**FLEET, "store": url}))


@settings(deadline=None)
@given(PASSWORDS)
def test_a_password_under_the_wrong_key_shows_nowhere(password: str) -> None:
    address = f"rtsp://bob:{password}@cam/1"
    for key in ("sauce", "url", "name", "model", "models", "freshness", "fps"):
        assert not LETTERS & set(outcome({**FLEET, "cameras": [{**CAMERA, key: address}]}))
    assert not LETTERS & set(outcome({**FLEET, "cameras": {"source": address}}))
    assert not LETTERS & set(outcome({**FLEET, "cameras": [address]}))


@pytest.mark.parametrize("password", ["pΩ,Ψ", "Ω: Ψ", "Ω,Ψ,Φ", "Ω]Ψ", "Ω}Ψ", "Ω #Ψ", "Ω{Ψ", "'Ω'Ψ", '"Ω"Ψ'])
def test_an_address_torn_apart_for_lack_of_quotes_does_not_show_its_pieces(password: str) -> None:
    for text in (f"rtsp://bob:{password}@cam/1", f"*{password}", f"!{password} x", f"&{password} x"):
        whole = (
            f"models: {{people: {{weights: yolox-nano}}}}\ncameras: [{{name: gate, source: {text}, fps: 5, model: people}}]\n"
        )
        try:
            seen = repr(parse_fleet(whole, BASE, {}, "fleet.yaml"))
        except FleetError as error:
            seen = str(error)
        assert not LETTERS & set(seen), seen


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_can_be_loaded(example: Path) -> None:
    environ = {"CAM_USER": "viewer", "CAM_PASSWORD": "secret-of-the-test"}
    fleet = load_fleet(example, environ)
    assert fleet.cameras
    assert "secret-of-the-test" not in str(fleet)
    assert asdict(fleet.objective)["latency_ms"] > 0


def test_there_are_examples() -> None:
    assert {"eight-cameras.yaml", "rtsp.yaml"} <= {example.name for example in EXAMPLES}
