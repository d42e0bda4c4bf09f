"""study create, check, list, show, open, pause, close, share; items import; annotators invite."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from app.assignments import intake
from app.cli.setting import (
    Rooms,
    check_study,
    find_study,
    first_admin,
    opened,
    print_json,
    progress_bar,
    text_of,
)
from app.kit.clock import utc_now
from app.kit.errors import NotFound
from app.kit.settings import Settings
from app.people import invites
from app.people import reads as people_reads
from app.studies import reading, reads, writes
from app.studies.importing import files as importing
from app.studies.importing import probes, sourcing

STATES = {"open": "open", "pause": "paused", "close": "closed"}


def add_commands(commands: Any) -> None:
    study = commands.add_parser("study", help="studies").add_subparsers(dest="verb", required=True)
    create = study.add_parser("create", help="make a study from a YAML file")
    create.add_argument("file", type=Path)
    create.add_argument("--owner", metavar="EMAIL", help="who owns it; the first administrator by default")
    create.set_defaults(do=_create)
    check = study.add_parser("check", help="say what is wrong with a study file")
    check.add_argument("file", type=Path)
    check.set_defaults(do=_check)
    study.add_parser("list", help="all studies").set_defaults(do=_list)
    show = study.add_parser("show", help="one study")
    show.add_argument("slug")
    show.add_argument("--json", action="store_true")
    show.set_defaults(do=_show)
    for verb in STATES:
        one = study.add_parser(verb, help=f"{verb} a study")
        one.add_argument("slug")
        one.set_defaults(do=_state)
    share = study.add_parser("share", help="give a colleague a part in a study")
    share.add_argument("slug")
    share.add_argument("email")
    share.add_argument("role", choices=("editor", "viewer"))
    share.set_defaults(do=_share)
    items = commands.add_parser("items", help="items of a study").add_subparsers(dest="verb", required=True)
    load = items.add_parser("import", help="load items from JSONL, CSV or Parquet; all or nothing")
    load.add_argument("slug")
    load.add_argument("file", type=Path)
    load.add_argument("--format", default="auto", choices=importing.FORMAT_NAMES)
    load.set_defaults(do=_import)
    probe = items.add_parser(
        "probes",
        help="add pairs of one answer with and without its formatting, compliment, closing offer or padding",
    )
    probe.add_argument("slug")
    probe.add_argument("--count", type=int, default=60, help="so many pairs at most (60)")
    probe.add_argument("--padding", type=Path, help="a text file of sentences that add nothing, one a line")
    probe.add_argument("--seed", type=int, default=1)
    probe.add_argument("--dry-run", action="store_true", help="say what would be added")
    probe.set_defaults(do=_probes)
    annotators = commands.add_parser("annotators", help="people of a study").add_subparsers(
        dest="verb", required=True
    )
    invite = annotators.add_parser("invite", help="print join links")
    invite.add_argument("slug")
    invite.add_argument(
        "--count", type=int, metavar="N", help="so many personal links; without it, one link for everyone"
    )
    invite.set_defaults(do=_invite)


def _read(file: Path) -> Any:
    return reading.from_yaml(text_of(file))


def _create(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    spec = _read(options.file)
    with opened(settings, rooms) as database, database.write() as session:
        owner = first_admin(session)
        if options.owner:
            found = people_reads.find_researcher(session, options.owner)
            if found is None:
                raise NotFound(f"There is no account for {options.owner}.")
            owner = found
        study = writes.create_study(session, spec, owner_id=owner.id, now=utc_now())
        print(f"{study.slug} is there, as a draft.")
    return 0


def _check(options: argparse.Namespace, _settings: Settings, _rooms: Rooms) -> int:
    spec = _read(options.file)
    print(f"{options.file} is fine: study {spec.slug!r}.")
    return 0


def _list(_options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    from sqlalchemy import select

    from app.studies.tables import Study

    with opened(settings, rooms) as database, database.read() as session:
        for study in session.scalars(select(Study).order_by(Study.id)):
            print(f"{study.slug}\t{study.state}\t{study.title}")
    return 0


def _show(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database, database.read() as session:
        study = find_study(session, options.slug)
        spec = reads.spec_of(session, study)
        if options.json:
            print_json(reads.as_dict(study, spec))
        else:
            print(f"# {study.title} ({study.state}, version {study.version})")
            print(reading.to_yaml(spec), end="")
    return 0


def _state(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database, database.write() as session:
        study = find_study(session, options.slug)
        writes.set_state(session, study, STATES[options.verb], by=None, now=utc_now())
        print(f"{study.slug} is {study.state}.")
    return 0


def _share(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database, database.write() as session:
        study = find_study(session, options.slug)
        writes.share(session, study, options.email, options.role, by=None, now=utc_now())
        print(f"{options.email} is now {options.role} of {study.slug}.")
    return 0


def _import(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    check_study(settings, rooms, options.slug, options.file)
    show = progress_bar("Reading")
    guesses: list[importing.Guess] = []
    rows = importing.read_path(options.file, format=options.format, progress=show, told=guesses.append)
    with opened(settings, rooms) as database, database.write() as session:
        study = find_study(session, options.slug)
        added = intake.add_items(session, study, rows, by=None, now=utc_now())
    print(f"{added.added} items added, {added.unchanged} unchanged, {added.pairs} pairs.")
    for line in (*(g.note for g in guesses if g.note), *added.report.sentences()):
        print(f"  {line}", file=sys.stderr)
    return 0


def _probes(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    padding = text_of(options.padding).splitlines() if options.padding else []
    with opened(settings, rooms) as database, database.write() as session:
        study = find_study(session, options.slug)
        rows = probes.probes(
            sourcing.probe_sources(session, study.id), options.count, seed=options.seed, padding=padding
        )
        made = Counter(str(r.responses[1].variant) for r in rows)
        if not options.dry_run:
            intake.add_items(session, study, rows, by=None, now=utc_now())
    told = ", ".join(f"{n} of {name.replace('_', ' ')}" for name, n in sorted(made.items())) or "none"
    print(f"{len(rows)} pairs {'would be' if options.dry_run else 'were'} added: {told}.")
    if not rows:
        print(
            "  No answer here has formatting, an opening compliment, a closing offer or such sentences.",
            file=sys.stderr,
        )
    return 0


def _invite(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    base = settings.public_url.rstrip("/") or "http://127.0.0.1:8000"
    with opened(settings, rooms) as database, database.write() as session:
        study = find_study(session, options.slug)
        if options.count is not None and options.count < 1:
            raise ValueError(f"--count is 1 or more, not {options.count}.")
        if options.count is None:
            _, code = invites.create_invite(session, study.id, kind="link", by=None, now=utc_now())
            codes = [code]
        else:
            codes = [
                invites.create_invite(session, study.id, kind="personal", by=None, now=utc_now())[1]
                for _ in range(options.count)
            ]
    for code in codes:
        print(f"{base}/i/{code}")
    return 0
