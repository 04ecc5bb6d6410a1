"""What a node can be worth at given prices of streams: the pricing problem of column generation, for all options at once.

At prices (US dollars per stream) the best contents of a node are a knapsack of several dimensions with a charge for each model
that is there. `Worth.bound` is its Lagrangian relaxation: every resource gets a price too, then classes and models decide
apart from each other, and the sum is never below the best contents. `Worth.fill` is the greedy counterpart, by what a stream
is worth against the resources that it takes.
"""

from __future__ import annotations

import numpy as np

from camslice.plan.optimise.tables import PARTS, Floats, Ints, Tables

_TINY = 1e-12


class Worth:
    """Keeps the resource prices of each option from one call to the next, as prices of streams change little."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._use = tables.use / PARTS
        self._fixed = tables.fixed / PARTS
        self._of_model = np.zeros((len(tables.demand), tables.models))
        self._of_model[np.arange(len(tables.demand)), tables.model] = 1.0
        self.resource_prices: Floats = np.zeros((len(tables.options), tables.use.shape[2]))
        self._started = np.zeros(len(tables.options), bool)

    def bound(self, prices: Floats, options: Ints, aims: Floats, steps: int) -> Floats:
        """[options]: no contents are worth more. `aims` is what each is hoped to come down to; fewer `steps`, looser bounds."""
        use, fixed = self._use[options], self._fixed[options]
        most = self.tables.most[options].astype(np.float64)
        self._start(prices, options, aims)
        trial = self.resource_prices[options]
        best = np.full(len(options), np.inf)
        best_at = trial.copy()
        pace = np.ones(len(options))
        for _ in range(steps + 1):
            value, slope = self._relaxed(prices, use, fixed, most, trial)
            better = value < best
            pace = np.where(better, pace, pace * 0.7)
            best_at[better] = trial[better]
            best = np.minimum(best, value)
            length = np.maximum((slope * slope).sum(axis=1), _TINY)
            step = pace * np.maximum(value - aims, 1e-4 * value) / length
            trial = np.maximum(0.0, trial - step[:, None] * slope)
            lost = pace < 0.05
            trial[lost], pace[lost] = best_at[lost], 0.5
        self.resource_prices[options] = best_at
        return best

    def fill(self, prices: Floats, options: Ints, limits: Ints) -> Ints:
        """[options, C]: contents, greedily. `limits` [options, C] or [C]: no more streams than that of each class."""
        most = np.minimum(self.tables.most[options], limits)
        contents = np.zeros((len(options), len(self.tables.demand)), np.int64)
        return self._filled(options, self._order(prices, options, most), most, contents)

    def top_up(self, prices: Floats, option: int, contents: Ints, limits: Ints) -> Ints:
        """The same contents [C] and more, until nothing is left that fits or `limits` [C] allow."""
        options = np.array([option])
        most = np.minimum(self.tables.most[options], limits) - contents
        filled: Ints = self._filled(options, self._order(prices, options, most), most, contents[None, :].copy())[0]
        return filled

    def models_by_promise(self, prices: Floats, option: int, limits: Ints) -> tuple[Ints, int]:
        """The models that are worth something on that option, what the relaxation thinks the most of first, and how many of
        them it would take."""
        options = np.array([option])
        most = np.minimum(self.tables.most[options], limits)
        net, density = self._promise(prices, options, most)
        usable = (most[0] > 0) & (prices > 0)
        densest = np.array(
            [density[0, usable & (self.tables.model == number)].max(initial=0.0) for number in range(net.shape[1])]
        )
        order = np.argsort(-(net[0] / (1.0 + np.abs(net).max()) + 1e-3 * densest), kind="stable")
        order = order[densest[order] > 0]
        return order, int((net[0, order] > 0).sum())

    def _filled(self, options: Ints, order: Ints, most: Ints, contents: Ints) -> Ints:
        """Add to contents in that order of classes; what is there already takes its share."""
        tables = self.tables
        rows = np.arange(len(options))
        there = (contents > 0).astype(np.float64) @ self._of_model > 0
        left = PARTS - np.einsum("oc,ocr->or", contents, tables.use[options])
        left -= np.einsum("om,omr->or", there.astype(np.int64), tables.fixed[options])
        for rank in range(order.shape[1]):
            which = order[:, rank]
            limit = most[rows, which]
            if not limit.any():
                continue
            model = tables.model[which]
            use = tables.use[options, which]
            charge = np.where(there[rows, model][:, None], 0, tables.fixed[options, model])
            room = np.where(use > 0, (left - charge) // np.maximum(use, 1), limit[:, None]).min(axis=1)
            fits = (left >= charge).all(axis=1) & (room > 0) & (limit > 0)
            count = np.where(fits, np.minimum(room, limit), 0)
            left -= np.where(fits[:, None], charge + count[:, None] * use, 0)
            there[rows, model] |= fits
            contents[rows, which] += count
        return contents

    def _order(self, prices: Floats, options: Ints, most: Ints) -> Ints:
        """Classes as they are filled in: of the models that are worth their charge first, then by worth for what is taken."""
        net, density = self._promise(prices, options, most)
        pays = (net > 0)[:, self.tables.model]
        return np.argsort(-np.where(pays, 1.0 + density, density / (1.0 + density)), axis=1, kind="stable")

    def _promise(self, prices: Floats, options: Ints, most: Ints) -> tuple[Floats, Floats]:
        """What each model gains beyond its resources [options, M], and each class for what it takes of them [options, C]."""
        burden = np.einsum("ocr,or->oc", self._use[options], self.resource_prices[options])
        net = (np.maximum(0.0, prices - burden) * most) @ self._of_model
        net -= np.einsum("omr,or->om", self._fixed[options], self.resource_prices[options])
        return net, prices / (burden + _TINY + 1e-6 * prices)

    def _start(self, prices: Floats, options: Ints, aims: Floats) -> None:
        """Prices of resources to begin with: all of a node's worth on the scarcest resource of what pays best there."""
        new = options[~self._started[options]]
        if not new.size:
            return
        ratio = np.where(self.tables.most[new] > 0, prices, 0.0) / (self._use[new].max(axis=2) + _TINY)
        pays = ratio.argmax(axis=1)
        scarcest = self._use[new, pays].argmax(axis=1)
        aim = np.empty(len(self.tables.options))
        aim[options] = aims
        self.resource_prices[new] = 0.1 * aim[new, None] / self._use.shape[2]
        self.resource_prices[new, scarcest] = 0.9 * aim[new]
        self._started[new] = True

    def _relaxed(self, prices: Floats, use: Floats, fixed: Floats, most: Floats, trial: Floats) -> tuple[Floats, Floats]:
        """The bound at these prices of resources, and its slope there."""
        gain = prices - np.einsum("ocr,or->oc", use, trial)
        taken = np.where(gain > 0, most, 0.0)
        net = (gain * taken) @ self._of_model - np.einsum("omr,or->om", fixed, trial)
        there = net > 0
        value = trial.sum(axis=1) + np.where(there, net, 0.0).sum(axis=1)
        taken *= there[:, self.tables.model]
        slope = 1.0 - np.einsum("oc,ocr->or", taken, use) - np.einsum("om,omr->or", there.astype(np.float64), fixed)
        return value, slope
