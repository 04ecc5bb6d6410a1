from __future__ import annotations

import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from camslice.events.store.sentences import is_hopeless, sentence_about


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("database or disk is full", "here: the disk is full; free some space or lower store.keep_mb"),
        ("attempt to write a readonly database", "here: is read-only; change its permissions or name another place"),
        ('password authentication failed for user "bob"', "here: the server refuses this user or password; check the URL"),
        ('a riddle for user "bob" at postgresql://bob:pw@h/d.\nmore', 'here: a riddle for user "***" at postgresql://***@h/d; '
         "check the database"),
        ("", "here: unknown error; check the database"),
    ],
)  # fmt: skip
def test_errors_become_sentences_without_credentials(told: str, sentence: str) -> None:
    assert sentence_about(OperationalError("INSERT", {}, Exception(told)), "here") == sentence


def test_only_refused_data_is_hopeless() -> None:
    assert is_hopeless(DataError("INSERT", {}, Exception()))
    assert is_hopeless(IntegrityError("INSERT", {}, Exception()))
    assert not is_hopeless(OperationalError("INSERT", {}, Exception()))
