"""The shape of a registration feed: header, lines, trailer, as JSON Lines or CSV (docs/add-a-format.md).

Pure: bytes and values in, values out. What is wrong with the whole file raises `FeedBroken`; whether
one line can be applied is judged in `feed_lines`.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, BinaryIO

FORMAT = "registrations"
FORMAT_VERSION = 1
COLUMNS = (
    "person_no",
    "insurance_type",
    "region",
    "group",
    "name",
    "document_type",
    "document_no",
    "version",
    "coverage_year",
    "renewal",
    "registering_body",
    "registered_on",
    "ended_on",
    "birth_on",
    "sex",
)
REQUIRED = COLUMNS[:8]
INTEGERS = frozenset({"version", "coverage_year"})

ENCODINGS = ("utf-8", "gb18030")
LINE_BYTES_MAX = 64 * 1024
CHUNK_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_CSV_START = b"feed,"


class FeedBroken(Exception):
    """The whole file is refused. `line` is its physical line, 0 where none can be named; `facts` fill the sentence."""

    def __init__(self, code: str, line: int = 0, **facts: Any) -> None:
        super().__init__(f"{code} in line {line}" if line else code)
        self.code = code
        self.line = line
        self.facts = facts


class Layout(StrEnum):
    """How lines are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself. `encoding` is empty where it is left to be found out."""

    agency: str
    number: str
    scope: str  # full or delta
    regions: tuple[str, ...]
    made_at: datetime
    encoding: str = ""
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of whole lines in the file."""

    offset: int
    size: int
    first_line: int


@dataclass(frozen=True, slots=True)
class Survey:
    """A file that has been looked through: complete, countable and readable, line by line."""

    header: Header
    layout: Layout
    encoding: str
    columns: tuple[str, ...]  # of CSV; empty for JSON Lines
    lines: int
    chunks: tuple[Chunk, ...] = field(repr=False)


# ---- reading --------------------------------------------------------------------------------------------------------


def read_header(stream: BinaryIO) -> Header:
    """The header at the start of a file; raises FeedBroken. The stream is left anywhere."""
    return _read_front(stream)[0]


def survey(stream: BinaryIO, *, chunk_bytes: int = CHUNK_BYTES) -> Survey:
    """Look a whole file through without holding it. Raises FeedBroken with the first thing that is wrong."""
    header, layout, columns, start, first_line = _read_front(stream)
    end, stated = _read_trailer(stream, layout, start)
    tried = (header.encoding,) if header.encoding else ENCODINGS
    failure: FeedBroken | None = None
    for encoding in tried:
        try:
            chunks, lines = _cut(stream, start, end, first_line, encoding, chunk_bytes)
        except FeedBroken as broken:
            if broken.code != "encoding_unreadable":
                raise
            failure = failure or broken
            continue
        if lines != stated:
            raise FeedBroken("count_differs", first_line + lines, stated=stated, found=lines)
        return Survey(header, layout, encoding, columns, lines, chunks)
    raise failure or FeedBroken("encoding_unreadable")


def _read_front(stream: BinaryIO) -> tuple[Header, Layout, tuple[str, ...], int, int]:
    """Header, layout, columns, and where the lines begin: offset and line number."""
    stream.seek(0)
    first = stream.readline(LINE_BYTES_MAX)
    if not first:
        raise FeedBroken("empty_file")
    plain = first.removeprefix(_BOM)
    if plain.startswith(b"{"):
        return _json_header(plain), Layout.JSON_LINES, (), len(first), 2
    if not plain.startswith(_CSV_START):
        raise FeedBroken("header_missing", 1)
    header = _csv_header(plain)
    second = stream.readline(LINE_BYTES_MAX)
    columns = tuple(name.strip() for name in second.decode("ascii", "replace").rstrip("\r\n").split(","))
    unknown = [name for name in columns if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in columns]
    if unknown or missing or len(set(columns)) != len(columns):
        raise FeedBroken("columns_unreadable", 2, columns=", ".join(unknown or missing))
    return header, Layout.CSV, columns, len(first) + len(second), 3


def _json_header(line: bytes) -> Header:
    try:
        said = json.loads(line.decode("ascii"))
    except ValueError as error:
        raise FeedBroken("header_unreadable", 1) from error
    if not isinstance(said, dict) or "feed" not in said:
        raise FeedBroken("header_missing", 1)
    regions = said.get("regions")
    if not isinstance(regions, list) or not all(isinstance(code, str) for code in regions):
        raise FeedBroken("header_field", 1, field="regions")
    return _header(said, regions)


def _csv_header(line: bytes) -> Header:
    try:
        cells = next(csv.reader([line.decode("ascii").rstrip("\r\n")], strict=True))
    except (ValueError, csv.Error, StopIteration) as error:
        raise FeedBroken("header_unreadable", 1) from error
    names = ("", "feed", "format_version", "agency", "batch", "scope", "regions", "made_at", "encoding")
    if len(cells) not in (len(names) - 1, len(names)):
        raise FeedBroken("header_unreadable", 1)
    said: dict[str, Any] = dict(zip(names, cells, strict=False))
    if str(said["format_version"]).isdecimal():
        said["format_version"] = int(said["format_version"])
    return _header(said, [code for code in said["regions"].split("|") if code])


def _header(said: Mapping[str, Any], regions: Sequence[str]) -> Header:
    if said.get("feed") != FORMAT:
        raise FeedBroken("header_field", 1, field="feed")
    if said.get("format_version") != FORMAT_VERSION:
        raise FeedBroken("format_version_unknown", 1, known=FORMAT_VERSION)
    texts = {}
    for name, longest in (("agency", 20), ("batch", 40), ("scope", 5), ("made_at", 40)):
        text = said.get(name)
        if not isinstance(text, str) or not 1 <= len(text) <= longest or not text.isprintable():
            raise FeedBroken("header_field", 1, field=name)
        texts[name] = text
    if texts["scope"] not in ("full", "delta"):
        raise FeedBroken("header_field", 1, field="scope")
    if not regions:
        raise FeedBroken("header_field", 1, field="regions")
    return Header(
        agency=texts["agency"], number=texts["batch"], scope=texts["scope"], regions=tuple(regions),
        made_at=_made_at(texts["made_at"]), encoding=_encoding(said.get("encoding") or ""),
    )  # fmt: skip


def _made_at(text: str) -> datetime:
    try:
        made_at = datetime.fromisoformat(text)
    except ValueError as error:
        raise FeedBroken("header_field", 1, field="made_at") from error
    if made_at.tzinfo is None:
        raise FeedBroken("header_field", 1, field="made_at")
    return made_at


def _encoding(text: object) -> str:
    name = str(text).strip().lower().replace("_", "-")
    known = {"": "", "utf8": "utf-8", "utf-8": "utf-8", "utf-8-sig": "utf-8", "gb18030": "gb18030", "gbk": "gb18030"}
    if name not in known:
        raise FeedBroken("header_field", 1, field="encoding")
    return known[name]


def _read_trailer(stream: BinaryIO, layout: Layout, start: int) -> tuple[int, int]:
    """Where the lines end, and how many the trailer says there are."""
    size = stream.seek(0, io.SEEK_END)
    tail_from = max(start, size - 4096)
    stream.seek(tail_from)
    tail = stream.read()
    last = tail.rstrip(b"\r\n")
    cut = last.rfind(b"\n") + 1
    text, end = last[cut:], tail_from + cut
    stated: object = None
    if layout is Layout.JSON_LINES:
        try:
            said = json.loads(text)
        except ValueError as error:
            raise FeedBroken("trailer_missing") from error
        stated = said.get("lines", "") if isinstance(said, dict) and said.get("feed") == "end" else None
    elif text.startswith(b"end,"):
        stated = int(text[4:]) if text[4:].isdigit() and len(text) < 20 else ""
    if stated is None:
        raise FeedBroken("trailer_missing")
    if not isinstance(stated, int) or isinstance(stated, bool) or stated < 0:
        raise FeedBroken("trailer_unreadable")
    return end, stated


def _cut(
    stream: BinaryIO, start: int, end: int, first_line: int, encoding: str, chunk_bytes: int
) -> tuple[tuple[Chunk, ...], int]:
    """Cut the lines into chunks, and see that all of it can be decoded."""
    stream.seek(start)
    chunks: list[Chunk] = []
    offset, line = start, first_line
    while offset < end:
        block = stream.read(min(chunk_bytes, end - offset))
        if offset + len(block) < end:
            whole = block.rfind(b"\n") + 1
            while not whole and len(block) <= LINE_BYTES_MAX:
                more = stream.read(LINE_BYTES_MAX)
                whole = (block + more).rfind(b"\n") + 1
                block += more
            if not whole:
                raise FeedBroken("line_too_long", line)
            block = block[:whole]
            stream.seek(offset + whole)
        try:
            block.decode(encoding)
        except UnicodeDecodeError as error:
            raise FeedBroken("encoding_unreadable", line + block[: error.start].count(b"\n")) from error
        chunks.append(Chunk(offset, len(block), line))
        line += block.count(b"\n")
        offset += len(block)
    return tuple(chunks), line - first_line


# ---- the lines of a chunk -------------------------------------------------------------------------------------------


_decode = json.JSONDecoder().raw_decode  # what json.loads calls in the end; a million times it shows


class Unreadable(ValueError):
    """A line that is no record of this layout."""


def parse_line(text: str, layout: Layout, columns: Sequence[str]) -> dict[str, Any]:
    """One line as a record. Empty cells of CSV are left out. Raises Unreadable."""
    if layout is Layout.JSON_LINES:
        try:
            record, end = _decode(text)
            if end != len(text):
                record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable from error
        if type(record) is not dict:
            raise Unreadable
        return record
    try:
        cells = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise Unreadable from error
    if len(cells) != len(columns):
        raise Unreadable
    return {
        name: int(cell) if name in INTEGERS and cell.isdecimal() and cell.isascii() and len(cell) < 20 else cell
        for name, cell in zip(columns, cells, strict=True)
        if cell
    }


# ---- writing --------------------------------------------------------------------------------------------------------


def write_feed(
    header: Header,
    records: Iterable[Mapping[str, Any]],
    *,
    layout: Layout = Layout.JSON_LINES,
    encoding: str = "utf-8",
    bom: bool = False,
) -> Iterator[bytes]:
    """A whole file, line by line: what agencies send, and what tests and the demonstration write."""
    if bom:
        yield _BOM
    count = 0
    if layout is Layout.JSON_LINES:
        said = {
            "feed": FORMAT, "format_version": header.format_version, "agency": header.agency, "batch": header.number,
            "scope": header.scope, "regions": list(header.regions), "made_at": header.made_at.isoformat(),
        } | ({"encoding": header.encoding} if header.encoding else {})  # fmt: skip
        yield json.dumps(said).encode("ascii") + b"\n"
        for record in records:
            count += 1
            yield json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str).encode(encoding) + b"\n"
        yield json.dumps({"feed": "end", "lines": count}).encode("ascii") + b"\n"
        return
    cells = ["feed", FORMAT, header.format_version, header.agency, header.number, header.scope,
             "|".join(header.regions), header.made_at.isoformat(), header.encoding]  # fmt: skip
    yield _csv_line(cells).encode("ascii")
    yield _csv_line(COLUMNS).encode("ascii")
    for record in records:
        count += 1
        yield _csv_line([record.get(name) for name in COLUMNS]).encode(encoding)
    yield f"end,{count}\n".encode("ascii")


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return line.getvalue()
