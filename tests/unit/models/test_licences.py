from __future__ import annotations

from pathlib import Path

import pytest

from camslice.fleet.errors import ModelError
from camslice.models.licences import accepted_before, accepting, require_licence


def never(name: str, licence: str) -> bool:
    raise AssertionError(f"asked about {name} under {licence}")


@pytest.mark.parametrize("licence", ["Apache-2.0", "MIT", "BSD-3-Clause"])
def test_open_licences_need_no_word(licence: str) -> None:
    require_licence("model", licence, never)


def test_any_other_licence_is_asked_about_once() -> None:
    asked = []

    def accept(name: str, licence: str) -> bool:
        asked.append((name, licence))
        return True

    require_licence("model", "AGPL-3.0", accept)
    require_licence("another", "AGPL-3.0", never)
    assert asked == [("model", "AGPL-3.0")]
    assert accepted_before() == {"AGPL-3.0"}


def test_a_refused_licence_says_how_to_accept_it_and_is_not_remembered() -> None:
    with pytest.raises(ModelError, match=r"model is under AGPL-3.0.*--accept-licence AGPL-3.0"):
        require_licence("model", "AGPL-3.0", accepting({"GPL-3.0"}))
    assert accepted_before() == frozenset()


def test_a_damaged_record_only_means_asking_again(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "accepted-licences.json").write_text("{")
    require_licence("model", "AGPL-3.0", accepting({"AGPL-3.0"}))
    assert accepted_before() == {"AGPL-3.0"}
