"""What a machine of one's own costs per hour: its purchase price spread over its years, and the power that it draws."""

from __future__ import annotations

from dataclasses import dataclass

from camslice.fleet.errors import CatalogueError
from camslice.fleet.types import HOURS_PER_MONTH

HOURS_PER_YEAR = 12 * HOURS_PER_MONTH


@dataclass(frozen=True, slots=True)
class OwnedPrice:
    """US dollars per hour, and in words how they were come by."""

    usd_per_hour: float
    words: str


def owned_price(
    purchase_price_usd: float | None, years: float | None, watts: float | None, usd_per_kwh: float | None, place: str
) -> OwnedPrice | None:
    """price / (years x 8760 h) + watts / 1000 x price of a kilowatt-hour; None if there is no purchase price.

    The machine runs all the time and is worth nothing afterwards; interest, space, cooling and hands are not counted. `watts`
    are what it draws on average. Raises CatalogueError, beginning with `place`, when one half of a pair is missing.
    """
    for (name, given), (other, missing) in (
        (("purchase_price_usd", purchase_price_usd), ("years", years)),
        (("years", years), ("purchase_price_usd", purchase_price_usd)),
        (("watts", watts), ("usd_per_kwh", usd_per_kwh)),
        (("usd_per_kwh", usd_per_kwh), ("watts", watts)),
        (("watts", watts), ("purchase_price_usd", purchase_price_usd)),
    ):
        if given is not None and missing is None:
            raise CatalogueError(f"{place}: {name} goes with {other}, which is missing; fill it in.")
    if purchase_price_usd is None or years is None:
        return None
    power = (watts or 0.0) / 1000 * (usd_per_kwh or 0.0)
    words = f"computed: {purchase_price_usd:g} US dollars over {years:g} years, "
    words += "power not counted" if watts is None else f"and {watts:g} W at {usd_per_kwh or 0:g} US dollars a kWh"
    return OwnedPrice(purchase_price_usd / (years * HOURS_PER_YEAR) + power, words)
