"""Does a wording lead people? Of questions asked both ways round, whether yes comes too often; one that leads is asked no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.metapreferences.tables import MetaEvent
from app.questions import registry
from app.questions.asking import Asks

RETIRE, FEWEST, SURE = 0.15, 20, 1.64
"""A template is retired where |a| exceeds .15 with twenty answers each way, and lies 1.64 standard errors from 0."""
FEWEST_TOLD = 5
"""Answers each way round below which no figure is told: two answers would say +1.00 or -1.00 whatever the wording does."""


@dataclass(frozen=True)
class Leading:
    """One template. plain, mirrored: yes answers and answers, of each way round. acquiescence: P(yes | as asked) + P(yes | the other way
    round) - 1, 0 where nobody nods; None before both ways have five answers.
    """

    template: str
    plain: tuple[int, int]
    mirrored: tuple[int, int]
    acquiescence: float | None
    retired: bool


def judge(template: str, plain: tuple[int, int], mirrored: tuple[int, int]) -> Leading:
    """From (yes, answers) of each way round.

    Source: METHOD 3.0; the variance of a sum of two independent shares.
    """
    (y1, n1), (y2, n2) = plain, mirrored
    if min(n1, n2) < FEWEST_TOLD:
        return Leading(template, plain, mirrored, None, retired=False)
    p, q = y1 / n1, y2 / n2
    a = p + q - 1.0
    error = ((p * (1 - p) + 0.25 / n1) / n1 + (q * (1 - q) + 0.25 / n2) / n2) ** 0.5
    retired = min(n1, n2) >= FEWEST and abs(a) > RETIRE and abs(a) > SURE * error
    return Leading(template, plain, mirrored, a, retired)


def leading(session: Session, study_id: int) -> dict[str, Leading]:
    """Every template that has been answered in a study, by name. An answer that was changed counts once, as it is now."""
    choice, later = MetaEvent.answer["choice"].as_string(), aliased(MetaEvent)
    rows = session.execute(
        select(MetaEvent.kind, MetaEvent.template, MetaEvent.form, choice, func.count())
        .outerjoin(later, later.supersedes == MetaEvent.id)
        .where(MetaEvent.study_id == study_id, later.id.is_(None))
        .group_by(MetaEvent.kind, MetaEvent.template, MetaEvent.form, choice)
    )
    return fold((kind, template, form, answer, int(n)) for kind, template, form, answer, n in rows)


def fold(rows: Iterable[tuple[str, str, str, str | None, int]]) -> dict[str, Leading]:
    """Counts by (kind, template, form, choice) to each template's figures."""
    counts: dict[str, list[list[int]]] = {}
    for kind_code, template, form, answer, n in rows:
        kind = registry.by_code().get(kind_code)
        if not isinstance(kind, Asks) or answer is None:
            continue
        agreed = kind.agrees(answer, form)
        cell = counts.setdefault(template, [[0, 0], [0, 0]])
        if agreed is not None:
            side = cell[1 if form == "mirrored" else 0]
            side[0] += n * agreed
            side[1] += n
    return {t: judge(t, (p[0], p[1]), (m[0], m[1])) for t, (p, m) in sorted(counts.items())}


def retired(session: Session, study_id: int) -> frozenset[str]:
    """Templates that lead."""
    return frozenset(t for t, one in leading(session, study_id).items() if one.retired)
