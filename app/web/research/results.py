"""What the votes say, drawn: the scatter of pairs, what sways choices, and the one notice."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from app.reports import divided
from app.web import charts
from app.web.drawing import Chart

CORNERS = {
    "people_differ": "People really differ",
    "unclear_question": "Unclear question",
    "agree_but_unsure": "Agree, but unsure",
    "settled": "Settled",
}
STEPS = {
    "more_votes": "Ask more people",
    "swap_sides": "Show it again with the sides swapped",
    "endorsement": "Ask whether what sways this should count",
    "retest": "Ask the same people again",
    "resolve": "Ask how an AI should settle it",
    "personal": "Ask for reasons: people differ one by one",
    "verify": "Check the facts",
    "stop": "Enough is known",
}
FEWEST = 3
MOST_DOTS = 600
CUTS = (0.64, 0.5)
"""Where the scatter is cut: a split of 20 to 80, and half of the disagreement being people at odds with themselves."""
TIED = 1 / 3
"""Share of ties from which a pair counts as unsure."""
SWAYS = {
    "length": ("Longer answer chosen", "of pairs in which one is clearly longer"),
    "formatting": ("More formatting chosen", "lists, bold and headings"),
    "position": ("Left side chosen", "of choices for one side"),
    "first_read": ("First one read chosen", "by which answer was opened first"),
    "confident_tone": ("More confident answer chosen", "of pairs in which one is clearly more certain"),
    "hedging": ("More hedging answer chosen", "of pairs in which one hedges clearly more"),
    "flattery": ("Answer with more praise chosen", "praise of the person who asks"),
    "agreement": ("Answer that agrees chosen", "with what the person who asks said"),
    "refusal": ("Answer that declines chosen", "of pairs in which one declines"),
    "warmth": ("Warmer answer chosen", "in the first person"),
    "emoji": ("Answer with more emoji chosen", "of pairs in which they differ"),
}


def scatter(session: Session, study_id: int, base: str, *, here: int | None = None) -> Chart | None:
    """Each pair by how split people are and how sure each of them is; None below twenty pairs with answers."""
    seen, total = divided.spread(session, study_id, most=MOST_DOTS)
    if here is not None and all(r["pair_id"] != here for r in seen):
        one = divided.find(session, study_id, here)
        if one is not None and one["share"] is not None and one["votes"] >= FEWEST:
            seen.append(one)
    if len(seen) < 2:
        return None
    counts = divided.corners(session, study_id)
    repeated = any(r["within_person"] is not None for r in seen)
    dots = [
        charts.Dot(
            x=min(1.0, max(0.0, 4 * (r["share"] * (1 - r["share"]) - (r["epistemic"] or 0)))),
            y=_sureness(r),
            name=f"{r['item_id']}: {r['first_id']} / {r['second_id']}",
            on=r["corner"] == "people_differ",
            here=r["pair_id"] == here,
        )
        for r in seen
    ]
    more = (
        f" {len(seen):,} of {total:,} are drawn, from the most divided to the least."
        if total > len(seen)
        else ""
    )
    differ, unclear = counts.get("people_differ", 0), counts.get("unclear_question", 0)
    drawn = charts.scatter(
        "scatter", "Where do people differ?", dots, x_cut=CUTS[0], y_cut=CUTS[1] if repeated else 1 - TIED,
        corners=("Settled", "Agree, but unsure", f"People really differ · {differ}", f"Unclear question · {unclear}"),
        x_ends=("Everyone chooses the same", "Evenly split →"), y_ends=("Unsure", "Sure →") if repeated else ("Many ties", "Few ties →"),
        description=f"{total:,} pairs with {FEWEST} or more answers: {differ} on which people really differ, {unclear} that "
        f"look unclear.{more}",
    )  # fmt: skip
    return drawn.linked({0: [f"{base}/disagreement?pair={r['pair_id']}#pair" for r in seen]})


def _sureness(row: dict[str, Any]) -> float:
    """1 less the share of the disagreement that is people at odds with themselves; where there are no repeats, the share of ties."""
    if row["within_person"] is None:
        decided = row["first"] + row["second"] + row["ties"]
        return float(1 - row["ties"] / decided) if decided else 1.0
    within = row["within_person"]
    whole = within + (row["between_people"] or 0.0) + (row["between_groups"] or 0.0)
    return float(min(1.0, max(0.0, 1 - within / whole))) if whole > 0 else 1.0


def ranges(found: dict[str, Any], base: str) -> Chart | None:
    """How often people chose the answer with more of something, against even."""
    effects, names = [], []
    for one in found["influences"]:
        share, interval = one.get("share"), one.get("share_interval")
        if share is None or interval is None:
            continue
        label, note = SWAYS.get(one["name"], (one["name"].replace("_", " "), ""))
        effects.append(
            charts.Effect(label, note, share, interval[0], interval[1], one["chosen"], one["informative"])
        )
        names.append(quote(one["name"]))
    if not effects:
        return None
    drawn = charts.ranges("sways", "Is something other than quality deciding?", effects)
    rows = f"{base}/judgments?only="
    return drawn.linked({2: [f"{rows}sway_more:{n}" for n in names], 3: [f"{rows}sway:{n}" for n in names]})


def notice(found: dict[str, Any], base: str) -> tuple[str, str, str] | None:
    """The one most serious finding with what can be done: words, address, its label. None where nothing stands out."""
    worst = [
        one
        for one in found["influences"]
        if one["q_value"] is not None and one["q_value"] <= 0.05 and abs(one["effect"] or 0) >= 0.03
    ]
    if worst:
        one = max(worst, key=lambda o: abs(o["effect"]))
        label, _ = SWAYS.get(one["name"], (one["name"], ""))
        n, m = one.get("informative") or 0, one.get("chosen") or 0
        if (one.get("share") or 0.5) < 0.5:
            words = f"{label} in only {m:,} of {n:,} choices where the two answers differ in it."
        else:
            words = f"{label} in {m:,} of {n:,} choices where the two answers differ in it."
        return words, f"{base}/judgments?only=sway:{one['name']}", "See those choices"
    return None
