"""Requests that are almost the same are found, others are not, and templates are told apart from duplicates."""

from __future__ import annotations

import numpy as np

from app.exports.near_duplicates import ALIKE, Groups, group, normalised, signatures

RNG = np.random.default_rng(3)
WORDS = ["".join(RNG.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(400)]


def text(seed: int, n: int = 40) -> list[str]:
    rng = np.random.default_rng(seed)
    return [WORDS[i] for i in rng.integers(0, 400, n)]


def together(texts: list[str]) -> Groups:
    return group(signatures(texts), lambda places: [(i, texts[i]) for i in places])


def jaccard(a: str, b: str) -> float:
    """Shingles as Python slices: another way to the same figure."""
    one, other = ({t[i : i + 8] for i in range(len(t) - 7)} for t in (normalised(a), normalised(b)))
    return len(one & other) / len(one | other)


def test_changed_by_a_word_or_a_mark_they_stay_together():
    found = 0
    for seed in range(200):
        words = text(seed)
        changed = [*words]
        changed[seed % 40] = "other"
        pair = [" ".join(words), " ".join(changed).upper() + "!!"]
        assert jaccard(*pair) > ALIKE
        found += together(pair).leader.tolist() == [0, 0]
    # Eight keys of four bins find a pair at .85 in all but one of a hundred cases.
    assert found >= 195


def test_different_requests_stay_apart():
    texts = [" ".join(text(seed)) for seed in range(500)]
    assert together(texts).leader.tolist() == list(range(500))


def test_what_is_found_is_alike():
    """Nobody is put with others who is not alike to one of them, whatever the keys say."""
    texts = [" ".join(text(seed)[:cut]) for seed in range(60) for cut in (40, 36, 30, 24)]
    leader = together(texts).leader
    assert (np.bincount(leader) > 1).any()
    for place, first in enumerate(leader.tolist()):
        others = [i for i in np.flatnonzero(leader == first).tolist() if i != place]
        assert not others or max(jaccard(texts[place], texts[i]) for i in others) >= ALIKE


def test_what_is_alike_to_a_member_joins_its_group():
    """A led text finds others too: 0 leads 1, and 2 is alike to 1 alone."""
    words = text(5, 60)
    texts = [" ".join(words[:50]), " ".join(words[3:54]), " ".join(words[7:58])]
    assert jaccard(texts[0], texts[1]) > ALIKE
    assert jaccard(texts[1], texts[2]) > ALIKE
    assert jaccard(texts[0], texts[2]) < ALIKE
    assert together(texts).leader.tolist() == [0, 0, 0]


def test_a_template_is_no_duplicate():
    long = " ".join(text(1, 120))
    texts = [f"{long} {WORDS[n]}" for n in range(60)] + [" ".join(text(s)) for s in range(100, 140)]
    found = together(texts)
    assert found.dissolved == 1
    assert found.leader.tolist() == list(range(100))


def test_short_and_empty_texts_match_nothing():
    assert together(["", "", "a", "a", "ab cd", "ab cd"]).leader.tolist() == [0, 1, 2, 3, 4, 5]


def test_other_scripts():
    texts = ["请用简单的话解释一下什么是光合作用，谢谢你的帮助和耐心。", "请用简单的话解释一下什么是光合作用，谢谢你的帮助和耐心！",
             "请写一首关于秋天的短诗，不要超过四行，也不要押韵。"]  # fmt: skip
    assert together(texts).leader.tolist() == [0, 0, 2]
    assert normalised("Ｅ́tude  —  Ｎ°1") == normalised("é́tude n 1".replace("é́", "é"))


def test_plain_text_is_normalised_as_any_other():
    """Texts of ASCII alone take a shorter way; a letter beyond it makes the same text take the long one."""
    marks = "".join(map(chr, range(128)))
    for text in (marks, f"  Two\t{marks[::-1]}  words_and 3\n", "", "...", "A", " a ", "\x1c\x1d\x1e\x1f"):
        long_way = normalised(f"é {text}").decode().removeprefix("é").strip()
        assert normalised(text).decode() == long_way
