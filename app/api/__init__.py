"""The JSON shell, ``/api/v1``: bearer tokens in, problem documents out. It knows HTTP and no SQL."""

from __future__ import annotations

import importlib
import pkgutil

from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """The router of every module here that has one, in the order of their names."""
    found: list[APIRouter] = []
    for info in sorted(pkgutil.iter_modules(__path__, prefix=f"{__name__}."), key=lambda i: i.name):
        router = getattr(importlib.import_module(info.name), "router", None)
        if isinstance(router, APIRouter):
            found.append(router)
    return found
