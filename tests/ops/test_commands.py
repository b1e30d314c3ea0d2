"""Each command is found where the table says that it is."""

import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest
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


def test_the_help_loads_no_command(capfd):
    code = "import sys; from ops.cli import main; sys.argv[1:] = ['--help']; main()"
    loaded = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
    done = subprocess.run([sys.executable, "-c", loaded + code], capture_output=True, text=True)
    assert done.returncode == 0
    assert all(f" {name} " in done.stdout for name in COMMANDS)
    assert not {"polars", "pyarrow", "celery", "fastapi", "chdb"} & set(done.stderr.split())


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
