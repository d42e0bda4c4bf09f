"""Every SELECT about studies: who may see one, its specification, its members, its log, its items."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, defer

from app.db.base import Part, table_of
from app.db.prepared import Prepared
from app.kit.errors import Forbidden, NotFound
from app.kit.ids import token_hash
from app.people.reads import alone
from app.people.tables import Annotator, ApiToken, Researcher
from app.studies import rules
from app.studies.spec import StudySpec
from app.studies.tables import Item, Pair, Response, Study, StudyEvent, StudyMember, StudyVersion

# Statements of the way of one vote are built once.
_BY_SLUG = select(Study).where(Study.slug == bindparam("slug"))
_BY_ID = select(Study).where(Study.id == bindparam("id"))
_SHOWN = select(Item.external_id, Item.prompt).where(Item.id == bindparam("id"))
_TEXTS = (
    select(Response)
    .where(Response.id.in_(bindparam("ids", expanding=True)))
    .options(defer(Response.embedding), defer(Response.details))
)

_PAIR = Prepared(
    select(*(table_of(Pair).c[name] for name in ("id", "item_id", "first_id", "second_id"))).where(
        table_of(Pair).c.id == bindparam("pair")
    )
)
_ANNOTATOR = Part(Annotator, "id", "study_id", "group_label", "opted_out_topics", "withdrawn_at", "side_seed")
_STUDY = Part(Study, "id", "slug", "title", "state", "version", "secret")
_CALLER = (
    select(table_of(ApiToken).c.researcher_id, *_ANNOTATOR.columns, *_STUDY.columns)
    .select_from(table_of(ApiToken))
    .outerjoin(table_of(Annotator), table_of(Annotator).c.id == table_of(ApiToken).c.annotator_id)
    .outerjoin(table_of(Study), table_of(Study).c.id == table_of(Annotator).c.study_id)
    .where(table_of(ApiToken).c.token_hash == bindparam("hash"), table_of(ApiToken).c.revoked_at.is_(None))
)

_FIND_CALLER = Prepared(_CALLER)
_FIND_CALLER_ALONE = Prepared(_CALLER.add_columns(alone(table_of(Annotator).c.id)))

_specs: OrderedDict[tuple[str, int, int], StudySpec] = OrderedDict()
_specs_lock = Lock()


def get_study(session: Session, slug: str, *, researcher_id: int, need: str = "viewer") -> Study:
    """The study, for a member with at least the role ``need``.

    Raises:
        NotFound: There is no such study, or the researcher has no part in it: the two look alike.
        Forbidden: A member, but not with that role.
    """
    row = session.execute(
        select(Study, StudyMember.role)
        .join(StudyMember, StudyMember.study_id == Study.id)
        .where(Study.slug == slug, StudyMember.researcher_id == researcher_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    if not rules.role_suffices(row.role, need):
        raise Forbidden
    return row[0]


def role_in(session: Session, study_id: int, researcher_id: int) -> str | None:
    return session.scalar(
        select(StudyMember.role).where(
            StudyMember.study_id == study_id, StudyMember.researcher_id == researcher_id
        )
    )


def find_study(session: Session, slug: str) -> Study | None:
    """The study at this address, for annotators' pages; what they may see is decided there."""
    return session.scalar(_BY_SLUG, {"slug": slug})


def get_study_by_id(session: Session, study_id: int) -> Study:
    found = session.scalar(_BY_ID, {"id": study_id})
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True)
class Caller:
    """Whom a bearer token speaks for: a researcher, or an annotator in their study."""

    researcher_id: int | None
    annotator: Annotator | None
    study: Study | None


def find_caller(session: Session, token: str, *, lock: bool = False) -> Caller | None:
    """Whose token this is, with the person and their study in one read; None when it is unknown or revoked.

    lock: from here on, no other request of this person gets past this place until the transaction ends. On SQLite that is so anyway.
    """
    query = _FIND_CALLER_ALONE if lock and session.get_bind().dialect.name == "postgresql" else _FIND_CALLER
    row = query.find(session, {"hash": token_hash(token)})
    if row is None:
        return None
    study = _STUDY.of(session, row, start=1 + _ANNOTATOR.size)
    return Caller(row[0], _ANNOTATOR.of(session, row, start=1), study)


def list_studies(session: Session, researcher_id: int) -> Sequence[Study]:
    """The researcher's studies, newest first."""
    return session.scalars(
        select(Study)
        .join(StudyMember, StudyMember.study_id == Study.id)
        .where(StudyMember.researcher_id == researcher_id)
        .order_by(Study.id.desc())
    ).all()


def list_open_studies(session: Session) -> Sequence[Study]:
    """Studies that anyone may be shown on the front page: open ones."""
    return session.scalars(select(Study).where(Study.state == "open").order_by(Study.id.desc())).all()


def version_at(session: Session, study: Study, as_of: datetime) -> int:
    """The number of the protocol version that held at a moment."""
    found = session.scalar(
        select(func.max(StudyVersion.number)).where(
            StudyVersion.study_id == study.id, StudyVersion.created_at <= as_of
        )
    )
    return found or study.version


def spec_of(session: Session, study: Study, version: int | None = None) -> StudySpec:
    """The specification of a version (the present one by default). Versions never change, so they are kept in memory."""
    number = version or study.version
    key = (study.secret, study.id, number)
    with _specs_lock:
        found = _specs.get(key)
    if found is None:
        row = session.get(StudyVersion, (study.id, number))
        if row is None:
            raise NotFound
        found = StudySpec.model_validate(row.spec)
        with _specs_lock:
            _specs[key] = found
            while len(_specs) > 256:
                _specs.popitem(last=False)
    return found


@dataclass(frozen=True)
class ShownItem:
    """An item's id and its request, as turns of role and content."""

    external_id: str
    prompt: list[Any]


@dataclass(frozen=True)
class Member:
    email: str
    role: str


def list_members(session: Session, study_id: int) -> list[Member]:
    rows = session.execute(
        select(Researcher.email, StudyMember.role)
        .join(StudyMember, StudyMember.researcher_id == Researcher.id)
        .where(StudyMember.study_id == study_id)
        .order_by(Researcher.email)
    )
    return [Member(r.email, r.role) for r in rows]


def list_events(
    session: Session, study_id: int, *, limit: int = 100, before: int | None = None
) -> Sequence[StudyEvent]:
    query = select(StudyEvent).where(StudyEvent.study_id == study_id)
    if before is not None:
        query = query.where(StudyEvent.id < before)
    return session.scalars(query.order_by(StudyEvent.id.desc()).limit(limit)).all()


def count_items(session: Session, study_id: int) -> int:
    return session.scalar(select(func.count()).select_from(Item).where(Item.study_id == study_id)) or 0


def count_pairs(session: Session, study_id: int) -> int:
    return session.scalar(select(func.count()).select_from(Pair).where(Pair.study_id == study_id)) or 0


def mean_words(session: Session, study_id: int, *, sample: int = 200) -> int | None:
    """Words of both answers of a pair on average, going by the study's first answers; None before there are any."""
    texts = session.scalars(
        select(Response.text).where(Response.study_id == study_id).order_by(Response.id).limit(sample)
    ).all()
    return round(2 * sum(len(text.split()) for text in texts) / len(texts)) if texts else None


def find_item(session: Session, study_id: int, external_id: str) -> Item | None:
    return session.scalar(select(Item).where(Item.study_id == study_id, Item.external_id == external_id))


def get_item(session: Session, study_id: int, external_id: str) -> Item:
    """The item of this id. Raises NotFound."""
    item = find_item(session, study_id, external_id)
    if item is None:
        raise NotFound
    return item


def list_responses(session: Session, item_id: int) -> Sequence[Response]:
    return session.scalars(
        select(Response).where(Response.item_id == item_id).order_by(Response.position)
    ).all()


def find_pair(session: Session, study_id: int, pair_id: int) -> Pair | None:
    """A pair of this study by its database key."""
    found = session.get(Pair, pair_id)
    return found if found is not None and found.study_id == study_id else None


def list_pairs(session: Session, item_id: int) -> Sequence[Pair]:
    return session.scalars(select(Pair).where(Pair.item_id == item_id).order_by(Pair.id)).all()


def list_topics(session: Session, study_id: int) -> list[str]:
    """The topics that the study's items bear, in alphabetical order."""
    rows = session.scalars(
        select(Item.topic)
        .where(Item.study_id == study_id, Item.topic.is_not(None))
        .distinct()
        .order_by(Item.topic)
    )
    return [t for t in rows if t]


def responses_by_id(session: Session, ids: Sequence[int]) -> dict[int, Response]:
    """Those responses; embeddings and details are read only where someone asks for them."""
    return {r.id: r for r in session.scalars(_TEXTS, {"ids": list(ids)})}


class PairIds(NamedTuple):
    """A pair by its keys, as ``Pair`` has them."""

    id: int
    item_id: int
    first_id: int
    second_id: int


def get_pair(session: Session, pair_id: int) -> PairIds:
    """A pair that is known to be there."""
    return PairIds._make(_PAIR.one(session, {"pair": pair_id}))


def find_first_pair(session: Session, study_id: int) -> PairIds | None:
    """The first pair of a study that is still asked about; None before there is one."""
    pair, item = table_of(Pair), table_of(Item)
    row = session.execute(
        select(*(pair.c[name] for name in PairIds._fields))
        .join(item, item.c.id == pair.c.item_id)
        .where(pair.c.study_id == study_id, item.c.retired_at.is_(None))
        .order_by(pair.c.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else PairIds._make(row)


def shown_item(session: Session, item_id: int | None) -> ShownItem:
    """What people are shown of an item that is known to be there."""
    row = session.execute(_SHOWN, {"id": item_id}).one()
    return ShownItem(row.external_id, row.prompt)


@dataclass(frozen=True)
class ShownText:
    """A response's text, and where in it a model is named."""

    text: str
    masks: list[Any]


@dataclass(frozen=True)
class ShownPair:
    """An item with two of its responses, as a person is shown them."""

    item: ShownItem
    left: ShownText
    right: ShownText


def shown_pair(session: Session, item_id: int | None, left_id: int | None, right_id: int | None) -> ShownPair:
    """What people are shown of a pair that is known to be there, in one read."""
    row = _shown_pair().one(session, {"item": item_id, "left": left_id, "right": right_id})
    return ShownPair(ShownItem(*row[:2]), ShownText(*row[2:4]), ShownText(*row[4:]))


@cache
def _shown_pair() -> Prepared:
    item, left, right = table_of(Item), table_of(Response).alias(), table_of(Response).alias()
    return Prepared(
        select(item.c.external_id, item.c.prompt, left.c.text, left.c.masks, right.c.text, right.c.masks)
        .join(left, left.c.id == bindparam("left"))
        .join(right, right.c.id == bindparam("right"))
        .select_from(item)
        .where(item.c.id == bindparam("item"))
    )


def as_dict(study: Study, spec: StudySpec) -> dict[str, Any]:
    """A study as the API and ``show --json`` tell it."""
    return {
        "slug": study.slug,
        "title": study.title,
        "state": study.state,
        "version": study.version,
        "simulated": study.simulated,
        "spec": spec.model_dump(mode="json"),
    }
