"""Words on a network: the frame that TCP and UDP sources take, and what is answered on TCP.

A frame is a header of 24 bytes, little-endian, and words of 8 bytes:

    magic     4 bytes  ``EHWF``
    version   u8       1
    kind      u8       0 words, 1 place, 2 hello
    link      u16
    stream    u32      names the sender's count; another number whenever it begins to count anew
    n_words   u32      words that follow: whole hits, at most 65,536 words
    first     u64      words of this link in this stream before the first one here

Since words are counted, not frames, what is lost or comes twice is known to the word. A stream
counts from 0, and its number never names another one of the link: what comes again is dropped.

TCP: a sender that (re)connects says hello for each of its links, where ``first`` is the oldest
word that it can still send. The answer is a hello too: ``first`` is the word from which to go on.
A place says that all words before ``first`` are safe and may be forgotten.

UDP: what is missing before the first packet of a stream is lost. A sender whose count began long
before somebody listened may say hello first: what lies before its ``first`` is nobody's loss.
"""

from dataclasses import dataclass
from struct import Struct

from db.errors import SourceError

MAGIC, VERSION = b"EHWF", 1
WORDS, PLACE, HELLO = 0, 1, 2
HEADER = Struct("<4sBBHIIQ")
MOST_WORDS = 1 << 16


@dataclass(frozen=True)
class Header:
    """What stands before a frame's words."""

    kind: int
    link: int
    stream: int
    n_words: int
    first: int

    def pack(self) -> bytes:
        """The 24 bytes."""
        return HEADER.pack(
            MAGIC, VERSION, self.kind, self.link, self.stream, self.n_words, self.first
        )


def read_header(data: bytes | bytearray | memoryview) -> Header:
    """The header of a frame; raises SourceError that says what is wrong with it."""
    magic, version, kind, link, stream, n_words, first = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SourceError(f"a frame begins with {bytes(magic)!r} instead of {MAGIC!r}")
    if version != VERSION:
        raise SourceError(f"a frame is of version {version}, only {VERSION} is known here")
    if kind > HELLO or n_words > MOST_WORDS or (kind != WORDS and n_words):
        raise SourceError(f"a frame of kind {kind} announces {n_words} words")
    return Header(kind, link, stream, n_words, first)
