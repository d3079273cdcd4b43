"""ZIP files as channels send them: a handful of text files, checked before and while they are unpacked."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from reconciliation.formats.base import Fault, StatementError
from reconciliation.formats.text import pieces_of

FILES_MAX = 16
_DIRECTORY_BYTES_MAX = 64 * 1024
_START = b"PK\x03\x04"
_END = b"PK\x05\x06"
_END_BYTES = 22
_COMMENT_BYTES_MAX = 65_535
_NAMES_ARE_UTF_8 = 0x800


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file of an archive. `pieces()` unpacks it; raises StatementError."""

    name: str
    pieces: Callable[[], Iterator[bytes]]


def open_zip(source: BinaryIO, bytes_max: int) -> list[PackedFile]:
    """The files of an archive, in its order. Raises StatementError where it is none, cut off, or too large."""
    _check_directory(source)
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error):
        raise StatementError(Fault.NOT_A_ZIP) from None
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    if sum(entry.file_size for entry in entries) > bytes_max:
        raise StatementError(Fault.TOO_LARGE, limit=bytes_max)
    return [_packed_file(archive, entry) for entry in entries]


def _check_directory(source: BinaryIO) -> None:
    """See that the list of files is there and short, before it is read into memory."""
    size = source.seek(0, 2)
    source.seek(0)
    start = source.read(len(_START))
    source.seek(max(0, size - _END_BYTES - _COMMENT_BYTES_MAX))
    tail = source.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise StatementError(Fault.TRUNCATED if start == _START else Fault.NOT_A_ZIP)
    files, directory_bytes = struct.unpack_from("<HI", tail, at + 10)
    if files > FILES_MAX or directory_bytes > _DIRECTORY_BYTES_MAX:
        raise StatementError(Fault.TOO_LARGE, files=files)


def _packed_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> PackedFile:
    name = entry.filename
    if not entry.flag_bits & _NAMES_ARE_UTF_8:  # Chinese senders write GBK and do not say so
        name = name.encode("cp437", "replace").decode("gb18030", "replace")
    name = name[:100]

    def pieces() -> Iterator[bytes]:
        try:
            with archive.open(entry) as file:
                yield from pieces_of(file.read, entry.file_size)
        except EOFError:
            raise StatementError(Fault.TRUNCATED, file=name) from None
        except zipfile.BadZipFile as error:
            code = Fault.HASH_DIFFERS if "CRC" in str(error) else Fault.NOT_A_ZIP
            raise StatementError(code, file=name) from None
        except zlib.error:
            raise StatementError(Fault.HASH_DIFFERS, file=name) from None
        except (RuntimeError, NotImplementedError, ValueError, OSError, struct.error):
            raise StatementError(Fault.NOT_A_ZIP, file=name) from None  # encrypted, or packed in a way of its own

    return PackedFile(name, pieces)
