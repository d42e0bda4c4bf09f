"""Refusals about judgments."""

from __future__ import annotations

from app.kit.errors import Conflict, Malformed


class EditWindowClosed(Conflict):
    code, title = "edit_window_closed", "This answer can no longer be changed"


class ChangedElsewhere(Conflict):
    code, title = "changed_elsewhere", "This answer was changed in the meantime"


class TokenReused(Conflict):
    code, title = "token_reused", "This client token was used for another answer"


class AnswerIncomplete(Malformed):
    code, title = "answer", "There is a problem"
