"""`script/fuzz FORMAT [SECONDS]`: looks for bytes that a statement parser neither reads nor refuses (FAULTS 4.9, B6).

Guided by coverage, from the files of tests/samples. It needs atheris, which is no dependency of this project: make a
virtual environment of its own with it and name that one's Python. The parsers themselves need nothing but Python.

Of a packed format an input of an even first byte is the file as sent; of an odd one, the text inside a sound archive,
which damage to the archive would hide. What was found is written into the directory named by the last line.
"""

import importlib
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from .places import CHECKOUT

SECONDS = 60
DAY = date(2026, 1, 2)  # the day and the merchants of tests/samples
MERCHANTS = {
    "wechat_pay": "1900000109", "alipay": "2088000000000109", "unionpay": "777000000000109", "bank": "SB371003",
}  # fmt: skip
CHANNELS = {"bank": "nsh-wendeng"}
Seeds = dict[str, bytes]


def samples(name: str) -> Seeds:
    """The sample files of a format."""
    return {path.name: path.read_bytes() for path in sorted((CHECKOUT / "tests" / "samples").glob(f"{name}*"))}


def inside(packed: bytes) -> Seeds:
    """The texts of an archive by their names; none where it is no archive."""
    if not zipfile.is_zipfile(io.BytesIO(packed)):
        return {}
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def target(name: str, seeds: Seeds) -> Callable[[bytes], None]:
    """What is called with every input: it returns, or raises what no parser may raise."""
    from reconciliation.formats import PARSERS
    from reconciliation.formats.base import Expected, StatementError

    parse, expected = PARSERS[name], Expected(DAY, MERCHANTS[name], channel=CHANNELS.get(name, ""), bytes_max=1 << 22)
    archives = [texts for texts in map(inside, seeds.values()) if texts]

    def read(data: bytes) -> None:
        statement = parse(io.BytesIO(unwrapped(data, archives)), expected)
        try:
            count = sum(1 for _ in statement)
        except StatementError:
            if statement.totals is not None:
                raise AssertionError("refused, and yet whole") from None
            return
        if statement.totals is None or statement.totals.lines != count:
            raise AssertionError("read, and yet not whole")

    return read


def unwrapped(data: bytes, archives: Sequence[Seeds]) -> bytes:
    """The file of an input: as it is, or an archive around a text."""
    if not archives or not data or data[0] % 2 == 0:
        return data[1:] if archives else data
    texts = archives[data[0] // 2 % len(archives)]
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for number, (name, text) in enumerate(texts.items()):
            archive.writestr(zipfile.ZipInfo(name), text if number else data[1:])
    return memory.getvalue()


def write_corpus(seeds: Seeds, folder: Path) -> None:
    """The inputs that the search begins with."""
    folder.mkdir()
    archives = [texts for texts in map(inside, seeds.values()) if texts]
    for number, content in enumerate(seeds.values()):
        (folder / f"whole-{number}").write_bytes(b"\0" + content if archives else content)
    for number, texts in enumerate(archives):
        (folder / f"text-{number}").write_bytes(bytes([2 * number + 1]) + next(iter(texts.values())))


def main(arguments: Sequence[str]) -> int:
    """Search until the time is over or something is found; libFuzzer ends the process with its own code."""
    if not arguments or arguments[0] not in MERCHANTS:
        print(f"script/fuzz FORMAT [SECONDS]; the formats are: {', '.join(MERCHANTS)}", file=sys.stderr)
        return 2
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("atheris is missing: python3 -m venv DIR; DIR/bin/pip install atheris; "
              "PYTHON=DIR/bin/python script/fuzz FORMAT", file=sys.stderr)  # fmt: skip
        return 2
    name, seconds = arguments[0], int(arguments[1]) if len(arguments) > 1 else SECONDS
    with atheris.instrument_imports(include=["reconciliation", "core"]):
        read = target(name, seeds := samples(name))
    found = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    write_corpus(seeds, found / "corpus")
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={found}/", "-max_len=8192", "-print_final_stats=1"]
    atheris.Setup(["fuzz", *options, str(found / "corpus")], read)
    print(f"Findings go to {found}", flush=True)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
