"""Kinds of features: every file keeps one contract, and what is alike comes out alike."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference import feature
from app.inference.errors import InvalidSetting
from app.inference.feature import Corpus, Responses
from app.inference.features import text

TEXTS = (
    "The cat sat on the mat and purred.",
    "A cat is sitting on a mat, purring.",
    "Interest rates rose by half a point in March.",
    "In March, rates of interest went up half a percent.",
    "القطة جالسة على السجادة",
    "猫坐在垫子上",
    "",
)


def responses(n=42, seed=0):
    rng = np.random.default_rng(seed)
    texts = [f"{TEXTS[i % len(TEXTS)]} {'More. ' * (i // 7)}".strip() for i in range(n)]
    vectors = [rng.normal(size=5).tolist() for _ in range(n)]
    return Responses(
        [f"Say something, {i // 2}." for i in range(n)], texts, [f"m{i % 6}" for i in range(n)], vectors
    )


def corpus(**change):
    return Corpus(**{"responses": 42, "embedded": 42, "sources": 6, **change})


USABLE = [name for name, kind in feature.kinds().items() if kind.unfit(corpus()) is None]


def part(given, rows):
    return Responses(
        *(
            [list(column)[i] for i in rows]
            for column in (given.prompt, given.text, given.source, given.embedding)
        )
    )


def test_the_kinds_a_study_file_names_are_there():
    assert {"identity", "text", "given"} <= set(USABLE)
    assert set(feature.ORDER) <= set(feature.kinds())


@pytest.mark.parametrize("name", USABLE)
def test_a_map_is_repeatable_restorable_finite_and_row_by_row(name):
    kind, given = feature.kinds()[name], responses()
    learnt = kind.learn(given, corpus(), size=12, seed=3)
    found = learnt.of(given)
    assert found.shape == (42, learnt.width) and found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(kind.learn(given, corpus(), size=12, seed=3).of(given), found)
    np.testing.assert_array_equal(kind.restore(learnt.arrays()).of(given), found)
    order = np.random.default_rng(1).permutation(42)
    np.testing.assert_allclose(learnt.of(part(given, order)), found[order], atol=1e-6)
    assert learnt.of(part(given, [])).shape == (0, learnt.width)


@pytest.mark.parametrize("name", USABLE)
def test_what_was_never_seen_is_a_row_all_the_same(name):
    learnt = feature.kinds()[name].learn(responses(), corpus(), size=8, seed=1)
    odd = Responses(["?"], ["zzzz qqqq"], ["a new source"], [None])
    assert np.isfinite(learnt.of(odd)).all()


def test_texts_alike_lie_closer_than_texts_that_differ():
    given = responses(7)
    found = text.FEATURES.learn(given, corpus(), size=20, seed=1).of(given)
    apart = np.linalg.norm(found[:, None] - found[None], axis=2)
    assert apart[0, 1] < 0.9 * apart[0, 2]
    assert apart[2, 3] < 0.9 * apart[1, 3]


def test_what_takes_up_the_words_of_the_prompt_is_told_apart():
    asked = ["Tell me about the red fox of the north."] * 2
    given = Responses(
        asked,
        ["The red fox of the north hunts mice.", "Bread needs flour and yeast."],
        ["a", "b"],
        [None, None],
    )
    found = text.FEATURES.learn(given, corpus(), size=11, seed=1).of(given)
    assert found[0, -1] > found[1, -1] + 0.2


def test_main_axes_are_those_of_the_whole_decomposition():
    rng = np.random.default_rng(5)
    rows = (rng.random((60, 40)) < 0.1) * rng.random((60, 40)) * np.linspace(3, 0.1, 40)
    found = text.main_axes(text.csr_array(rows.astype(np.float32)), 4, seed=2)
    _, _, exact = np.linalg.svd(rows, full_matrices=False)
    for i in range(4):
        assert abs(found[:, i] @ exact[i]) > 0.98


def test_given_vectors_are_turned_and_not_bent():
    given = responses()
    found = feature.kinds()["given"].learn(given, corpus(), size=5, seed=1).of(given)
    exact = np.array(given.embedding)
    for i, j in ((0, 1), (3, 17), (20, 41)):
        assert np.linalg.norm(found[i] - found[j]) == pytest.approx(
            np.linalg.norm(exact[i] - exact[j]), rel=1e-4
        )
    assert np.diff(found.std(axis=0)).max() <= 1e-6  # the widest direction first


def test_one_column_a_source():
    given = responses()
    found = feature.kinds()["identity"].learn(given, corpus(), size=3, seed=1).of(given)
    assert found.shape == (42, 6)
    assert (found.sum(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("wanted", "facts", "name", "note"),
    [
        ("auto", {}, "given", None),
        ("auto", {"embedded": 41}, "text", None),
        ("given", {"embedded": 41}, "text", "given: 41 of 42 responses carry an embedding; used text"),
        ("identity", {"sources": 900}, "text", "identity: 900 sources are more than 400; used text"),
        ("identity", {}, "identity", None),
        ("text", {}, "text", None),
    ],
)
def test_what_is_taken_and_why_not_what_was_asked_for(wanted, facts, name, note):
    found, why = feature.chosen(wanted, corpus(**facts))
    assert (found.name, why) == (name, note)


def test_a_sentence_model_is_used_only_where_it_is_named_and_there():
    kind = feature.kinds()["sentence_transformers"]
    assert "names no model" in kind.unfit(corpus())
    reason = kind.unfit(corpus(sentence_model="some/model"))
    assert reason is None or "not installed" in reason


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(InvalidSetting, match="auto, given, identity"):
        feature.chosen("magic", corpus())
