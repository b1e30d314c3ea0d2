from pathlib import Path

import numpy as np
import polars as pl
import pytest
from km3net_testdata import data_path

from db.detector import decode, load
from db.errors import SourceError
from readout.link.chunker import Chunker
from readout.source.km3net import event_frame, read_slices, slice_frame, start_utc_ns

KM3NET = load("km3net")
FILE = Path(data_path("online/km3net_online.root"))
L1 = "L1"
WHOLE_L1 = Path(data_path("online/KM3NeT_00000267_00025291_L1.root"))
WHOLE_SN = Path(data_path("online/KM3NeT_00000267_00025291_SN.root"))
EVENTS = Path(data_path("online/KM3NeT_00000133_JDAQEvent.root"))


@pytest.fixture(scope="module")
def blocks():
    return list(read_slices(FILE, KM3NET))


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "damaged.root"
    path.write_bytes(FILE.read_bytes()[:300_000])
    return path


def test_all_hits_come_out_slice_by_slice_in_order_of_time(blocks) -> None:
    assert [len(b.words) // 2 for b in blocks] == [49054, 49243, 49166]
    assert [b.epoch for b in blocks] == [0, 300_000_000, 500_000_000]
    assert {b.link for b in blocks} == {0}


def test_hits_are_what_the_raw_bytes_say(blocks) -> None:
    hits = decode(KM3NET, blocks[1].words, blocks[1].epoch)
    assert {name: hits[name][0] for name in ("pmt", "time", "tot", "module")} == {
        "pmt": 9,
        "time": 486480,
        "tot": 27,
        "module": 806451572,
    }
    assert hits["t"][0] == 300_486_480
    for block in blocks:
        hits = decode(KM3NET, block.words)
        assert hits["time"].max() < 100_000_000
        assert hits["pmt"].max() <= 30
        assert len(np.unique(hits["module"])) == 69


def test_every_l1_hit_has_a_partner_on_its_module(blocks) -> None:
    """Physics checks time and module: that is what an L1 hit is, 25 ns apart at most once each
    PMT's delay, a few ns, is taken off."""
    hits = pl.DataFrame(decode(KM3NET, blocks[0].words)).sort("module", "t")
    gap = pl.col("t").diff().over("module")
    nearest = pl.min_horizontal(gap, gap.shift(-1).over("module"))
    assert hits.select(nearest.max()).item() <= 31


def test_the_slices_as_frames_are_the_same_hits(blocks) -> None:
    frame = slice_frame(FILE, L1).sort("utc_ns", maintain_order=True)
    assert frame["frame"].unique(maintain_order=True).to_list() == [509, 512, 514]
    t = np.sort(np.concatenate([decode(KM3NET, b.words, b.epoch)["t"] for b in blocks]))
    assert (frame["utc_ns"].to_numpy() - start_utc_ns(FILE) == t).all()


def test_supernova_slices_have_the_hits_that_the_experiment_found() -> None:
    counts = slice_frame(FILE).group_by("frame").len().sort("frame")
    assert counts.rows() == [(126, 98), (127, 124), (128, 107)]


def test_the_chunker_takes_every_hit_at_its_time(blocks) -> None:
    told = []
    chunker = Chunker(KM3NET, 1, 0, 0, report=told.append)
    chunks = [c for b in blocks for c in chunker.push(b.words, b.epoch)] + chunker.close()
    assert sum(c.n_hits for c in chunks) == 147_463
    assert told == []
    assert {c.t_first // KM3NET.slice for c in chunks if c.n_hits} == {0, 3, 5}
    t = np.concatenate([decode(KM3NET, c.words, c.epoch, ["t"])["t"] for c in chunks])
    wanted = np.concatenate([decode(KM3NET, b.words, b.epoch, ["t"])["t"] for b in blocks])
    assert (np.sort(t) == np.sort(wanted)).all()


def test_a_damaged_file_is_an_error(damaged: Path) -> None:
    with pytest.raises(SourceError, match=r"damaged\.root: not a ROOT file of KM3NeT, or damaged"):
        list(read_slices(damaged, KM3NET))


def test_a_missing_or_empty_tree_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(SourceError, match=r"no tree KM3NET_NOTHING; .* KM3NET_TIMESLICE_L1"):
        slice_frame(FILE, "KM3NET_NOTHING")
    with pytest.raises(SourceError, match="TIMESLICE_L0 is empty; try --tree L1 or SN or events"):
        list(read_slices(FILE, KM3NET, "L0"))


def test_slices_whose_frames_are_one_object_come_out_whole() -> None:
    """Physics checks what the layout says: an L1 hit has a partner on another PMT of its module."""
    blocks = list(read_slices(WHOLE_L1, KM3NET))
    assert [len(b.words) // 2 for b in blocks] == [167_499, 168_414, 167_420]
    assert [b.epoch for b in blocks] == [0, 100_000_000, 200_000_000]
    assert start_utc_ns(WHOLE_L1) == 1_761_124_105_700_000_000
    hits = pl.DataFrame(decode(KM3NET, blocks[0].words)).sort("module", "t")
    assert hits["module"].n_unique() == 453
    assert hits["pmt"].max() == 30
    assert hits["time"].max() < 100_000_000
    gap = pl.col("t").diff().over("module")
    nearest = pl.min_horizontal(gap, gap.shift(-1).over("module"))
    assert hits.select((nearest <= 31).mean()).item() > 0.999


def test_slices_without_hits_are_passed_over_and_set_the_start() -> None:
    blocks = list(read_slices(WHOLE_SN, KM3NET, "SN"))
    assert [len(b.words) // 2 for b in blocks[:3]] == [915, 973, 961]
    assert [b.epoch for b in blocks[:3]] == [100_000_000, 200_000_000, 300_000_000]
    assert start_utc_ns(WHOLE_SN, "SN") == 1_761_123_808_700_000_000


def test_a_tree_whose_header_is_one_object_is_read_by_its_name() -> None:
    blocks = list(read_slices(FILE, KM3NET, "KM3NET_TIMESLICE"))
    assert [len(b.words) // 2 for b in blocks] == [48_550, 47_717, 57_425]
    for block in blocks:
        hits = decode(KM3NET, block.words)
        assert len(np.unique(hits["module"])) == 1
        assert hits["time"].max() < 100_000_000


@pytest.mark.parametrize(("file", "n"), [(FILE, 3), (EVENTS, 10)])
def test_events_hold_the_hits_that_triggers_fired_on(file: Path, n: int) -> None:
    start = start_utc_ns(file, "events")
    fired = event_frame(file).with_columns(t=pl.col("utc_ns") - start)
    blocks = list(read_slices(file, KM3NET, "events"))
    assert len(blocks) == fired["event"].n_unique() == n
    hits = pl.concat(pl.DataFrame(decode(KM3NET, b.words, b.epoch)) for b in blocks)
    keys = ["t", "module", "pmt", "tot"]
    hits, found = (each.select(pl.col(keys).cast(pl.Int64)) for each in (hits, fired))
    assert len(found.join(hits, on=keys, how="anti")) == 0
    assert 0 < len(found) < len(hits)
    assert (fired["mask"] > 0).all()
    span = fired.group_by("event").agg(pl.col("utc_ns").max() - pl.col("utc_ns").min())
    assert span["utc_ns"].max() < 10_000
