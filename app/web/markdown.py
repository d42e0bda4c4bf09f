"""People's and machines' texts as safe HTML: Markdown with an allow-list, the same renderer for both answers, or plain text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape

Links = Literal["inert", "live"]
_TAGS: Final = frozenset(
    [
        "p",
        "br",
        "strong",
        "em",
        "s",
        "a",
        "span",
        "blockquote",
        "ul",
        "ol",
        "li",
        "code",
        "pre",
        "hr",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "div",
        "sup",
        "sub",
    ]
)
_ATTRIBUTES: Final = {
    "a": {"href"},
    "span": {"class", "title"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "pre": {"tabindex", "role", "aria-label"},
    "ol": {"start"},
    "p": {"dir"}, "li": {"dir"}, "blockquote": {"dir"}, "th": {"dir"}, "td": {"dir"},
}  # fmt: skip
_DIRECTED: Final = frozenset({"paragraph_open", "list_item_open", "blockquote_open", "th_open", "td_open"})
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_WORDS: Final = {"prose.picture": "Picture left out", "prose.code": "Code", "prose.table": "Table"}
LONGEST: Final = 200_000
"""Longer texts are shown as plain text: laying them out would keep others waiting."""


def prose(
    text: str, *, plain: bool = False, links: Links = "inert", t: Callable[[str], str] | None = None
) -> Markup:
    """``text`` laid out as an answer. ``plain`` keeps its characters as they are; while judging, ``links`` are inert:
    shown, with their address on hover, but not followed. ``t`` gives the words that stand in for a picture and name the
    boxes of code and tables, in the page's language; without it they are English.
    """
    words = tuple(t(key) for key in _WORDS) if t else tuple(_WORDS.values())
    if plain or len(text) > LONGEST:
        return Markup('<div class="prose plain-text" dir="auto">{}</div>').format(_printable(text))
    return Markup('<div class="prose">{}</div>').format(Markup(_laid_out(_printable(text), links, *words)))  # noqa: S704 - sanitised


def _printable(text: str) -> str:
    """``text`` without NULs and lone surrogates, which no page can carry."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=2048)
def _laid_out(text: str, links: Links, picture: str, code: str, table: str) -> str:
    html = _parser().render(text, {"links": links, "picture": picture, "code": code, "table": table})
    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="nofollow noopener noreferrer" if links == "live" else None,
        generic_attribute_prefixes=None,
        strip_comments=True,
    )


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20}).enable(
        ["table", "strikethrough"]
    )
    for name, rule in {
        "image": _image,
        "link_open": _link_open,
        "link_close": _link_close,
        "heading_open": _heading_open,
        "heading_close": _heading_close,
        "fence": _code,
        "code_block": _code,
        "table_open": _table_open,
        "table_close": _table_close,
    }.items():
        parser.add_render_rule(name, rule)
    for kind in _DIRECTED:
        parser.add_render_rule(kind, _directed)
    return parser


def _directed(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    """Each paragraph runs in the direction of its own first letters."""
    if tokens[index].hidden:
        return ""
    tokens[index].attrSet("dir", "auto")
    return self.renderToken(tokens, index, options, env)


def _heading_open(*_: Any) -> str:
    """A heading is a bold paragraph: the page's own headings keep their order, and neither answer shouts."""
    return '<p dir="auto"><strong>'


def _heading_close(*_: Any) -> str:
    return "</strong></p>\n"


def _image(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, env: dict[str, Any]
) -> str:
    """The words for a picture: fetching it would tell another site who reads what."""
    words = tokens[index].content.strip()
    return f'<span class="alt">[{escape(env["picture"])}{": " + escape(words) if words else ""}]</span>'


def _link_open(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, env: dict[str, Any]
) -> str:
    address = str(tokens[index].attrGet("href") or "")
    if env["links"] == "live" and urlsplit(address).scheme in _SCHEMES:
        return f'<a href="{escape(address)}">'
    return f'<span class="url" title="{escape(address)}">'


def _link_close(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, env: dict[str, Any]
) -> str:
    opener = _opener(tokens, index)
    live = env["links"] == "live" and urlsplit(str(opener.attrGet("href") or "")).scheme in _SCHEMES
    return "</a>" if live else "</span>"


def _opener(tokens: Sequence[Token], index: int) -> Token:
    """The link_open that the link_close at ``index`` belongs to; links do not nest."""
    return next(tokens[i] for i in range(index, -1, -1) if tokens[i].type == "link_open")


def _code(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, env: dict[str, Any]
) -> str:
    return f'<pre tabindex="0" role="region" aria-label="{escape(env["code"])}"><code>{escape(tokens[index].content)}</code></pre>\n'


def _table_open(
    _self: RendererHTML, _tokens: Sequence[Token], _index: int, _options: OptionsDict, env: dict[str, Any]
) -> str:
    return f'<div class="scroll-x" tabindex="0" role="region" aria-label="{escape(env["table"])}"><table>\n'


def _table_close(*_: Any) -> str:
    return "</table></div>\n"
