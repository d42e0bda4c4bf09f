"""Every judgment as it was given, also those that no label counts, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, Row, View
from app.exports.records import JudgmentRecord
from app.exports.schema import FLAG, MOMENT, NUMBER, TEXT, TEXTS, WHOLE, Column, Many, Schema, Struct

_KINDS = {"left": "choice", "right": "choice", "tie": "tie", "neither": "both_bad", "retracted": "retracted"}
_ASPECTS = Many(
    Struct(
        (
            Column("criterion", TEXT, "which aspect"),
            Column("kind", TEXT, "choice, tie or both_bad"),
            Column("choice", WHOLE, "1 or 2 for the response, 0 for neither of them"),
        )
    )
)
_SPANS = Many(
    Struct(
        (
            Column("response_id", TEXT, "the marked answer"),
            Column("start", WHOLE, "first code point"),
            Column("end", WHOLE, "code point after the last"),
            Column("tag", TEXT, "what the mark says"),
        )
    )
)


def _base() -> list[Column]:
    return [
        Column("judgment_id", TEXT, "this answer, under this export's own number"),
        Column("item_id", TEXT, "the item as it was loaded"),
        Column("pair_id", TEXT, "the two answers compared"),
        Column("annotator_id", TEXT, "the person, under this export's own number"),
        Column("criterion", TEXT, "what was asked; overall is the study's main question"),
        Column("kind", TEXT, "choice, tie, both_bad, skip, cannot_decide or retracted"),
        Column("choice", WHOLE, "1 or 2 for the response chosen, 0 where none was"),
        Column("first_response_id", TEXT, "response 1"),
        Column("second_response_id", TEXT, "response 2"),
        Column("left_response", WHOLE, "1 or 2: which response stood on the left"),
        Column("left_response_id", TEXT, "the answer on the left"),
        Column("right_response_id", TEXT, "the answer on the right"),
        Column(
            "chosen_response_id", TEXT, "the answer chosen; null for a tie, neither or a skip", nullable=True
        ),
        Column("screen_position", TEXT, "left or right: where the chosen answer stood", nullable=True),
    ]


def _optional(facts: Facts) -> list[Column]:
    texts = facts.include_text
    made = {
        "strength": Column("strength", WHOLE, "1 a little, 2, 3 much better", nullable=True),
        "confidence": Column("confidence", WHOLE, "1 unsure to 3 sure", nullable=True),
        "stance": Column("stance", TEXT, "for whom the person chose", nullable=True),
        "view": Column("view", TEXT, "own view, leaning, guess or checkable", nullable=True),
        "predicted_share": Column(
            "predicted_share", NUMBER, "share of others expected to choose the same", nullable=True
        ),
        "skip_reason": Column("skip_reason", TEXT, "why the person skipped", nullable=True),
        "tie_reason": Column("tie_reason", TEXT, "why the person found them alike", nullable=True),
        "reason_tags": Column("reason_tags", TEXTS, "reasons that were ticked"),
        "aspects": Column("aspects", _ASPECTS, "the answers to the further questions"),
        "spans": Column("spans", _SPANS, "places that the person marked"),
    }
    found = [column for name, column in made.items() if name in facts.has]
    if texts and "rationale" in facts.has:
        found.append(Column("reason_text", TEXT, "the person's own words", nullable=True))
    if texts and "better" in facts.has:
        found.append(Column("better_text", TEXT, "what a better answer would do", nullable=True))
    return found


def _process(facts: Facts) -> list[Column]:
    made = []
    if "response_ms" in facts.has:
        made.append(Column("response_ms", WHOLE, "milliseconds from showing to answering", nullable=True))
    if "assignments" in facts.has:
        made += [
            Column("shown_at", MOMENT, "when the question was shown, to the minute", nullable=True),
            Column("round", WHOLE, "the person's working session", nullable=True),
            Column("place", WHOLE, "place in the person's sequence of questions", nullable=True),
            Column("selection_reason", TEXT, "the policy that drew the pair, and its branch", nullable=True),
            Column(
                "propensity", NUMBER, "probability that this person was asked this pair then", nullable=True
            ),
        ]
    if "answered_at" in facts.has:
        made.append(Column("submitted_at", MOMENT, "when it was answered, to the minute", nullable=True))
    made.append(Column("is_gold", FLAG, "a question whose expected answer the researcher gave"))
    if "gold" in facts.has:
        made.append(Column("gold_correct", FLAG, "whether the expected answer was chosen", nullable=True))
    made.append(Column("is_repeat", FLAG, "the person had judged this pair before"))
    if "retests" in facts.has:
        made.append(Column("repeat_of", TEXT, "the judgment that was asked again", nullable=True))
        seen = "asked again after the person saw what the study had learned of them; the answer it repeats was given before"
        made.append(Column("reviewed_before", FLAG, seen))
    made.append(Column("late", FLAG, "given after the hold on the question had ended"))
    made.append(Column("source", TEXT, "page, api, import or simulated"))
    if "superseded" in facts.has:
        made.append(Column("superseded_by", TEXT, "the later answer that replaced this one", nullable=True))
    return [
        *made,
        Column("excluded", FLAG, "no label counts this answer"),
        Column("exclusion_reason", TEXT, "why no label counts it; empty where one does"),
        Column("study_version", WHOLE, "the protocol version it was asked under"),
    ]


@dataclass(frozen=True)
class Judgments:
    """One row an answer. Those that feed no label are flagged with the reason, never dropped."""

    name: str = "judgments"
    title: str = "Every judgment as it was given"
    readers: str = "analysis"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        return (*_base(), *_optional(facts), *_process(facts))

    def rows(self, view: View) -> Iterator[Placed]:
        names = [c.name for c in self.schema(view.facts)]
        for record in view.judgments():
            found = _row(record)
            yield WHOLE_SET, {name: found[name] for name in names}


def _row(record: JudgmentRecord) -> Row:
    choice = _number(record.choice, left_first=record.left_first)
    by_number = {1: record.first_response_id, 2: record.second_response_id, 0: None}
    sides = (record.first_response_id, record.second_response_id)
    left, right = sides if record.left_first else sides[::-1]
    reason = None
    if record.policy is not None:
        reason = (
            record.policy if record.branch in (None, record.policy) else f"{record.policy}:{record.branch}"
        )
    return {
        **record._asdict(),
        "criterion": "overall",
        "kind": _kind(record),
        "choice": choice,
        "left_response": 1 if record.left_first else 2,
        "left_response_id": left,
        "right_response_id": right,
        "chosen_response_id": by_number[choice],
        "screen_position": record.choice if choice else None,
        "aspects": [
            {
                "criterion": key,
                "kind": _KINDS.get(value, value),
                "choice": _number(value, left_first=record.left_first),
            }
            for key, value in sorted(record.aspects.items())
        ],
        "round": record.work_session,
        "selection_reason": reason,
        "excluded": record.exclusion is not None,
        "exclusion_reason": record.exclusion or "",
        "reason_text": record.rationale,
        "better_text": record.better,
    }


def _kind(record: JudgmentRecord) -> str:
    if record.choice == "skip":
        return "cannot_decide" if record.skip_reason == "dont_know" else "skip"
    return _KINDS[record.choice]


def _number(choice: str, *, left_first: bool) -> int:
    if choice not in {"left", "right"}:
        return 0
    return 1 if (choice == "left") == left_first else 2


FORMAT = Judgments()
