"""What a readout tells of itself."""

from ops.services.health import Reading
from readout.control.agent import ReadoutAgent
from readout.readout import Readout
from readout.sources import Sources

_OLD_S = 60.0


def readings(agent: ReadoutAgent, sources: Sources) -> list[Reading]:
    """The figures of this moment."""
    writer, spool, intake = agent.writer, agent.spool, agent.feed.intake
    written, readout, silence = writer.written, agent.taking, agent.silence
    second = 1e9 / float(agent.detector.tick)
    watermarks = readout.watermarks if readout else {}
    dropped = sum(agent.dropped.values())
    return [
        Reading("words_stored", "words that the store has, hits and others", written.hits),
        Reading("chunks_stored", "chunks that the store has", written.chunks),
        Reading("retries", "inserts that had to be tried again", written.retries),
        Reading("words_lost", "words that never came, by their senders' counts", sources.lost),
        Reading("packets_repeated", "packets that brought nothing new", sources.repeated),
        Reading("packets_foreign", "packets that are no frames of words", sources.foreign),
        Reading("words_overflowed", "words for which the spool had no room", agent.overflowed),
        Reading("words_without_run", "words that came while no run was on", dropped),
        Reading("run_number", "number of the run that is on, 0 between runs", _run_number(readout)),
        Reading("words_queued", "words between the sources and the chunker", intake.n_words),
        Reading("words_in_memory", "words in memory on their way to it", writer.words_in_memory),
        Reading("parts_unsettled", "inserts that are not known to be stored", writer.unsettled),
        Reading("spool_bytes", "bytes that wait in the spool", spool.n_bytes),
        Reading("spool_oldest_seconds", "age of the oldest batch that waits", spool.oldest_s),
        Reading("spool_damaged", "batches that were found damaged", len(spool.damage)),
        Reading("links_dead", "links that are dead just now", len(silence.dead) if silence else 0),
        Reading(
            "watermark_seconds",
            "time of the run up to which a link is complete",
            of_link={link: mark / second for link, mark in watermarks.items()},
        ),
    ]


def _run_number(readout: Readout | None) -> int:
    return readout.run.run_id if readout else 0


def trouble(agent: ReadoutAgent) -> str:
    """What should worry somebody; empty if nothing."""
    spool = agent.spool
    if spool.low:
        return (
            f"the disk of {spool.folder} is full: sources that can wait do, others lose words,"
            " which is booked; make room, and it goes on"
        )
    if agent.taking and agent.taking.full:
        return "the spool is full: sources that can wait do, others lose words, which is booked"
    if spool.oldest_s > _OLD_S:
        said = agent.writer.written.trouble or "it can't follow"
        return f"the store has taken nothing for {spool.oldest_s:.0f} s: {said}"
    return ""
