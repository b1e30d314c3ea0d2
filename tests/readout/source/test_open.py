import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from km3net_testdata import data_path

from db.detector import encode, load
from db.errors import SourceError
from readout.source.open import open_source

V1, V2, KM3NET = (load(name) for name in ("drift_tubes_v1", "drift_tubes_v2", "km3net"))
ROOT_FILE = data_path("online/km3net_online.root")
DUMP = "HEAD,FPGA,TDC_CHANNEL,ORBIT_CNT,BX_COUNTER,TDC_MEAS\n2,0,75,3387200947,2922,2\n"


def hits(n: int, **fields: int):
    """Hits of drift_tubes_v2 that differ in their orbit."""
    sound = {"tdc_meas": 5, "bx": 7, "tdc_channel": 9, "fpga": 3, "head": 2} | fields
    values = {name: np.full(n, value) for name, value in sound.items()}
    return encode(V2, values | {"orbit": np.arange(n)})


def all_words(source):
    return [word for block in source.blocks for word in block.words.tolist()]


@pytest.fixture
def raw_file(tmp_path: Path) -> Path:
    path = tmp_path / "hits.bin"
    path.write_bytes(hits(300_000).tobytes())
    return path


def test_a_file_of_words_is_read_block_by_block(raw_file: Path) -> None:
    blocks = list(open_source(raw_file, V2).blocks)
    assert np.concatenate([block.words for block in blocks]).tolist() == hits(300_000).tolist()
    assert len(blocks) == 3
    assert {block.link for block in blocks} == {3}


def test_text_and_root_are_known_by_what_they_start_with(tmp_path: Path) -> None:
    for name, raw in (("a", DUMP.encode()), ("b", gzip.compress(DUMP.encode()))):
        (tmp_path / name).write_bytes(raw)
        assert len(all_words(open_source(str(tmp_path / name), V2))) == 1
    assert len(all_words(open_source(ROOT_FILE, KM3NET))) == 294_926


def test_standard_input_hands_on_what_has_come_before_its_end() -> None:
    script = (
        "from db.detector import load; from readout.source.open import open_source\n"
        "for block in open_source('-', load('drift_tubes_v2')).blocks:\n"
        "    print(block.link, len(block.words), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as reader:
        for n_words in (2, 5):
            reader.stdin.write(hits(n_words).tobytes())
            assert reader.stdout.readline() == f"3 {n_words}\n".encode()
        reader.stdin.close()
        assert reader.wait(30) == 0


def test_a_named_pipe_loses_no_word(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[hits(5000).tobytes()])
    writer.start()
    assert all_words(open_source(pipe, V2)) == hits(5000).tolist()
    writer.join()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("hits.bim", r"there is no such file; did you mean .*hits\.bin"),
        ("something/else", "there is no such file; check the path"),
        ("", "a folder; name a file in it"),
    ],
)
def test_what_cannot_be_opened_is_refused_at_once(raw_file: Path, name, problem) -> None:
    with pytest.raises(SourceError, match=problem):
        open_source(raw_file.parent / name, V2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused_at_once(raw_file: Path) -> None:
    raw_file.chmod(0)
    with pytest.raises(SourceError, match="you may not read it"):
        open_source(raw_file, V2)


def test_a_root_file_needs_a_declaration_of_its_words() -> None:
    with pytest.raises(SourceError, match="try --detector km3net"):
        open_source(ROOT_FILE, V2)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(SourceError, match="empty"):
        open_source(tmp_path / "empty", V2)


def test_words_of_another_detector_are_refused_with_a_hint(raw_file: Path) -> None:
    with pytest.raises(SourceError, match=r"0% .* km3net; they look like drift_tubes_v[12]: try"):
        open_source(raw_file, KM3NET)
    assert len(all_words(open_source(raw_file, KM3NET, force=True))) == 300_000


def test_words_of_an_fpga_that_only_the_old_words_have_are_refused(raw_file: Path) -> None:
    fields = {"tdc_meas": 5, "bx": 7, "tdc_channel": 9, "fpga": 12, "head": 1}
    values = {name: np.full(50, value) for name, value in fields.items()}
    old = encode(V1, values | {"orbit": np.arange(50)})
    raw_file.write_bytes(old.tobytes())
    with pytest.raises(SourceError, match=r"they look like drift_tubes_v1: try --detector"):
        open_source(raw_file, V2)


def test_noise_is_refused_in_every_declaration(raw_file: Path) -> None:
    raw_file.write_bytes(np.random.default_rng(1).bytes(80_000))
    for detector in (V1, V2, KM3NET):
        with pytest.raises(SourceError, match="if it is right, give --force"):
            open_source(raw_file, detector)


def test_a_stream_with_as_many_segment_words_as_hits_is_plausible(raw_file: Path) -> None:
    heads = np.random.default_rng(1).permutation(np.repeat([2, 4, 0], [2000, 1000, 1000]))
    words = np.where(
        heads == 2, hits(4000), np.where(heads == 4, hits(4000, head=4), hits(4000, head=0))
    )
    raw_file.write_bytes(words.tobytes())
    assert len(all_words(open_source(raw_file, V2))) == 4000
