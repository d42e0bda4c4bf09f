"""Sentences cover what people read, at the places where the stored text has it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.web.marks import sentences


def test_sentences_of_markdown() -> None:
    text = "# Title\n\nFirst one. Second **bold** one!\n\n- a point\n- [a link](https://x.example)\n\n> quoted? Yes."
    assert [s.text for s in sentences("left", text)] == [
        "Title", "First one.", "Second bold one!", "a point", "a link", "quoted?", "Yes.",
    ]  # fmt: skip


def test_places_are_code_points_of_the_stored_text() -> None:
    text = "🙂 hello there. مرحبا بك؟ 好的。再见。"
    for sentence in sentences("right", text):
        assert sentence.side == "right"
        assert text[sentence.start : sentence.end] == sentence.stored
        assert sentence.text in text[sentence.start : sentence.end]
    assert len(sentences("right", text)) == 4


@given(st.text(alphabet="ab .!?\n*-#`|>[]()1", max_size=120))
def test_sentences_never_overlap_and_leave_out_no_letter(text: str) -> None:
    found = sentences("left", text)
    ends = 0
    for sentence in found:
        assert ends <= sentence.start < sentence.end <= len(text)
        ends = sentence.end
    covered = {i for s in found for i in range(s.start, s.end)}
    assert all(i in covered for i, c in enumerate(text) if c in "ab")
