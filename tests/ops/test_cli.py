"""The command line as a user meets it: in a process of its own, on a store of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from command import EVERYHIT, everyhit, run
from km3net_testdata import data_path

from readout.source.km3net import start_utc_ns

WIDE = {**os.environ, "COLUMNS": "250"}
ROWS = """\
HEAD,FPGA,TDC_CHANNEL,ORBIT_CNT,BX_COUNTER,TDC_MEAS
2,0,75,3387200947,2922,2
2,0,105,3387200955,2227,29
2,1,55,3387200955,1797,12
2,1,36,3387200956,2165,28
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "rows.txt").write_text(ROWS)
    everyhit(
        "ingest", folder / "rows.txt", "--detector", "drift_tubes_v2", "--store", folder / "store"
    )
    return folder / "store"


def test_rows_of_a_dump_come_out_decoded(store):
    # t by hand: ((orbit - 3387200947) * 3564 + bx - 2922) * 30 + fine - 1
    out = everyhit(
        "query",
        "SELECT t, chamber, layer, wire FROM hits ORDER BY t",
        "--bare",
        "--json",
        "--store",
        store,
    )
    rows = [tuple(map(int, json.loads(line).values())) for line in out.splitlines()]
    start = rows[0][0]
    assert [(t - start, *place) for t, *place in rows] == [
        (0, 1, 1, 3),
        ((8 * 3564 + 1797 - 2922) * 30 + 10, 2, 1, 14),
        ((8 * 3564 + 2227 - 2922) * 30 + 27, 1, 2, 11),
        ((9 * 3564 + 2165 - 2922) * 30 + 26, 2, 4, 10),
    ]


WILD = """
name = "one"
title = "A time of 61 bits, a channel, a charge"
words_per_hit = 2
[fields]
ts = { bits = [0, 60] }
ch = { bits = [61, 63] }
adc = { word = 1, bits = [0, 15] }
[clock]
tick_ns = 1
time = "ts"
disorder = "1 us"
slice = "100 ms"
[text]
TS = "ts"
CH = "ch"
ADC = "adc"
"""


def test_a_run_with_a_flipped_bit_is_as_long_as_without(tmp_path):
    times = [10**15 + 1000 * k for k in range(100)]
    times[50] ^= 1 << 60
    rows = "".join(f"{t},{k % 8},{k}\n" for k, t in enumerate(times))
    (tmp_path / "one.toml").write_text(WILD)
    (tmp_path / "one.csv").write_text("TS,CH,ADC\n" + rows)
    at = ("--store", tmp_path / "store", "--json")
    stored = json.loads(
        everyhit("ingest", tmp_path / "one.csv", "--detector", tmp_path / "one.toml", *at)
    )
    assert (stored["words"], stored["corrupt"], stored["suspect"]) == (100, 0, 1)
    (line,) = json.loads(everyhit("run", "show", *at))["links"]
    assert (line["words"], line["suspect"]) == (100, 1)
    assert line["last_s"] - line["first_s"] == pytest.approx(99e-6)
    assert json.loads(everyhit("query", "SELECT count() AS n FROM hits", *at))["n"] == 99


def test_alarms_say_that_nobody_looks_and_orders_say_of_which_store(store):
    done = run("alarms", "list", "--store", store, env=WIDE)
    assert (done.returncode, done.stdout) == (0, f"alarms: none in the store {store}\n")
    assert "nobody looks for alarms" in done.stderr
    assert "everyhit up and api do" in done.stderr
    assert everyhit("run", "orders", env=WIDE | {"EVERYHIT_STORE": str(store)}) == (
        f"orders: none in the store {store}\n"
    )


def test_a_dry_run_of_retention_says_why_words_stay(store):
    said = json.loads(
        everyhit("retention", "apply", "--dry-run", "--json", "--store", store, env=WIDE)
    )
    assert [(step["action"], step["words"]) for step in said] == [("keep", 4)]
    assert said[0]["why"] == ["run 1 (rows.txt) is kept for ever"]


def test_a_recorded_run_is_dated_by_its_user_or_by_its_file(store, tmp_path):
    at = ("--store", tmp_path / "store", "--json")
    rows = store.parent / "rows.txt"
    how = ("ingest", rows, "--detector", "drift_tubes_v2", *at)
    everyhit(*how, "--started", "2013-09-10T12:00:00Z")
    shown = json.loads(everyhit("run", "show", *at))
    assert shown["started"] == "2013-09-10 12:00:00"
    count = ("query", "SELECT count() AS n FROM hits", *at)
    for span, n in ((("--from", "2013-09-10T12:00:00Z", "--to", "2013-09-10T12:00:02Z"), 4),
                    (("--from", "2013-09-10T12:00:02Z"), 0)):  # fmt: skip
        assert json.loads(everyhit(*count, *span))["n"] == n
    for wrong in ("2013-09-10T12:00:00", "yesterday"):
        assert repr(wrong) in everyhit(*how, "--started", wrong, code=1)
    file = data_path("online/km3net_online.root")
    everyhit("ingest", file, "--detector", "km3net", *at)
    began = datetime.fromtimestamp(start_utc_ns(Path(file)) // 10**9, UTC)
    assert json.loads(everyhit("run", "show", *at))["started"] == f"{began:%Y-%m-%d %H:%M:%S}"
    assert len(json.loads(everyhit("run", "list", *at))) == 2


SHORT = """-- trigger: short
-- reach: 0 ns
SELECT t, count() OVER (ORDER BY t RANGE BETWEEN 1000000000 PRECEDING AND CURRENT ROW) AS n FROM hits
"""


def test_a_check_tells_that_a_reach_is_too_short_and_stores_nothing(store, tmp_path):
    (tmp_path / "short.sql").write_text(SHORT)
    how = ("trigger", "run", tmp_path / "short.sql", "--check", "--store", store)
    assert "trigger short finds something else" in everyhit(*how, code=1)
    (tmp_path / "short.sql").write_text(SHORT.replace("0 ns", "1 s"))
    (told,) = json.loads(everyhit(*how, "--json"))
    assert (told["rows"], told["different"], told["first"]) == (4, 0, None)
    assert json.loads(everyhit("run", "show", "--json", "--store", store))["results"] == []


def test_parquet_goes_to_a_file(store, tmp_path):
    file = tmp_path / "hits.parquet"
    everyhit("query", "SELECT * FROM hits", "--format", "parquet", "--out", file, "--store", store)
    assert len(pl.read_parquet(file)) == 4


ODD = (
    "SELECT toInt64(number) - 1 AS n, 'a\"b\tc' AS `s, x`, [1, 2] AS l, NULL AS z,"
    " toDateTime64(1, 3, 'UTC') AS d FROM numbers(2)"
)


@pytest.mark.parametrize(
    "asked",
    [
        ("run", "list"),
        ("query", "SELECT 1"),
        ("alarms", "list"),
        ("plot", "rate", "--out", "x.png"),
    ],
)
def test_a_question_makes_no_store(tmp_path, asked):
    said = everyhit(*asked, "--store", tmp_path / "nowhere" / "x", code=1)
    assert f"there is no store in {tmp_path}/nowhere/x" in said
    assert list(tmp_path.iterdir()) == []


def test_a_file_holds_the_whole_result_as_its_ending_says(store, tmp_path):
    many = "SELECT number AS n FROM numbers(12345)"
    readers = {"csv": pl.read_csv, "json": pl.read_ndjson, "arrow": pl.read_ipc}
    for ending, read in (readers | {"parquet": pl.read_parquet}).items():
        file = tmp_path / f"numbers.{ending}"
        assert everyhit("query", many, "--out", file, "--store", store) == ""
        assert read(file)["n"].to_list() == list(range(12345))
    for refused in (
        ["--out", tmp_path / "a.xlsx"],
        ["--out", tmp_path / "a", "--format", "pretty"],
    ):
        assert "csv, arrow, parquet" in everyhit("query", many, *refused, "--store", store, code=1)
        assert not refused[1].exists()


def test_a_result_comes_in_each_form(store, tmp_path):
    def asked(form):
        return everyhit("query", ODD, "--format", form, "--store", store)

    assert asked("csv") == (
        '"n","s, x","l","z","d"\n'
        '-1,"a""b\tc","[1,2]",\\N,"1970-01-01 00:00:01.000"\n'
        '0,"a""b\tc","[1,2]",\\N,"1970-01-01 00:00:01.000"\n'
    )
    assert [json.loads(line) for line in asked("json").splitlines()] == [
        {"n": n, "s, x": 'a"b\tc', "l": [1, 2], "z": None, "d": "1970-01-01 00:00:01.000"}
        for n in (-1, 0)
    ]
    drawn = [line.strip("│┃").split("│") for line in asked("pretty").splitlines() if "│" in line]
    cells = [[cell.strip() for cell in line] for line in drawn]
    assert cells == [
        [n, 'a"b\\tc', "[1,2]", "NULL", "1970-01-01 00:00:01.000"] for n in ("-1", "0")
    ]
    for form in ("arrow", "parquet"):
        everyhit("query", ODD, "--format", form, "--out", tmp_path / form, "--store", store)
    for found in (pl.read_ipc(tmp_path / "arrow"), pl.read_parquet(tmp_path / "parquet")):
        assert found.select("n", "s, x", "l").rows() == [(n, 'a"b\tc', [1, 2]) for n in (-1, 0)]


def test_a_trigger_in_five_lines(store, tmp_path):
    trigger = tmp_path / "late.sql"
    trigger.write_text(
        "-- trigger: late\n-- reach: 0 ns\n-- params: after Int64 = 50 ms\n"
        "SELECT t, wire FROM hits WHERE t > {after:Int64}\n"
    )
    (result,) = json.loads(everyhit("trigger", "run", trigger, "--json", "--store", store))
    assert result["rows"] == 4
    everyhit("trigger", "add", trigger, "--run", "1", "--store", store)
    listed = json.loads(everyhit("trigger", "list", "--json", "--store", store))
    assert "late" in [row["trigger"] for row in listed]
    again = everyhit(
        *("reprocess", "--trigger", "late", "--param", "after=1 s", "--json", "--store", store)
    )
    assert json.loads(again)[0]["rows"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retention", "set", "default", "--raw", "0d"), "would take everything"),
        (("run", "show", "#420231005"), "there is no run #420231005"),
        (["query", "SELECT * FROM hitz"], "did you mean hits"),
        (["query", "SELECT 1; DROP TABLE runs"], "one SELECT"),
        (["query", "SELECT nonsense FROM hits"], "nonsense"),
        (["query", "SELECT 1", "--run", "99"], "no run 99"),
        (["ingest", "nope.bin", "--detector", "drift_tubes_v2"], "nope.bin"),
        (["ingest", "-", "--detector", "drift_tubs"], "did you mean drift_tubes_v2"),
        (["trigger", "run", "segmnts"], "segments"),
        (["trigger", "run", "coincidence", "--param", "within=fast"], "no duration"),
        (["trigger", "run", "coincidence", "--from", "5s", "--to", "3s"], "is empty"),
        (["reprocess"], "--trigger"),
        (["events", "--where", "n_words >"], "events"),
    ],
)
def test_a_mistake_is_one_clear_error(store, arguments, said):
    assert said in everyhit(*arguments, "--store", store, code=1)


def test_a_store_in_use_names_its_owner(store):
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time; from db.store import open_store\n"
            "with open_store(sys.argv[1]): print('open', flush=True); time.sleep(60)",
            str(store),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline()
        said = everyhit("run", "list", "--store", store, code=1)
        assert f"in use by process {holder.pid}" in said
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    everyhit("run", "list", "--store", store)  # a killed owner leaves no lock behind


def test_a_file_cut_off_keeps_what_came_before(tmp_path):
    file = tmp_path / "cut.bin"
    good = 2 << 61 | 5 << 17 | 75 << 49 | 2
    file.write_bytes(
        b"".join((good + (k << 17)).to_bytes(8, "little") for k in range(100)) + b"abc"
    )
    said = everyhit(
        "ingest", file, "--detector", "drift_tubes_v2", "--store", tmp_path / "s", code=1
    )
    assert "cut.bin" in said
    assert "3 bytes" in said
    (run,) = json.loads(everyhit("run", "list", "--json", "--store", tmp_path / "s"))
    assert run["words"] == 100


def test_a_refused_file_leaves_no_run_not_even_behind_a_sound_one(tmp_path):
    (tmp_path / "rows.txt").write_text(ROWS)
    noise = os.urandom(9999)
    (tmp_path / "noise").write_bytes(noise)
    into = ("--detector", "drift_tubes_v2", "--store", tmp_path / "s")
    for files in (["noise"], ["rows.txt", "noise"]):
        said = everyhit("ingest", *[tmp_path / file for file in files], *into, code=1)
        assert "noise: " in said
        assert said.count("\n") == 1
    pipe = subprocess.run(
        [*EVERYHIT, "ingest", "-", *map(str, into)], input=noise, capture_output=True, timeout=60
    )
    assert (pipe.returncode, pipe.stderr.count(b"\n")) == (1, 1)
    assert not (tmp_path / "s").exists()


def words_taken(store):
    """Words of all runs, asked of the process that has the store; 0 while that begins."""
    done = run("run", "list", "--json", "--store", store)
    return sum(each["words"] for each in json.loads(done.stdout)) if done.returncode == 0 else 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_the_demo_ended_early_loses_nothing_and_leaves_no_process(tmp_path, ending):
    store = tmp_path / "s"
    demo = subprocess.Popen(
        [*EVERYHIT, "demo", "--duration", "60", "--json", "--store", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("everyhit-*/redis")) and time.monotonic() < deadline:
        time.sleep(0.1)  # now it has the store
    while words_taken(store) < 20_000 and time.monotonic() < deadline:
        time.sleep(0.1)
    demo.send_signal(ending)
    out, _ = demo.communicate(timeout=90)
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert left == ""
    (run,) = json.loads(everyhit("run", "list", "--json", "--store", store))
    assert run["state"] == "closed"
    assert run["words"] > 10_000
    if ending == signal.SIGINT:
        summary = json.loads(out)
        assert summary["words"] == run["words"]
        assert summary["efficiency"] > 0.99
        assert summary["events"] > 0
    checked = json.loads(everyhit("doctor", "--deep", "--json", "--store", store))
    (read,) = (row for row in checked if row["what"] == "shard 0")
    assert read["state"] == "ok"
    assert read["value"].startswith(f"{run['words']:,} words")


@pytest.mark.parametrize("which", ["chunks", "ledger"])
def test_doctor_reads_all_that_lies_on_the_disk(tmp_path, which):
    (tmp_path / "rows.txt").write_text(ROWS)
    common = ("--detector", "drift_tubes_v2", "--store", tmp_path / "s")
    everyhit("ingest", tmp_path / "rows.txt", *common, "--trigger", "occupancy")
    said = everyhit("doctor", "--deep", "--store", tmp_path / "s", env=WIDE)
    assert re.search(r"4 words; \d+ parts, [\d,]+ bytes read, 0 damaged", said)
    (table,) = (tmp_path / "s" / "engine" / "data" / "everyhit").glob(which)
    file = next(table.resolve().glob("*_*_*_*/data.bin"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    done = run("doctor", "--deep", "--json", "--store", tmp_path / "s")
    bad = [row for row in json.loads(done.stdout) if row["state"] == "bad"]
    assert done.returncode == 1
    assert [row["what"] for row in bad] == ["shard 0", f"{which} {file.parent.name} on shard 0"]
    assert "1 damaged" in bad[0]["value"]
    assert "hecksum" in bad[1]["value"]


def test_rows_beside_the_hits_are_seen_by_every_command(tmp_path):
    trigger = tmp_path / "beside.sql"
    trigger.write_text(
        "-- trigger: beside\n-- reach: 1 us\n"
        "SELECT arrayJoin([t - 500, t + 1000]) AS t, wire FROM hits WHERE wire = 3\n"
    )
    new = tmp_path / "new"
    (tmp_path / "rows.txt").write_text(ROWS)
    everyhit(
        *("ingest", tmp_path / "rows.txt", "--detector", "drift_tubes_v2", "--store", new),
        *("--events", "beside"), env=os.environ | {"EVERYHIT_TRIGGERS": json.dumps([str(tmp_path)])},
    )  # fmt: skip
    run = json.loads(everyhit("run", "show", "--json", "--store", new))
    first, last = (min(k["first_s"] for k in run["links"]), max(k["last_s"] for k in run["links"]))
    assert run["live_s"] == pytest.approx(last - first, abs=1e-8)  # nothing was lost
    told = run["results"]
    assert {each["trigger"]: each["rows"] for each in told} == {"beside": 2, "events": 1}
    (counted,) = json.loads(
        everyhit("query", "SELECT count() AS n FROM beside", "--json", "--store", new)
    ).values()
    assert int(counted) == 2
    assert len(everyhit("events", "--json", "--store", new).splitlines()) == 1
