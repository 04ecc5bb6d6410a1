"""`${NAME}` from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import FleetError
from camslice.fleet.secret_files import FilesFirst, variables
from camslice.fleet.spec import load_fleet

FLEET = """
models: {people: {weights: yolox-nano}}
store: "postgresql://u:${STORE_PASSWORD}@db/events"
cameras: [{name: gate, source: "rtsp://bob:${CAM_PASSWORD}@10.0.0.7/1", fps: 5, model: people}]
"""


def test_a_file_goes_before_the_environment_and_loses_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "CAM_PASSWORD").write_text("from the file\n")
    found = FilesFirst(tmp_path, {"CAM_PASSWORD": "from the environment", "OTHER": "only there"})
    assert found["CAM_PASSWORD"] == "from the file"
    assert found["OTHER"] == "only there"
    assert dict(found) == {"CAM_PASSWORD": "from the file", "OTHER": "only there"}


@pytest.mark.parametrize(("content", "value"), [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")])
def test_nothing_but_one_line_break_is_taken_off(tmp_path: Path, content: str, value: str) -> None:
    (tmp_path / "NAME").write_bytes(content.encode())
    assert FilesFirst(tmp_path, {})["NAME"] == value


def test_a_file_is_read_again_each_time(tmp_path: Path) -> None:
    found = FilesFirst(tmp_path, {})
    assert "NAME" not in found
    (tmp_path / "NAME").write_text("first")
    assert found["NAME"] == "first"
    (tmp_path / "NAME").write_text("second")
    assert found["NAME"] == "second"


@pytest.mark.parametrize("name", ["..data", ".hidden", "folder", "../outside", "/etc/hostname", "folder/inside"])
def test_only_files_right_in_the_folder_have_values(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "secrets"
    (inside / "folder").mkdir(parents=True)
    for path in (tmp_path / "outside", inside / "folder" / "inside", inside / ".hidden"):
        path.write_text("not to be had")
    assert name not in FilesFirst(inside, {})


def test_a_fleet_file_takes_its_variables_from_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (tmp_path / "fleet.yaml").write_text(FLEET)
    monkeypatch.setenv("CAMSLICE_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("STORE_PASSWORD", "from the environment")
    with pytest.raises(FleetError, match=r"there is no file CAM_PASSWORD in CAMSLICE_SECRETS_DIR, nor a variable"):
        load_fleet(tmp_path / "fleet.yaml")
    (secrets / "CAM_PASSWORD").write_text("hunter2\n")
    fleet = load_fleet(tmp_path / "fleet.yaml")
    assert fleet.cameras[0].source.reveal() == "rtsp://bob:hunter2@10.0.0.7/1"
    assert fleet.store is not None
    assert "from the environment" in fleet.store.url


def test_a_file_that_is_no_text_is_one_sentence_without_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "CAM_PASSWORD").write_bytes(b"hunter2\xff")
    (tmp_path / "fleet.yaml").write_text(FLEET)
    monkeypatch.setenv("CAMSLICE_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("STORE_PASSWORD", "x")
    with pytest.raises(FleetError, match=r"the file CAM_PASSWORD in CAMSLICE_SECRETS_DIR is not UTF-8 text") as caught:
        load_fleet(tmp_path / "fleet.yaml")
    assert "hunter2" not in str(caught.value)


def test_without_the_folder_it_is_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"NAME": "value"}
    assert variables(environ) is environ
