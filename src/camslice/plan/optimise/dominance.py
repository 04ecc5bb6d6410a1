"""Options that no best answer needs: another costs no more and is at least as roomy in every respect.

The rule is safe for proofs: whatever a dominated option holds by shares and `most`, the other holds too, for no more money.
What `fits` refuses is another matter: with every refusal the options that had to stand back are looked at again (see
`verdicts`).
"""

from __future__ import annotations

import numpy as np

from camslice.plan.optimise.tables import PARTS, Ints, Tables

NONE = -1
_BARRED = 2 * PARTS


def dominators(tables: Tables) -> Ints:
    """For each option the index of one that makes it superfluous and is not superfluous itself, or `NONE`."""
    burdens = _burdens(tables)
    order = np.lexsort((np.arange(len(tables.options)), burdens.sum(axis=1), tables.cost))
    found = np.full(len(tables.options), NONE, np.int64)
    order = _distinct(burdens, order, found)
    parts = np.array_split(np.arange(burdens.shape[1]), min(16, burdens.shape[1]))
    sums = np.stack([burdens[:, part].sum(axis=1) for part in parts], axis=1)
    best = np.empty(len(order), np.int64)
    best_sums = np.empty((len(order), len(parts)), np.int64)
    count = 0
    for option in order.tolist():
        likely = best[:count][(best_sums[:count] <= sums[option]).all(axis=1)]
        dominating = likely[(burdens[likely] <= burdens[option]).all(axis=1)]
        if dominating.size:
            found[option] = dominating[0]
            continue
        best[count], best_sums[count] = option, sums[option]
        count += 1
    return _settled(found)


def _burdens(tables: Tables) -> Ints:
    """[O, B]: less is better in every column. What cannot be carried at all is the greatest burden."""
    cannot = tables.most == 0
    use = np.where(cannot[:, :, None], _BARRED, tables.use)
    absent = np.stack([cannot[:, tables.model == number].all(axis=1) for number in range(tables.models)], axis=1)
    fixed = np.where(absent[:, :, None], _BARRED, tables.fixed)
    options = len(tables.options)
    return np.concatenate([use.reshape(options, -1), fixed.reshape(options, -1), -tables.most], axis=1)


def _distinct(burdens: Ints, order: Ints, found: Ints) -> Ints:
    """The first of those that are alike; the others are noted as dominated by it."""
    first: dict[bytes, int] = {}
    for option in order.tolist():
        other = first.setdefault(burdens[option].tobytes(), option)
        if other != option:
            found[option] = other
    first_ones: Ints = order[found[order] == NONE]
    return first_ones


def _settled(found: Ints) -> Ints:
    """The dominator of a dominator dominates too."""
    while True:
        further = np.where(found == NONE, NONE, found[found])
        if (further == NONE).all():
            return found
        found = np.where(further == NONE, found, further)
