"""Hostile and odd texts, laid out: nothing runs, nothing is fetched, nothing leaves its box, and both answers look alike."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.catalogue import Translator
from app.web.markdown import LONGEST, prose

ALLOWED = {
    "div", "p", "br", "strong", "em", "s", "a", "span", "blockquote", "ul", "ol", "li", "code", "pre", "hr", "table", "thead",
    "tbody", "tr", "th", "td",
}  # fmt: skip
ATTRIBUTES = {"class", "dir", "title", "href", "rel", "start", "tabindex", "role", "aria-label"}


class Seen(HTMLParser):
    """Tags and attributes as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def harmless(html: str, *, links: str = "inert") -> None:
    for tag, attributes in Seen(html).tags:
        assert tag in ALLOWED, html
        assert set(attributes) <= ATTRIBUTES, html
        if links == "inert":
            assert tag != "a"
        if "href" in attributes:
            assert re.match(r"(https?:|mailto:)", attributes["href"] or ""), html


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>x</a></svg>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](//evil.example/a)",
    "![x](https://evil.example/pixel.png)",
    '![a" onerror="alert(1)](x)',
    '[x](https://a.example/"onmouseover="alert(1))',
    '<https://a.example/?q="><script>alert(1)</script>>',
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```"><img src=x>\ncode\n```',
    "|<img src=x>|b|\n|-|-|\n|<script>|2|",
    "<!-- --><style>body{display:none}</style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<form action=//evil><input name=choice value=left></form>",
    "</div></article></main><h1>gone</h1>",
    '<a href="https://x" target=_top>t</a>',
    "# <b onclick=x>heading</b>",
    "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
    "[ref]\n\n[ref]: javascript:alert(1)",
    "<math><mtext></p><img src onerror=alert(1)>",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("links", ["inert", "live"])
def test_hostile_text_is_only_shown(text: str, plain: bool, links: str) -> None:
    harmless(prose(text, plain=plain, links=links), links=links)  # type: ignore[arg-type]


@given(st.text(alphabet="<>\"'&[]()!`#|*_-\n :/\\abjscript=", max_size=80))
def test_no_text_breaks_out(text: str) -> None:
    harmless(prose(text))
    harmless(prose(text, links="live"), links="live")


@given(st.text(max_size=200))
def test_plain_text_keeps_its_words(text: str) -> None:
    shown = Seen(prose(text, plain=True)).words
    kept = text.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
    assert shown.replace("\r\n", "\n").replace("\r", "\n") == kept.encode("utf-8", "replace").decode()


def test_headings_are_bold_paragraphs() -> None:
    html = prose("# One\n\nTwo\n===\n\n###### Six")
    assert not re.search(r"<h[1-6]", html)
    assert html.count("<strong>") == 3


def test_links_are_inert_while_judging_and_marked_otherwise() -> None:
    text = "[a page](https://example.org/x?y=1&z=2)"
    assert prose(text).count("<a ") == 0
    assert 'title="https://example.org/x?y=1&amp;z=2"' in prose(text)
    live = prose(text, links="live")
    assert 'rel="nofollow noopener noreferrer"' in live
    assert ">a page</a>" in live


def test_two_links_beside_each_other_close_in_order() -> None:
    live = prose(
        "[a](https://x.example) [b](javascript:x) [c](relative) [d](https://y.example)", links="live"
    )
    assert live.count("<a ") == live.count("</a>") == 2
    assert live.count("<span") == live.count("</span>")


def test_pictures_become_words() -> None:
    assert "[Picture left out: a cat]" in prose("![a cat](https://example.org/cat.png)")
    assert "صورة محذوفة" in prose("![](x.png)", t=Translator("ar"))
    assert "example.org" not in prose("![a cat](https://example.org/cat.png)")


def test_code_and_tables_scroll_in_a_box_of_their_own() -> None:
    html = prose("```python\nx = 1 < 2\n```\n\n|a|b|\n|-|-|\n|1|2|")
    assert '<pre tabindex="0"' in html
    assert "x = 1 &lt; 2" in html
    assert html.count('class="scroll-x"') == 1


def test_each_paragraph_has_its_own_direction() -> None:
    html = prose("hello\n\nمرحبا\n\n- عربي\n\n> quoted")
    assert html.count('dir="auto"') >= 4


def test_very_long_texts_are_not_laid_out() -> None:
    assert "plain-text" in prose("*a* " * (LONGEST // 4 + 1))


def test_deep_nesting_ends() -> None:
    harmless(prose("> " * 500 + "x"))
    harmless(prose("[" * 5000))
    harmless(prose("*" * 5000))


def test_lone_surrogates_and_nulls_can_be_shown() -> None:
    prose("a\ud800b\0c").encode("utf-8")
    prose("a\ud800b\0c", plain=True).encode("utf-8")
