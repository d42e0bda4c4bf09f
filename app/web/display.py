"""What a person set for this device: theme, text size, answers side by side or stacked, single keys. One small cookie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

COOKIE: Final = "soundings_display"
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "theme": ("auto", "light", "dark"),
    "text": ("normal", "large", "larger"),
    "layout": ("side", "stacked"),
    "keys": ("on", "off"),
}
_A_YEAR: Final = 365 * 86_400


@dataclass(frozen=True)
class Display:
    """The settings; the first choice of each is the default. The page's root element carries them as data attributes."""

    theme: str = "auto"
    text: str = "normal"
    layout: str = "side"
    keys: str = "on"

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Display:
        """The settings in a submitted form or any mapping; what is missing or unknown takes its default."""
        known = {
            name: str(values.get(name)) for name, allowed in CHOICES.items() if values.get(name) in allowed
        }
        return cls(**known)

    @classmethod
    def read(cls, cookies: Mapping[str, str]) -> Display:
        """The settings in a request's cookies."""
        return cls.of(dict(parse_qsl(cookies.get(COOKIE, ""))))

    def remember(self, response: Response) -> None:
        """Set the cookie. The page's own script writes the same one, so that a change shows at once."""
        value = urlencode({name: getattr(self, name) for name in CHOICES})
        response.set_cookie(COOKIE, value, max_age=_A_YEAR, samesite="lax", path="/")
