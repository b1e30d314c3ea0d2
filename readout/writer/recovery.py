"""What an earlier process left in the spool: whether it belongs here, and what is damaged."""

from collections.abc import Mapping

from db.catalogue.runs import Run, runs_by_number
from db.engine import Engine
from db.errors import StoreError
from db.words.chunk import Chunk
from db.words.chunks import has_chunk
from readout.spool.damage import stand_ins
from readout.spool.spool import Spool
from readout.writer.batch import Batch, in_parts
from readout.writer.shard_sink import ShardSink
from readout.writer.writer import Writer


def runs_of_spool(spool: Spool, catalogue: Engine) -> dict[int, Run]:
    """Return those of the runs in a spool that the catalogue has, by number."""
    return runs_by_number(catalogue, [run_id for run_id, _ in spool.runs])


def check_spool(spool: Spool, runs: Mapping[int, Run]) -> None:
    """Refuse a spool that was filled for another store than that of these runs, by number."""
    for run_id, started in spool.runs:
        if run_id not in runs or runs[run_id].started_at != started:
            raise StoreError(
                f"the spool {spool.folder} has data of a run {run_id} that began at"
                f" {started:%Y-%m-%d %H:%M:%S} and isn't in this store: name the store that it was"
                " filled for, or another folder"
            )


def book_damage(spool: Spool, to_store: ShardSink, writer: Writer) -> None:
    """Book what is damaged in the spool, and let the watermarks go on without it."""

    def stored(chunk: Chunk) -> bool:
        return any(has_chunk(shard, chunk) for shard in to_store.engine.shards)

    for number, file in spool.lost():
        chunks, gaps = stand_ins(file, stored)
        newest = spool.newest
        if chunks and newest is not None:
            parts = in_parts(chunks, gaps, to_store.home)
            # With the old time of recording, another attempt is recognised as such.
            at = file.recorded_at
            writer.put(Batch(newest.run_id, newest.run_started, at, parts, newest.marks))
        spool.forget(number)
