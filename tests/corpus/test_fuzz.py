"""Damage of every kind to a ZIP, its CSVs and its manifest: read and accounted for, or refused in a sentence.

A few examples, always the same, in every run of the tests; `make fuzz` tries thousands of new ones.
"""

import os
import resource
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.duckdb_session import connect
from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging import reading
from oneroster_engine.standard.entities import fields_of
from tests.corpus.build import files, manifest_of, packed
from tests.corpus.rows import V1_1, V1_2
from tests.corpus.test_corpus import Read, district_of
from tests.engine.refusals import WHAT_AND_WHAT_TO_DO

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
GROWTH_MB = 800  # the engine's share of the smallest Lambda that runs it
fuzzed = settings(
    max_examples=EXAMPLES or 12,
    derandomize=not EXAMPLES,
    deadline=timedelta(seconds=60),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

UGLY = (
    b'"', b'""', b",", b";", b"\t", b"|", b"\r", b"\n", b"\r\n", b"\n\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xc3", b"\xe2\x80\xa8", b"\x85", b"\x1a", b"sep=;\r\n", b"'", b"\\", b"{a:", b"}", b"$1", b"%s", b"{0}", b"=1+1",
    b"../", b"NULL", b"tobedeleted", b"delta", b"absent", b"north", b"ann", b"ext:", b"0000-00-00", b"03/04/2026",
    b"31.12.9999", b"2026-02-30", b"-1", b"9" * 40, b"\xf0\x9f\x98\x80", b"\xd9\xa1", b"a" * 70_000, b"x," * 300, b'"\n' * 200,
)  # fmt: skip
cuts = st.tuples(st.integers(0, 4000), st.integers(0, 60))
edits = st.lists(
    st.tuples(cuts, st.one_of(st.sampled_from(UGLY), st.binary(max_size=12)), st.integers(1, 3)), min_size=1, max_size=5
)
NAMES = sorted(files("1.2"))
DISTRICTS = {version: district_of(version, cases) for version, cases in (("1.1", V1_1), ("1.2", V1_2))}


def damaged(content: bytes, changes: list[tuple[tuple[int, int], bytes, int]]) -> bytes:
    """`content` with bytes cut out here and there, and others put in, once or again and again."""
    for (place, length), put, times in changes:
        at = place % (len(content) + 1)
        content = content[:at] + put * times + content[at + length :]
    return content


@pytest.fixture(autouse=True)
def _within_memory() -> Iterator[None]:
    before = peak_mb()
    yield
    assert peak_mb() - before < GROWTH_MB


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def survives(archive: bytes) -> None:
    with TemporaryDirectory() as folder:
        try:
            read = Read(Path(folder), archive)
        except BundleRefused as refusal:
            assert WHAT_AND_WHAT_TO_DO.fullmatch(str(refusal))  # noqa: PT017 - either end is right
            assert len(str(refusal)) < 1000  # noqa: PT017
            return
        for entity, counted in read.staged.counts.items():
            ids = [row["sourcedId"] for row in read.rows(entity)]
            assert counted.read == counted.kept + counted.left_out
            assert counted.kept == len(ids) == len(set(ids))
        assert all(problem["message"] and problem["rule"] for problem in read.problems)


@given(edits, st.sampled_from(["1.1", "1.2"]))
@fuzzed
def test_a_damaged_zip_is_read_or_refused(changes: list[tuple[tuple[int, int], bytes, int]], version: str) -> None:
    survives(damaged(packed(files(version)), changes))


@given(st.sampled_from(NAMES), edits, st.sampled_from(["1.1", "1.2"]), st.booleans())
@fuzzed
def test_a_damaged_csv_is_read_or_refused(
    name: str, changes: list[tuple[tuple[int, int], bytes, int]], version: str, whole_district: bool
) -> None:
    content = DISTRICTS[version] if whole_district else files(version)
    survives(packed({**content, name: damaged(content.get(name, b""), changes)}))


@given(edits, st.sampled_from(["1.1", "1.2"]), st.booleans())
@fuzzed
def test_a_damaged_manifest_is_read_or_refused(
    changes: list[tuple[tuple[int, int], bytes, int]], version: str, other: bool
) -> None:
    found = "1.2" if (version == "1.1") == other else "1.1"
    survives(packed({**files(version), "manifest.csv": damaged(manifest_of(found), changes)}))


DIRT = (
    "(3 rows)", "Total rows: 9", "Page 1 of 2", "...", "NA", "Ren\\u00e9", "Ren%C3%A9", "Ren=C3=A9", "DOM\\u0071",
    "", "", "", "a", "Ann", "0012", "b c", " lead", "trail ", "Zoë", "O'Neil", '5" pipe', 'say ""x""', "\\", '\\"', "a\\b",
    "\t", " ", "  ", ",", ";", '"', '""', "'", "\0", "\x1a", "\ufeff", "\xa0", "\u2028", "\x85", "\x0b", "#", "-", "NULL",
    "true", "student", "north", "ann@ex.test", "00071", "2026-09-01", "09,10", "Vale, Jr.", "total", "sourcedId", "Ã©", "Â°",
    "---", "\x0c", "Ren&eacute;", "\x1b", "\ufffd", "two\nlines", "two\rlines", "two\r\nlines", "=1+1",
)  # fmt: skip
QUOTING = ("as needed", "as needed", "always", "always", "never", "by backslash", "blank before", "blank after")
columns = ["sourcedId", "orgSourcedIds", "role", "username", "givenName", "familyName", "email", "sms", "phone", "password"]
cell = st.tuples(
    st.one_of(st.sampled_from(DIRT), st.text(st.sampled_from('ab ,"\n\r;é\t\\0'), max_size=5)), st.sampled_from(QUOTING)
)
clean = st.tuples(
    st.sampled_from(["", "Ann", "Zoë", "true", "student", "north", "0012", "Vale, Jr.", 'the "x"']), st.just("as needed")
)
sent_row = st.one_of(
    st.lists(clean, min_size=10, max_size=10), st.lists(st.one_of(clean, clean, cell), min_size=10, max_size=10),
    st.lists(st.one_of(clean, cell), min_size=9, max_size=12), st.just([]), st.just([("", "as needed")] * 10),
    st.lists(cell, max_size=3),
)  # fmt: skip
ends = st.sampled_from(["\n", "\n", "\r\n", "\r\n", "\r", ""])


def written(cell: str, quoting: str) -> str:
    if quoting == "never":
        return cell
    if quoting == "by backslash":
        return '"' + cell.replace('"', '\\"') + '"'
    needed = any(each in cell for each in ',"\r\n') or quoting != "as needed"
    text = '"' + cell.replace('"', '""') + '"' if needed else cell
    return {"blank before": " " + text, "blank after": text + " "}.get(quoting, text)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    folder = tmp_path_factory.mktemp("readers")
    with connect(memory_mb=300, joins_as_written=True) as connection:
        yield connection, folder / "users.csv"


class NotFast(Exception):
    """The fast reader leaves the file to the patient one, so that there is nothing to compare."""


def loaded(connection: duckdb.DuckDBPyConnection, path: Path, patiently: bool) -> tuple[Any, ...]:
    """Rows with their lines, and everything that is said of them. Raises NotFast."""
    fields = fields_of("users", "1.1")

    def query(rows: str, absent: Collection[str] = ()) -> str:
        return f"SELECT * FROM {rows}"

    def leave(*_: object) -> reading.Loaded:
        raise NotFast

    try:
        if patiently:
            head = reading._head(path)
            read = reading._load_patiently(connection, path, fields, "read", query, head)
        else:
            with patch.object(reading, "_load_patiently", leave):
                read = reading.load(connection, path, fields, "read", query)
    except BundleRefused as refusal:
        return (str(refusal),)
    rows = [tuple(cell or None for cell in row) for row in connection.execute("FROM read ORDER BY line").fetchall()]
    return rows, read.rows, read.whole, read.findings


# Files of which the fast reader takes most, so that there is something to compare: whole rows, in which one cell is odd.
clean_row = st.tuples(
    st.tuples(st.sampled_from(["0012", "a1", "north"]), st.just("as needed")), st.lists(clean, min_size=9, max_size=9)
).map(lambda drawn: [drawn[0], *drawn[1]])
odd_row = st.tuples(clean_row, st.integers(0, 9), cell).map(
    lambda drawn: [*drawn[0][: drawn[1]], drawn[2], *drawn[0][drawn[1] + 1 :]]
)
nearly_clean = st.lists(st.tuples(st.one_of(clean_row, clean_row, odd_row), st.none()), min_size=1, max_size=4)
compared = 0  # files that both readers have read


@pytest.fixture(scope="module")
def _enough_are_compared() -> Iterator[None]:
    yield
    print(f"{compared:,} files were read by both readers.")
    assert compared >= (EXAMPLES or 12) // 4


@pytest.mark.usefixtures("_enough_are_compared")
@given(
    st.one_of(nearly_clean, nearly_clean, nearly_clean, st.lists(st.tuples(sent_row, ends), max_size=8)),
    ends,
    st.booleans(),
    st.sampled_from([16, 100, reading.CHUNK]),
)
@fuzzed
def test_both_readers_keep_the_same_rows_of_a_file_and_find_the_same(
    session: tuple[duckdb.DuckDBPyConnection, Path],
    rows: list[tuple[list[tuple[str, str]], str | None]],
    end: str,
    mixed: bool,
    chunk: int,
) -> None:
    """Whatever the fast reader takes the patient one reads alike; the others are left to that one, whoever asks."""
    global compared
    connection, path = session
    lines = [[(name, "as needed") for name in columns], *(row for row, _ in rows)]
    line_ends = [end or "\n", *(own if mixed and own is not None else end or "\n" for _, own in rows)]
    content = "".join(",".join(written(*each) for each in line) + own for line, own in zip(lines, line_ends, strict=True))
    path.write_bytes(content.encode())

    try:
        with patch.object(reading, "CHUNK", chunk):
            if reading._lines_if_plain(path, len(columns)) < 0:  # so that the fast reader isn't even asked
                return
            fast = loaded(connection, path, patiently=False)
    except NotFast:
        return
    assert fast == loaded(connection, path, patiently=True)
    compared += 1


@given(st.binary(max_size=2000), st.sampled_from(NAMES))
@fuzzed
def test_bytes_without_any_sense_are_refused_or_read_as_no_rows(content: bytes, name: str) -> None:
    survives(packed({**files("1.2"), name: content}))
