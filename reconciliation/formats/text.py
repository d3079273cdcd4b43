"""From bytes to lines, a piece at a time: unpacking, size limit, hash, encoding. Only the piece in hand is held."""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from reconciliation.formats.base import Fault, StatementError

PIECE_BYTES = 128 * 1024
LINE_BYTES_MAX = 64 * 1024
_GZIP_START = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
# A character of Chinese text in UTF-8. In GB18030 such bytes mean other, rare characters.
_CHINESE_IN_UTF_8 = re.compile(rb"[\xe2-\xe9\xef][\x80-\xbf]{2}")

Block = tuple[int, list[str]]
"""Whole lines, and the number of the first of them."""


class Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def pieces_of(read: Callable[[int], bytes], bytes_max: int) -> Iterator[bytes]:
    """All that can be read, up to the limit. Raises StatementError."""
    taken = 0
    while piece := read(PIECE_BYTES):
        taken += len(piece)
        if taken > bytes_max:
            raise StatementError(Fault.TOO_LARGE, limit=bytes_max)
        yield piece


def unpacked(read: Callable[[int], bytes], bytes_max: int) -> Iterator[bytes]:
    """The same where the file may be packed with gzip. Raises StatementError."""
    start = read(PIECE_BYTES)
    while start and len(start) < len(_GZIP_START) and (more := read(PIECE_BYTES)):
        start += more
    waiting = [start]

    def read_on(size: int) -> bytes:
        return waiting.pop() if waiting else read(size)

    return pieces_of(_Unpacker(read_on).read if start.startswith(_GZIP_START) else read_on, bytes_max)


class _Unpacker:
    """Unpacks as much as is asked for, so that a small file cannot become a large one in memory."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._source = read
        self._inflater = zlib.decompressobj(wbits=31)
        self._packed = b""

    def read(self, size: int) -> bytes:
        while not self._inflater.eof:
            packed = self._packed or self._source(PIECE_BYTES)
            try:
                piece = self._inflater.decompress(packed, size)
            except zlib.error as error:
                is_gzip = "header" not in str(error) and "method" not in str(error)
                raise StatementError(Fault.HASH_DIFFERS if is_gzip else Fault.NOT_A_GZIP) from None
            self._packed = self._inflater.unconsumed_tail
            if piece:
                return piece
            if not packed and not self._inflater.eof:
                raise StatementError(Fault.TRUNCATED)
        if self._inflater.unused_data or self._source(1):
            raise StatementError(Fault.CONTENT_UNEXPECTED)
        return b""


def hashed(pieces: Iterable[bytes], digest: Hash) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def line_blocks(pieces: Iterable[bytes], encoding: str, *, ended: bool, line: int = 1) -> Iterator[Block]:
    """Cut pieces into blocks of whole lines without their ends. Raises StatementError.

    `ended` asks that the last line has its end too, as proof that nothing is missing behind it.
    """
    rest = b""
    for piece in pieces:
        data = rest + piece if rest else piece
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if len(rest) > LINE_BYTES_MAX:
            raise StatementError(Fault.LINE_TOO_LONG, line + data.count(b"\n"))
        if cut:
            lines = _decoded(data[: cut - 1], encoding, line)
            yield line, lines
            line += len(lines)
    if rest:
        if ended:
            raise StatementError(Fault.TRUNCATED, line)
        yield line, _decoded(rest, encoding, line)


def _decoded(block: bytes, encoding: str, line: int) -> list[str]:
    """The lines of a block, the first of which is `line`."""
    if line == 1:
        block = block.removeprefix(_BOM)
    try:
        text = block.decode(encoding)
    except UnicodeDecodeError as error:
        raise StatementError(Fault.ENCODING_MIXED, line + block[: error.start].count(b"\n")) from None
    if "\0" in text:
        raise StatementError(Fault.LINE_UNREADABLE, line + text[: text.index("\0")].count("\n"))
    if encoding != "utf-8" and not text.isascii():
        _refuse_utf_8(block, line)
    lines = text.split("\n")
    return [each.removesuffix("\r") for each in lines] if "\r" in text else lines


def _refuse_utf_8(block: bytes, line: int) -> None:
    """Raise where a line of a GB18030 file is Chinese in UTF-8, which would decode into other characters."""
    position = 0
    while found := _CHINESE_IN_UTF_8.search(block, position):
        start = block.rfind(b"\n", 0, found.start()) + 1
        end = block.find(b"\n", found.end())
        position = len(block) if end < 0 else end
        try:
            block[start:position].decode("utf-8")
        except UnicodeDecodeError:
            continue
        raise StatementError(Fault.ENCODING_MIXED, line + block[:start].count(b"\n"))
