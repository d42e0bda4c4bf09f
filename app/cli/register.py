"""register, patches and overlay: what sways choices, who stands by it, its switches, and votes from elsewhere read again."""

from __future__ import annotations

import argparse
from typing import Any

from app.aggregation import labels
from app.cli.setting import Rooms, find_study, opened, print_json
from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.metapreferences import acts
from app.metapreferences import reads as wishes
from app.reports import labelled, overlay, register


def add_commands(commands: Any) -> None:
    shown = commands.add_parser(
        "register", help="what sways choices, who stands by it, and which labels move"
    )
    shown.add_argument("slug")
    shown.add_argument("--json", action="store_true")
    shown.set_defaults(do=_register)
    patches = commands.add_parser("patches", help="list patches; take one away or put it back; switch a kind")
    patches.add_argument("slug")
    act = patches.add_mutually_exclusive_group()
    act.add_argument("--revoke", metavar="PATCH")
    act.add_argument("--restore", metavar="PATCH")
    act.add_argument("--off", metavar="KIND", help="leave the patches of a kind out of every label")
    act.add_argument("--on", metavar="KIND", help="let them have effect again")
    patches.add_argument("--json", action="store_true")
    patches.set_defaults(do=_patches)
    over = commands.add_parser(
        "overlay", help="what a panel's answers did to votes brought from elsewhere, and its cost"
    )
    over.add_argument("slug")
    over.add_argument("--rate", type=float, default=12.0, help="paid an hour (12)")
    over.add_argument("--json", action="store_true")
    over.set_defaults(do=_overlay)


def _register(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database, database.read() as session:
        found = labels.labels(session, find_study(session, options.slug))
    made, e = register.entries(found), found.endorsed
    moved, turned = int(e.moved.sum()), int(register.turned(e).sum())
    judged = int((e.weight_raw > 0).sum())
    if options.json:
        print_json(
            {
                "labels": judged,
                "moved": moved,
                "turned": turned,
                "influences": [one.row() for one in made],
            }
        )
        return 0
    print(f"{options.slug}: {moved:,} of {judged:,} labels moved, {turned:,} turned over.")
    for one in made:
        points = one.effect.points
        if points is None:
            continue
        share = "nobody has said" if one.endorsed is None else f"counts for {100 * one.endorsed:.0f} %"
        said = f"{one.said.people} answers, stood by {one.said.stood} of {one.said.shown}"
        print(
            f"{one.name}: {100 * points:+.1f} points, {one.status}; {share} ({said}); {one.moved:,} moved, {one.turned.size:,} turned."
        )
    return 0


def _patches(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    acting = options.revoke or options.restore or options.off or options.on
    with opened(settings, rooms) as database:
        if acting:
            with database.write() as session:
                study, now = find_study(session, options.slug), utc_now()
                if options.revoke:
                    acts.revoke(session, study, options.revoke, by=None, now=now)
                elif options.restore:
                    acts.restore(session, study, options.restore, by=None, now=now)
                else:
                    acts.switch(
                        session, study, options.off or options.on, on=bool(options.on), by=None, now=now
                    )
        with database.read() as session:
            study = find_study(session, options.slug)
            rows = labelled.patch_rows(session, study.id)
            off = sorted(wishes.switched_off(session, study.id))
            e = labels.labels(session, study).endorsed
    moved, turned = int(e.moved.sum()), int(register.turned(e).sum())
    if options.json:
        print_json({"kinds_off": off, "moved": moved, "turned": turned, "patches": rows})
        return 0
    if not acting:
        for row in rows:
            who = row["person"] or row["group"] or "the study"
            state = "" if row["active"] else ", kind switched off" if row["kind_off"] else ", taken away"
            print(f"{row['patch']}  {row['kind']}  {who}: {row['about']} {row['what']} {row['value']}{state}")
    active = sum(row["active"] for row in rows)
    switched = f"; {', '.join(off)} switched off" if off else ""
    print(
        f"{active:,} of {len(rows):,} patches have effect{switched}. {moved:,} labels moved, {turned:,} turned over."
    )
    return 0


def _overlay(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database, database.read() as session:
        study = find_study(session, options.slug)
        told = overlay.overlay(session, study, labels.labels(session, study)).document(
            hourly_rate=options.rate
        )
    if options.json:
        print_json(told)
    else:
        print("\n".join(sentences(told)))
    return 0


def sentences(told: dict[str, Any]) -> list[str]:
    """The overlay in words, a line a finding."""
    lines = [
        f"{told['imported_votes']:,} votes of {told['imported_people']:,} people on {told['imported_labels']:,} pairs, brought in.",
        f"A panel of {told['panel_people']:,}: {told['panel_votes']:,} choices and {told['panel_answers']:,} answers about them, in {told['seconds'] / 60:.0f} minutes.",
        f"{told['moved']:,} labels moved, {told['turned']:,} turned over; {told['unsteady']:,} would turn under another reading.",
    ]
    for name in ("moved", "turned"):
        seconds, cost = told[f"seconds_per_{name}_label"], told[f"cost_per_{name}_label"]
        if seconds is not None:
            lines.append(
                f"A {name} label took {seconds:.2f} seconds of the panel's time, {cost:.4f} at the hourly rate."
            )
    for one in told["influences"]:
        before = f"{one['before']:,} of {one['clearly']:,} labels went to the response with more of it"
        lines.append(
            f"{one['name']} ({one['status']}, {one['answers']} answers): {before}, now {one['now']:,} of {one['clearly_now']:,}."
        )
    return lines
