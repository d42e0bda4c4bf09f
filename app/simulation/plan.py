"""The plan of a dry run: how many people, how many votes, which policies."""

from __future__ import annotations

from dataclasses import dataclass

from app.kit.errors import Malformed
from app.studies.spec import POLICIES

MOST_PEOPLE, MOST_VOTES, MOST_REPETITIONS = 2000, 20_000, 20
REPETITIONS = 3
"""As many as the command and the page do unless told otherwise."""


@dataclass(frozen=True)
class Plan:
    """What to try. policies: those to compare, the study's own and ``random`` where empty.  hourly_rate: money an hour.
    repetitions: how often, each with other people, tastes and draws.
    """

    annotators: int
    votes: int
    seed: int = 1
    policies: tuple[str, ...] = ()
    hourly_rate: float = 12.0
    repetitions: int = 1

    def checked(self) -> Plan:
        """Itself. Raises Malformed naming what is out of range."""
        for name, value, most in (
            ("annotators", self.annotators, MOST_PEOPLE), ("votes", self.votes, MOST_VOTES),
            ("repetitions", self.repetitions, MOST_REPETITIONS),
        ):  # fmt: skip
            if not 1 <= value <= most:
                message = f"{name} lies between 1 and {most:,}, {value:,} does not"
                raise Malformed(message, errors=[{"where": name, "message": message}])
        for name in self.policies:
            if name not in POLICIES:
                message = f"{name!r} is not a policy; there are {', '.join(POLICIES)}"
                raise Malformed(message, errors=[{"where": "policies", "message": message}])
        return self
