"""Fixtures of the page tests."""

from __future__ import annotations
