"""Small studies written straight into the tables, so that tests can make any state, also odd ones."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment
from app.judgments.tables import Judgment
from app.metapreferences.tables import MetaEvent, Patch, PatchEvent
from app.people import writes as people
from app.people.tables import Annotator, AnnotatorEvent
from app.studies import reading
from app.studies.tables import Item, Pair, Response, Study, StudyVersion

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Builder:
    """Adds rows to one study; every call moves the clock on by a second."""

    session: Session
    study: Study
    now: datetime = START
    n: int = 0
    pairs: dict[tuple[str, str, str], Pair] = field(default_factory=dict)
    people: dict[str, Annotator] = field(default_factory=dict)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        self.n += 1
        return self.now

    def item(
        self,
        item_id: str,
        *texts: str,
        prompt: str | list[dict[str, str]] | None = None,
        models: tuple[str | None, ...] | None = None,
        ids: tuple[str, ...] | None = None,
        **fields: Any,
    ) -> Item:
        """An item with these responses (ids a, b, c ...) and all their pairs."""
        if prompt is None:
            prompt = f"What about {item_id}?"
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        told = "\n".join(t["content"] for t in turns)
        item = Item(
            study_id=self.study.id,
            external_id=item_id,
            prompt=turns,
            content_hash=hashlib.sha256(item_id.encode()).hexdigest(),
            prompt_hash=hashlib.sha256(" ".join(told.lower().split()).encode("utf-8", "replace")).hexdigest(),
            search_text=told[:100],
            added_at=self.tick(),
            **fields,
        )
        self.session.add(item)
        self.session.flush()
        made = []
        for place, text in enumerate(texts or ("one answer", "another answer")):
            one = Response(
                item_id=item.id,
                study_id=self.study.id,
                external_id=ids[place] if ids else "abcdefghij"[place],
                position=place,
                model=models[place] if models else f"model-{'abcdefghij'[place]}",
                text=text,
            )
            self.session.add(one)
            self.session.flush()
            made.append(one)
        for place, first in enumerate(made):
            for second in made[place + 1 :]:
                pair = Pair(study_id=self.study.id, item_id=item.id, first_id=first.id, second_id=second.id)
                self.session.add(pair)
                self.session.flush()
                self.pairs[item_id, first.external_id, second.external_id] = pair
        return item

    def person(self, name: str, **fields: Any) -> Annotator:
        """A person; ``name`` is only the test's word for them."""
        attributes = fields.pop("attributes", {})
        made = Annotator(
            study_id=self.study.id,
            pseudonym=f"{name}-{self.tick().timestamp()}",
            source=fields.pop("source", "page"),
            attributes=attributes,
            joined_at=self.now,
            side_seed=1,
            external_id=fields.pop("external_id", f"panel-{name}"),
            **fields,
        )
        self.session.add(made)
        self.session.flush()
        self.session.add(AnnotatorEvent(annotator_id=made.id, at=self.now, kind="joined", detail={}))
        self.people[name] = made
        return made

    def vote(
        self,
        name: str,
        item_id: str,
        prefers: str,
        *,
        pair: tuple[str, str] = ("a", "b"),
        swapped: bool | None = None,
        asked: bool = True,
        **fields: Any,
    ) -> Judgment:
        """A person's answer: ``prefers`` is a response id, tie, neither, skip or retracted.

        Sides alternate unless ``swapped`` says how they stood.
        """
        if name not in self.people:
            self.person(name)
        row = self.pairs[item_id, *pair]
        if swapped is None:
            swapped = self.n % 2 == 1
        left, right = (row.second_id, row.first_id) if swapped else (row.first_id, row.second_id)
        sides = pair[::-1] if swapped else pair
        choice = {sides[0]: "left", sides[1]: "right"}.get(prefers, prefers)
        at = self.tick()
        number = f"{self.study.id:06d}{self.n:020d}"
        assignment = None
        earlier = fields.pop("revises", None)
        if earlier is not None:
            assignment, left, right = earlier.assignment_id, earlier.left_id, earlier.right_id
            first = left == row.first_id
            if prefers in pair:
                choice = "left" if (prefers == pair[0]) == first else "right"
            fields |= {"revision": earlier.revision + 1, "supersedes": earlier.id}
        elif asked:
            assignment = number
            self.session.add(
                Assignment(
                    id=number,
                    study_id=self.study.id,
                    annotator_id=self.people[name].id,
                    item_id=row.item_id,
                    pair_id=row.id,
                    left_id=left,
                    right_id=right,
                    protocol_version=1,
                    policy=fields.pop("policy", "even"),
                    propensity=0.25,
                    seed=1,
                    draw={
                        "branch": "policy",
                        "branch_probability": 1.0,
                        "eligible": 4,
                        "candidates": 4,
                        "explore": 0.0,
                        "guess": 0.6,
                        "guess_by": "counts",
                    },
                    slot=self.n,
                    state="answered",
                    shown_at=at - timedelta(seconds=0.5),
                    expires_at=at + timedelta(minutes=20),
                    closed_at=at,
                    retest_of=fields.get("retest_of"),
                    is_gold=fields.get("is_gold", False),
                )
            )
            self.session.flush()
        made = Judgment(
            id=number,
            study_id=self.study.id,
            annotator_id=self.people[name].id,
            assignment_id=assignment,
            item_id=row.item_id,
            pair_id=row.id,
            left_id=left,
            right_id=right,
            choice=choice,
            protocol_version=1,
            source=fields.pop("source", "page" if asked else "import"),
            created_at=at,
            answered_at=fields.pop("answered_at", at),
            elapsed_ms=fields.pop("elapsed_ms", 9000),
            counts=fields.pop("counts", choice not in {"skip", "retracted"}),
            **fields,
        )
        self.session.add(made)
        self.session.flush()
        return made

    def meta(
        self, judgment: Judgment, choice: str = "guess", *, text: str = "Is this your view?", **fields: Any
    ) -> MetaEvent:
        """What a person said about one of their answers."""
        at = self.tick()
        made = MetaEvent(
            id=f"{self.study.id:06d}{self.n:020d}",
            study_id=self.study.id,
            annotator_id=judgment.annotator_id,
            judgment_id=judgment.id,
            kind=fields.pop("kind", "M12"),
            template=fields.pop("template", "M12"),
            template_version=1,
            text=text,
            option_order=["my_view", "guess"],
            evidence=[judgment.id],
            trigger={},
            answer={"choice": choice, **fields.pop("answer", {})},
            shown_at=at,
            answered_at=at,
            **fields,
        )
        self.session.add(made)
        self.session.flush()
        return made


def delegate(made: Builder, name: str, value: dict[str, str], *, var: str = "delegation") -> Patch:
    """What a person lets the study's picture of them do, from now on."""
    at, who = made.tick(), made.people[name]
    row = Patch(
        id=f"{made.study.id:06d}D{made.n:019d}", study_id=made.study.id, scope="person", annotator_id=who.id, kind="M9",
        target_type="person", target_id=str(who.id), var=var, packed={"v": value}, stood=0, shown=0, sources=[], active_from=at,
    )  # fmt: skip
    made.session.add(row)
    made.session.flush()
    made.session.add(PatchEvent(study_id=made.study.id, patch_id=row.id, kind="M9", act="made", at=at))
    made.session.flush()
    return row


def study(session: Session, slug: str = "advice", **parts: Any) -> Builder:
    """An open study without items. ``parts`` are merged over a small study file."""
    owner = people.create_researcher(session, f"{slug}@example.org", password=None, now=START)
    simulated = parts.pop("simulated", False)
    spec = reading.from_data({"slug": slug, "title": "Everyday advice", "question": {}, **parts})
    made = Study(
        slug=slug,
        title=spec.title,
        state="open",
        owner_id=owner.id,
        secret=secrets.token_hex(32),
        created_at=START,
        simulated=simulated,
    )
    session.add(made)
    session.flush()
    session.execute(
        insert(StudyVersion),
        [{"study_id": made.id, "number": 1, "spec": spec.model_dump(mode="json"), "created_at": START}],
    )
    return Builder(session, made)


def small(session: Session, slug: str = "advice", **parts: Any) -> Builder:
    """Six items, seven people, clear and split opinions, ties, a skip, a change of mind and one answer taken back."""
    made = study(session, slug, **parts)
    for n in range(6):
        made.item(f"i{n}", f"The first answer to {n}.", f"A second, different answer to {n}.", topic="home")
    for n in range(6):
        for who in "pqrst":
            made.vote(who, f"i{n}", "a" if (n + ord(who)) % 4 else "b")
    made.vote("u", "i0", "tie")
    made.vote("u", "i1", "neither")
    made.vote("u", "i2", "skip")
    changed = made.vote("u", "i3", "a")
    made.vote("u", "i3", "b", revises=changed)
    taken = made.vote("u", "i4", "a")
    made.vote("u", "i4", "retracted", revises=taken)
    made.vote("v", "i5", "tie")
    return made
