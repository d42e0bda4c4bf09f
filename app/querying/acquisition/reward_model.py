"""Pairs that would most improve a reward model: its accuracy on the whole pool, where the better response is still open."""

from __future__ import annotations

from app.inference.preference_outlook import expected_information
from app.querying.learned import ByPreference
from app.querying.protocol import Expected, Floats


def worth(expected: Expected) -> Floats:
    """By how much the vote is expected to take the squared error of the overall preference down: float64 (n_candidates,).

    w reach / (1 + w v), with w the information of a vote by a person of the group: summed over the pairs of the pool, each as
    far as the sign of its overall preference is open. A pair may be well known itself and yet teach most about others.
    """
    information = expected_information(expected.mean, expected.variance + expected.people)
    return information * expected.reach / (1 + information * expected.variance)


ACQUISITION = ByPreference("reward_model", worth)
