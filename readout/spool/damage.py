"""What stands in for a part of the spool that can't be read any more."""

from collections.abc import Callable
from dataclasses import replace

from db.words.chunk import Chunk
from db.words.gaps import Gap
from readout.spool.batch_file import BatchFile


def stand_ins(file: BatchFile, stored: Callable[[Chunk], bool]) -> tuple[list[Chunk], list[Gap]]:
    """Chunks without words, so that watermarks go on, and the gaps where the words are missing.

    None for a chunk that is ``stored`` all the same. The words may still be in the file, which is
    kept aside.
    """
    chunks = [chunk for index in file.lost for chunk in file.outlines[index] if not stored(chunk)]
    aside = file.path.with_suffix(".damaged").name
    gaps = [
        Gap(
            chunk.run_id,
            chunk.link,
            "spool_damaged",
            chunk.t_first,
            chunk.t_last + 1,
            n_lost=chunk.n_hits,
            detail=f"see {aside} in the spool",
        )
        for chunk in chunks
        if chunk.n_hits
    ]
    return [replace(chunk, n_hits=0, n_corrupt=0, n_suspect=0) for chunk in chunks], gaps
