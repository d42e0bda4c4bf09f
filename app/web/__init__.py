"""The HTML shell: pages for annotators and researchers. It knows HTTP, templates and forms, and no SQL."""

from __future__ import annotations

import importlib
import pkgutil

from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """The router of every module here and in ``research`` that has one, in the order of their names."""
    found: list[APIRouter] = []
    for info in sorted(pkgutil.walk_packages(__path__, prefix=f"{__name__}."), key=lambda i: i.name):
        router = getattr(importlib.import_module(info.name), "router", None)
        if isinstance(router, APIRouter):
            found.append(router)
    return found
