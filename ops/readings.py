"""What a readout tells of itself."""

from ops.health import Reading
from readout.intake import Intake
from readout.readout import Readout
from readout.silence import Silence
from readout.sources import Sources
from readout.spool.spool import Spool

_OLD_S = 60.0


def readings(
    readout: Readout, spool: Spool, intake: Intake, sources: Sources, silence: Silence
) -> list[Reading]:
    """The figures of this moment."""
    written, writer = readout.written, readout.writer
    second = float(silence.second)
    return [
        Reading("words_stored", "words that the store has, hits and others", written.hits),
        Reading("chunks_stored", "chunks that the store has", written.chunks),
        Reading("retries", "inserts that had to be tried again", written.retries),
        Reading("words_lost", "words that never came, by their senders' counts", sources.lost),
        Reading("packets_repeated", "packets that brought nothing new", sources.repeated),
        Reading("packets_foreign", "packets that are no frames of words", sources.foreign),
        Reading("words_overflowed", "words for which the spool had no room", readout.overflowed),
        Reading("words_queued", "words between the sources and the chunker", intake.n_words),
        Reading("words_in_memory", "words in memory on their way to it", writer.words_in_memory),
        Reading("parts_unsettled", "inserts that are not known to be stored", writer.unsettled),
        Reading("spool_bytes", "bytes that wait in the spool", spool.n_bytes),
        Reading("spool_oldest_seconds", "age of the oldest batch that waits", spool.oldest_s),
        Reading("spool_damaged", "batches that were found damaged", len(spool.damage)),
        Reading("links_dead", "links that are dead just now", len(silence.dead)),
        Reading(
            "watermark_seconds",
            "time of the run up to which a link is complete",
            of_link={link: mark / second for link, mark in readout.watermarks.items()},
        ),
    ]


def trouble(readout: Readout, spool: Spool) -> str:
    """What should worry somebody; empty if nothing."""
    if readout.full:
        return "the spool is full: sources that can wait do, others lose words, which is booked"
    if spool.oldest_s > _OLD_S:
        said = readout.written.trouble or "it can't follow"
        return f"the store has taken nothing for {spool.oldest_s:.0f} s: {said}"
    return ""
