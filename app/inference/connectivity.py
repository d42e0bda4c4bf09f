"""Whether counts of comparisons determine strengths at all, by the directed graph of who was preferred to whom."""

from __future__ import annotations

import numpy as np

from app.inference.comparisons import Cells, Ints, Reason

WHY: dict[Reason, str] = {
    "no_comparisons": "There are no comparisons to learn from.",
    "disconnected": "Some items were never compared with the others, not even through a third.",
    "one_sided": "Every choice between some items and the others went the same way, so their distance has no upper end.",
    "all_ties": "Every comparison was a tie: nothing was preferred to anything.",
    "ties_unbounded": (
        "Wins and ties follow each other so regularly that no finite strengths and share of ties fit best; "
        "more comparisons, or a prior, would settle it."
    ),
    "collinear": "A covariate says the same as the items or as another covariate.",
    "separated": "A covariate foretells every choice, so its effect has no upper end.",
}


def members(label: Ints) -> tuple[Ints, ...]:
    """The items of each component, in order of the components' labels."""
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(np.bincount(label))[:-1]
    return tuple(np.split(order.astype(np.int64), ends))


def linked(cells: Cells) -> Ints:
    """Which component each item is in when every comparison is a link; int64 (n_items,), 0-based."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    shape = (cells.n_items, cells.n_items)
    graph = coo_array((np.ones(cells.first.size), (cells.first, cells.second)), shape=shape)
    _, label = connected_components(graph.tocsr(), directed=False)
    return np.asarray(label, np.int64)


def beaten(cells: Cells, *, ties_link: bool) -> Ints:
    """Which strong component each item is in when each win is an arrow, and each tie two where ``ties_link``."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    tied = cells.ties > 0 if ties_link else np.zeros(cells.first.size, bool)
    over, under = (cells.first_wins > 0) | tied, (cells.second_wins > 0) | tied
    winner = np.concatenate([cells.first[over], cells.second[under]])
    loser = np.concatenate([cells.second[over], cells.first[under]])
    shape = (cells.n_items, cells.n_items)
    graph = coo_array((np.ones(winner.size), (winner, loser)), shape=shape)
    _, label = connected_components(graph.tocsr(), directed=True, connection="strong")
    return np.asarray(label, np.int64)


def ties_are_bounded(cells: Cells) -> bool:
    """Whether Davidson's tie parameter has a finite best value, given that wins and ties together link all items strongly.

    The likelihood rises without end exactly where potentials exist that put every winner at least one step above the loser
    and ties at most one step apart; such potentials are a system of difference constraints, which has a solution unless
    its graph has a cycle of negative length.
    """
    both = (cells.first_wins > 0) & (cells.second_wins > 0)
    if both.any() or np.bincount(beaten(cells, ties_link=False)).max() > 1:
        return True
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import NegativeCycleError, bellman_ford

    wins, losses, tied = cells.first_wins > 0, cells.second_wins > 0, cells.ties > 0
    above = np.concatenate([cells.first[wins], cells.second[losses]])
    below = np.concatenate([cells.second[wins], cells.first[losses]])
    one, two = cells.first[tied], cells.second[tied]
    # An arrow from u to v of length c stands for: potential of v <= potential of u + c. Where a pair has both a win and a
    # tie the arrow of the win is the stricter of the two, and must not be added to that of the tie.
    start = np.concatenate([above, one, two])
    end = np.concatenate([below, two, one])
    length = np.concatenate([np.full(above.size, -1.0), np.ones(2 * one.size)])
    code = start * cells.n_items + end
    order = np.lexsort((length, code))
    first = np.concatenate([[True], np.diff(code[order]) > 0])
    kept = order[first]
    # One more node with arrows of no length to all others reaches every component.
    everyone = np.arange(cells.n_items)
    source = np.full(cells.n_items, cells.n_items)
    start, end = np.concatenate([start[kept], source]), np.concatenate([end[kept], everyone])
    length = np.concatenate([length[kept], np.full(cells.n_items, 1e-9)])
    graph = coo_array((length, (start, end)), shape=(cells.n_items + 1, cells.n_items + 1))
    try:
        bellman_ford(graph.tocsr(), directed=True, indices=cells.n_items)
    except NegativeCycleError:
        return True
    return False
