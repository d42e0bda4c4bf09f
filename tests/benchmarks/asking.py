"""Is it worth asking about choices, and does it matter which question? Three ways to spend the same seconds of people's time.

    python -m tests.benchmarks.asking --seeds 4 --people 32

The same simulated people answer (1) as the scheduler asks: comparisons, and the question about choices with the largest expected
change of labels a second where that is worth more than a vote; (2) with as many questions about choices, each drawn evenly from
all that could be asked; (3) comparisons alone. The figure is how far labels are from what people stand by (RMSE over all pairs
that are no probes; a pair nobody judged is at one half), at equal seconds. Ratios below 1 are in favour of the first; they are
printed whichever way they come out. Everything goes through the product's own functions.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from unittest import mock

import numpy as np
from scipy.stats import t as student

from app.aggregation import keeping, labels, traits
from app.db.migrate import upgrade
from app.db.session import connect
from app.people.tables import Annotator
from app.querying import meta
from app.simulation import replies
from app.simulation.population import Population
from app.simulation.truth import preferences
from app.simulation.world import of_study
from app.studies.tables import Study
from tests import factories

ARMS = ("worth_most", "at_random", "votes_alone")
MARKS = 6
"""Times at which the figure is looked at."""
PAIRS, PROBES, QUESTIONS, FIT_EVERY = 72, 16, 15, 4
BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MORE = (
    "There is more to say on this.",
    "It goes on for a while after that.",
    "And so on, at some length, to the end.",
)


def rows(rng: Random):
    """Pairs that differ in length, layout and hedging, each by chance; and probes in which one of the first two alone varies."""
    for n in range(PAIRS + 2 * PROBES):
        body = f"Do this first, number {n}, and then the rest of it."
        one, two = _text(rng, body), _text(rng, body)
        varied = None
        if n >= PAIRS:
            varied = "length" if n < PAIRS + PROBES else "formatting"
            one = body
            two = (
                f"{body} {' '.join(MORE)}"
                if varied == "length"
                else f"## First\n\n- **{body}**\n- That is all"
            )
        answers = [{"id": "a", "text": one}, {"id": "b", "text": two}]
        if varied:
            answers[1] |= {"variant_of": "a", "variant": varied}
        yield {"id": f"i{n:03}", "prompt": f"Request {n}?", "responses": answers}


def _text(rng: Random, body: str) -> str:
    text = " ".join([body, *MORE[: rng.choice((0, 0, 1, 3))]])
    if rng.random() < 0.4:
        text = f"Perhaps, though I may be wrong, it might help to {text[0].lower()}{text[1:]}"
    return (
        f"## First\n\n- **{text}**\n- That is all" if rng.random() < 0.4 else f"{text} {rng.randrange(1000)}"
    )


def one_arm(arm: str, seed: int, people: int, seconds: float) -> list[float]:
    """RMSE after each sixth of the seconds."""
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as place:
        url = f"sqlite:///{place}/arm.sqlite3"
        upgrade(url)
        database = connect(url)
        asks = {"share": 0.0 if arm == "votes_alone" else 0.2, "kinds": ["M1"]}
        with database.write() as session:
            made = factories.study(
                session, now=BEGINS, rows=list(rows(Random(seed))), meta=asks,
                querying={"policy": "even", "retest": 0, "explore": 0}, collection={"per_pair": {"min": 1, "max": 40}},
            )  # fmt: skip
            given = {
                (f"i{n:03}", key): {"quality": rng.gauss(0, 0.6) if n < PAIRS else 0.0}
                for n in range(PAIRS + 2 * PROBES)
                for key in "ab"
            }
            seen = of_study(session, made.study_id, seed=seed, substances=0, given=given)
        traits.keep(database, made.study_id)
        crowd = Population(
            groups={"all": 1.0}, tastes={"all": {"quality": 1.0}}, sway={"length": (1.0, 0.3), "formatting": (0.6, 0.2)},
            endorsing={"length": 0.15, "formatting": 0.85}, nodding=0.1, cheap_talk=0.15, slips=(0.05, 0.03),
        ).people(rng, people)  # fmt: skip
        found = _work(database, made, crowd, seen, rng, seconds)
        database.dispose()
    return found


def _work(database, made, crowd, seen, rng, seconds):
    wanted = _truth(crowd, seen)
    now, spent, marks, found, number = BEGINS, 0.0, [seconds * (m + 1) / MARKS for m in range(MARKS)], [], 0
    while marks:
        if number % FIT_EVERY == FIT_EVERY - 1:
            keeping.keep(database, made.study_id, now=now)
        who = crowd[number % len(crowd)]
        with database.write() as session:
            study = session.get_one(Study, made.study_id)
            annotator: Annotator = factories.annotator(session, made.study_id, now=now)
            answered = 0
            for _ in range(QUESTIONS):
                taken = replies.take(session, study, annotator, who, seen, rng, now=now, answered=answered)
                if taken is None:
                    break
                answered += taken.comparison
                spent += taken.seconds
                now += timedelta(seconds=taken.seconds + 2)
        number += 1
        while marks and spent >= marks[0]:
            marks.pop(0)
            found.append(_rmse(database, made, wanted))
    return found


def _truth(crowd, seen):
    """What everybody stands by: share of the pair's first as stored, by pair."""
    ids, first, second = seen.pairs.T
    look = seen.impressions
    share = preferences(crowd, [look[k] for k in first], [look[k] for k in second], endorsed=True).mean(
        axis=0
    )
    return {int(i): (float(p), int(a)) for i, p, a in zip(ids, share, first, strict=True)}


def _rmse(database, made, wanted):
    with database.read() as session:
        found = labels.labels(session, session.get_one(Study, made.study_id))
    pairs, p = found.basis.seen.pairs, found.endorsed.p_endorsed
    got = {
        int(k): float(v) if wanted[int(k)][1] == int(a) else 1 - float(v)
        for k, a, v in zip(pairs.id, pairs.first, np.nan_to_num(p, nan=0.5), strict=True)
    }
    ordinary = sorted(wanted)[:PAIRS]
    return float(np.sqrt(np.mean([(got.get(k, 0.5) - wanted[k][0]) ** 2 for k in ordinary])))


@contextmanager
def drawn_evenly(arm: str) -> Iterator[None]:
    """In the second arm the same moments ask, but which question is drawn evenly."""
    if arm != "at_random":
        yield
        return
    usual = meta.choose

    def even(occasions, vote_price, rng, steps=()):
        taken, chosen = usual(occasions, vote_price, rng, steps)
        if chosen is None:
            return taken, None
        occasion, _ = rng.choice(list(occasions))
        asks = 1 - taken.vote
        return taken, meta.Chosen(occasion, asks / len(occasions), True, 0.0, vote_price, len(occasions))

    with mock.patch.object(meta, "choose", even):
        yield


def figures(seeds: int, people: int, seconds: float, *, first: int = 0) -> dict[str, np.ndarray]:
    """RMSE by arm: float64 (n_seeds, MARKS); of so many seeds from ``first`` on."""
    found: dict[str, list[list[float]]] = {arm: [] for arm in ARMS}
    for seed in range(first, first + seeds):
        for arm in ARMS:
            with drawn_evenly(arm):
                found[arm].append(one_arm(arm, seed, people, seconds))
    return {arm: np.array(one) for arm, one in found.items()}


def ratio(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Geometric mean over seeds of one / other at the end, with its 95 % interval (paired by seed)."""
    logs = np.log(one[:, -1] / other[:, -1])
    half = (
        float(student.ppf(0.975, logs.size - 1) * logs.std(ddof=1) / np.sqrt(logs.size))
        if logs.size > 1
        else np.nan
    )
    mean = float(logs.mean())
    return float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="seed to begin with")
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=160.0, help="of people's time in all")
    options = parser.parse_args()
    found = figures(options.seeds, options.people, options.minutes * 60, first=options.first)
    marks = " ".join(f"{options.minutes * (m + 1) / MARKS:8.0f}" for m in range(MARKS))
    print(
        f"RMSE of labels against what people stand by, after minutes of people's time; {options.seeds} seeds from {options.first}\n{'':12} {marks}"
    )
    for arm, values in found.items():
        print(f"{arm:12} " + " ".join(f"{v:8.4f}" for v in values.mean(axis=0)))
    for other in ARMS[1:]:
        value, low, high = ratio(found["worth_most"], found[other])
        print(f"worth_most / {other}: {value:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
