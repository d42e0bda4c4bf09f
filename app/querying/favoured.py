"""Pairs that get more of a policy's draws than its own scores would give them: matched probes, and matters of fact for those who
know.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import PairFigure
from app.inference.matched import PROBES
from app.inference.preference_posterior import PreferencePosterior
from app.querying.protocol import Floats, Ints
from app.querying.router import CALLED_FOR, VERIFY
from app.studies.tables import Pair, Response

PROBE, KNOWS = "probe", "knows"
"""Why a pair was likelier than its score, as rows keep it."""
PROBE_SHARE = 0.08
"""Of the draws by a policy, matched probes get so many at least until enough of what they vary were judged."""
ENOUGH = round(1.2 * PROBES)
"""Judgments on probes of an influence: some are ties or differ too little."""
FEWEST_OWN, SURER = 20, 0.1
"""Answers from which on a person may count as one who knows, and by how much surer than usual they are (log sensitivity)."""


def probes(session: Session, study_id: int) -> dict[int, str]:
    """Pairs of which one response is a variant of the other, with what varies."""
    one, two = aliased(Response), aliased(Response)
    rows = session.execute(
        select(Pair.id, one.variant, two.variant, one.variant_of == two.external_id)
        .join(one, one.id == Pair.first_id)
        .join(two, two.id == Pair.second_id)
        .where(
            Pair.study_id == study_id,
            one.variant_of.is_not(None) | two.variant_of.is_not(None),
            (one.variant_of == two.external_id) | (two.variant_of == one.external_id),
        )
    )
    return {int(key): str((first if of_second else second) or "") for key, first, second, of_second in rows}


def starved(found: Mapping[int, str], pair_id: Ints, load: NDArray[np.int32], *, cap: int) -> Ints:
    """Which of the pairs are probes of something that too few probes were judged of, and can still be asked: indices."""
    if not found or not pair_id.size:
        return np.zeros(0, np.int64)
    keys = np.array(sorted(found), np.int64)
    at = np.minimum(np.searchsorted(pair_id, keys), pair_id.size - 1)
    at = at[pair_id[at] == keys]
    kinds = np.array([found[int(k)] for k in pair_id[at]])
    judged = {str(kind): int(load[at[kinds == kind]].sum()) for kind in np.unique(kinds)}
    wanted = np.array([judged[str(kind)] < ENOUGH for kind in kinds], np.bool_)
    return np.asarray(at[wanted & (load[at] < cap)], np.int64)


def share_of(n: int, *, candidates: int, eligible: int) -> float:
    """What share of a draw the raised pairs among the candidates are given, so that over draws it comes to PROBE_SHARE: more, up to
    a half, where there are so few (n, in a pool of ``eligible``) that most candidates hold none.
    """
    if not n or not eligible:
        return 0.0
    some = 1 - (1 - min(1.0, candidates / eligible)) ** n
    return min(0.5, PROBE_SHARE / max(some, 1e-9))


def to_verify(session: Session, study_id: int) -> Ints:
    """Pairs that the last report wants checked by people who know, ascending."""
    rows = session.scalars(
        select(PairFigure.pair_id)
        .where(PairFigure.study_id == study_id, PairFigure.next_step == VERIFY)
        .order_by(PairFigure.pair_id)
    )
    return np.array(rows.all(), np.int64)


def who_know(posterior: PreferencePosterior, answers: Mapping[int, int]) -> list[int]:
    """People whose answers hang together with what responses are like clearly more than is usual: keys, ascending.

    answers: how many each person gave.
    """
    persons = posterior.persons
    surer = (persons.own[:, 0] >= SURER) & (persons.flip <= max(persons.usual_flip, 0.02))
    return [int(k) for k in persons.key[surer] if answers.get(int(k), 0) >= FEWEST_OWN]


def weight(pair_ids: Ints, verify: Ints) -> Floats:
    """Logarithm of how much more a pair is worth to someone who knows: float64 (n,)."""
    return np.where(np.isin(pair_ids, verify), np.log(CALLED_FOR), 0.0)
