"""What holds for people, decided without touching the database: e-mail addresses, passwords, profile answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.kit.errors import Malformed, Where

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
ROLES = ("researcher", "admin")
RELEASE = "release"
"""The consent scope that whatever leaves a study needs."""
MIN_PASSWORD = 10


def checked_email(text: str) -> str:
    """The address in the form it is stored in. Raises Malformed."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > 320:
        raise Malformed(
            f"{text!r} is not an e-mail address",
            errors=[{"where": "email", "message": "not an e-mail address"}],
        )
    return email


def checked_password(password: str) -> str:
    """A password that is long enough; nothing else is asked of it. Raises Malformed."""
    if len(password) < MIN_PASSWORD:
        message = f"Use at least {MIN_PASSWORD} characters."
        raise Malformed(message, errors=[{"where": "password", "message": message}])
    if len(password) > 1024:
        raise Malformed("Use at most 1024 characters.", errors=[{"where": "password", "message": "too long"}])
    return password


def checked_role(role: str) -> str:
    """A known role of a researcher. Raises Malformed."""
    if role not in ROLES:
        raise Malformed(
            f"{role!r} is not a role; known roles: {', '.join(ROLES)}",
            errors=[{"where": "role", "message": "unknown"}],
        )
    return role


def profile_errors(fields: list[Any], answers: Mapping[str, str]) -> list[Where]:
    """What is wrong with a person's profile answers: a required one missing, an option that is not offered."""
    errors: list[Where] = []
    for field in fields:
        given = (answers.get(field.key) or "").strip()
        if not given and field.required:
            errors.append({"where": field.key, "message": "Please answer this one."})
        elif given and field.options and given not in field.options:
            errors.append({"where": field.key, "message": "Choose one of the options."})
    return errors


def group_of(key: str | None, attributes: Mapping[str, Any]) -> str | None:
    """The person's group: the value of the study's group key, as text, or None."""
    if key is None:
        return None
    value = attributes.get(key)
    return None if value in (None, "") else str(value)
