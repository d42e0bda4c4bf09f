"""Refusals about assignments."""

from __future__ import annotations

from app.kit.errors import Conflict


class AssignmentExpired(Conflict):
    code, title = "assignment_expired", "This pair went to someone else"


class AlreadyAnswered(Conflict):
    code, title = "already_answered", "You have answered this already"


class PairNotAsked(Conflict):
    code, title = "pair_not_asked", "This pair is a check, or retired, and is not given to more people"


class PairFull(Conflict):
    code, title = "pair_full", "This pair has as many judgments as a pair is given"
