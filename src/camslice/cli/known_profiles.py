"""Profiles by the names that users give them, with a hash of what they say."""

from __future__ import annotations

import hashlib

from camslice.fleet.profile_json import load_profile, profile_text
from camslice.plan.eligibility import KnownProfile


def known_profile(name: str) -> KnownProfile:
    """The profile of that name or path. Raises ProfileError."""
    profile = load_profile(name)
    return KnownProfile(profile, name, hashlib.sha256(profile_text(profile).encode()).hexdigest())
