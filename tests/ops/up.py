"""``everyhit up`` as a process of its own, with a toy detector and a trigger that finds each hit."""

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager

import numpy as np
from command import EVERYHIT, everyhit
from ticks import TOY

from everyhit import ApiError, Client

EACH = "-- trigger: each\n-- reach: 0 ns\nSELECT t, wire FROM hits\n"
FAR = 2_000
"""Ticks between two hits, so that each makes an event of its own."""


class Lab:
    """A folder with a declaration, a trigger and a store, and what is started there."""

    def __init__(self, folder):
        self.folder, self.store = folder, folder / "store"
        (folder / "detectors").mkdir()
        (folder / "detectors" / "ticks.toml").write_text(TOY.source)
        (folder / "triggers").mkdir()
        (folder / "triggers" / "each.sql").write_text(EACH)
        self.environment = os.environ | {
            "EVERYHIT_ALARM_LINK_S": "0.5",
            "EVERYHIT_DETECTORS": json.dumps([str(folder / "detectors")]),
            "EVERYHIT_TRIGGERS": json.dumps([str(folder / "triggers")]),
            "TMPDIR": str(folder),
            "PYTHONUNBUFFERED": "1",
        }

    def said(self, *arguments, code=0):
        """What a command answers as JSON, or its error."""
        line = (*arguments, "--store", self.store, *["--json"][code:])
        answer = everyhit(*line, code=code, env=self.environment)
        return json.loads(answer) if code == 0 else answer

    @contextmanager
    def up(self, *arguments, command="up"):
        """A process that is up; killed at the end if it still lives."""
        told = (command, *map(str, arguments), *["--json"][command == "api" :])
        process = subprocess.Popen(
            [*EVERYHIT, *told, "--store", str(self.store)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
        )  # fmt: skip
        here = Up(process, sum(str(each) in ("--tcp", "--udp") for each in arguments))
        try:
            yield here
        finally:
            process.kill()
            process.communicate()


class Up:
    """A process that is up."""

    def __init__(self, process, n_ports):
        self.process, self.ports = process, {}
        self.url = ""
        for line in process.stderr:
            if "the API is at" in line:
                self.url, _, self.token = line.split()[-1].partition("/#token=")
                self.client = Client(self.url, self.token)
            if "listening on" in line:
                *_, kind, _, port = line.split()
                self.ports[kind] = ("127.0.0.1", int(port))
            if self.url and len(self.ports) == n_ports:
                break
        assert self.url, process.communicate()[1]

    def end(self, how=signal.SIGINT):
        """Ask it to end, and return what it sums up."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        assert "Traceback" not in err
        return json.loads(out)

    def words(self, run):
        """How many words of a run are stored."""
        asked = "query($r: String!) { run(which: $r) { words } }"
        return int(self.client.graphql(asked, {"r": str(run)})["run"]["words"])

    def rows(self, run, trigger):
        """How many rows a trigger has found in a run; 0 before both have begun."""
        asked = (
            "query($r: String!, $t: String!)"
            " { run(which: $r) { candidates(trigger: $t) { totalCount } } }"
        )
        try:
            got = self.client.graphql(asked, {"r": str(run), "t": trigger})
        except ApiError as fault:
            assert "has no results" in str(fault) or "no run" in str(fault)
            return 0
        return got["run"]["candidates"]["totalCount"]

    def found(self, run, words):
        """Wait until a closed run has so many words, each of them a candidate and an event."""
        asked = "query($r: String!) { run(which: $r) { words state } }"
        until = time.monotonic() + 90
        while True:
            of = self.client.graphql(asked, {"r": str(run)})["run"]
            got = (int(of["words"]), self.rows(run, "each"), self.rows(run, "events"), of["state"])
            if got == (words, words, words, "CLOSED"):
                return
            assert time.monotonic() < until, got
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.1)


def words_of(first, n):
    """Words of n hits, FAR ticks apart, the first of them number ``first``."""
    numbers = np.arange(first, first + n, dtype=np.uint64)
    return numbers * np.uint64(FAR) | (numbers % np.uint64(16)) << np.uint64(34)


def until(true, wait_s=90):
    """Wait until it is so."""
    end = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)
