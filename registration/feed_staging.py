"""Rows from the converters into the temporary tables of a merge, slice by slice, by COPY."""

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence

from django.db import connection

from registration.feed_crew import Crew
from registration.feed_format import Chunk
from registration.feed_merge import REJECTED, STAGED
from registration.feed_rows import ChunkConverter, ChunkRows, Job, Share

SLICE_LINES = 100_000
DIGESTS_AT_ONCE = 1_250_000
"""How many digests a converter holds; a longer list is taken in several shares, so that memory stays flat."""
CREW_FROM_FRESH = 20_000
"""From so many new lines on the helper processes take the rest of a large file."""
_COPY_BYTES = 1 << 18


def stage(job: Job, chunks: Sequence[Chunk], shares: Iterable[Share], crew: Crew | None) -> Iterator[None]:
    """Fill `feed_staging` and `feed_rejected` slice by slice, yielding after each; at the end `feed_missing`.

    With a crew its processes convert ahead while the caller is busy with a slice. Raises CrewLost.
    """
    converter = ChunkConverter(job)
    for share in shares:
        slices = _Slices(_convert(converter, share, chunks, crew))
        while slices.copy_next():
            yield
        _copy_missing(share, slices.met)


def held_shares(agency_code: str, held: int) -> Iterator[Share]:
    """The digests that the database holds of an agency, as shares of a bounded size."""
    of = -(-held // DIGESTS_AT_ONCE)
    for number in range(of):
        with tempfile.TemporaryFile() as file, connection.cursor() as cursor:
            sql = cursor.mogrify(
                "COPY (SELECT line_digest FROM registration_registration WHERE agency_id = %s AND "
                "line_digest IS NOT NULL AND get_byte(line_digest, 0) %% %s = %s) TO STDOUT (FORMAT binary)",
                [agency_code, of, number],
            )
            cursor.copy_expert(sql, file)
            file.seek(0)
            yield Share(file.read(), number, of)


def _convert(
    converter: ChunkConverter, share: Share, chunks: Sequence[Chunk], crew: Crew | None
) -> Iterator[ChunkRows | bytes]:
    """Here as long as hardly anything is new: comparing alone is sooner done than the crew is told of all digests."""
    patience = CREW_FROM_FRESH if share.count() else 0
    here = 0
    converter.take(share)
    while here < len(chunks) and (crew is None or patience > 0):
        rows = converter.convert(chunks[here])
        patience -= rows.fresh
        here += 1
        yield rows
    yield converter.met()
    if crew is not None and here < len(chunks):
        yield from crew.convert(converter.job, share, chunks[here:])


class _Slices:
    """Cuts a stream of converted chunks into slices."""

    def __init__(self, results: Iterator[ChunkRows | bytes]) -> None:
        self._results = results
        self._lines = 0
        self.met = 0  # the converters' notes of digests met, as one long number

    def copy_next(self) -> bool:
        """COPY one slice; False when nothing was left."""
        self._lines = 0
        rejected = io.BytesIO()
        with connection.cursor() as cursor:
            rows = _Pieces(self._rows(rejected))
            try:
                cursor.copy_expert(f"COPY feed_staging ({', '.join(STAGED)}) FROM STDIN", rows, _COPY_BYTES)
            except Exception as error:
                raise rows.failure or error from error
            rejected.seek(0)
            cursor.copy_expert(f"COPY feed_rejected ({', '.join(REJECTED)}) FROM STDIN", rejected, _COPY_BYTES)
        return self._lines > 0

    def _rows(self, rejected: io.BytesIO) -> Iterator[bytes]:
        for result in self._results:
            if isinstance(result, bytes):
                self.met |= int.from_bytes(result, "big")
                continue
            rejected.write(result.rejected)
            self._lines += result.fresh
            yield result.staged
            if self._lines >= SLICE_LINES:
                return


def _copy_missing(share: Share, met: int) -> None:
    """Write down the digests of a share that no line had."""
    notes = met.to_bytes(share.count(), "big")
    with tempfile.TemporaryFile() as file, connection.cursor() as cursor:
        position = notes.find(b"\0")
        while position >= 0:
            file.write(b"\\\\x" + share.digest(position).hex().encode() + b"\n")
            position = notes.find(b"\0", position + 1)
        file.seek(0)
        cursor.copy_expert("COPY feed_missing (digest) FROM STDIN", file, _COPY_BYTES)


class _Pieces:
    """An iterator of bytes as the file that COPY reads from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self.failure: Exception | None = None  # COPY tells of it as of a cancelled query

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._rest:
            try:
                piece = next(self._pieces, None)
            except Exception as error:
                self.failure = error
                raise
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        part, self._rest = self._rest[:size], self._rest[size:]
        return bytes(part)
