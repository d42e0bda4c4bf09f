"""Answers about how choices should be read, and the questions they answer, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import aliased

from app.exports.cleaning import without_personal_details
from app.exports.people import may_be_released
from app.exports.records import MetaAnswerRecord, MetaQuestionRecord
from app.exports.rowwise import parts
from app.exports.state import State
from app.exports.tidying import as_json, minute, pair_id
from app.judgments.tables import Judgment
from app.metapreferences.tables import MetaEvent
from app.people.tables import Annotator
from app.questions import unfilled
from app.studies.tables import Item, Pair, Response

PART = 200


def current(state: State) -> Select[Any]:
    """Answers that stood at the export's moment, of people who may be released."""
    later = aliased(MetaEvent)
    return (
        select(*MetaEvent.__table__.columns)
        .join(Annotator, Annotator.id == MetaEvent.annotator_id)
        .outerjoin(later, and_(later.supersedes == MetaEvent.id, later.answered_at <= state.as_of))
        .where(
            MetaEvent.study_id == state.study.id,
            MetaEvent.answered_at <= state.as_of,
            later.id.is_(None),
            may_be_released(),
        )
        .order_by(MetaEvent.id)
    )


def asked(state: State, row: Any) -> tuple[str, str]:
    """(which wording of which question, in which form and which way round; its text, without what was put into it for one person)."""
    way, text = unfilled.of(row.kind, row.template, row.form, state.spec.display.language, row.text)
    return ".".join(filter(None, (row.template, str(row.template_version), row.form, way))), text


def questions(state: State) -> Iterator[MetaQuestionRecord]:
    """Each question that somebody answered, in the words of its wording."""
    found: dict[str, dict[str, Any]] = {}
    for chunk in parts(state.session, current(state), part=PART):
        for row in chunk:
            name, text = asked(state, row)
            one = found.setdefault(
                name,
                {
                    "kind": row.kind,
                    "text": text,
                    "version": row.template_version,
                    "form": row.form,
                    "n": 0,
                    "options": {},
                },
            )
            one["n"] += 1
            one["options"] |= dict.fromkeys(str(o) for o in row.option_order or [])
    for name in sorted(found):
        one = found[name]
        yield MetaQuestionRecord(
            name, one["kind"], one["text"], one["version"], one["form"], sorted(one["options"]), one["n"]
        )


def answers(state: State) -> Iterator[MetaAnswerRecord]:
    """Each current answer, with the pairs it is about."""
    for chunk in parts(state.session, current(state), part=PART):
        about = _pairs(state, [i for row in chunk for i in _judgments(row)])
        for row in chunk:
            answer = row.answer or {}
            stands = answer.get("stands") or {}
            told = {
                k: answer[k] for k in ("choice", "ranking", "points") if answer.get(k) not in (None, [], {})
            }
            words = state.options.include_text
            yield MetaAnswerRecord(
                meta_judgment_id=state.salted("meta", row.id),
                annotator_id=state.person(row.annotator_id),
                question_id=asked(state, row)[0],
                kind=row.kind,
                text=row.text,
                choice=str(answer.get("choice") or ""),
                answer=as_json(told),
                stood=sum(bool(v) for v in stands.values()) if isinstance(stands, dict) else 0,
                shown=len({*stands, *(row.trigger or {}).get("cases", ())}),
                about=sorted({about[i] for i in _judgments(row) if i in about}),
                reason=without_personal_details(row.answer_text) if words else None,
                response_ms=row.elapsed_ms,
                at=minute(row.answered_at),
            )


def _judgments(row: Any) -> list[str]:
    return [str(i) for i in (*(row.evidence or []), row.judgment_id) if i]


def _pairs(state: State, ids: Sequence[str]) -> dict[str, str]:
    """The pair that each of these judgments is about, by the pair's lasting id."""
    first, second = aliased(Response), aliased(Response)
    found: dict[str, str] = {}
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), 500):
        query = (
            select(Judgment.id, Item.external_id, first.external_id, second.external_id)
            .join(Pair, Pair.id == Judgment.pair_id)
            .join(Item, Item.id == Pair.item_id)
            .join(first, first.id == Pair.first_id)
            .join(second, second.id == Pair.second_id)
            .where(Judgment.id.in_(wanted[start : start + 500]))
        )
        for key, item, one, other in state.session.execute(query):
            found[key] = pair_id(item, one, other)
    return found
