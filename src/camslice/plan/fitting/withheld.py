"""When a prediction is withheld: when it rests on something that no row used shows, and comes out differently for that."""

from __future__ import annotations

from collections.abc import Sequence

from camslice.plan.fitting.model import Prediction
from camslice.plan.fitting.table import Row

_WIDE = 1.25
"""The highest prediction over the lowest, from which a missing piece makes a difference."""
_LOADED = 0.9


def why_withheld(
    row: Row, predictions: Sequence[Prediction], used: Sequence[Row], of_used: Sequence[Sequence[Prediction]]
) -> str | None:
    """The reason, or None. `predictions` of this row and `of_used` of each row used are by the same sets of parameters."""
    means = [each.mean_ms for each in predictions]
    if max(means) <= _WIDE * min(means):
        return None
    between = f"sets that fit equally well predict {min(means):.3g} to {max(means):.3g} ms"
    if row.pods > 1 and all(each.pods == 1 for each in used):
        return f"no row used has more than one pod, so nothing shows what sharing costs; {between}"
    for resource in ("accelerator", "cpu"):
        needs = [getattr(each, resource) for each in predictions]
        shows = [max((getattr(each[index], resource) for each in of_used if each), default=0.0) for index in range(len(needs))]
        if max(needs) >= _LOADED and min(shows) < _LOADED:
            name = "processor" if resource == "cpu" else "accelerator"
            return (
                f"this row may need the whole {name} ({_percent(needs)} in use), and no row used is known to load it "
                f"({_percent(shows)}); {between}"
            )
    if row.pods == 1 and all(each.pods > 1 for each in used):
        return f"no row used has a pod alone, so what sharing costs cannot be told from the work itself; {between}"
    return None


def _percent(shares: Sequence[float]) -> str:
    low, high = round(100 * min(shares)), round(100 * max(shares))
    return f"{high} %" if low == high else f"{low} to {high} %"
