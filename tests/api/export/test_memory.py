import time
import weakref

from api.export import batches
from api.export.batches import Asked, rows_of
from api.export.route import FORMATS


def test_no_more_than_two_batches_are_in_memory_at_once(engine, run, tmp_path, monkeypatch):
    """Whatever the format: the one that is written, and the one that is read meanwhile."""
    monkeypatch.setattr(batches, "HITS_AT_ONCE", 500)
    for name, form in FORMATS.items():
        rows = rows_of(engine, Asked(run, "hits", 0, 2**40), tmp_path)
        alive: list[weakref.ref] = []
        most = 0

        def watched(source, alive=alive):
            nonlocal most
            for batch in source:
                alive.append(weakref.ref(batch))
                most = max(most, sum(each() is not None for each in alive))
                yield batch
                del batch

        size = sum(
            map(len, form.write(type(rows)(**{**vars(rows), "batches": watched(rows.batches)})))
        )
        assert len(alive) > 5, name
        assert size > 1000
        assert most <= 2, name


def test_what_was_made_to_be_sent_is_gone_when_nobody_wants_the_rest(engine, run, tmp_path):
    for name in ("hdf5", "root"):
        pieces = FORMATS[name].write(rows_of(engine, Asked(run, "hits", 0, 2**40), tmp_path))
        next(pieces)
        assert list(tmp_path.iterdir())
        pieces.close()  # the asker hung up
        assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_an_export_whose_asker_hung_up(http, run, desk, monkeypatch):
    monkeypatch.setattr(batches, "HITS_AT_ONCE", 100)
    for form in ("hdf5", "root"):
        with http.stream("GET", f"/export/{run.run_id}/hits", params={"format": form}) as answer:
            assert answer.status_code == 200  # and not one byte read
    for _ in range(100):
        if not list(desk.spool.iterdir()):
            break
        time.sleep(0.1)
    assert not list(desk.spool.iterdir())
    assert http.get("/healthz").status_code == 200
