"""The shape of feeds: what is written is read back, and what is broken is refused whole with its line."""

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.identity import fold_name, is_name, normalise_name
from registration.feed_format import COLUMNS, REQUIRED, FeedBroken, Header, Layout, parse_line, survey, write_feed
from registration.feed_lines import Codes, LineReader, LineRejected
from registration.feed_words import REJECTS, broken_sentence, reject_sentence
from tests.registration.feeding import HUANCUI, PENSION, RONGCHENG, file, header, line, number

TODAY = date(2026, 11, 21)
CODES = Codes(
    insurance_types=frozenset({PENSION, "resident_medical"}),
    groups=frozenset({"adult", "minor"}),
    regions=frozenset({HUANCUI, RONGCHENG, "370112"}),
    covered=frozenset({HUANCUI, RONGCHENG}),
)


def look(content: bytes, **options: Any) -> Any:
    return survey(io.BytesIO(content), **options)


def broken(content: bytes) -> tuple[str, int]:
    with pytest.raises(FeedBroken) as refused:
        look(content)
    assert broken_sentence(refused.value)
    return refused.value.code, refused.value.line


def reader(layout: Layout = Layout.JSON_LINES, columns: tuple[str, ...] = ()) -> LineReader:
    return LineReader(CODES, layout, columns, TODAY)


# --- whole files -----------------------------------------------------------------------------------------------------


def test_a_file_is_looked_through_with_its_header_and_count() -> None:
    found = look(file("7", line("1"), line("2"), scope="full"))
    assert (found.header.agency, found.header.number, found.header.scope) == ("hr-371000", "7", "full")
    assert (found.lines, found.layout, found.encoding) == (2, Layout.JSON_LINES, "utf-8")


def test_an_empty_file_is_refused() -> None:
    assert broken(b"") == ("empty_file", 0)


def test_a_file_without_header_is_refused() -> None:
    assert broken(b"hello\n") == ("header_missing", 1)
    assert broken(b'{"person_no": "1"}\n') == ("header_missing", 1)
    assert broken(b'{"feed": \n') == ("header_unreadable", 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feed", "payments"), ("agency", ""), ("agency", 5), ("batch", None), ("batch", "x" * 41), ("scope", "some"),
        ("regions", []), ("regions", "371000"), ("made_at", "yesterday"), ("made_at", "2026-11-21T10:00:00"),
        ("encoding", "utf-7"),
    ],
)  # fmt: skip
def test_a_header_field_that_is_wrong_is_named(field: str, value: Any) -> None:
    first, rest = file("1", line()).split(b"\n", 1)
    said = json.loads(first) | {field: value}
    with pytest.raises(FeedBroken) as refused:
        look(json.dumps(said).encode() + b"\n" + rest)
    assert (refused.value.code, refused.value.line) == ("header_field", 1)
    assert refused.value.facts["field"] == field


def test_another_version_of_the_format_is_refused() -> None:
    assert broken(file("1", line(), format_version=2)) == ("format_version_unknown", 1)


def test_a_file_cut_off_is_refused() -> None:
    whole = file("1", line("1"), line("2"))
    assert broken(whole[: whole.rindex(b"{")])[0] == "trailer_missing"
    assert broken(whole[:-20])[0] == "trailer_missing"
    assert broken(file("1", layout=Layout.CSV)[:-6])[0] == "trailer_missing"


def test_a_count_that_differs_is_refused_with_both_counts() -> None:
    content = file("1", line("1"), line("2")).replace(b'"lines": 2', b'"lines": 3')
    with pytest.raises(FeedBroken) as refused:
        look(content)
    assert (refused.value.code, refused.value.facts) == ("count_differs", {"stated": 3, "found": 2})


def test_a_trailer_without_a_count_is_refused() -> None:
    assert broken(file("1", line()).replace(b'"lines": 1', b'"lines": "1"')) == ("trailer_unreadable", 0)
    assert broken(file("1", line(), layout=Layout.CSV).replace(b"end,1", b"end,one")) == ("trailer_unreadable", 0)


def test_an_undecodable_line_is_named() -> None:
    records = [line(str(position)) for position in range(1, 6)]
    content = file("1", *records, encoding="utf-8").split(b"\n")
    content[3] = content[3].replace("王芳".encode(), b"\xff\xff")
    assert broken(b"\n".join(content)) == ("encoding_unreadable", 4)


def test_gb18030_under_a_header_that_says_utf_8_is_refused() -> None:
    content = b"".join(write_feed(header("1", encoding="utf-8"), [line()], encoding="gb18030"))
    assert broken(content) == ("encoding_unreadable", 2)


def test_gb18030_is_found_out_where_the_header_is_silent() -> None:
    content = file("1", line(name="陈𠮷"), encoding="gb18030")
    assert look(content).encoding == "gb18030"


def test_columns_of_csv_are_checked() -> None:
    content = file("1", line(), layout=Layout.CSV)
    assert broken(content.replace(b"person_no,", b"person,")) == ("columns_unreadable", 2)
    assert broken(content.replace(b",document_no,", b",name,")) == ("columns_unreadable", 2)


def test_an_endless_line_is_refused() -> None:
    whole = file("1", line(registering_body="村" * 40_000), line("2"))
    with pytest.raises(FeedBroken) as refused:
        look(whole, chunk_bytes=1024)
    assert (refused.value.code, refused.value.line) == ("line_too_long", 2)


def test_chunks_hold_whole_lines_and_cover_all_of_them() -> None:
    content = file("1", *(line(str(position)) for position in range(200)))
    found = look(content, chunk_bytes=1000)
    pieces = [content[chunk.offset : chunk.offset + chunk.size] for chunk in found.chunks]
    assert len(pieces) > 10
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert b"".join(pieces).count(b"\n") == 200
    counted = 2
    for chunk, piece in zip(found.chunks, pieces, strict=True):
        assert chunk.first_line == counted
        counted += piece.count(b"\n")


# --- what is written is read back ------------------------------------------------------------------------------------

names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=2, max_size=12
).filter(lambda text: is_name(normalise_name(text)) and 0 < len(fold_name(text)) <= 50)
records = st.builds(
    line,
    st.text("0123456789ABCabc-\\", min_size=1, max_size=40).filter(lambda text: text.strip() == text),
    name=names,
    document_no=st.integers(0, 999).map(number),
    version=st.integers(1, 2**63 - 1),
    region=st.sampled_from([HUANCUI, RONGCHENG]),
    registering_body=st.none() | st.sampled_from(["米山镇", 'a"b', "甲,乙", "反\\斜"]),
    registered_on=st.none() | st.dates(date(1950, 1, 1), date(2026, 1, 1)).map(date.isoformat),
    coverage_year=st.none() | st.integers(1950, 2199),
    renewal=st.none() | st.sampled_from(["none", "everyone", "collective"]),
)


@given(
    st.lists(records, max_size=8),
    st.sampled_from(list(Layout)),
    st.sampled_from(["utf-8", "gb18030"]),
    st.booleans(),
    st.booleans(),
)
def test_what_is_written_is_read_back(
    written: list[dict[str, Any]], layout: Layout, encoding: str, declared: bool, bom: bool
) -> None:
    said = Header("hr-371000", "b 1", "full", ("371000", HUANCUI), datetime(2026, 1, 1, tzinfo=UTC),
                  encoding if declared else "")  # fmt: skip
    bom = bom and encoding == "utf-8"
    content = b"".join(write_feed(said, written, layout=layout, encoding=encoding, bom=bom))
    found = look(content, chunk_bytes=400)
    assert found.header == said
    assert found.lines == len(written)
    lines = b"".join(content[chunk.offset : chunk.offset + chunk.size] for chunk in found.chunks).split(b"\n")[:-1]
    read = [parse_line(text.decode(found.encoding), layout, found.columns) for text in lines]
    assert read == written
    entries = [reader(layout, found.columns).read(text.decode(found.encoding)) for text in lines]
    assert [(entry.person_no, entry.name, entry.version) for entry in entries] == [
        (record["person_no"], normalise_name(record["name"]), record["version"]) for record in written
    ]


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    for front in (b"", file("1").split(b"\n")[0] + b"\n", b'{"feed":', b"feed,"):
        with pytest.raises(FeedBroken) as refused:
            look(front + content)
        assert broken_sentence(refused.value)


anything = st.text() | st.integers() | st.none() | st.lists(st.none())


@given(st.text(max_size=200) | st.dictionaries(st.sampled_from(COLUMNS), anything).map(json.dumps))
def test_no_line_crashes_the_reader(text: str) -> None:
    for layout, columns in ((Layout.JSON_LINES, ()), (Layout.CSV, COLUMNS)):
        with pytest.raises(LineRejected) as refused:
            reader(layout, columns).read(text)
        assert reject_sentence(refused.value.code, refused.value.detail)


# --- lines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("unknown_field", {"salary": 1}),
        ("field_missing", {"person_no": None}),
        ("field_missing", {"document_no": ""}),
        ("field_missing", {"person_no": "  "}),
        ("field_not_text", {"person_no": 12}),
        ("field_not_text", {"name": ["王芳"]}),
        ("field_not_text", {"document_no": 371002198005120017}),
        ("field_not_text", {"region": 371002}),
        ("field_too_long", {"person_no": "1" * 41}),
        ("field_too_long", {"registering_body": "村" * 81}),
        ("control_character", {"person_no": "1\n2"}),
        ("control_character", {"name": "王\t芳"}),
        ("control_character", {"registering_body": "a\u2028b"}),
        ("insurance_type_unknown", {"insurance_type": "car"}),
        ("region_unknown", {"region": "999999"}),
        ("region_not_covered", {"region": "370112"}),
        ("group_unknown", {"group": "cat"}),
        ("name_invalid", {"name": "王"}),
        ("name_invalid", {"name": "12"}),
        ("document_type_unknown", {"document_type": "999"}),
        ("document_no_invalid", {"document_no": "12345"}),
        ("document_no_invalid", {"document_no": number(1, born="19801350")}),
        ("document_no_invalid", {"document_no": number(1, born="20300101")}),
        ("version_invalid", {"version": "2"}),
        ("version_invalid", {"version": -1}),
        ("version_invalid", {"version": 2**63}),
        ("version_invalid", {"version": True}),
        ("coverage_year_invalid", {"coverage_year": 20260}),
        ("coverage_year_invalid", {"coverage_year": "2026"}),
        ("renewal_invalid", {"renewal": "maybe"}),
        ("date_invalid", {"registered_on": "2019-02-30"}),
        ("date_invalid", {"ended_on": "20190301"}),
        ("date_invalid", {"document_type": "291", "document_no": "Z250909000", "birth_on": "2030-01-01"}),
        ("ended_before_registered", {"registered_on": "2019-03-02", "ended_on": "2019-03-01"}),
        ("sex_invalid", {"document_type": "291", "document_no": "Z250909000", "sex": "x"}),
    ],
)
def test_a_line_is_rejected_with_its_reason(code: str, changes: dict[str, Any]) -> None:
    with pytest.raises(LineRejected) as refused:
        reader().read(json.dumps(line(**changes), ensure_ascii=False))
    assert refused.value.code == code
    assert reject_sentence(code, refused.value.detail)
    assert "王芳" not in refused.value.detail
    assert number(1) not in refused.value.detail


def test_a_line_that_is_no_record_is_rejected() -> None:
    for text in ("", "[]", "{", '{"person_no": 1} x', "nonsense", "[" * 100_000):
        with pytest.raises(LineRejected) as refused:
            reader().read(text)
        assert refused.value.code == "unreadable_line"
    with pytest.raises(LineRejected) as refused:
        reader(Layout.CSV, COLUMNS).read('1,"unclosed')
    assert refused.value.code == "unreadable_line"


def test_a_rejected_line_still_says_whom_it_is_about() -> None:
    with pytest.raises(LineRejected) as refused:
        reader().read(json.dumps(line("A7", group="cat")))
    assert (refused.value.person_no, refused.value.insurance_type) == ("A7", PENSION)


def test_a_wrong_check_character_is_taken_as_the_agency_holds_it() -> None:
    wrong = number(1)[:-1] + ("1" if number(1)[-1] != "1" else "2")
    assert reader().read(json.dumps(line(document_no=wrong))).number == wrong


def test_fifteen_digits_are_kept_and_matched_as_eighteen() -> None:
    entry = reader().read(json.dumps(line(document_no="371002800512001")))
    assert entry.number == "371002800512001"
    assert entry.match_number == number(1)


def test_names_keep_rare_characters_and_unify_dots() -> None:
    for written, kept, folded in (
        ("赵龘", "赵龘", "赵龘"),
        ("陈𠮷", "陈𠮷", "陈𠮷"),
        ("阿依古丽•买买提", "阿依古丽·买买提", "阿依古丽买买提"),
        ("SMITH  JOHN", "SMITH  JOHN", "smithjohn"),
    ):
        entry = reader().read(json.dumps(line(name=written)))
        assert (entry.name, entry.name_folded) == (kept, folded)


def test_birth_and_sex_come_from_the_number_or_the_line() -> None:
    entry = reader().read(json.dumps(line()))
    assert (entry.birth_on, entry.sex) == (date(1980, 5, 12), "m")
    newborn = line(document_type="291", document_no="Z250909000", birth_on="2025-09-09", sex="f")
    entry = reader().read(json.dumps(newborn))
    assert (entry.birth_on, entry.sex) == (date(2025, 9, 9), "f")


def test_every_reject_has_its_sentence_and_no_sentence_is_left_over() -> None:
    staged = {"older_version", "same_version_differs", "documents_of_two_people", "person_changed"}
    marks = test_a_line_is_rejected_with_its_reason.pytestmark  # type: ignore[attr-defined]
    tried = {case[0] for mark in marks for case in mark.args[1]}
    assert tried | staged | {"unreadable_line"} == set(REJECTS)


def test_csv_that_a_spreadsheet_has_saved_is_read() -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["feed", "registrations", 1, "hr-371000", "1", "delta", "371000", "2026-01-01T00:00:00+08:00", ""])
    writer.writerow(REQUIRED)
    writer.writerow(["1", PENSION, HUANCUI, "adult", "王芳", "201", number(1), "3"])
    writer.writerow(["end", "1"])
    content = b"\xef\xbb\xbf" + text.getvalue().encode()
    found = look(content)
    assert (found.lines, found.layout) == (1, Layout.CSV)
    chunk = found.chunks[0]
    only = content[chunk.offset : chunk.offset + chunk.size].decode().rstrip("\r\n")
    assert reader(Layout.CSV, found.columns).read(only).version == 3
