"""Pages that are the same for everyone: help, the words we use, accessibility, privacy, and this device's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.web.display import CHOICES, Display
from app.web.render import flash, render

router = APIRouter()


@dataclass(frozen=True)
class SettingsPage:
    """The settings to choose from; the present ones are in ``display``, which every page knows."""

    choices: tuple[tuple[str, tuple[str, ...]], ...] = tuple(CHOICES.items())


@router.get("/help", name="help.help")
def help_page(request: Request) -> Response:
    """How it works, for people in a study."""
    return render(request, "help/help.html")


@router.get("/words", name="help.words")
def words(request: Request) -> Response:
    """The same things in three vocabularies."""
    return render(request, "help/words.html")


@router.get("/accessibility", name="help.accessibility")
def accessibility(request: Request) -> Response:
    """What is promised to everyone, and what is known to be missing."""
    return render(request, "help/accessibility.html")


@router.get("/privacy", name="help.privacy")
def privacy(request: Request) -> Response:
    """What is kept and what is not."""
    return render(request, "help/privacy.html")


@router.get("/settings", name="help.settings")
def settings(request: Request) -> Response:
    """Theme, text size, side by side or stacked, single keys: for this device."""
    return render(request, "help/settings.html", SettingsPage())


@router.post("/settings", name="help.save_settings")
def save_settings(
    request: Request,
    theme: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
    layout: Annotated[str, Form()] = "",
    keys: Annotated[str, Form()] = "",
) -> Response:
    """Keep the settings in this browser; anything unknown takes its default."""
    response = RedirectResponse(str(request.app.url_path_for("help.settings")), 303)
    Display.of({"theme": theme, "text": text, "layout": layout, "keys": keys}).remember(response)
    flash(response, "status.settings_saved")
    return response
