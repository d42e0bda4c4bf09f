"""The command line as its user meets it: statuses, sentences, and the way from a file to a dataset."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.db import backup as copies
from app.db.session import connect
from app.judgments.tables import Judgment
from app.kit.clock import utc_now
from app.querying import refreshing
from tests import factories
from tests.querying.test_issue_next import ask, people_of, reply

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path):
    """Run ``soundings`` with a data folder of its own."""

    def command(*words, given=None):
        environment = {
            "SOUNDINGS_DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "app", *map(str, words)], cwd=tmp_path, env=environment, input=given,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return command


@pytest.fixture
def study_file(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("slug: s1\ntitle: One\nquestion:\n  text: Which?\n")
    return file


@pytest.fixture
def items_file(tmp_path):
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(json.dumps(r) for r in factories.items(4)))
    return file


def test_wrong_usage_is_two(run):
    assert run().returncode == 2
    assert run("study").returncode == 2
    assert run("nonsense").returncode == 2


def test_from_a_file_to_a_dataset(run, study_file, items_file, tmp_path):
    made = run(
        "user", "create", "a@example.org", "--role", "admin", "--password-stdin", given="a long password\n"
    )
    assert made.returncode == 0, made.stderr
    assert run("study", "check", study_file).returncode == 0
    assert run("study", "create", study_file).returncode == 0
    loaded = run("items", "import", "s1", items_file)
    assert (loaded.returncode, loaded.stdout) == (0, "4 items added, 0 unchanged, 4 pairs.\n")
    assert "0 items added, 4 unchanged" in run("items", "import", "s1", items_file).stdout
    assert run("study", "open", "s1").stdout == "s1 is open.\n"
    link = run("annotators", "invite", "s1", "--count", "2").stdout.split()
    assert len(link) == 2
    assert "/i/" in link[0]
    token = run("token", "create", "a@example.org", "--name", "t").stdout.strip()
    assert token.startswith("snd_")
    shown = json.loads(run("study", "show", "s1", "--json").stdout)
    assert shown["state"] == "open"
    dry = json.loads(run("export", "s1", "--out", tmp_path / "dry", "--dry-run").stdout)
    assert dry["judgments"]["collected"] == 0
    assert not (tmp_path / "dry").exists()
    done = run(
        "export", "s1", "--out", tmp_path / "out", "--format", "items,judgments", "--file-type", "jsonl"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "manifest.json").is_file()
    again = run(
        "export", "s1", "--out", tmp_path / "out2", "--format", "items,judgments", "--file-type", "jsonl"
    )
    assert again.returncode == 0
    assert (tmp_path / "out" / "SHA256SUMS").read_text() == (tmp_path / "out2" / "SHA256SUMS").read_text()
    doctor = run("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "MEND" not in doctor.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["study", "show", "none"], "There is no study 'none'."),
        (["token", "create", "x@example.org"], "There is no account for x@example.org"),
        (["items", "import", "none", "no-such-file.jsonl"], "no-such-file.jsonl"),
        (["export", "none", "--out", "x", "--format", "nice"], "'nice' is not a format"),
        (["export", "none", "--out", "x", "--rule", "jury"], "'jury' is not there yet"),
    ],
)
def test_a_refusal_is_one_sentence_and_status_one(run, words, sentence):
    done = run(*words)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_study_file_with_mistakes_names_line_and_key(run, study_file):
    study_file.write_text("slug: s1\ntitle: One\nquestion:\n  scal: graded\n")
    done = run("study", "check", study_file)
    assert done.returncode == 1
    assert "question.scal (line 4): there is no key 'scal'; did you mean 'scale'?" in done.stderr


def test_a_backup_taken_while_people_answer_restores_on_either_database(
    database, clock, make_study, tmp_path, request
):
    made = make_study(pairs=10)
    (person,) = people_of(database, made, 1, clock.now)
    for _ in range(5):
        reply(
            database,
            made,
            person,
            ask(database, made, person, clock.tick())[0],
            clock.now,
            rationale="ünï 中",
        )
    refreshing.refresh(database, made.study_id, now=clock.now)
    held = ask(database, made, person, clock.now)
    file = tmp_path / "copy.zip"
    counts = copies.backup(database, file, now=utc_now())
    reply(database, made, person, held[0], clock.now)
    assert counts["judgment"] == 5
    for other in (f"sqlite:///{tmp_path / 'restored.sqlite3'}", _fresh_postgres(request)):
        copies.restore(other, file)
        opened = connect(other)
        with opened.read() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Judgment)) == 5
            assert session.scalars(sa.select(Judgment.rationale)).first() == "ünï 中"
            _, model = refreshing.posterior_of(session, made.study_id)  # arrays come back as well as words
            assert model.n == 5
        reply(opened, made, person, held[0], clock.now)
        with opened.write() as session:
            factories.study(session, now=clock.now)
        with pytest.raises(copies.NotEmpty):
            copies.restore(other, file)
        opened.dispose()


def _fresh_postgres(request):
    url = request.getfixturevalue("postgres_server")
    import uuid

    name = f"r_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    admin.dispose()
    return url.format(name)


def test_a_file_that_is_no_backup_is_refused(tmp_path):
    file = tmp_path / "x.zip"
    file.write_text("no")
    with pytest.raises(copies.NotABackup):
        copies.restore(f"sqlite:///{tmp_path / 'r.sqlite3'}", file)


def test_doors_that_are_wrong_are_one_sentence(run, study_file, tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\x7fELF\xd0\x00")
    run("user", "create", "a@example.org")
    run("study", "create", study_file)
    for words, sentence in (
        (("study", "create", "none.yaml"), "none.yaml: No such file or directory"),
        (("study", "create", binary), f"{binary}: this is not UTF-8 text (byte 4); save it as UTF-8."),
        (("annotators", "invite", "s1", "--count", "0"), "--count is 1 or more, not 0."),
        (("serve", "--port", "99999999"), "--port lies between 0 and 65535, 99999999 does not."),
        (("serve", "--workers", "0"), "--workers is 1 or more, not 0."),
    ):
        refused = run(*words)
        assert (refused.returncode, refused.stderr) == (1, f"{sentence}\n")


def test_a_port_that_is_taken_is_said_in_one_sentence(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("serve", "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr == (
        f"Port {port} of 127.0.0.1 is taken: something serves there already. Choose another with --port.\n"
    )


def test_a_database_that_does_not_answer_is_named_without_its_password(run, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / ".env").write_text(
        f"SOUNDINGS_DATABASE_URL=postgresql+psycopg://me:geheim@127.0.0.1:{port}/x\n"
    )
    refused = run("study", "list")
    assert refused.returncode == 1
    assert refused.stderr.startswith("The database of SOUNDINGS_DATABASE_URL cannot be used: ")
    assert str(port) in refused.stderr
    assert "geheim" not in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("SOUNDINGS_DATABASE_URL=rubbish", "SOUNDINGS_DATABASE_URL cannot be used"),
        ("SOUNDINGS_DATABASE_URL=mysql://x", "This needs MySQLdb, which is not installed."),
        ("SOUNDINGS_MAX_BODY_MB=x", "SOUNDINGS_MAX_BODY_MB: Input should be a valid integer"),
    ],
)
def test_settings_that_are_wrong_are_one_sentence(run, tmp_path, line, named):
    (tmp_path / ".env").write_text(line + "\n")
    refused = run("study", "list")
    assert refused.returncode == 1
    assert named in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_what_cannot_be_written_is_told_as_it_was_typed(run, study_file, items_file, tmp_path):
    """Not under the name of a file that stands in for it meanwhile."""
    assert (
        run("user", "create", "a@example.org", "--password-stdin", given="long enough words\n").returncode
        == 0
    )
    assert run("study", "create", study_file).returncode == 0
    assert run("items", "import", "s1", items_file).returncode == 0
    (tmp_path / "plain").write_text("")
    (tmp_path / "full").mkdir()
    for words, name in (
        (("export", "s1", "--out", tmp_path / "plain" / "sub"), "plain/sub"),
        (("backup", tmp_path / "plain" / "copy.zip"), "plain/copy.zip"),
        (("backup", tmp_path / "full"), "full"),
    ):
        refused = run(*words)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"{tmp_path / name}: cannot be written: ")
        assert ".part" not in refused.stderr


def test_a_study_that_is_not_there_is_told_before_the_file_is_read(run, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("annotator_id,item_id,left\nx,y\n")
    for what in ("items", "judgments"):
        refused = run(what, "import", "nowhere", bad)
        assert (refused.returncode, refused.stderr) == (1, "There is no study 'nowhere'.\n")
