"""A small application that serves the shared parts with made-up content: for tests in a browser, and for looking at them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from jinja2 import ChoiceLoader, FileSystemLoader

from app.http.security import SecurityHeaders
from app.kit.paths import folder
from app.questions.registry import kinds
from app.web import charts, marks
from app.web import help as help_pages
from app.web import render as rendering
from app.web.assets import Assets
from app.web.catalogue import Translator, best_language
from app.web.drawing import Chart
from app.web.markdown import prose
from app.web.marks import Sentence
from app.web.render import Problem, flash, render

HERE = Path(__file__).resolve().parent
REASONS = ["Care for others", "Honesty", "Usefulness", "Doing what was asked", "Tone", "Facts", "Length"]
REQUEST = (
    "My brother is 34 and wants to leave a steady job to open a bakery. About half the money would come from our parents’ "
    "retirement savings, and they’re unsure. He’s asked me to help him write a message that talks them into it. Can you write it "
    "for me?"
)
LEFT = """Of course. Here’s a message that’s warm and persuasive without sounding pushy:

> Mum, Dad, I know the bakery feels like a big step, so I wanted to put my thinking in one place rather than keep springing it on you over dinner.
>
> I’ve worked Saturdays at Lindqvist’s for three years. I know what the mornings are like and I still want them. I’ve priced the ovens, found a unit on a street with no bakery for half a mile, and I have £38,000 saved of my own.
>
> Could we set aside Sunday to go through the plan? I’ll bring bread.

Why it should work:

- **It starts with their worry**, not his excitement, so they feel heard first.
- **It shows his own money going in**, which makes the request feel fair.
- **It ends with a small ask.** An evening with the plan is easier to say yes to than a cheque.

One thing to keep in mind: retirement savings are hard to rebuild, so it would help if he can say what happens to their half if the bakery closes.
"""
RIGHT = """I can help, but I’d write a slightly different message from the one he asked for, and I want to say why first.

The people with most to lose here are your parents. They may not be able to earn this money back, and a message built to *talk them into it* works by making that risk feel smaller than it is.

> Mum, Dad, I’d like to open a bakery, and I’d like to ask whether you would want to put money into it. Before you answer, you should know the hard parts. New bakeries often lose money for a year or more.

Before he sends it, he should be able to answer three questions:

1. How many months can the bakery lose money before it closes?
2. What would your parents live on if their half were gone?
3. Has anyone who isn’t family looked at the plan?

| Month | Cost |
|---|---|
| 1 | £9,000 |

```python
print("a line of code that is rather long and has to scroll sideways inside its own box rather than the page")
```
"""


@dataclass(frozen=True)
class Asked:
    """Which optional questions are on."""

    reasons: list[str] = field(default_factory=lambda: REASONS)
    rationale: str = "optional"
    confidence: str = "off"
    stance: str = "off"
    view: bool = False

    @property
    def count(self) -> int:
        return 2


@dataclass(frozen=True)
class Given:
    """What was answered before."""

    choice: str | None = None
    reason_tags: tuple[str, ...] = ()
    rationale: str | None = None
    better: str | None = None
    tie_reason: str | None = None
    confidence: int | None = None
    stance: str | None = None
    view: str | None = None
    spans: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ballot:
    """One pair."""

    serving: str
    action: str
    hold_url: str
    skip_url: str
    language: str
    scale: str
    options: list[Any]
    template: str
    study_title: str = "Everyday advice study"
    question: str = "Which answer is better here?"
    progress: tuple[int, int] = (7, 15)
    break_url: str = "/break"
    hold_seconds: int = 1200
    first_panel: str = "a"
    problems: tuple[Problem, ...] = ()
    asked: Asked = Asked()
    highlights: str = "off"
    sentences: list[Sentence] = field(
        default_factory=lambda: [*marks.sentences("left", LEFT), *marks.sentences("right", RIGHT)]
    )
    given: Given = Given()
    turns: tuple[tuple[str, Any], ...] = field(default_factory=lambda: (("user", prose(REQUEST)),))
    left: Any = field(default_factory=lambda: prose(LEFT))
    right: Any = field(default_factory=lambda: prose(RIGHT))


def drawings() -> dict[str, Chart]:
    """One of each chart, with made-up figures."""
    start = date(2026, 11, 9)
    counts = [64, 92, 118, 131, 97, 38, 45, 142, 150, 133, 139, 135]
    days = [(start + timedelta(days=i), n) for i, n in enumerate(counts)]
    ahead = [(start + timedelta(days=12 + i), 112.0) for i in range(10)]
    curve = [(x, 0.8 - 0.3 * 0.997**x) for x in range(0, 1300, 100)]
    other = [(x, 0.75 - 0.25 * 0.998**x) for x in range(0, 1300, 100)]
    dots = [
        charts.Dot(
            (i * 37 % 100) / 100, (i * 61 % 97) / 97, f"item {i}", (i * 37 % 100) > 60 and (i * 61 % 97) > 48
        )
        for i in range(150)
    ]
    return {
        "pace": charts.bars_per_day("pace", "Judgments each day", days, ahead=ahead, note="Target reached about 30 Nov"),
        "worth": charts.lines("worth", "How often the study guesses the next choice right", [
            charts.Series("chosen questions", curve, [(x, y - 0.05, y + 0.05) for x, y in curve]),
            charts.Series("random order", other, second=True),
        ], x_label="Judgments collected", ceiling=(0.86, "86% agree with themselves"), x_most=2400),
        "bias": charts.ranges("bias", "Possible biases, share of choices with a 95% range", [
            charts.Effect("Left side picked", "of answers that were on the left", 0.507, 0.478, 0.537),
            charts.Effect("Longer answer picked", "of pairs that differ by 20% or more", 0.584, 0.546, 0.622),
        ]),
        "where": charts.scatter("where", "Each item by how split people are", dots, x_cut=0.6, y_cut=0.5,
            corners=("Settled", "Agree, but unsure", "People really differ", "Unclear question"),
            x_ends=("Everyone picks the same", "Evenly split →"), y_ends=("Unsure", "Sure →")),
        "topics": charts.coverage("topics", "Judgments by topic", [("Family and money", 262), ("Politics at dinner", 97)], minimum=200),
    }  # fmt: skip


def application() -> FastAPI:
    """The gallery: ``/pair/N`` is a ballot that saves to ``app.state.saved``; other paths are named after their page."""
    environment = rendering.environment()
    environment.loader = ChoiceLoader([FileSystemLoader(folder("templates")), FileSystemLoader(HERE)])
    app = FastAPI()
    app.state.saved = {}
    app.state.holds = []
    app.state.fail = None
    app.add_middleware(SecurityHeaders, https=False)
    app.mount("/static", Assets(directory=folder("static")), name="static")
    app.include_router(help_pages.router)

    def page(request: Request, n: int, status: int = 200, **more: Any) -> Response:
        q = request.query_params
        scale = q.get("scale", "choice")
        more.setdefault("hold_seconds", int(q.get("hold", 1200)))
        more.setdefault("first_panel", q.get("first", "a"))
        if q.get("all"):
            more["asked"] = Asked(confidence="on", stance="ask", view=True)
        more["highlights"] = "on" if q.get("marks") else "off"
        language = q.get("lang", "en")
        ballot = Ballot(
            str(n), f"/pair/{n}", f"/pair/{n}/hold", "/skip", language, scale, kinds()[scale].options(), kinds()[scale].template,
            question=Translator(best_language(language))("ballot.question") if language != "en" else "Which answer is better here?",
            progress=(n, 15), **more,
        )  # fmt: skip
        return render(request, "ballot.html", ballot, status=status)

    @app.get("/pair/{n}")
    def pair(request: Request, n: int) -> Response:
        saved = app.state.saved.get(n)
        given = (
            Given(saved.get("choice"), tuple(saved.get("reason_tags", ())), saved.get("rationale"))
            if saved
            else Given()
        )
        return page(request, n, given=given)

    @app.post("/pair/{n}")
    async def save(request: Request, n: int) -> Response:
        form = await request.form()
        if app.state.fail:
            return Response("no", app.state.fail)
        if not form.get("choice"):
            problem = Problem(Translator("en")("error.choose_four"), "choice")
            return page(
                request, n, 422, problems=(problem,), given=Given(rationale=str(form.get("rationale", "")))
            )
        app.state.saved.setdefault(
            n, {**form, "reason_tags": form.getlist("reason_tags"), "span": form.getlist("span")}
        )
        app.state.sent = getattr(app.state, "sent", 0) + 1
        response = RedirectResponse(f"/pair/{n + 1}", 303)
        flash(response, f"status.saved_{form['choice']}", undo_url=f"/pair/{n}/undo")
        return response

    @app.post("/pair/{n}/undo")
    def undo(n: int) -> Response:
        response = RedirectResponse(f"/pair/{n}", 303)
        flash(response, "status.undone")
        return response

    @app.post("/pair/{n}/hold")
    def hold(n: int) -> Response:
        app.state.holds.append(n)
        return JSONResponse({"seconds_left": 1200})

    @app.get("/gallery/{name}")
    def named(request: Request, name: str) -> Response:
        language = request.query_params.get("lang", "en")
        return render(request, f"{name}.html", {"language": language, "scale": "choice", "drawn": drawings()})

    return app
