"""Other ways to choose comparisons, written anew from their papers: ASAP, Hybrid-MST, Swiss, random.

Each takes what is known (``RankPosterior``) and gives the next comparisons to ask. All runs are judged by the same final fit,
so that only the choice of comparisons differs.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import log_ndtr, ndtr

from app.inference import rank_design

LOG_ROOT = 0.5 * np.log(2 * np.pi)


def at_random(known, rng):
    """One pair, all alike."""
    first, second = rng.choice(known.n_items, 2, replace=False)
    return np.array([first]), np.array([second])


def swiss(known, rng):
    """A round in which everyone meets whoever stands next to them; ties in standing by lot."""
    order = np.argsort(known.mean + rng.normal(0, 1e-6, known.n_items))
    start = int(rng.integers(0, 2))
    order = order[start : start + (known.n_items - start) // 2 * 2]
    return order[::2], order[1::2]


def tree(gain):
    """The spanning tree of most gain, as minimum spanning tree of 1/gain."""
    cost = np.triu(1.0 / np.maximum(gain, 1e-300), 1)
    cost = cost / cost[cost > 0].min()
    first, second = minimum_spanning_tree(csr_array(cost)).nonzero()
    return first, second


GH_X, GH_W = np.polynomial.hermite_e.hermegauss(11)
GH_W = GH_W / GH_W.sum()


def hybrid_mst(known, rng):
    """Li, Mantiuk, Wang, Ling, Le Callet 2018: information gain of a Bradley-Terry model; the best single pair until each pair
    could have been asked once, then spanning trees."""
    mean, variance = known.differences()
    rows, columns = np.triu_indices(known.n_items, 1)
    d = mean[rows, columns][:, None] + np.sqrt(variance[rows, columns])[:, None] * GH_X
    p = np.clip(1 / (1 + np.exp(-d)), 1e-12, 1 - 1e-12)
    within = -(p * np.log(p) + (1 - p) * np.log1p(-p)) @ GH_W
    m = np.clip(p @ GH_W, 1e-12, 1 - 1e-12)
    eig = -(m * np.log(m) + (1 - m) * np.log1p(-m)) - within
    if known.n < rows.size:
        best = int(rng.choice(np.flatnonzero(eig >= eig.max() * (1 - 1e-9))))
        return rows[[best]], columns[[best]]
    gain = np.zeros_like(mean)
    gain[rows, columns] = eig * (1 + 1e-9 * rng.random(eig.size))
    return tree(gain)


class Asap:
    """Mikhailiuk, Wilmot, Perez-Ortiz, Yue, Mantiuk 2020, full: expected information gain with every item's posterior updated
    by expectation propagation for either answer to every pair, then the spanning tree of most gain.

    Thurstone's case V, P(i over j) = Phi(q_i - q_j), q ~ Normal(0, prior_variance). After a further answer two rounds of
    messages are sent, as in the authors' setting: one from the new comparison, one from all comparisons that share an item
    with it; all others would send what they sent before.
    """

    def __init__(self, prior_variance=0.5):
        self.prior = prior_variance
        self.old = None

    def __call__(self, known, rng):
        winner, loser = np.nonzero(known.wins)
        count = known.wins[winner, loser]
        state = self.settle(known.n_items, winner, loser, count)
        gain = self.gain(known.n_items, winner, loser, count, *state)
        gain = gain * (1 + 1e-9 * rng.random(gain.shape))
        return tree(np.triu(gain, 1) + np.triu(gain, 1).T)

    def settle(self, k, winner, loser, count):
        """Marginals (precision, precision times mean) and messages to winners and losers, warm from the last time."""
        messages = np.zeros((4, winner.size))
        if self.old is not None:
            messages = self.old[:, winner, loser].copy()
        for _ in range(60):
            precision, shifted = self.marginals(k, winner, loser, count, messages)
            sent = messages_of(
                precision[winner] - messages[0], shifted[winner] - messages[1],
                precision[loser] - messages[2], shifted[loser] - messages[3],
            )  # fmt: skip
            moved = np.abs(sent - messages).max(initial=0.0)
            messages = 0.3 * messages + 0.7 * sent
            if moved < 1e-4:
                break
        precision, shifted = self.marginals(k, winner, loser, count, messages)
        self.old = np.zeros((4, k, k))
        self.old[:, winner, loser] = messages
        return precision, shifted, messages

    def marginals(self, k, winner, loser, count, messages):
        precision = 1 / self.prior + np.bincount(winner, count * messages[0], k)
        precision += np.bincount(loser, count * messages[2], k)
        shifted = np.bincount(winner, count * messages[1], k) + np.bincount(loser, count * messages[3], k)
        return precision, shifted

    def gain(self, k, winner, loser, count, precision, shifted, messages):
        """Expected information gain of each pair, float64 (k, k)."""
        at = np.concatenate([winner, loser])  # each comparison once from either end
        other = np.concatenate([loser, winner])
        sign = np.concatenate([np.ones(winner.size), -np.ones(loser.size)])
        mine = np.concatenate([messages[:2], messages[2:]], axis=1)
        theirs = np.concatenate([messages[2:], messages[:2]], axis=1)
        n = np.concatenate([count, count])
        starts = np.searchsorted(np.sort(at), np.arange(k + 1))
        by_item = np.argsort(at, kind="stable")
        a, b = np.nonzero(~np.eye(k, dtype=bool))  # a wins over b
        new = messages_of(precision[a], shifted[a], precision[b], shifted[b])
        one = {
            0: (precision[a] + new[0], shifted[a] + new[1]),
            1: (precision[b] + new[2], shifted[b] + new[3]),
        }
        total = np.zeros(a.size)
        own = {0: [one[0][0].copy(), one[0][1].copy()], 1: [one[1][0].copy(), one[1][1].copy()]}
        for side, item, partner in ((0, a, b), (1, b, a)):
            moved_precision, moved_shift = one[side]
            degree = np.diff(starts)[item]
            row = np.repeat(np.arange(a.size), degree)
            within = np.arange(row.size) - np.repeat(np.cumsum(degree) - degree, degree)
            edge = by_item[np.repeat(starts[item], degree) + within]
            far = other[edge]
            shared = far == partner[row]
            far_precision = np.where(shared, one[1 - side][0][row], precision[far])
            far_shift = np.where(shared, one[1 - side][1][row], shifted[far])
            cavity = (
                moved_precision[row] - mine[0, edge], moved_shift[row] - mine[1, edge],
                far_precision - theirs[0, edge], far_shift - theirs[1, edge],
            )  # fmt: skip
            up = sign[edge] > 0
            sent = messages_of(
                np.where(up, cavity[0], cavity[2]), np.where(up, cavity[1], cavity[3]),
                np.where(up, cavity[2], cavity[0]), np.where(up, cavity[3], cavity[1]),
            )  # fmt: skip
            to_me, to_far = np.where(up, sent[:2], sent[2:]), np.where(up, sent[2:], sent[:2])
            for part in (0, 1):
                own[side][part] += np.bincount(row, n[edge] * (to_me[part] - mine[part, edge]), a.size)
            # Far ends: several comparisons with one far item move it together; the pair itself is counted as its own.
            keep = ~shared
            key = row[keep] * k + far[keep]
            found, index = np.unique(key, return_inverse=True)
            change = [np.bincount(index, n[edge[keep]] * (to_far[p] - theirs[p, edge])[keep]) for p in (0, 1)]
            item_far = found % k
            total += np.bincount(
                found // k,
                divergence(precision[item_far] + change[0], shifted[item_far] + change[1], precision[item_far], shifted[item_far]),
                a.size,
            )  # fmt: skip
        second = messages_of(one[0][0] - new[0], one[0][1] - new[1], one[1][0] - new[2], one[1][1] - new[3])
        for part in (0, 1):
            own[0][part] += second[part] - new[part]
            own[1][part] += second[2 + part] - new[2 + part]
        total += divergence(own[0][0], own[0][1], precision[a], shifted[a])
        total += divergence(own[1][0], own[1][1], precision[b], shifted[b])
        spread = np.sqrt(1 + 1 / precision[a] + 1 / precision[b])
        chance = ndtr((shifted[a] / precision[a] - shifted[b] / precision[b]) / spread)
        gain = np.zeros((k, k))
        gain[a, b] = chance * total
        return gain + gain.T


def messages_of(winner_precision, winner_shift, loser_precision, loser_shift):
    """Messages of one comparison to winner and loser, from their cavities: (precision, shift) of either, float64 (4, n)."""
    wp, lp = np.maximum(winner_precision, 1e-6), np.maximum(loser_precision, 1e-6)
    wv, lv = 1 / wp, 1 / lp
    wm, lm = winner_shift * wv, loser_shift * lv
    spread = np.sqrt(1 + wv + lv)
    t = (wm - lm) / spread
    hazard = np.exp(-0.5 * t * t - LOG_ROOT - log_ndtr(t))
    bend = hazard * (hazard + t)
    after_w, after_l = wv * (1 - wv / spread**2 * bend), lv * (1 - lv / spread**2 * bend)
    mean_w, mean_l = wm + wv / spread * hazard, lm - lv / spread * hazard
    return np.stack(
        [1 / after_w - wp, mean_w / after_w - winner_shift, 1 / after_l - lp, mean_l / after_l - loser_shift]
    )


def divergence(precision, shift, old_precision, old_shift):
    """Kullback-Leibler divergence of the new normal from the old one."""
    precision = np.maximum(precision, 1e-6)
    ratio = old_precision / precision
    apart = shift / precision - old_shift / old_precision
    return 0.5 * (ratio - 1 - np.log(ratio) + apart**2 * old_precision)


class Ours:
    """``rank_design.choose`` for a goal, some comparisons at a time."""

    def __init__(self, goal, batch):
        self.goal, self.batch = goal, batch

    def __call__(self, known, rng):
        found = rank_design.choose(known, self.batch, self.goal, seed=int(rng.integers(2**31)))
        return found.first, found.second
