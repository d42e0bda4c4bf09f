"""fit and report: what a study's votes say."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.setting import Rooms, find_study, opened, print_json
from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.querying import refreshing
from app.reports import fitting


def add_commands(commands: Any) -> None:
    fit = commands.add_parser(
        "fit", help="work the figures of a study out, and choose anew what to ask next, now"
    )
    fit.add_argument("slug")
    fit.set_defaults(do=_fit)
    report = commands.add_parser("report", help="what a study's votes say")
    report.add_argument("slug")
    report.add_argument("--json", action="store_true")
    report.set_defaults(do=_report)


def _fit(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database:
        with database.read() as session:
            study_id = find_study(session, options.slug).id
        made = fitting.fit(database, study_id, now=utc_now())
        model = settings.sentence_model or None
        chosen = refreshing.refresh(database, study_id, now=utc_now(), sentence_model=model, whole=True)
    print(f"{options.slug}: {made.judgments:,} judgments in {made.seconds:.1f} seconds.")
    if chosen is not None:
        note = f" ({chosen.result['note']})" if chosen.result.get("note") else ""
        print(f"What to ask next chosen anew by {chosen.method} in {chosen.seconds:.1f} seconds{note}.")
    return 0


def _report(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database, database.read() as session:
        found = fitting.current(session, find_study(session, options.slug), now=utc_now())
    if options.json:
        print_json(found)
    else:
        print("\n".join(sentences(found)))
    return 0


def sentences(found: dict[str, Any]) -> list[str]:
    """The report in words, a line a finding; what is not known is said to be so."""
    agreement, retest = found["agreement"], found["retest"]
    alpha = f"Krippendorff's alpha {_number(agreement['krippendorff_alpha'])}{_range(agreement['interval'])}"
    size = f"{found['pairs_judged']:,} of {found['pairs']:,} pairs ({found['items']:,} items)"
    lines = [
        f"{found['study']}: {found['judgments']:,} judgments of {found['annotators']:,} people on {size}.",
        "Chosen: " + ", ".join(f"{choice} {n:,}" for choice, n in found["choices"].items()) + ".",
        f"Two people, same choice: {_percent(agreement['pairwise'])}; {alpha} on {agreement['units']:,} pairs.",
        f"Same person, same choice: {_percent(retest['same_choice'])}{_range(retest['interval'])} of {retest['n']:,} repeats.",
    ]
    whole = found["decomposition"]
    parts = [
        f"{name.replace('_', ' ')} {_number(whole[name])}{_range(whole['intervals'].get(name))}"
        for name in ("total", "between_groups", "between_people", "within_person", "position")
        if whole.get(name) is not None
    ]
    lines.append("Disagreement: " + (", ".join(parts) + "." if parts else "not known."))
    if whole.get("why"):
        lines.append(f"  {whole['why']}")
    lines += [
        f"Influence {one['name']}: {_signed(one['effect'])}{_range(one['interval'])}, {one['status']}."
        for one in found["influences"]
        if one["effect"] is not None
    ]
    lines += asking(found["querying"])
    for one in found["ranking"][:20]:
        place = f"{one['rank'][0]} to {one['rank'][1]}" if one["rank"] else "–"
        lines.append(
            f"{place:>10}  {_number(one['strength'])}{_range(one['interval'])}  {one['model']} ({one['judgments']:,})"
        )
    if found.get("ranking_why"):
        lines.append(f"Ranking: {found['ranking_why']}")
    return lines


def asking(told: dict[str, Any]) -> list[str]:
    """What the guesses made before each vote say, and shares over the whole pool."""
    chosen, even, ahead = told["prequential"], told["random_arm"], told["next_votes"]
    by_policy = f"{_percent(chosen['value'])}{_range(chosen['interval'])} of {chosen['n']:,} chosen questions"
    by_chance = f"{_percent(even['value'])}{_range(even['interval'])} of {even['n']:,} drawn evenly"
    lines = [f"Guessed beforehand: {by_policy}, {by_chance}."]
    if ahead is not None:
        lines.append(
            f"The next {ahead['votes']} votes are expected to add {100 * ahead['gain']:.1f} points to what can be guessed."
        )
    lines += [
        f"Over all pairs, {one['name']}: {_percent(one['value'])}{_range(one['interval'])} (as answered {_percent(one['naive'])})."
        for one in told["shares"]
        if one["value"] is not None
    ]
    return lines


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "not known" if value is None else f"{100 * value:+.1f} points"


def _percent(value: float | None) -> str:
    return "not known" if value is None else f"{100 * value:.1f} %"


def _range(interval: list[float] | None) -> str:
    return "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
