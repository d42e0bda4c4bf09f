"""Annotators: the next question, its answer, taking it back, and one's own data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session

from app.api.deps import Token, asking
from app.api.problems import answers
from app.assignments.tables import Assignment
from app.assignments.writes import open_to_answer
from app.exports import writes as exports
from app.http.sessions import Now, ReadSession, WriteSession, in_one_write
from app.judgments import writes as judgments
from app.judgments.storing import Submission
from app.kit.clock import iso
from app.metapreferences import answering, mine, showing
from app.metapreferences import reads as wish_reads
from app.metapreferences import writes as wishes
from app.people import writes as people
from app.querying import about_me
from app.querying import writes as querying
from app.questions.answers import ComparisonAnswer
from app.studies import masking, reads
from app.studies.tables import Study

router = APIRouter(tags=["answering"])


class Turn(BaseModel):
    role: str
    content: str


class Side(BaseModel):
    text: str


class AssignmentOut(BaseModel):
    """A comparison to make. No response id and no model's name is in it."""

    assignment_id: str
    kind: str
    item_id: str
    prompt: list[Turn]
    left: Side
    right: Side
    choices: list[Literal["left", "right", "tie", "neither", "skip"]]
    expires_at: str


class OptionOut(BaseModel):
    value: str
    label: str


class MetaAssignmentOut(BaseModel):
    """A question about the person's own choices. ``consequences`` are choices that some answers would turn over."""

    assignment_id: str
    kind: str
    text: str
    evidence: list[dict[str, Any]]
    options: list[OptionOut]
    expires_at: str
    texts: dict[str, str] | None = None
    ranking: int | None = None
    consequences: dict[str, Any] | None = None


class MetaAnswerIn(BaseModel):
    """An answer to a meta-question: ``choice``, or a ``ranking`` (best first) or ``points``; ``stands`` says of each case among the
    consequences whether it may be read the other way.
    """

    model_config = ConfigDict(extra="allow")
    choice: Any = None
    text: Any = None
    ranking: Any = None
    points: Any = None
    stands: Any = None
    client_token: Any = None
    elapsed_ms: Any = None


Given = Annotated[ComparisonAnswer | MetaAnswerIn, Field(union_mode="left_to_right")]


class Stored(BaseModel):
    """``judgment_id`` is the answer's id, of either sort; ``patches`` are the effects of an answer to a meta-question."""

    judgment_id: str
    patches: list[str] | None = None


class Retracted(BaseModel):
    judgment_id: str
    retracted: Literal[True]


@router.get(
    "/studies/{slug}/next",
    response_model=AssignmentOut | MetaAssignmentOut,
    response_model_exclude_none=True,
    responses={**answers(401, 404, 409), 204: {"description": "Nothing left for this person now"}},
)
async def next_question(slug: str, request: Request, token: Token, now: Now, response: Response) -> Any:
    """The next question. It stays the same until it is answered or its hold ends."""
    shown = await in_one_write(request, lambda session: _next(session, slug, token, now))
    if shown is None:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.headers["Cache-Control"] = "no-store"
    return shown


def _next(session: Session, slug: str, token: str, now: datetime) -> dict[str, Any] | None:
    study, annotator = asking(session, token, slug, lock=True)
    assignment = querying.issue_next(session, study, annotator, now=now, locked=True)
    return None if assignment is None else _shown(session, study, assignment)


@router.post(
    "/assignments/{assignment_id}/answer",
    status_code=201,
    response_model=Stored,
    response_model_exclude_none=True,
    responses={
        **answers(401, 404, 409, 422),
        200: {"model": Stored, "description": "The same submit had arrived before"},
    },
)
async def answer(
    assignment_id: str, body: Given, request: Request, token: Token, now: Now, response: Response
) -> dict[str, Any]:
    """Answer a question. When this says 201, the answer is stored for good."""
    created, told = await in_one_write(
        request, lambda session: _answer(session, token, assignment_id, body, now)
    )
    if not created:
        response.status_code = 200
    return told


def _answer(
    session: Session, token: str, assignment_id: str, body: ComparisonAnswer | MetaAnswerIn, now: datetime
) -> tuple[bool, dict[str, Any]]:
    """Whether the answer is new, and what is told of it."""
    study, annotator = asking(session, token, lock=True)
    opened = open_to_answer(session, assignment_id, annotator.id, locked=True)
    assignment = opened.assignment
    if assignment.kind != "comparison":
        words = body.model_dump(exclude_unset=True)
        done = answering.answer(session, study, annotator, assignment_id, words, now=now, source="api")
        made = wish_reads.list_patches_of_event(session, done.event.id)
        return done.created, {"judgment_id": done.event.id, "patches": [p.id for p in made]}
    given = _comparison(body)
    if given.spans:
        given = _unmasked(session, study, assignment, given)
    recorded = judgments.record(
        session, study, annotator, opened, given, now=now, submission=Submission(source="api")
    )
    wishes.note_view(session, annotator, recorded.judgment, now=now)
    return recorded.created, {"judgment_id": recorded.judgment.id}


@router.post("/judgments/{judgment_id}/retract", response_model=Retracted, responses=answers(401, 404, 409))
def retract(judgment_id: str, session: WriteSession, token: Token, now: Now) -> dict[str, Any]:
    """Take an answer back while it can still be changed."""
    study, annotator = asking(session, token)
    row = judgments.retract(session, study, annotator, judgment_id, now=now)
    wishes.note_view(session, annotator, row, now=now)
    return {"judgment_id": row.id, "retracted": True}


@router.get("/studies/{slug}/me", response_model=dict[str, Any], responses=answers(401, 404))
def me(slug: str, session: ReadSession, token: Token) -> dict[str, Any]:
    """What the study has learned of me."""
    study, annotator = asking(session, token, slug)
    return about_me.document(session, study, annotator, reads.spec_of(session, study))


@router.get("/me/data", response_model=dict[str, Any], responses=answers(401))
def my_data(session: ReadSession, token: Token) -> dict[str, Any]:
    """Everything I gave."""
    study, annotator = asking(session, token)
    return mine.everything(session, study, annotator)


@router.delete("/me/data", status_code=204, response_class=Response, responses=answers(401))
def withdraw(session: WriteSession, token: Token, now: Now) -> Response:
    """Withdraw. My rows are in no later export; only counts are kept."""
    _, annotator = asking(session, token)
    exports.mark_withdrawn(session, annotator)
    judgments.erase(session, annotator, now=now)
    wishes.withdraw(session, annotator, now=now)
    people.withdraw(session, annotator, now=now)
    return Response(status_code=204)


def _comparison(body: ComparisonAnswer | MetaAnswerIn) -> ComparisonAnswer:
    """The body as the answer to a comparison. Raises RequestValidationError as if it had been read as one at once."""
    if isinstance(body, ComparisonAnswer):
        return body
    try:
        return ComparisonAnswer.model_validate(body.model_dump(exclude_unset=True))
    except ValidationError as error:
        places = [{**e, "loc": ("body", *e["loc"])} for e in error.errors()]
        raise RequestValidationError(places) from error


def _shown(session: Session, study: Study, assignment: Assignment) -> dict[str, Any]:
    spec = reads.spec_of(session, study, assignment.protocol_version)
    if assignment.kind != "comparison":
        return showing.question(session, spec, assignment)
    pair = reads.shown_pair(session, assignment.item_id, assignment.left_id, assignment.right_id)
    mask = spec.display.mask_model_names
    return {
        "assignment_id": assignment.id,
        "kind": assignment.kind,
        "item_id": pair.item.external_id,
        "prompt": pair.item.prompt,
        "left": {"text": _text(pair.left, mask)},
        "right": {"text": _text(pair.right, mask)},
        "choices": ["left", "right", "tie", "neither", "skip"],
        "expires_at": iso(assignment.expires_at),
    }


def _text(shown: reads.ShownText, mask: bool) -> str:
    return masking.shown(shown.text, shown.masks) if mask else shown.text


def _unmasked(
    session: Session, study: Study, assignment: Assignment, given: ComparisonAnswer
) -> ComparisonAnswer:
    """Spans carried from the text as shown to the text as stored."""
    if not reads.spec_of(session, study, assignment.protocol_version).display.mask_model_names:
        return given
    sides = dict(zip(("left", "right"), judgments.response_texts(session, assignment), strict=True))
    spans = [
        s.model_copy(
            update={
                "start": masking.stored_offset(s.start, sides[s.side].masks, is_end=False),
                "end": masking.stored_offset(s.end, sides[s.side].masks, is_end=True),
            }
        )
        for s in given.spans or []
    ]
    return given.model_copy(update={"spans": spans})
