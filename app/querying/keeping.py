"""A preference model as arrays of a stored fit, and back."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.aggregation import fit_parts
from app.aggregation.tables import Fit
from app.inference.preference_posterior import Design, Persons, PreferencePosterior, Scales

NAMES = (
    "kind", "personal", "shared", "group", "people", "mean", "covariance", "key", "own", "flip", "weight", "deviation",
    "usual", "spread", "counts",
)  # fmt: skip
PREFIX = "model."


def arrays(posterior: PreferencePosterior) -> dict[str, NDArray[Any]]:
    """Everything that ``load`` needs, by the names of a fit's parts."""
    persons, scales = posterior.persons, posterior.scales
    counts = [
        posterior.design.n_groups, posterior.n, posterior.since, posterior.converged, posterior.iterations, persons.ties,
        persons.usual_flip,
    ]  # fmt: skip
    found = (
        posterior.design.kind, posterior.design.personal, scales.shared, scales.group, scales.people, posterior.mean,
        posterior.covariance, persons.key, persons.own, persons.flip, persons.weight, persons.covariance, persons.usual,
        persons.spread, np.array(counts, np.float64),
    )  # fmt: skip
    return {PREFIX + name: array for name, array in zip(NAMES, found, strict=True)}


def name(posterior: PreferencePosterior) -> str:
    """A short name for exactly this model."""
    told = hashlib.sha256(np.ascontiguousarray(posterior.mean).tobytes())
    told.update(np.ascontiguousarray(posterior.covariance).tobytes())
    return told.hexdigest()[:12]


def load(session: Session, fit: Fit) -> PreferencePosterior | None:
    """The model of a stored fit, bit for bit; None where it is not kept any more."""
    found = fit_parts.load(session, fit.id, [PREFIX + n for n in NAMES])
    if len(found) < len(NAMES):
        return None
    at = {n: found[PREFIX + n] for n in NAMES}
    groups, n, since, converged, iterations, ties, usual_flip = at["counts"].tolist()
    return PreferencePosterior(
        Design(at["kind"], at["personal"], int(groups)),
        Scales(at["shared"], at["group"], at["people"]),
        at["mean"],
        at["covariance"],
        Persons(
            at["key"], at["own"], at["flip"], at["weight"], at["deviation"], at["usual"], at["spread"], float(usual_flip),
            ties=bool(ties),
        ),
        int(n),
        int(since),
        converged=bool(converged),
        iterations=int(iterations),
    )  # fmt: skip
