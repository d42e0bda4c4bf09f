"""What the votes of a study say: the report, and the pairs people differ on most."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from app.api.deps import ResearcherId
from app.api.problems import answers
from app.http.sessions import Now, ReadSession
from app.reports import divided, fitting
from app.studies import reads

router = APIRouter(tags=["report"])


class Report(BaseModel):
    """The report of CONTRACT section 4; figures that are not known are null."""

    model_config = ConfigDict(extra="allow")
    study: str
    as_of: str
    judgments: int
    annotators: int
    items: int
    pairs: int
    pairs_judged: int
    choices: dict[str, int]
    agreement: dict[str, Any]
    retest: dict[str, Any]
    decomposition: dict[str, Any]
    influences: list[dict[str, Any]]
    ranking: list[dict[str, Any]]
    querying: dict[str, Any]
    meta: list[dict[str, Any]]
    people: list[dict[str, Any]]


class Divided(BaseModel):
    """A pair with its disagreement taken apart; null where it is not known."""

    item_id: str
    pair: tuple[str, str]
    votes: int
    share: float | None
    epistemic: float | None
    between_groups: float | None
    between_people: float | None
    within_person: float | None
    influence_shift: float | None
    next_step: str | None


class DividedList(BaseModel):
    items: list[Divided]


@router.get("/studies/{slug}/report", response_model=Report, responses=answers(401, 404))
def report(slug: str, session: ReadSession, who: ResearcherId, now: Now) -> dict[str, Any]:
    """Everything the votes say, of the judgments there are at this moment."""
    study = reads.get_study(session, slug, researcher_id=who)
    return fitting.current(session, study, now=now)


@router.get("/studies/{slug}/disagreement", response_model=DividedList, responses=answers(401, 404, 422))
def disagreement(
    slug: str,
    session: ReadSession,
    who: ResearcherId,
    now: Now,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 50,
) -> dict[str, Any]:
    """Pairs people differ on, most contested first."""
    study = reads.get_study(session, slug, researcher_id=who)
    return {"items": divided.of_now(session, study, now=now, limit=limit)}
