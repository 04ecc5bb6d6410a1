"""YAML values keep their lines, and only plain values get through."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from camslice.fleet.errors import FleetError
from camslice.fleet.yaml_lines import path_text, read_yaml

KEYS = st.text("abcdefgh_", min_size=1, max_size=5)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def test_every_value_knows_its_line() -> None:
    document = read_yaml("a:\n  b: 1\n  c: [x,\n    y]\nd: {e: 2}\n", "f.yaml")
    assert document.data == {"a": {"b": 1, "c": ["x", "y"]}, "d": {"e": 2}}
    lines = {("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 3, ("a", "c", 1): 4, ("d", "e"): 5}
    assert {path: document.line(path) for path in lines} == lines


def test_what_has_no_line_has_that_of_what_is_around_it() -> None:
    document = read_yaml("a:\n  b:\n    c: 1\n", "f.yaml")
    assert document.place(("a", "b", "missing", 3)) == "f.yaml:2: a.b.missing[3]"


def test_a_key_that_could_be_part_of_an_address_is_not_shown() -> None:
    assert path_text(("cameras", 3, "w@host/1")) == "cameras[3].***"


@pytest.mark.parametrize("text", ["on: 1", "12: 1", "2020-01-01: 1", "null: 1"])
def test_keys_are_text(text: str) -> None:
    assert read_yaml(text, "f.yaml").data == {text.partition(":")[0]: 1}


@settings(deadline=None)
@given(PLAIN)
def test_it_reads_what_yaml_reads(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert read_yaml(text, "f.yaml").data == yaml.safe_load(text)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")) | st.text("[]{}:,&*!|>'\"%@`#?- \n\tab0"))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        read_yaml(text, "f.yaml")
    except FleetError as error:
        assert str(error).startswith("f.yaml")  # noqa: PT017 - it may also be read
        assert "\n" not in str(error)  # noqa: PT017
