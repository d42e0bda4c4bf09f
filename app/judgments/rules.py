"""Whether an answer may be given or changed, decided without a database."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.judgments.errors import AnswerIncomplete
from app.kit.errors import Where
from app.questions.answers import ComparisonAnswer
from app.studies.spec import StudySpec

PREFERS = frozenset({"left", "right", "tie"})
"""Choices that say something about which response is better."""


def check_answer(spec: StudySpec, answer: ComparisonAnswer, lengths: dict[str, int]) -> None:
    """Refuse an answer that the study's question does not allow.

    Args:
        spec: The protocol version that the question was asked under.
        answer: What was given.
        lengths: Code points of the ``left`` and ``right`` texts.

    Raises:
        AnswerIncomplete: A required part is missing or a part does not fit; each error names its field.
    """
    errors: list[Where] = []
    known = [a.key for a in spec.question.aspects]
    for key in answer.aspects or {}:
        if key not in known:
            hint = f"known aspects: {', '.join(known)}" if known else "this study asks about no aspects"
            errors.append({"where": f"aspects.{key}", "message": f"there is no aspect {key!r}; {hint}"})
    if (
        spec.question.rationale == "required"
        and answer.choice != "skip"
        and not (answer.rationale or "").strip()
    ):
        errors.append({"where": "rationale", "message": "Say in your words what made the difference."})
    if answer.skip_reason is not None and answer.choice != "skip":
        errors.append(
            {"where": "skip_reason", "message": "a reason for skipping goes with the choice 'skip'"}
        )
    if answer.tie_reason is not None and answer.choice != "tie":
        errors.append({"where": "tie_reason", "message": "a reason for a tie goes with the choice 'tie'"})
    if answer.strength is not None and answer.choice not in {"left", "right"}:
        errors.append({"where": "strength", "message": "a strength goes with the choice 'left' or 'right'"})
    for index, span in enumerate(answer.spans or []):
        if not span.start < span.end <= lengths[span.side]:
            errors.append(
                {
                    "where": f"spans.{index}",
                    "message": f"the {span.side} text has {lengths[span.side]} characters",
                }
            )
    if errors:
        raise AnswerIncomplete(errors[0]["message"], errors=errors)


def edit_window_end(last_activity: datetime, hours: float) -> datetime:
    """Until when an answer can be changed, from the last activity of its working session."""
    return last_activity + timedelta(hours=hours)


def fills_a_place(choice: str, *, late: bool, retest: bool, gold: bool) -> bool:
    """Whether a judgment counts towards its pair: first, on time, and not a skip."""
    return choice not in {"skip", "retracted"} and not late and not retest and not gold
