"""A study file as YAML: what can be written in it, what is said of mistakes, and that nothing is lost on the way back."""

from __future__ import annotations

import pytest

from app.studies import reading
from app.studies.reading import StudyFileError
from tests import factories

LEAST = "slug: s\ntitle: S\nquestion: {text: Which?}\n"


def test_the_least_file_has_the_defaults_of_the_contract():
    found = reading.from_yaml(LEAST)
    assert (found.question.scale, found.item_kind, found.people.join) == ("choice", "value", "link")
    assert (found.collection.budget, found.collection.per_annotator, found.collection.edit_hours) == (
        2000,
        200,
        24,
    )
    assert (found.collection.per_pair.min, found.collection.per_pair.max) == (1, 15)
    assert found.collection.reservation_minutes == 20
    assert (found.session.questions, found.session.break_after) == (15, 10)
    assert (found.querying.policy, found.querying.goal) == ("contested", "mix")
    assert (found.querying.explore, found.querying.retest) == (0.1, 0.08)
    assert (found.meta.share, found.meta.foils) == (0.2, 1)
    assert found.meta.kinds == ["M1", "M2", "M3", "M4", "M5", "M6", "M7", "M9", "M12"]
    assert (found.panels.enabled, found.panels.size, found.panels.hours, found.gold.share) == (
        False,
        5,
        72,
        0,
    )
    assert (found.release.licence, found.release.withdraw_until) == ("CC-BY-4.0", None)
    assert (found.question.rationale, found.question.stance) == ("optional", "off")
    assert len(found.question.reasons) > 3


def test_questions_stand_in_lists_as_the_contract_writes_them():
    text = LEAST + (
        "people:\n  profile: [{key: region, label: Where do you live?, options: [north, south?], required: true}]\n"
        "  groups: {key: region, weights: {north: 0.5, south?: 0.5}}\n"
    )
    (field,) = reading.from_yaml(text).people.profile
    assert (field.label, field.options) == ("Where do you live?", ["north", "south?"])
    aspects = "slug: s\ntitle: S\nquestion: {aspects: [{key: accuracy, label: Which is more accurate?}]}\n"
    assert reading.from_yaml(aspects).question.aspects[0].label == "Which is more accurate?"


def test_yaml_and_json_and_back_are_the_same_study():
    spec = factories.spec(
        slug="whole",
        guidelines="Kind?\n\n- brief: yes\n- ünï 中文 \U0001f600\n",
        question={"text": "Which, and why? {not: yaml}", "reasons": [], "scale": "graded", "stance": "ask"},
        release={"withdraw_until": "2031-01-31"},
    )
    text = reading.to_yaml(spec)
    assert reading.from_yaml(text) == spec
    assert reading.to_yaml(reading.from_yaml(text)) == text
    assert reading.from_data(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        (
            "slug: s\ntitle: S\nquestion: {}\ncolection: {}\n",
            "colection (line 4)",
            "did you mean 'collection'?",
        ),
        (LEAST + "people:\n  profil: []\n", "people.profil (line 5)", "did you mean 'profile'?"),
        (LEAST + "querying:\n  policy: best\n", "querying.policy (line 5)", "'contested'"),
        (
            LEAST + "collection:\n  per_pair: {min: 9, max: 2}\n",
            "collection.per_pair (line 5)",
            "min is larger than max",
        ),
        ("slug: Bad Slug\ntitle: S\nquestion: {}\n", "slug (line 1)", "lower-case letters"),
        ("title: S\nquestion: {}\n", "slug", "this key is needed"),
        ("slug: s\n  title: x\n", "line 2", "mapping values are not allowed here"),
        ("- a\n", "file", "a mapping of keys"),
        ("", "file", "a mapping of keys"),
    ],
)
def test_mistakes_name_key_and_line(text, where, words):
    with pytest.raises(StudyFileError) as caught:
        reading.from_yaml(text)
    assert any(one["where"] == where and words in one["message"] for one in caught.value.errors), (
        caught.value.errors
    )


def test_a_question_may_be_its_text_alone():
    found = reading.from_yaml("slug: s\ntitle: S\nquestion: Which answer is better?\n")
    assert found == reading.from_yaml("slug: s\ntitle: S\nquestion: {text: Which answer is better?}\n")


@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b"])
@pytest.mark.parametrize(("part", "where"), [
    ({"title": None}, "title"), ({"guidelines": None}, "guidelines"), ({"question": {"text": None}}, "question.text"),
    ({"question": {"text": "Q", "reasons": ["fine", None]}}, "question.reasons"), ({"people": {"consent": None}}, "people.consent"),
])  # fmt: skip
def test_texts_that_no_database_keeps_are_refused_by_name(bad, part, where):
    def put(value):
        if isinstance(value, dict):
            return {k: put(v) for k, v in value.items()}
        return [put(v) for v in value] if isinstance(value, list) else bad if value is None else value

    with pytest.raises(StudyFileError) as refused:
        reading.from_data({"slug": "s", "title": "S", "question": {"text": "Q"}, **put(part)})
    assert refused.value.errors[0]["where"].startswith(where)
    assert ("NUL" in refused.value.errors[0]["message"]) is ("\x00" in bad)
