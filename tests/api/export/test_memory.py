import threading
import time
import weakref

from api.export import batches, spooled
from api.export.batches import Asked, rows_of
from api.export.formats import FORMATS
from api.slots import Slots
from db.errors import StoreError


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


def test_nothing_is_left_of_an_export_whose_asker_hung_up(http, run, app_state, monkeypatch):
    monkeypatch.setattr(batches, "HITS_AT_ONCE", 100)
    for form in ("hdf5", "root"):
        with http.stream("GET", f"/export/{run.run_id}/hits", params={"format": form}) as answer:
            assert answer.status_code == 200  # and not one byte read
    for _ in range(100):
        if not list(app_state.spool.iterdir()):
            break
        time.sleep(0.1)
    assert not list(app_state.spool.iterdir())
    assert http.get("/healthz").status_code == 200


def test_a_disk_that_the_store_needs_is_left_alone(http, run, app_state, monkeypatch):
    monkeypatch.setattr(spooled, "KEPT_FREE", 1 << 60)
    for form in ("hdf5", "root"):
        answer = http.get(f"/export/{run.run_id}/hits", params={"format": form})
        assert answer.status_code == 400
        assert "ask for arrow, parquet or csv" in answer.json()["message"]
    assert http.get(f"/export/{run.run_id}/hits", params={"format": "csv"}).status_code == 200
    assert not list(app_state.spool.iterdir())


def test_what_goes_wrong_with_the_first_rows_is_told_and_not_broken_off(http, run, monkeypatch):
    def away(*_, **__):
        raise StoreError("the store is away")

    monkeypatch.setattr(batches, "of_hits", away)
    answer = http.get(f"/export/{run.run_id}/hits")
    assert answer.status_code == 503
    assert "the store is away" in answer.json()["message"]


def test_no_more_exports_than_there_is_memory_for(http, run, app_state, monkeypatch):
    def wait_until_over():
        for _ in range(600):
            if not app_state.exports.taken:
                return
            time.sleep(0.05)

    wait_until_over()
    monkeypatch.setattr(app_state, "exports", Slots(1, "too many exports are under way", 5))
    monkeypatch.setattr(batches, "HITS_AT_ONCE", 100)
    go_on = threading.Event()
    slow = batches.read_frame

    def waits(engine, run, window, columns):
        go_on.wait(60 if window.b else 0)
        return slow(engine, run, window, columns)

    with monkeypatch.context() as patch:
        patch.setattr(batches, "read_frame", waits)
        first = threading.Thread(target=http.get, args=(f"/export/{run.run_id}/hits",))
        first.start()
        while not app_state.exports.taken:
            time.sleep(0.01)
        answer = http.get(f"/export/{run.run_id}/hits")
        go_on.set()
        first.join(60)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["code"] == "busy"
    wait_until_over()
    assert http.get(f"/export/{run.run_id}/hits").status_code == 200
    for wrong in ("format=xml", "where=nothing", "start=5 s&stop=1 s"):
        assert http.get(f"/export/{run.run_id}/hits?{wrong}").status_code == 400
    wait_until_over()
    assert app_state.exports.taken == 0
