"""simulate: a dry run of a study on simulated people, in a scratch copy."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli.setting import Rooms, find_study, opened, print_json, progress_bar
from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.simulation.dry_run import dry_run
from app.simulation.plan import REPETITIONS, Plan

ENDS = {
    "accuracy": "named rightly", "contested_ap": "contested", "model_accuracy": "by model: rightly",
    "model_contested_ap": "contested",
}  # fmt: skip


def add_commands(commands: Any) -> None:
    parser = commands.add_parser("simulate", help="try a study on simulated people before anyone is paid")
    parser.add_argument("slug")
    parser.add_argument("--annotators", type=int, required=True, metavar="N")
    parser.add_argument("--votes", type=int, required=True, metavar="M")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--policy", default="", help="policies to compare, with commas; the study's own and random by default"
    )
    parser.add_argument(
        "--repetitions",
        type=int,
        default=REPETITIONS,
        metavar="R",
        help="how often, each with other people and tastes",
    )
    parser.add_argument("--rate", type=float, default=12.0, help="money an hour, for the cost")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(do=_simulate)


def _simulate(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    wanted = tuple(name.strip() for name in options.policy.split(",") if name.strip())
    plan = Plan(
        options.annotators, options.votes, options.seed, wanted, options.rate, options.repetitions
    ).checked()
    with opened(settings, rooms) as database:
        with database.read() as session:
            study_id = find_study(session, options.slug).id
        found = dry_run(
            database, study_id, plan, handlers=rooms.handlers(settings), now=utc_now(), report=progress_bar("Simulated people answer"),
        )  # fmt: skip
    if options.json:
        print_json(found)
    else:
        print("\n".join(sentences(found)))
    return 0


def sentences(found: dict[str, Any]) -> list[str]:
    """A dry run in words."""
    size = (
        f"{found['votes']:,} votes from {found['annotators']:,} simulated people on {found['pairs']:,} pairs"
    )
    lines = [
        f"{found['study']}: {size}, of which groups differ on {found['contested_pairs']:,}; {_times(found['repetitions'])}.",
        "",
        "You will be able to say:",
        *(f"  + {line}" for line in found["can_say"]),
        "And not:",
        *(f"  - {line}" for line in found["cannot_say"]),
        "",
    ]
    lines += [f"{line}" for line in found["compared"]]
    for name, one in found["policies"].items():
        lines += [
            "",
            f"{name}: {one['ended']}, {one['minutes']:.0f} minutes of people's time, cost {one['cost']:.2f}{_spread(one, 'cost')}",
            f"  {one['meta_questions']:,} of {one['questions']:,} questions were about choices",
        ]
        lines.append("    votes  rightly  contested  by model: rightly  contested  half-range    cost")
        lines += [
            f"  {at['votes']:7,}  {_share(at['accuracy'])}  {_plain(at['contested_ap']):>9}  {_share(at['model_accuracy']):>17}  "
            f"{_plain(at['model_contested_ap']):>9}  {at['interval_width'] / 2:10.2f}  {at['cost']:6.2f}"
            for at in one["curve"]
        ]
        ends = ", ".join(
            f"{words} {one[key]:.2f}{_spread(one, key)}"
            for key, words in ENDS.items()
            if one[key] is not None
        )
        lines.append(f"  at the end: {ends}")
        needed = ", ".join(
            f"{float(t):.0%} {'not reached' if n is None else f'{n:,}'}"
            for t, n in one["votes_needed"].items()
        )
        lines.append(f"  votes needed to name so many pairs rightly: {needed}")
    lines += ["", *found["assumed"]["words"]]
    return lines


def _times(repetitions: int) -> str:
    return (
        "one repetition" if repetitions == 1 else f"means of {repetitions} repetitions, with 90 % intervals"
    )


def _spread(one: dict[str, Any], key: str) -> str:
    found = one["intervals"][key]
    return "" if found is None else f" [{found[0]:.2f}, {found[1]:.2f}]"


def _share(value: float | None) -> str:
    return "     –" if value is None else f"{value:6.1%}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
