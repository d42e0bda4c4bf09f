"""Facts about the whole: imports point down, pages exist, addresses are made by name, settings are told, seams are whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app import api, web
from app.kit.settings import Settings
from app.web.render import environment

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
PAGES = sorted(p.relative_to(TEMPLATES).as_posix() for p in TEMPLATES.rglob("*.html"))


def routes():
    for router in [*web.routers(), *api.routers()]:
        yield from router.routes


def test_imports_point_one_way():
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_types_and_lint_are_strict():
    for command in (["mypy"], ["ruff", "check", "."], ["ruff", "format", "--check", "."]):
        run = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-500:]


@pytest.mark.parametrize("name", PAGES)
def test_every_template_compiles(name):
    environment().get_template(name)


def rendered():
    """Templates that some module renders, with the module."""
    for module in (ROOT / "app" / "web").rglob("*.py"):
        for name in re.findall(r'render\(\s*request,\s*"([^"]+)"', module.read_text()):
            yield module.name, name


def test_every_page_that_is_rendered_exists():
    missing = {(module, name) for module, name in rendered() if name not in PAGES}
    assert not missing


def test_every_address_in_a_template_is_a_routes_name():
    known = {r.name for r in routes()} | {"static"}
    for name in PAGES:
        for wanted in re.findall(r"url_for\([\"']([\w.]+)[\"']", (TEMPLATES / name).read_text()):
            assert wanted in known, f"{name} links to {wanted}, which is no route"


def test_every_page_has_a_title():
    for _, name in rendered():
        text = (TEMPLATES / name).read_text()
        assert "{% block title %}" in text, name


def test_no_script_or_style_stands_in_a_page():
    for name in PAGES:
        text = (TEMPLATES / name).read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", text), name


def test_every_setting_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for name in Settings.model_fields:
        assert f"SOUNDINGS_{name.upper()}" in readme, name


def test_the_readmes_two_commands_are_there():
    readme = (ROOT / "README.md").read_text()
    assert "python3 run.py demo" in readme
    assert "python3 run.py test" in readme
    assert "run.py test" in (ROOT / ".ci" / "run").read_text()


def test_run_py_lists_every_command():
    help_of = {
        program: subprocess.run(
            [sys.executable, *program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for program in (("run.py",), ("-m", "app"))
    }
    commands = set(re.findall(r"^    ([a-z]+)\b", help_of["-m", "app"], re.MULTILINE)) - {"COMMAND"}
    assert len(commands) > 15
    assert {c for c in commands if not re.search(rf"\b{c}\b", help_of["run.py",])} == set()


def test_nothing_commits_below_the_edge():
    for module in (ROOT / "app").rglob("*.py"):
        if module.parent.name == "db":
            continue
        assert ".commit()" not in module.read_text(), module


def test_time_and_chance_come_from_kit():
    bad = re.compile(
        r"datetime\.now\(|datetime\.utcnow|^import random|^from random import (?!Random)", re.MULTILINE
    )
    for module in (ROOT / "app").rglob("*.py"):
        if module.parent.name != "kit":
            assert not bad.search(module.read_text()), module


def test_no_address_of_a_registry_stands_anywhere():
    hosts = re.compile("pypi" + r"\.org|python" + r"hosted|registry\.npm" + r"js")
    for name in ("constraints.txt", "pyproject.toml", "README.md", "run.py"):
        assert not hosts.search((ROOT / name).read_text()), name
