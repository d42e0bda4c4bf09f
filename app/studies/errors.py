"""Refusals about studies."""

from __future__ import annotations

from app.kit.errors import Conflict


class SlugTaken(Conflict):
    code, title = "slug_taken", "There is a study with this address already"


class StudyNotOpen(Conflict):
    code, title = "study_not_open", "This study is not open"


class StudyClosed(Conflict):
    code, title = "study_closed", "This study is closed"


class ItemChanged(Conflict):
    code, title = "item_changed", "An item with this id is there already, with other content"


class NothingToAsk(Conflict):
    code, title = "no_items", "Load some items before opening the study"


class StateNotAllowed(Conflict):
    code, title = "state_not_allowed", "The study cannot change to that state"


class SlugFixed(Conflict):
    code, title = "slug_fixed", "A study's address stays as it is"
