"""Each command is found where the table says that it is."""

import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest
from command import everyhit
from typer import Typer

from ops.cli import app
from ops.cli.commands import COMMANDS, load_all

load_all()


def homes(group: Typer):
    """The modules that have a group's commands."""
    for command in group.registered_commands:
        yield command.callback.__module__
    for below in group.registered_groups:
        yield from homes(below.typer_instance)


def registered():
    for command in app.registered_commands:
        yield command.name or command.callback.__name__, [command.callback.__module__]
    for group in app.registered_groups:
        yield group.name, list(homes(group.typer_instance))


def test_the_table_has_every_command():
    assert {name for name, _ in registered()} == set(COMMANDS)


@pytest.mark.parametrize(("name", "modules"), sorted(registered()))
def test_the_file_of_a_command_brings_all_of_it(name, modules):
    own = f"ops.cli.{COMMANDS[name][0]}"
    if others := set(modules) - {own}:
        code = (
            f"import sys; from ops.cli import app; from ops.cli.commands import load;"
            f" load(app, [{name!r}]); print(*sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert others <= set(done.stdout.split())
    assert own in modules


HEAVY = {"celery", "chdb", "fastapi", "h5py", "httpx", "matplotlib", "numba", "numpy"}
HEAVY |= {"pandas", "polars", "pyarrow", "redis", "scipy", "sqlglot", "uproot"}
"""Libraries that take a tenth of a second or more, or bring others that do."""

TABLE = """\
name = "pair"
title = "two columns"
[table]
time = { t = "1 ns" }
[table.values]
channel = { column = "ch", type = "uint32" }
"""


def loaded_by(*words):
    """What a command prints, and which of the heavy libraries it loads."""
    code = f"import sys; from ops.cli import main; sys.argv[1:] = {[*map(str, words)]!r}; main()"
    loaded = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
    done = subprocess.run([sys.executable, "-c", loaded + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout, HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_what_is_about_no_command_loads_none(words):
    said, heavy = loaded_by(*words)
    assert not heavy
    assert words != ["--help"] or all(f" {name} " in said for name in COMMANDS)


@pytest.mark.parametrize("words", [["list"], ["show", "km3net"], ["--help"]])
def test_declarations_are_shown_with_what_calculates_alone(words):
    _, heavy = loaded_by("detector", *words)
    assert heavy <= {"numpy"}


def test_a_table_is_checked_without_compiled_functions(tmp_path):
    declaration, table = tmp_path / "pair.toml", tmp_path / "pair.csv"
    declaration.write_text(TABLE)
    table.write_text("t,ch\n1000,1\n2000,2\n")
    _, heavy = loaded_by("detector", "check", table, "--detector", declaration)
    assert heavy <= {"numpy", "polars", "pyarrow"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a run of two hits, and what a trigger found in it."""
    folder = tmp_path_factory.mktemp("light")
    declaration, table, trigger = (folder / f"pair.{end}" for end in ("toml", "csv", "sql"))
    declaration.write_text(TABLE)
    table.write_text("t,ch\n1000,1\n2000,2\n")
    trigger.write_text("-- trigger: pairs\n-- reach: 1 ns\nSELECT t, channel FROM hits\n")
    where = folder / "store"
    everyhit("ingest", table, "--detector", declaration, "--store", where)
    everyhit("trigger", "run", trigger, "--store", where)
    return where


@pytest.mark.parametrize("words", [["list"], ["show"]])
def test_runs_are_listed_with_the_engine_alone(words, store):
    said, heavy = loaded_by("run", *words, "--store", store)
    assert "pair.csv" in said
    assert heavy <= {"numpy", "polars", "pyarrow", "chdb"}


@pytest.mark.parametrize(
    "words",
    [["query", "SELECT count() FROM hits"], ["query", "SELECT t FROM pairs"], ["hist", "channel"]],
)
def test_questions_are_answered_with_the_engine_and_a_reader_of_sql(words, store):
    said, heavy = loaded_by(*words, "--store", store)
    assert said
    assert heavy <= {"numpy", "polars", "pyarrow", "chdb", "sqlglot"}


def test_the_version_is_told():
    code = "import sys; from ops.cli import main; sys.argv[1:] = ['--version']; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == version("everyhit")


NO_STORE = {("bench",), ("detector",), ("fpga",), ("backlog",), ("trigger", "new")}
"""They are about no store."""


def commands(group: Typer, path=()):
    for command in group.registered_commands:
        name = command.name or command.callback.__name__
        yield (*path, name), inspect.signature(command.callback).parameters
    for below in group.registered_groups:
        named = below.name or below.typer_instance.info.name
        yield from commands(below.typer_instance, (*path, named))


def test_every_command_about_a_store_takes_its_address():
    all_of_them = [
        (path, options)
        for path, options in commands(app)
        if path not in NO_STORE and path[:1] not in NO_STORE
    ]
    assert len(all_of_them) > 30
    lacking = [path for path, options in all_of_them if "store" not in options]
    assert lacking == []
