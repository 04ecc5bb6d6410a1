from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path

import pytest

from camslice.events.store.database import open_database
from camslice.fleet.errors import StoreError

SECRETS = ("hunter2", "bob", "sesame")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("results.db", "is not a database URL; write sqlite:///"),
        ("mysql://bob:hunter2@host/db", "store mysql://...: mysql is not supported"),
        ("sqlite://", "in memory nothing would be kept; name a file"),
        ("sqlite:///:memory:", "in memory nothing would be kept; name a file"),
        ("sqlite:///{folder}", "is a folder; name a file in it"),
        ("sqlite:///{folder}/none/results.db", "the folder {folder}/none does not exist; create it"),
        ("sqlite:///{folder}/text.db", "is not a SQLite database; name another file"),
        ("postgresql://bob:hunter2@127.0.0.1:1/db", "store postgresql 127.0.0.1:1/db: nothing listens there"),
        ("postgresql://bob:hunter2@127.0.0.1:1/db?application_name=x", "nothing listens there"),
        ("postgresql://bob:hunter2@no-such-host.invalid/db", "there is no host of that name"),
        ("postgresql://bob:open@sesame@no-such-host.invalid/db", "there is no host of that name"),
        ("mysql://bob:open@sesame?@host/db", "mysql is not supported"),
        ("postgresql://bob:hunter2@127.0.0.1:port/db?password=sesame", "is not a database URL"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_sentence(tmp_path: Path, url: str, complaint: str) -> None:
    (tmp_path / "text.db").write_text("This is a letter and not a database.\n" * 30)
    with pytest.raises(StoreError) as caught:
        open_database(url.format(folder=tmp_path), writing=True)
    told = str(caught.value)
    assert told.startswith("store ")
    assert complaint.format(folder=tmp_path) in told
    assert "\n" not in told
    assert not [secret for secret in SECRETS if secret in told]


def test_a_missing_driver_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=re.escape("the PostgreSQL driver is missing; install camslice[postgres]")):
        open_database("postgresql://bob:hunter2@127.0.0.1:1/db", writing=True)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/results.db"
    open_database(url, writing=True).close()
    with sqlite3.connect(tmp_path / "results.db") as connection:
        connection.execute("UPDATE camslice_schema SET version = 99")
    for writing in (True, False):
        with pytest.raises(StoreError, match="its tables are of version 99 and this camslice writes version 3; use another"):
            open_database(url, writing=writing)


def test_somebody_elses_tables_are_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE cameras (brand TEXT)")
    with pytest.raises(StoreError, match="holds tables named cameras that are not camslice's; use a database of its own"):
        open_database(f"sqlite:///{tmp_path}/other.db", writing=True)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("cameras",)]


def test_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file; check the path"):
        open_database(f"sqlite:///{tmp_path}/results.db", writing=False)
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreError, match="no results were ever stored there"):
        open_database(f"sqlite:///{tmp_path}/empty.db", writing=False)
    assert [path.name for path in tmp_path.iterdir()] == ["empty.db"]
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/results.db"
    for _ in range(2):
        open_database(url, writing=True).close()
    with sqlite3.connect(tmp_path / "results.db") as connection:
        assert connection.execute("SELECT version FROM camslice_schema").fetchall() == [(3,)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
