"""Fixtures of the page tests."""

from __future__ import annotations

from tests.browser import chromium

__all__ = ["chromium"]
