"""What people said about their choices, as it has effect: listed, taken away and put back; and why a label is what it is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.aggregation import labels
from app.api.deps import ResearcherId
from app.api.problems import answers
from app.http.sessions import Now, ReadSession, WriteSession
from app.kit.clock import iso
from app.metapreferences import acts
from app.metapreferences import reads as wishes
from app.metapreferences.tables import Patch
from app.people import reads as people
from app.studies import reads
from app.studies.tables import Study

router = APIRouter(tags=["patches"])


class PatchOut(BaseModel):
    """One patch. ``annotator`` is a pseudonym; ``stood`` of ``shown`` cases were stood by; ``event_id`` is the answer it comes from."""

    patch_id: str
    kind: str
    scope: str
    annotator: str | None
    group: str | None
    target_type: str
    target_id: str
    var: str
    value: Any
    stood: int
    shown: int
    event_id: str | None
    judgments: list[str]
    active: bool
    switched_off: bool
    active_from: str
    revoked_at: str | None


class InfluenceOut(BaseModel):
    """One influence of the register: how far people stand by it, and whether its effect is known to be its own. ``moved`` labels have a share
    that is half a point another because of it; ``weigh_less`` those whose weight alone it lowers, because it is not known to be its own.
    """

    name: str
    effect: float | None
    q_value: float | None
    beta: float
    own: bool
    probes: int
    endorsed: float | None
    answers: int
    stood: float | None
    moved: int
    weigh_less: int


class Register(BaseModel):
    patches: list[PatchOut]
    kinds_off: list[str]
    influences: list[InfluenceOut]


class Held(BaseModel):
    patch_id: str
    active: bool


@router.get("/studies/{slug}/patches", response_model=Register, responses=answers(401, 404, 422))
def register(
    slug: str,
    session: ReadSession,
    who: ResearcherId,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000,
) -> dict[str, Any]:
    """The flaw register and its switches: newest patches first."""
    study = reads.get_study(session, slug, researcher_id=who)
    listed = wishes.list_patches(session, study.id)
    names = people.pseudonyms(session, study.id)
    found = labels.labels(session, study)
    return {
        "patches": [
            {**_told(one.patch, names), "active": one.active, "switched_off": one.switched_off}
            for one in listed[:limit]
        ],
        "kinds_off": sorted(wishes.switched_off(session, study.id)),
        "influences": influences(found),
    }


def influences(found: labels.Labels) -> list[dict[str, Any]]:
    """Each influence with what people said of it and how many labels it moves."""
    e, effects = found.endorsed, found.basis.raw.effects
    out = []
    for k, wish in enumerate(e.wishes.wishes):
        fit = found.basis.sway.fit.effects[k]
        out.append(
            {
                "name": wish.name, "effect": fit.points, "q_value": fit.q_value, "beta": float(effects.beta[k]),
                "own": bool(effects.own[k]), "probes": int(effects.probes[k]),
                "endorsed": wish.endorsed if wish.answers else None, "answers": wish.answers, "stood": wish.stood,
                "moved": int(e.moved_by(k).sum()), "weigh_less": int(e.lightened_by(k).sum()),
            }
        )  # fmt: skip
    return out


@router.post("/patches/{patch_id}/revoke", response_model=Held, responses=answers(401, 403, 404, 409))
def revoke(patch_id: str, session: WriteSession, who: ResearcherId, now: Now) -> dict[str, Any]:
    """Take a patch's effect away; labels are computed without it from now on."""
    patch = acts.revoke(session, _study_of(session, patch_id, who), patch_id, by=who, now=now)
    return {"patch_id": patch.id, "active": False}


@router.post("/patches/{patch_id}/restore", response_model=Held, responses=answers(401, 403, 404, 409))
def restore(patch_id: str, session: WriteSession, who: ResearcherId, now: Now) -> dict[str, Any]:
    """Give a patch its effect back."""
    patch = acts.restore(session, _study_of(session, patch_id, who), patch_id, by=who, now=now)
    return {"patch_id": patch.id, "active": patch.kind not in wishes.switched_off(session, patch.study_id)}


def _study_of(session: Session, patch_id: str, who: int) -> Study:
    """The study of a patch, where this researcher may change it. Raises NotFound, Forbidden."""
    study = reads.get_study_by_id(session, wishes.get_patch(session, patch_id).study_id)
    return reads.get_study(session, study.slug, researcher_id=who, need="editor")


def _told(patch: Patch, names: dict[int, str]) -> dict[str, Any]:
    return {
        "patch_id": patch.id, "kind": patch.kind, "scope": patch.scope,
        "annotator": names.get(patch.annotator_id) if patch.annotator_id else None, "group": patch.group_label,
        "target_type": patch.target_type, "target_id": patch.target_id, "var": patch.var, "value": patch.value,
        "stood": patch.stood, "shown": patch.shown, "event_id": patch.source_event_id, "judgments": patch.sources,
        "active_from": iso(patch.active_from), "revoked_at": iso(patch.revoked_at),
    }  # fmt: skip
