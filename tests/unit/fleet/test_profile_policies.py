"""What a profile may say of policies, and what a region pixel costs by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from camslice.fleet.errors import ProfileError
from camslice.fleet.figures import Figure
from camslice.fleet.profile import Activity, PolicyCost
from camslice.fleet.profile_json import load_profile, parse_profile, profile_text


def of(value: float) -> Figure:
    return Figure.measured(value)


COST = PolicyCost(
    "careful", Figure.measured(0.99, 0.98), of(0.5), of(0.1), of(100_000), of(0.3), of(0.2),
    Activity(("yard.mp4",), 4, 5.0, 600, of(0.1), of(2.0)),
)  # fmt: skip


def written(*costs: PolicyCost) -> str:
    return profile_text(replace(load_profile("t4-case-study"), policies=costs))


def test_policies_are_read_as_they_were_written() -> None:
    unknown = replace(COST, policy="regions", recall=None)
    assert parse_profile(written(COST, unknown), "p").policies == (COST, unknown)


def test_a_region_pixel_costs_its_share_of_the_canvases_alone() -> None:
    assert COST.inferences_per_region_pixel == pytest.approx(0.4 / 100_000)
    assert replace(COST, region_pixels_per_frame=of(0)).inferences_per_region_pixel is None


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ((COST, COST), "a policy stands there twice"),
        ((replace(COST, policy="hasty"),), "there is no policy hasty; there are full, careful"),
        ((replace(COST, recall=of(1.01)),), "policies.careful: recall is 1.01, and a share is at most 1"),
        ((replace(COST, full_share=of(0.6)),), "policies.careful: more full frames than inferences"),
    ],
)
def test_what_cannot_be_is_refused(costs: tuple[PolicyCost, ...], said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        parse_profile(written(*costs), "p")
