"""Records of Argilla as its exports write them: responses of people to a question that names one of two responses.

Read are ``id`` (or ``metadata.item_id``), ``metadata.left`` and ``metadata.right`` (response ids; the item's first and second
response where they are not given), and the answers in any of three spellings: ``responses: {question: [{value, user_id,
status}]}``; ``responses: [{user_id, status, values: {question: {value}}}]``; or flat columns ``QUESTION.responses``,
``QUESTION.responses.users`` and ``QUESTION.responses.status``. Only submitted answers count; a discarded one is a skip, a draft is
nothing. A value is a word for a side or a tie, or a ranking ``[{value, rank}]`` of the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.judgments.importing.shape import Side, Vote, choice_of, mapping, moment, needed
from app.studies.importing.errors import RowError
from app.studies.importing.texts import named


@dataclass(frozen=True)
class Argilla:
    """Where a record has several questions, those whose values are sides are read; two such are an error."""

    name: str = "argilla"

    def fits(self, record: Mapping[str, Any]) -> float:
        nested = "responses" in record and ("fields" in record or "suggestions" in record)
        flat = any(k.endswith(".responses.users") for k in record)
        return 0.8 if nested or flat else 0.0

    def votes(self, record: Mapping[str, Any]) -> Iterator[Vote]:
        about = mapping(record.get("metadata") or {}, "metadata")
        item = needed(
            {**record, **({"id": about["item_id"]} if about.get("item_id") else {})},
            ["id", "external_id", "_server_id"],
        )
        left, right = _side(about, "left", 0), _side(about, "right", 1)
        for question, value, user, status, at in _answers(record):
            if status in {"draft", "pending"}:
                continue
            choice = "skip" if status == "discarded" else _choice(value, question)
            yield Vote(
                user, item, left, right, choice, moment(at, f"{question}.inserted_at"), {"question": question}
            )


def _side(about: Mapping[str, Any], name: str, place: int) -> Side:
    return needed(about, [name]) if about.get(name) not in (None, "") else place


Answer = tuple[str, Any, str, str, Any]
"""Question, value, user, status, time."""


def _answers(record: Mapping[str, Any]) -> Iterator[Answer]:
    """Every answer, whichever way it is spelt."""
    for key in record:
        if key.endswith(".responses.users"):
            yield from _flat(record, key.removesuffix(".responses.users"))
    responses = record.get("responses")
    if isinstance(responses, Mapping):
        yield from _by_question(responses)
    elif isinstance(responses, list):
        yield from _by_person(responses)
    elif responses is not None:
        raise RowError("responses", f"expected a list or an object, got {named(responses)}")


def _flat(record: Mapping[str, Any], question: str) -> Iterator[Answer]:
    users = record[f"{question}.responses.users"] or []
    values = record.get(f"{question}.responses") or []
    states = record.get(f"{question}.responses.status") or ["submitted"] * len(users)
    if not len(users) == len(values) == len(states):
        raise RowError(f"{question}.responses", "users, values and status are not of one length")
    for user, value, status in zip(users, values, states, strict=True):
        yield question, value, str(user), str(status), None


def _by_question(responses: Mapping[str, Any]) -> Iterator[Answer]:
    for question, given in responses.items():
        for one in given if isinstance(given, list) else [given]:
            answer = mapping(one, f"responses.{question}")
            user = needed(answer, ["user_id", "user", "username"])
            status = str(answer.get("status", "submitted"))
            yield question, answer.get("value"), user, status, answer.get("inserted_at")


def _by_person(responses: list[Any]) -> Iterator[Answer]:
    for number, one in enumerate(responses):
        answer = mapping(one, f"responses.{number}")
        user, status = needed(answer, ["user_id", "user", "username"]), str(answer.get("status", "submitted"))
        values = mapping(answer.get("values") or {}, f"responses.{number}.values")
        if not values:
            yield "", None, user, status, answer.get("inserted_at")
        for question, value in values.items():
            told = value.get("value") if isinstance(value, Mapping) else value
            yield question, told, user, status, answer.get("inserted_at")


def _choice(value: Any, question: str) -> str:
    if isinstance(value, list):
        ranks = {str(mapping(v, question).get("value")): mapping(v, question).get("rank") for v in value}
        if len(ranks) != 2 or not all(isinstance(r, int) for r in ranks.values()):
            raise RowError(question, "expected the ranks of two responses")
        (one, first), (two, second) = ranks.items()
        sides = {choice_of(one, question): first, choice_of(two, question): second}
        if sides.keys() != {"left", "right"}:
            raise RowError(question, f"{one!r} and {two!r} do not name the two sides")
        return "tie" if first == second else min(sides, key=lambda side: int(sides[side] or 0))
    return choice_of(value, question)


FORMAT = Argilla()
