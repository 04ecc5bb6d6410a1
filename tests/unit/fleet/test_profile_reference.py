"""The reference page of profile.json names every key there is."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import camslice.fleet.figures
import camslice.fleet.profile
from camslice.fleet.histogram import Histogram
from camslice.fleet.profile import Constraint

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "profile.md"


def test_every_key_of_a_profile_stands_in_the_reference() -> None:
    named = set(re.findall(r"`([\w.]+)`", PAGE.read_text()))
    modules = (camslice.fleet.profile, camslice.fleet.figures)
    kinds = [kind for module in modules for kind in vars(module).values() if isinstance(kind, type) and is_dataclass(kind)]
    keys = {each.name for kind in kinds if kind is not Histogram for each in fields(kind)}
    assert keys
    assert not keys - named, "say in docs/reference/profile.md what these mean"
    assert not {str(constraint) for constraint in Constraint} - named
