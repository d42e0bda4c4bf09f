"""A study whose people choose the longer answer, most of whom say that it should not count: for tests of what researchers see."""

from __future__ import annotations

import random

from app.judgments.importing.shape import Vote
from app.judgments.importing.store import bring_in
from app.judgments.tables import Judgment
from app.metapreferences import writes
from app.metapreferences.writes import Asked
from app.people.tables import Annotator
from app.questions import registry
from app.questions.protocol import MetaAnswer, MetaView
from app.studies.tables import Study
from tests import factories

PEOPLE, ITEMS = 30, 24


def items():
    """Every pair says one thing, shorter and longer."""
    return [
        {
            "id": f"i{n:02}",
            "prompt": f"Request {n}?",
            "topic": "money" if n % 2 else "work",
            "responses": [
                {"id": "brief", "text": f"Do this, number {n}."},
                {
                    "id": "long", "text": f"Do this, number {n}." + " And a good deal more of the same." * (1 + n % 4),
                    "variant_of": "brief", "variant": "length",
                },
            ],
        }
        for n in range(ITEMS)
    ]  # fmt: skip


def study(database, clock, *, longer=0.7, **parts):
    """The study with everybody's votes; half of them see the longer one on the left."""
    rng = random.Random(5)
    with database.write() as session:
        made = factories.study(session, now=clock.now, rows=items(), **parts)
        votes = []
        for p in range(PEOPLE):
            for n in range(ITEMS):
                sides = ("brief", "long") if (p + n) % 2 else ("long", "brief")
                chosen = "long" if rng.random() < longer else "brief"
                choice = "left" if sides[0] == chosen else "right"
                votes.append(
                    ("line", Vote(f"p{p:02}", f"i{n:02}", *sides, choice, extra={"elapsed_ms": 9000}))
                )
        bring_in(session, session.get_one(Study, made.study_id), votes, by=None, now=clock.tick())
    return made


def say(database, clock, made, person, choice, *, form="plain", stands=(), text=None, influence="length"):
    """One person answers M1, as a question put to them would be kept."""
    kind = registry.by_code()["M1"]
    with database.write() as session:
        who = session.query(Annotator).filter_by(study_id=made.study_id, external_id=f"p{person:02}").one()
        own = [
            j.id
            for j in session.query(Judgment)
            .filter_by(annotator_id=who.id)
            .order_by(Judgment.id)
            .limit(len(stands) or 1)
        ]
        answer = MetaAnswer(choice, text, stands=dict(zip(own, stands, strict=False)) if stands else {})
        about = {"influence": influence, "sign": 1, "topics": ["money", "work"]}
        view = MetaView(str(who.id), evidence=tuple(own), about=about)
        asked = Asked(
            "M1", f"M1.{influence}", 1, "Should being longer count?", tuple(o.value for o in kind.options()), form, tuple(own),
            {"statistic": "average_marginal_effect", "value": 0.2, "threshold": 0.03},
        )  # fmt: skip
        return writes.record(
            session, made.study_id, who, asked, answer, kind.effects(answer, view), now=clock.tick(), shown_at=clock.now,
            elapsed_ms=20_000,
        ).id  # fmt: skip


def most_say_no(database, clock, made, *, people=12):
    """All but two say that it should not count, and stand by two of three cases."""
    for person in range(people):
        if person < 2:
            say(database, clock, made, person, "count")
        else:
            say(
                database,
                clock,
                made,
                person,
                "ignore",
                stands=(True, True, False),
                form=("plain", "mirrored")[person % 2],
            )
