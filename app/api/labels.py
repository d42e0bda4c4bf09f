"""Labels as people stand by them, with what made each; and the switch of a kind of question."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from app.aggregation import labels
from app.api.deps import ResearcherId
from app.api.problems import answers
from app.http.sessions import Now, ReadSession, WriteSession
from app.kit.errors import NotFound
from app.metapreferences import acts
from app.reports import labelled
from app.studies import reads

router = APIRouter(tags=["patches"])

MOST = 2**31 - 1


class LabelOut(BaseModel):
    """One label: shares are of ``first``. ``moved_by`` names influences with the share each moves; ``patches`` is how many made it."""

    pair_id: int
    item: str
    first: str
    second: str
    topic: str | None
    p_raw: float | None
    p_endorsed: float | None
    weight_raw: float
    weight: float
    turned: bool
    stable: bool
    flipped_by: str
    moved_by: str
    resolved: str | None
    patches: int


class LabelList(BaseModel):
    total: int
    labels: list[LabelOut]


class WhyOut(BaseModel):
    """What made one label: the votes and how each is read, influences at work, and the patches, by id and the first thirty in full."""

    pair_id: int
    first: str
    second: str
    p_raw: float | None
    p_endorsed: float | None
    weight_raw: float
    weight: float
    influence_shift: dict[str, float]
    stable: bool
    flipped_by: list[str]
    resolved: str | None
    votes: list[dict[str, Any]]
    influences: list[dict[str, Any]]
    patches: list[str]
    patches_told: list[dict[str, Any]]


class Switched(BaseModel):
    kind: str
    on: bool
    changed: bool


class Switch(BaseModel):
    on: bool


@router.get("/studies/{slug}/labels", response_model=LabelList, responses=answers(401, 404, 422))
def listed(
    slug: str,
    session: ReadSession,
    who: ResearcherId,
    only: Literal["all", "moved", "turned", "unstable"] = "moved",
    influence: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 50,
    offset: Annotated[int, Query(ge=0, le=MOST)] = 0,
) -> dict[str, Any]:
    """Labels that moved, turned over, or would under another reading; furthest moved first."""
    study = reads.get_study(session, slug, researcher_id=who)
    found = labels.labels(session, study)
    places = labelled.chosen(found, only, influence=influence)
    return {
        "total": int(places.size),
        "labels": labelled.rows(session, found, places[offset : offset + limit].tolist()),
    }


@router.get("/studies/{slug}/labels/{pair_id}", response_model=WhyOut, responses=answers(401, 404, 422))
def why(
    slug: str, pair_id: Annotated[int, Path(ge=0, le=MOST)], session: ReadSession, who: ResearcherId
) -> dict[str, Any]:
    """Why one pair's label is what it is: which votes, wishes and patches made it. 404 where nobody judged it."""
    study = reads.get_study(session, slug, researcher_id=who)
    found = labelled.why(session, labels.labels(session, study), pair_id)
    if found is None:
        raise NotFound
    return labelled.document(found)


@router.post(
    "/studies/{slug}/patches/kinds/{kind}", response_model=Switched, responses=answers(401, 403, 404, 422)
)
def switch(
    slug: str, kind: str, body: Switch, session: WriteSession, who: ResearcherId, now: Now
) -> dict[str, Any]:
    """Let the patches of a kind have effect, or none; labels follow at once."""
    study = reads.get_study(session, slug, researcher_id=who, need="editor")
    changed = acts.switch(session, study, kind, on=body.on, by=who, now=now)
    return {"kind": kind, "on": body.on, "changed": changed}
