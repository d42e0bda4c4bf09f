"""Questions about people's choices: what was asked and answered, whether the wording leads, what came of it, and who is next."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson
from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.aggregation import keeping, labels
from app.inference.agreement import Share
from app.people.tables import Researcher
from app.querying import own_questions
from app.questions.asking import LAST, Asks
from app.questions.registry import by_code
from app.questions.wording import words
from app.reports import agreement, asked
from app.reports.asked import Kind, Next
from app.reports.settled import Settled, settled
from app.reports.tables import Found
from app.studies import reads
from app.studies.spec import OwnQuestion, StudySpec
from app.studies.tables import Study
from app.web.deps import ReadSession, SignedIn
from app.web.render import render
from app.web.research.frame import Ending, Frame, as_file, frame, siblings

router = APIRouter()
KINDS = {
    "M1": "Should it count?",
    "M2": "Does that follow from what you meant?",
    "M3": "Your choices go in a circle",
    "M4": "You answered this differently before",
    "M5": "What should be done where people differ?",
    "M6": "Who should count?",
    "M7": "Which matters more here?",
    "M8": "Is that wiser than before?",
    "M9": "What the study has learned about you",
    "M10": "Would you look again?",
    "M11": "What would others choose?",
    "M12": "Your view, or a guess?",
    "M13": "Which result could you accept?",
    "M14": "Could you live with it?",
    "M15": "Have you changed your mind?",
    "M16": "Who speaks for you?",
}
"""What each kind asks, in a few words."""


@dataclass(frozen=True)
class Preview:
    """A question of the study file as people would see it."""

    kind: str
    about: str
    text: str
    options: tuple[str, ...]
    when: str
    effect: str


@dataclass(frozen=True, kw_only=True)
class Questions(Frame):
    kinds: tuple[Kind, ...]
    names: dict[str, str]
    options: dict[str, dict[str, str]]
    """By kind, what each answer says where people read it."""
    on: tuple[str, ...]
    later: tuple[str, ...]
    """Kinds that the study file names and nobody can be asked yet."""
    upcoming: tuple[Next, ...]
    own: tuple[Preview, ...]
    inert: tuple[str, ...]
    retired: tuple[str, ...]
    seeing: tuple[Share, Share]
    """Same choice again, of people who saw what the study has learned of them in between; and elsewhere."""
    settled: tuple[Settled, ...]
    """What people want done where they differ, class by class."""
    undivided: str | None
    """Why nobody can be asked how to resolve a disagreement, where that kind is on."""
    texts_shown: int
    csv_url: str
    json_url: str


@router.get("/studies/{slug}/questions", name="questions.index")
def index(request: Request, slug: str, session: ReadSession, who: SignedIn) -> Response:
    """Every kind and wording, with who would be asked next."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return render(request, "research/questions.html", _page(request, session, who, study))


@router.get("/studies/{slug}/questions.{ending}", name="questions.file")
def file(request: Request, slug: str, ending: Ending, session: ReadSession, who: SignedIn) -> Response:
    """A row a wording as CSV; everything the page shows, with all texts, as JSON."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if ending == "csv":
        rows = asked.rows(asked.kinds(session, study.id, labels.labels(session, study)))
        return as_file(Found(rows, len(rows)), f"{slug}-questions", ending)
    page = _page(request, session, who, study)
    told = {
        "kinds": [asdict(one) for one in page.kinds],
        "next": [asdict(one) for one in page.upcoming],
        "settled": [asdict(one) for one in page.settled],
        "own": [asdict(one) for one in page.own],
    }
    return Response(orjson.dumps(told), media_type="application/json")


def _page(request: Request, session: Session, who: Researcher, study: Study) -> Questions:
    labelled = labels.labels(session, study)
    found = asked.kinds(session, study.id, labelled)
    given = frame(session, who, study, "questions")
    csv_url, json_url = siblings(request)
    spec: StudySpec = given["spec"]
    wanted = spec.meta.kinds if spec.meta.share > 0 else []
    return Questions(
        **given,
        kinds=found,
        names=KINDS,
        options=_options(),
        on=tuple(code for code in wanted if code in by_code()),
        later=tuple(code for code in wanted if code not in by_code()),
        upcoming=asked.upcoming(session, study),
        own=tuple(_preview(one, spec) for one in spec.meta.own),
        inert=tuple(one.code for one in found if one.inert),
        retired=tuple(t.name for one in found for t in one.templates if t.retired),
        seeing=agreement.seeing(labelled.basis.seen),
        settled=settled(labelled.endorsed),
        undivided=_undivided(session, study, spec),
        texts_shown=asked.TEXTS,
        csv_url=csv_url,
        json_url=json_url,
    )


def _options() -> dict[str, dict[str, str]]:
    say = words("en")
    return {
        code: {o.value: say(f"option.{o.value}" if o.value in LAST else o.words) for o in kind.options()}
        for code, kind in by_code().items()
        if isinstance(kind, Asks) and not kind.on_ballot
    }


def _undivided(session: Session, study: Study, spec: StudySpec) -> str | None:
    kept = keeping.latest(session, study.id)
    if kept is None or "M5" not in spec.meta.kinds or spec.meta.share <= 0:
        return None
    why = kept.result.get("differing", {}).get("why")
    return None if why is None else str(why)


def _preview(one: OwnQuestion, spec: StudySpec) -> Preview:
    say = words(spec.display.language)
    options = (
        *(label for _, label in own_questions.options_of(one, say)),
        *(say(f"option.{v}") for v in LAST),
    )
    after = one.when.get("after") if isinstance(one.when, dict) else one.when
    when = (
        f"after {after} answers"
        if isinstance(after, int) and after
        else "as soon as a question about choices may come"
    )
    effect = "kept and exported; it changes nothing by itself"
    return Preview(one.kind, KINDS.get(one.kind, one.kind), one.text, options, when, effect)
