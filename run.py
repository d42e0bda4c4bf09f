#!/usr/bin/env python3
"""Sets up the environment if needed, then runs a command of Soundings in it.

    python3 run.py demo             a study to look at, in your browser
    python3 run.py test             the test suite
    python3 run.py test-trainers    the suite that trains reward models (large downloads)
    python3 run.py check            format, lint, types and imports
    python3 run.py COMMAND ...      any command of `soundings`; each tells more with --help:

        serve, worker, migrate, doctor, backup, restore           running it
        user, token                                               accounts of researchers
        study, items, judgments, annotators                       a study and what goes in
        fit, report, simulate, overlay, register, patches         what the votes say
        export, compare                                           what comes out

Only the standard library is used here, in words that old Pythons can read, so that they can say what they lack.
"""

import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
SCRIPTS = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(SCRIPTS, "python.exe" if os.name == "nt" else "python")
OLDEST = (3, 11)
NEWEST_TRIED = 15
EXTRAS = {
    "test": "test",
    "test-all": "oracles",
    "bench": "oracles",
    "check": "test",
    "test-trainers": "trainers",
}
DEFAULT_EXTRA = "postgres,parquet"
IN_PARALLEL = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"]


def find_python():
    """A Python that is new enough: this one, or one on the path."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for minor in range(NEWEST_TRIED, OLDEST[1] - 1, -1):
        found = shutil.which("python3.%d" % minor)
        if found:
            return found
    return None


def make_environment():
    """Make .venv: with uv where it is on the path, else with venv, else say what to install."""
    uv = shutil.which("uv")
    if uv and subprocess.call([uv, "venv", "--quiet", "--seed", "--python", ">=3.11", VENV]) == 0:
        return
    python = find_python()
    if not python:
        sys.exit(
            "Soundings needs Python 3.11 or newer; this is %s. Install one, then try again."
            % sys.version.split()[0]
        )
    if subprocess.call([python, "-m", "venv", VENV], stdout=subprocess.DEVNULL) == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if subprocess.call([python, "-m", "pip", "--version"], **quiet) == 0:
        if subprocess.call([python, "-m", "venv", "--without-pip", VENV]) == 0:
            if subprocess.call([python, "-m", "pip", "--python", PYTHON, "install", "-q", "pip"]) == 0:
                return
    sys.exit("Python's venv module is incomplete here. On Debian or Ubuntu: sudo apt install python3-venv")


def fingerprint():
    """Changes when what is to be installed does."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(HERE, name), "rb") as handle:
            digest.update(handle.read())
    return digest.hexdigest()


def ensure(extra):
    """Install what `extra` names, unless the stamp says that it is there."""
    stamp = os.path.join(VENV, ".ready-" + extra.replace(",", "-"))
    wanted = fingerprint()
    try:
        with open(stamp) as handle:
            if handle.read() == wanted:
                return
    except OSError:
        pass
    if not os.path.exists(PYTHON):
        make_environment()
    uv = shutil.which("uv")
    install = [uv, "pip", "install", "--quiet", "--python", PYTHON]
    if not uv:
        install = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    print("Installing into .venv (a minute the first time) ...", flush=True)
    if subprocess.call(install + ["-c", "constraints.txt", "-e", ".[%s]" % extra], cwd=HERE) != 0:
        sys.exit("The installation failed; what is above says why. Nothing outside .venv was changed.")
    with open(stamp, "w") as handle:
        handle.write(wanted)


def commands(task, rest):
    """What to run, in order."""
    pytest = [PYTHON, "-m", "pytest"]
    if task == "test" or task == "test-all":
        return [pytest + IN_PARALLEL + rest]
    if task == "test-trainers":
        return [pytest + ["-m", "trainers", "tests/trainers"] + rest]
    if task == "bench":
        return [[PYTHON, "-m", "tests.benchmarks"] + rest]
    if task == "check":
        return [
            [PYTHON, "-m", "ruff", "format", "--check", "."],
            [PYTHON, "-m", "ruff", "check", "."],
            [PYTHON, "-m", "mypy"],
            [os.path.join(SCRIPTS, "lint-imports")],
        ]
    return [[PYTHON, "-m", "app", task] + rest]


def main():
    """Ensure, then run; the last command takes this process's place."""
    arguments = sys.argv[1:] or ["demo"]
    task, rest = arguments[0], arguments[1:]
    if task in ("-h", "--help", "help"):
        print(__doc__)
        return
    ensure(EXTRAS.get(task, DEFAULT_EXTRA))
    os.chdir(HERE) if task in EXTRAS else None
    os.environ["PYTHONPATH"] = os.pathsep.join(p for p in (HERE, os.environ.get("PYTHONPATH")) if p)
    steps = commands(task, rest)
    for step in steps[:-1]:
        status = subprocess.call(step)
        if status:
            sys.exit(status)
    if os.name == "nt":
        sys.exit(subprocess.call(steps[-1]))
    os.execv(steps[-1][0], steps[-1])


if __name__ == "__main__":
    main()
