"""What sways votes in a study, ready for labels: features of every judged pair, and the effect of each influence itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.aggregation import naming, traits
from app.aggregation.naming import Named
from app.aggregation.observations import Observations
from app.inference.influence_effects import InfluenceFit, influence_effects
from app.inference.matched import OwnEffects, own_effects

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHOWN_AWAY = frozenset({"formatting", "emoji"})
"""Influences that the plain-text arm takes out of sight."""


@dataclass(frozen=True)
class Sway:
    """names: influences, of the text first, named ones last among them.  named: those.  x: float64 (n_pairs, n_text), in standard deviations.  shown: float64 (n, n_presentation),
    per answer.  fit: how much each sways votes on average.  effects: how much by itself, in one pair's logits.  used: bool (n,),
    the answers it was learned from.
    """

    names: tuple[str, ...]
    text: int
    x: Floats = field(repr=False)
    shown: Floats = field(repr=False)
    fit: InfluenceFit
    effects: OwnEffects
    used: Flags = field(repr=False)
    named: tuple[Named, ...] = ()

    def pair_x(self, seen: Observations) -> Floats:
        """Features of each pair: float64 (n_pairs, k); how it was shown, as the mean over its first answers."""
        first = self.used
        n = seen.pairs.id.size
        count = np.maximum(np.bincount(seen.pair[first], minlength=n), 1)
        means = [np.bincount(seen.pair[first], column[first], n) / count for column in self.shown.T]
        return np.column_stack([self.x, *means]) if means else self.x


def sway(session: Session, study_id: int, seen: Observations, *, named: Sequence[Named] = ()) -> Sway:
    """Effects on first answers, ties counted as half of each. Deterministic: nothing is drawn, nothing but raw votes is read."""
    used = seen.decided() & ~seen.repeat
    pairs = seen.pairs
    responses = np.unique(np.concatenate([pairs.first, pairs.second]))
    known, values = traits.table(session, study_id, responses.tolist())
    text_names = (*known, *(one.name for one in named))
    shows = naming.table(session, responses.tolist(), [frozenset(one.terms) for one in named])
    values = np.concatenate([values, shows], axis=1)
    raw = values[np.searchsorted(responses, pairs.first)] - values[np.searchsorted(responses, pairs.second)]
    position = np.where(seen.first_left, 1.0, -1.0)
    presentation = {"position": position, "first_read": seen.first_read * position}
    names = (*text_names, *presentation)
    columns = np.column_stack([raw[seen.pair[used]], *(c[used] for c in presentation.values())])
    probe = pairs.probe[seen.pair[used]]
    fit = influence_effects(
        seen.person[used], seen.pair[used], seen.y[used], columns, names, prompt=pairs.item, probe=probe
    )
    scale = np.array([e.scale or np.inf for e in fit.effects])
    x = np.nan_to_num(raw) / scale[: len(text_names)]
    shown = np.column_stack(
        [presentation[n] / scale[len(text_names) + i] for i, n in enumerate(presentation)]
    )
    plain = seen.plain[used]
    hidden = np.array([n in SHOWN_AWAY for n in names])
    votes_x = np.concatenate([x[seen.pair[used]], shown[used]], axis=1)
    arm = plain[:, None] & hidden
    effects = own_effects(
        seen.person[used], seen.y[used], votes_x, names,
        probe=probe[:, None] | arm, seen=~arm, drawn=list(presentation),
        spread=fit.spread,
    )  # fmt: skip
    return Sway(names, len(text_names), x, shown, fit, effects, used, tuple(named))
