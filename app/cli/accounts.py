"""user create, token create."""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
from typing import Any

from app.cli.setting import Rooms, opened
from app.kit.clock import utc_now
from app.kit.errors import NotFound
from app.kit.settings import Settings
from app.people import reads, rules, writes


def add_commands(commands: Any) -> None:
    user = commands.add_parser("user", help="accounts of researchers").add_subparsers(
        dest="verb", required=True
    )
    create = user.add_parser("create", help="make an account")
    create.add_argument("email")
    create.add_argument("--role", choices=rules.ROLES, default="researcher")
    create.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    create.set_defaults(do=_create_user)
    token = commands.add_parser("token", help="API tokens").add_subparsers(dest="verb", required=True)
    issue = token.add_parser("create", help="print a new API token, once")
    issue.add_argument("email")
    issue.add_argument("--name")
    issue.set_defaults(do=_create_token)


def _create_user(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    made = ""
    if options.password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = getpass.getpass("Password: ")
    else:
        password = made = secrets.token_urlsafe(12)
    with opened(settings, rooms) as database, database.write() as session:
        writes.create_researcher(session, options.email, password=password, role=options.role, now=utc_now())
    print(f"There is now an account for {options.email.strip().lower()}.")
    if made:
        print(f"Password: {made}")
    return 0


def _create_token(options: argparse.Namespace, settings: Settings, rooms: Rooms) -> int:
    with opened(settings, rooms) as database, database.write() as session:
        found = reads.find_researcher(session, options.email)
        if found is None:
            raise NotFound(f"There is no account for {options.email}; make one with `soundings user create`.")
        token = writes.issue_token(session, researcher_id=found.id, name=options.name, now=utc_now())
    print(token)
    return 0
