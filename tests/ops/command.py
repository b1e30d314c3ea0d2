"""The command ``everyhit``, each call in a process of its own.

That process is forked from one that has loaded the libraries, which take longer to load than most
commands to run. The engine is not among them: it starts threads. Tests of how a process starts and
ends start one themselves, as ``EVERYHIT``.
"""

import atexit
import multiprocessing
import os
import sys
import tempfile
import threading
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

EVERYHIT = [sys.executable, "-c", "from ops.cli import main; main()"]
_LIBRARIES = "pandas matplotlib.figure strawberry fastapi uvicorn redis celery rich typer"
_OURS = "db.kernel db.store software_triggers.registry readout.readout api.http.app ops.settings"
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([*_LIBRARIES.split(), *_OURS.split()])


def everyhit(*arguments, code=0, **options):
    """Run the command; return its answer, or where it ends with another code, the reason."""
    done = run(*arguments, **options)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def run(*arguments, env=os.environ, cwd=None, timeout=120):
    """Run the command to its end, as ``subprocess.run`` does."""
    words = [str(word) for word in arguments]
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "out"), Path(folder, "err")
        process = _FORKS.Process(target=_command, args=(words, dict(env), cwd or Path.cwd(), files))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutExpired(words, timeout)
        return CompletedProcess(words, process.exitcode, *(file.read_text() for file in files))


def _command(words, env, cwd, files):
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # found anew, from this environment
    os.chdir(cwd)
    for number, file in enumerate(files, 1):
        with file.open("w") as opened:
            os.dup2(opened.fileno(), number)
    sys.argv = ["everyhit", *words]
    try:
        from ops.cli import main

        main()
    finally:  # as Python ends, which forks leave out
        threading._shutdown()
        atexit._run_exitfuncs()
