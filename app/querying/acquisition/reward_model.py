"""Pairs that would most improve a reward model: its accuracy on the whole pool, where the better response is still open."""

from __future__ import annotations

from app.querying.learned import ByPreference, reach

ACQUISITION = ByPreference("reward_model", reach, version=2)
