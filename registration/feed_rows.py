"""A chunk of a feed's file as rows for COPY: digests first, then whatever is new is parsed, indexed and sealed.

Needs no database and no settings, so that it runs in helper processes (`feed_crew`) as well as in place.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.sealed import Sealer
from registration.feed_format import Chunk
from registration.feed_lines import Entry, LineReader, LineRejected

DIGEST_BYTES = 16
SEALED_REGISTRATION = "registration_registration.number_sealed"
SEALED_DOCUMENT = "registration_persondocument.number_sealed"

# PostgreSQL's binary COPY of one bytea column: a head, then per row a count of fields, a length and the value.
_HEAD_BYTES, _FOOT_BYTES, _FRAME_BYTES = 19, 2, 6
_ROW_BYTES = _FRAME_BYTES + DIGEST_BYTES


@dataclass(frozen=True)
class Job:
    """What is the same for all chunks of a file."""

    path: str
    encoding: str
    reader: LineReader
    sealer: Sealer = field(repr=False)
    digest_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Share:
    """The digests that the database holds, as binary COPY gives them; of a very large list one share after another.

    A line belongs to the share `number` whose turn it is by the first byte of its digest, modulo `of`.
    """

    held: bytes = field(default=b"", repr=False)
    number: int = 0
    of: int = 1

    def count(self) -> int:
        """How many digests it holds."""
        return max(0, len(self.held) - _HEAD_BYTES - _FOOT_BYTES) // _ROW_BYTES

    def digests(self) -> Iterator[bytes]:
        """The digests in their order."""
        first = _HEAD_BYTES + _FRAME_BYTES
        return (self.held[at : at + DIGEST_BYTES] for at in range(first, first + self.count() * _ROW_BYTES, _ROW_BYTES))

    def digest(self, position: int) -> bytes:
        """The digest at one position."""
        at = _HEAD_BYTES + _FRAME_BYTES + position * _ROW_BYTES
        return self.held[at : at + DIGEST_BYTES]


@dataclass(frozen=True)
class ChunkRows:
    """What came of a chunk: lines of COPY for `feed_staging` and `feed_rejected`."""

    staged: bytes
    rejected: bytes
    fresh: int  # how many lines both hold


class ChunkConverter:
    """Converts chunks, and notes which of the digests held it has met."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._digest = hashlib.blake2b(key=job.digest_key, digest_size=DIGEST_BYTES)
        # the same bytes mean something else under other columns or in another encoding
        self._digest.update("\x1f".join([job.reader.layout, job.encoding, *job.reader.columns]).encode() + b"\n")
        self.take(Share())

    def take(self, share: Share) -> None:
        """Begin a share."""
        self.share = share
        self._held = frozenset(share.digests())
        self._met: set[bytes] = set()

    def met(self) -> bytes:
        """One byte for each digest held, in the order of the share: 1 when a line had it."""
        return bytes(digest in self._met for digest in self.share.digests())

    def convert(self, chunk: Chunk) -> ChunkRows:
        """Read, compare and convert one chunk."""
        with open(self.job.path, "rb") as file:
            file.seek(chunk.offset)
            lines = file.read(chunk.size).split(b"\n")
        if not lines[-1]:
            lines.pop()
        digests = self._digests(lines)
        held, share = self._held, self.share
        self._met |= held.intersection(digests)
        return self._rows(
            [
                (number, digest, line)
                for number, (digest, line) in enumerate(zip(digests, lines, strict=True), chunk.first_line)
                if digest not in held and digest[0] % share.of == share.number
            ]
        )

    def _digests(self, lines: list[bytes]) -> list[bytes]:
        """The keyed digest of every line: of a list that says the same again this is the whole work."""
        found = []
        for line in lines:
            hashed = self._digest.copy()
            hashed.update(line)
            found.append(hashed.digest())
        return found

    def _rows(self, fresh: list[tuple[int, bytes, bytes]]) -> ChunkRows:
        heads: list[str] = []
        entries: list[Entry] = []
        rejected: list[str] = []
        read, encoding = self.job.reader.read, self.job.encoding
        for number, digest, line in fresh:
            try:
                entries.append(read(line.decode(encoding).rstrip("\r")))
            except LineRejected as no:
                told = (str(number), no.code, no.detail, no.person_no, no.insurance_type)
                rejected.append("\t".join(_plain(text) for text in told) + "\n")
            else:
                heads.append(f"{number}\t\\\\x{digest.hex()}")
        return ChunkRows("".join(self._staged(heads, entries)).encode(), "".join(rejected).encode(), len(fresh))

    def _staged(self, heads: list[str], entries: list[Entry]) -> Iterator[str]:
        sealer = self.job.sealer
        numbers = [entry.number for entry in entries]
        indexes = sealer.index_many("number", numbers)
        sealed = sealer.seal_many(numbers, field=SEALED_REGISTRATION, indexes=indexes)
        documents = sealer.seal_many(numbers, field=SEALED_DOCUMENT, indexes=indexes)
        for head, entry, index, number_sealed, document_sealed in zip(
            heads, entries, indexes, sealed, documents, strict=True
        ):
            (person_no, insurance_type, region, group, name, name_folded, document_type, number, match_number,
             version, coverage_year, renewal, body, registered_on, ended_on, birth_on, sex) = entry  # fmt: skip
            index_hex = index.hex()
            same = match_number is number or match_number == number
            match_hex = index_hex if same else sealer.blind_index("number", match_number).hex()
            texts = f"{person_no}\t{insurance_type}\t{region}\t{group}\t{name}\t{name_folded}"
            yield (
                f"{head}\t{_plain(texts)}\t{document_type}\t\\\\x{index_hex}\t\\\\x{match_hex}\t{number_sealed}"
                f"\t{document_sealed}\t{version}\t{coverage_year or NULL}\t{renewal}\t{_plain(body)}"
                f"\t{registered_on or NULL}\t{ended_on or NULL}\t{birth_on or NULL}\t{sex}\n"
            )


NULL = "\\N"


def _plain(text: str) -> str:
    """Text for COPY: the reader lets no control character through, so only the backslash is left to write."""
    return text.replace("\\", "\\\\") if "\\" in text else text

