"""Refusals about meta-questions and patches."""

from __future__ import annotations

from app.kit.errors import Conflict, Malformed


class NotOffered(Malformed):
    code, title = "not_offered", "That is not one of the answers"


class PatchRevoked(Conflict):
    code, title = "already_revoked", "This has no effect already"


class PatchActive(Conflict):
    code, title = "already_active", "This has effect already"


class EndedByResearcher(Conflict):
    code, title = "ended_by_researcher", "The people who run the study have switched this off"


class EndedByPerson(Conflict):
    code, title = "ended_by_person", "The person who said so has taken it back"


class Replaced(Conflict):
    code, title = "replaced", "A later answer of the same person stands in its place"


class PersonGone(Conflict):
    code, title = "person_withdrew", "The person who said so has withdrawn"
