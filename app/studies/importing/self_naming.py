"""Where a text gives away which AI wrote it: ``As ChatGPT, I``, ``I'm Gemini``, ``trained by OpenAI``, or its own model's name.

Found so that people can be shown ``[name]`` instead. Names of families are looked for only where the text speaks of itself,
since Claude is also a painter and Gemini a star sign.
"""

from __future__ import annotations

import re
from functools import lru_cache

_FAMILIES = (
    "ChatGPT", "GPT", "Claude", "Gemini", "Gemma", "Bard", "Llama", "Alpaca", "Vicuna", "Mistral", "Mixtral", "Qwen", "Tongyi Qianwen",
    "DeepSeek", "Grok", "Copilot", "Bing Chat", "Falcon", "Command R", "Cohere Command", "Kimi", "ChatGLM", "GLM", "ERNIE Bot", "Ernie",
    "Baichuan", "InternLM", "Phi", "Nova", "Jamba", "OLMo", "Tulu", "Zephyr", "Koala", "Dolly", "PaLM", "LaMDA", "BLOOM",
    "Open Assistant", "OpenAssistant", "Perplexity", "HuggingChat", "YandexGPT", "GigaChat", "文心一言", "通义千问", "豆包",
)  # fmt: skip
_MAKERS = (
    "OpenAI", "Open AI", "Anthropic", "Google DeepMind", "DeepMind", "Google", "Meta AI", "Meta", "Mistral AI", "Alibaba Cloud",
    "Alibaba", "DeepSeek", "xAI", "Microsoft", "Cohere", "Baidu", "Zhipu AI", "Moonshot AI", "01.AI", "LMSYS", "Amazon", "AI21 Labs",
    "Inflection AI", "Yandex", "Sber", "阿里云", "百度", "深度求索",
)  # fmt: skip
_SERIES = r"(?:[ -](?:v?\d[\w.]*\+?|R\+?|Sonnet|Opus|Haiku|Instant|Pro|Ultra|Flash|Turbo|Mini|Large|Medium|Small|Chat|Instruct|Plus))*"
_END = r"(?!-?[A-Za-z0-9_])(?!\s+(?-i:[A-Z][a-z]))"
"""Not inside a longer word, and not the first name of somebody."""
_I_AM = re.compile(
    r"(?:\bI(?:['’]m|\s+am)\s+(?:(?:called|named)\s+)?|\bmy name(?:['’]s|\s+is)\s+|\bthis is\s+"
    r"|\byou(?:['’]re|\s+are)\s+(?:talking|speaking|chatting)\s+(?:to|with)\s+"
    r"|\bI(?:['’]m|\s+am)\s+(?:[\w-]+\s+){1,6}(?:called|named|known as)\s+"
    r"|\b(?:soy|me llamo|je suis|je m['’]appelle|ich bin|ich heiße|eu sou|meu nome é|sono|mi chiamo|меня зовут|я)\s+"
    r"|(?:我是|我叫|我的名字是|私は|저는)\s*|أنا\s+)\Z",
    re.IGNORECASE,
)
_AS = re.compile(
    r"(?:\bas\s+(?:an?\s+(?:[\w-]+\s+){1,4}(?:called|named)\s+)?|(?:作为|作為)\s*)\Z", re.IGNORECASE
)
_AS_GOES_ON = re.compile(r"\s*[,，]|\s+I\b|\s*我", re.IGNORECASE)
_MADE = re.compile(
    r"(?:\bI\b|\bme\b|language model|\bAI\b|chatbot|assistant)[^.!?\n]{0,60}"
    r"\b(?:trained|made|built|developed|created|designed|powered)\s+by\s+\Z",
    re.IGNORECASE,
)
_LOOK_BACK = 120
_SHORTEST_OWN = 4


def masks(text: str, model: str | None) -> list[list[int]]:
    """Spans ``[start, end]``, in code points, where ``text`` names its own model or its maker, in order and apart."""
    spans: list[tuple[int, int]] = []
    folded = text.lower()
    own = _own_names(model or "")
    for name in (*_FAMILIES, *own):
        if name.lower() in folded:
            told = name in own and _is_telling(name)
            spans += [m.span() for m in _said(name).finditer(text) if told or _is_of_itself(text, m)]
    for maker in _MAKERS:
        if maker.lower() in folded:
            spans += [m.span() for m in _said(maker).finditer(text) if _MADE.search(_before(text, m))]
    kept: list[list[int]] = []
    for start, end in sorted(spans):
        if kept and start < kept[-1][1]:
            kept[-1][1] = max(kept[-1][1], end)
        else:
            kept.append([start, end])
    return kept


def _is_of_itself(text: str, name: re.Match[str]) -> bool:
    """Whether what stands around a name says that the text speaks of itself."""
    before = _before(text, name)
    if _I_AM.search(before):
        return True
    return _AS.search(before) is not None and _AS_GOES_ON.match(text, name.end()) is not None


def _before(text: str, name: re.Match[str]) -> str:
    return text[max(0, name.start() - _LOOK_BACK) : name.start()]


@lru_cache(maxsize=4096)
def _said(name: str) -> re.Pattern[str]:
    """A name as a text says it, with its version; brackets and the like in it mean themselves."""
    return re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}{_SERIES}{_END}", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _own_names(model: str) -> tuple[str, ...]:
    """The model's name as it may be said: whole, without what stands in brackets, without its maker's folder."""
    bare = re.split(r"\s*[\[(]", model, maxsplit=1)[0]
    return tuple(n for n in dict.fromkeys((model, bare, bare.rsplit("/", 1)[-1])) if len(n) > 2)


def _is_telling(name: str) -> bool:
    """Whether a name is no everyday word: a model called ``human`` must not hide that word in every text."""
    odd = any(c.isdigit() or c in "-_/[" for c in name)
    return len(name) >= _SHORTEST_OWN and (odd or name.casefold() in _TELLING)


_EVERYDAY = {"phi", "nova", "bloom", "falcon", "bard", "koala", "dolly"}
_TELLING = {f.casefold() for f in _FAMILIES} - _EVERYDAY
