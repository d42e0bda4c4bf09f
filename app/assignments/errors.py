"""Refusals about assignments."""

from __future__ import annotations

from app.kit.errors import Conflict


class AssignmentExpired(Conflict):
    code, title = "assignment_expired", "This pair went to someone else"


class AlreadyAnswered(Conflict):
    code, title = "already_answered", "You have answered this already"
