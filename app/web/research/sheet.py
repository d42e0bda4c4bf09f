"""The study file as form fields and back: every key is reachable on the page, and page and file are one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from app.kit.errors import Malformed
from app.studies import reading
from app.studies.spec import META_KINDS, POLICIES, StudySpec


@dataclass(frozen=True)
class FieldOf:
    """One form field: ``path`` is the dotted key and the field's name; ``kind`` says how it is shown and read."""

    path: str
    label: str
    kind: str
    options: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    advanced: bool = False


@dataclass(frozen=True)
class Section:
    key: str
    title: str
    about: str
    fields: tuple[FieldOf, ...]


def _o(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((v, v.replace("_", " ")) for v in values)


SECTIONS = (
    Section("asked", "What people are asked", "The question, and the ways to answer it.", (
        FieldOf("title", "Title", "line"),
        FieldOf("question.text", "The question under each pair", "line"),
        FieldOf("guidelines", "What counts as better", "text", hint="Markdown; people can open it on every pair."),
        FieldOf("question.scale", "Way to answer", "choice", (("choice", "A, same, neither, B"), ("graded", "Seven steps"))),
        FieldOf("question.reasons", "Reasons to tick", "lines", hint="One a line, neutral nouns; none turns them off."),
        FieldOf("question.rationale", "In their words", "choice", _o("off", "optional", "required")),
        FieldOf("question.aspects", "Aspects", "yaml", hint="A list such as: - {key: accuracy, label: Which is more accurate?}", advanced=True),
        FieldOf("question.highlights", "Mark words", "choice", _o("off", "on"), advanced=True),
        FieldOf("question.confidence", "How sure", "choice", _o("off", "on"), advanced=True),
        FieldOf("question.stance", "Who they choose for", "choice", _o("off", "for_me", "for_the_asker", "rule_for_everyone", "ask"), advanced=True),
        FieldOf("item_kind", "Items are matters of", "choice", _o("value", "fact", "mixed"), advanced=True),
        FieldOf("meta.share", "Most questions about how to be understood (share)", "number", advanced=True),
        FieldOf("meta.kinds", "Kinds of those questions", "many", _o(*META_KINDS), advanced=True),
        FieldOf("meta.foils", "Made-up statements in a review", "number", advanced=True),
        FieldOf("meta.own", "Your own questions", "yaml", advanced=True),
    )),
    Section("people", "Who takes part", "How people come in, and what they agree to.", (
        FieldOf("people.join", "Way in", "choice", (("link", "Anyone with the link"), ("invited", "Invited people only"), ("prolific", "Prolific"))),
        FieldOf("people.limit", "Most people", "number"),
        FieldOf("session.questions", "Pairs in a session", "number"),
        FieldOf("people.consent", "Consent text", "text", hint="Markdown, shown before anything is recorded. Say who runs the study and how to reach you."),
        FieldOf("people.profile", "Questions about the person", "yaml", hint="A list such as: - {key: region, label: Where do you live?, options: [north, south]}", advanced=True),
        FieldOf("people.groups", "Groups", "yaml", hint="Such as: {key: region, weights: {north: 0.5, south: 0.5}}", advanced=True),
        FieldOf("people.opt_out_topics", "People may leave out topics", "flag", advanced=True),
        FieldOf("session.break_after", "Offer a break after so many pairs", "number", advanced=True),
        FieldOf("prolific.completed", "Prolific code: completed", "line", advanced=True),
        FieldOf("prolific.screened_out", "Prolific code: screened out", "line", advanced=True),
        FieldOf("prolific.returned", "Prolific code: returned", "line", advanced=True),
    )),
    Section("picking", "How the study picks", "How many judgments, and which pair comes next.", (
        FieldOf("collection.budget", "Judgments in all", "number"),
        FieldOf("collection.per_pair.min", "Judgments a pair, at least", "number"),
        FieldOf("collection.per_pair.max", "Judgments a pair, at most", "number"),
        FieldOf("collection.per_annotator", "Judgments a person, at most", "number"),
        FieldOf("querying.policy", "Which pair next", "choice", _o(*POLICIES)),
        FieldOf("querying.explore", "Share drawn evenly at random", "number"),
        FieldOf("querying.retest", "Share shown again to the same person", "number"),
        FieldOf("querying.goal", "Goal of ranking", "choice", _o("order", "scores", "mix", "top_k"), advanced=True),
        FieldOf("querying.features", "Features", "choice", _o("auto", "identity", "text", "given"), advanced=True),
        FieldOf("collection.reservation_minutes", "Minutes a pair is held", "number", advanced=True),
        FieldOf("collection.edit_hours", "Hours an answer can be changed", "number", advanced=True),
        FieldOf("gold.share", "Share of checks", "number", advanced=True),
    )),
    Section("shown", "How it is shown and released", "Layout, language, licence.", (
        FieldOf("display.language", "Language of the pages", "choice", (("en", "English"), ("ar", "Arabic"))),
        FieldOf("display.markdown", "Lay out Markdown", "flag"),
        FieldOf("display.mask_model_names", "Hide names that answers give themselves", "flag"),
        FieldOf("display.plain_text_arm", "Share shown as plain text", "number", advanced=True),
        FieldOf("release.licence", "Licence of the dataset", "line"),
        FieldOf("release.withdraw_until", "People can withdraw until", "date"),
        FieldOf("panels.enabled", "Group discussions", "flag", advanced=True),
        FieldOf("panels.size", "People in a discussion", "number", advanced=True),
        FieldOf("panels.hours", "Hours of a discussion", "number", advanced=True),
    )),
)  # fmt: skip


def get(data: dict[str, Any], path: str) -> Any:
    """The value at a dotted path."""
    for step in path.split("."):
        data = data[step]
    return data


def put(data: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path."""
    *steps, last = path.split(".")
    for step in steps:
        data = data[step]
    data[last] = value


def fields_of(spec: StudySpec) -> dict[str, Any]:
    """What each field shows for a specification."""
    data = spec.model_dump(mode="json")
    return {f.path: _shown(f, get(data, f.path)) for s in SECTIONS for f in s.fields}


def spec_from_form(before: StudySpec, section: str, form: dict[str, Any]) -> StudySpec:
    """``before`` with one section's fields as the form gives them.

    Raises:
        StudyFileError: The result is not a study file; each error names its key, which is also the field's id.
        Malformed: There is no such section, or a field cannot be read.
    """
    found = next((s for s in SECTIONS if s.key == section), None)
    if found is None:
        raise Malformed(
            f"there is no section {section!r}", errors=[{"where": "section", "message": "unknown"}]
        )
    data = before.model_dump(mode="json")
    for one in found.fields:
        if one.kind in {"flag", "many"} or one.path in form:
            put(data, one.path, _read(one, form))
    return reading.from_data(data)


def _shown(one: FieldOf, value: Any) -> Any:
    if one.kind == "yaml":
        return (
            ""
            if value in (None, [], {})
            else yaml.safe_dump(value, allow_unicode=True, sort_keys=False).strip()
        )
    if one.kind == "lines":
        return "\n".join(value)
    if one.kind in {"flag", "many"}:
        return value
    return "" if value is None else str(value)


def _read(one: FieldOf, form: dict[str, Any]) -> Any:
    if one.kind == "flag":
        return form.get(one.path) == "on"
    if one.kind == "many":
        return [v for v, _ in one.options if form.get(f"{one.path}.{v}") == "on"]
    text = str(form.get(one.path) or "").replace("\r\n", "\n").strip()
    if one.kind == "lines":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if one.kind == "yaml":
        empty: Any = None if one.path == "people.groups" else []
        try:
            return reading.parsed(text)[1] if text else empty
        except yaml.YAMLError:
            raise Malformed(
                f"{one.path}: this is not YAML", errors=[{"where": one.path, "message": "this is not YAML"}]
            ) from None
    if one.kind == "number":
        return _number(text)
    if text == "" and one.path in {
        "release.withdraw_until",
        "prolific.completed",
        "prolific.screened_out",
        "prolific.returned",
    }:
        return None
    return text + "\n" if one.kind == "text" and text else text


def _number(text: str) -> Any:
    if text == "":
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text
