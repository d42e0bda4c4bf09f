"""Refusals about people."""

from __future__ import annotations

from app.kit.errors import Conflict, NotFound, Unauthorized


class WrongSignIn(Unauthorized):
    code, title = "wrong_sign_in", "That e-mail and password do not go together"


class EmailTaken(Conflict):
    code, title = "email_taken", "There is an account with this e-mail already"


class InviteUsedUp(Conflict):
    code, title = "invite_used_up", "This link has been used up. Ask the person who sent it for a new one."


class StudyFull(Conflict):
    code, title = "study_full", "This study has all the people it needs"


class UnknownResumeCode(NotFound):
    code, title = "unknown_resume_code", "There is no such code"
