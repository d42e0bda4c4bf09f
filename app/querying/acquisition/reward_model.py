"""Pairs that would most improve a reward model: its accuracy on the whole pool, where the better response is still open."""

from __future__ import annotations

from app.querying.learned import ByPreference, reach

STEADY = 300
"""Votes at which scores count half. Before it is learnt how far features reach, the best few pairs lead by a guess: replayed on
real texts, following it at once taught less in the first hundred votes than chance did.
"""

ACQUISITION = ByPreference("reward_model", reach, version=2, steady=STEADY)
