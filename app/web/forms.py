"""Submitted forms as plain mappings: one text a field, lists for the fields that may come more than once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

LISTS = frozenset({"item", "reason_tags", "span", "topics"})


async def read_form(request: Request) -> dict[str, Any]:
    """The form's fields. Uploads are not among them."""
    form = await request.form(max_fields=3000, max_files=0)
    found: dict[str, Any] = {name: [] for name in LISTS}
    for name, value in form.multi_items():
        if not isinstance(value, str):
            continue
        if name in LISTS:
            found[name].append(_clean(value))
        else:
            found[name] = _clean(value)
    return found


def _clean(value: str) -> str:
    """A field without NULs, which no database keeps and no keyboard types."""
    return value.replace("\0", "")


Form = Annotated[dict[str, Any], Depends(read_form)]
