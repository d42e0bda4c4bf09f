"""Text that every database takes."""

from __future__ import annotations

import re
from typing import Any

from pydantic import AfterValidator

NUL = "\0"
_UNSTORABLE = re.compile(f"[{NUL}\ud800-\udfff]")


def storable(value: Any) -> Any:
    """``value`` as it is. Raises ValueError where it is, or holds, text with a NUL, which PostgreSQL does not keep, or with half of a
    surrogate pair, which no encoding has.
    """
    if isinstance(value, str) and (found := _UNSTORABLE.search(value)):
        raise ValueError(
            f"the text holds {'a NUL character' if found[0] == NUL else 'half of a surrogate pair'}"
        )
    if isinstance(value, dict):
        for key, one in value.items():
            storable(key)
            storable(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            storable(one)
    return value


STORABLE = AfterValidator(storable)
