"""CSV files that people open in a spreadsheet: every cell is text there, whatever it begins with.

A spreadsheet takes a cell for a formula not only where it begins with one of `= + - @`: it drops blanks and invisible
characters in front, reads their fullwidth forms alike, and where its own separator is a semicolon or a tab, it cuts a cell
of ours in two, of which the second may begin so. All of these get an apostrophe in front of the sign.
Source: OWASP, "CSV Injection".
"""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
from isal import igzip

from oneroster_engine.duckdb_session import quoted, text

UTF_8_MARK = "\ufeff"  # in front, so that Excel reads UTF-8
# With their fullwidth, small and minus forms.
_SIGN = r"[=+@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}\x{FE62}\x{FE63}\x{FE66}\x{FE6B}\x{2212}-]"
_NOT_SEEN = r'[\pZ\pC"]'  # blanks, control and format characters, and the quotes that a spreadsheet takes away
_IN_FRONT = text(f"^({_NOT_SEEN}*)({_SIGN})")
_BEHIND_A_CUT = text(f"([;\\t\\r\\n]{_NOT_SEEN}*)({_SIGN})")
_APOSTROPHE = text("\\1'\\2")


def write_csv(connection: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[str], to: Path) -> None:
    """Every row of the query `rows` into `to`, gzipped where its name ends in .gz; lists are joined by semicolons.

    Rows stream: a state's first sync has seventeen million changes.
    """
    types = {str(name): str(kind) for name, kind, *_ in connection.execute(f"DESCRIBE {rows}").fetchall()}
    names = [UTF_8_MARK + columns[0], *columns[1:]]
    shown = ", ".join(f"{_shown(own, types[own])} AS {quoted(name)}" for own, name in zip(columns, names, strict=True))

    def copy(path: str) -> None:
        form = "FORMAT csv, HEADER, NEW_LINE '\\r\\n', USE_TMP_FILE false"
        connection.execute(f"COPY (SELECT {shown} FROM ({rows})) TO {text(path)} ({form})")

    if to.suffix != ".gz":
        copy(str(to))
        return
    reading, writing = os.pipe()  # isal packs four times as fast as DuckDB's own gzip
    with ThreadPoolExecutor(1) as pool:
        packed = pool.submit(_pack, reading, to)
        try:
            copy(f"/dev/fd/{writing}")
        finally:
            os.close(writing)
        packed.result()


def as_text(value: str) -> str:
    """SQL: a value that no spreadsheet takes for a formula.

    Nearly all begin with an ASCII letter, a digit or a brace and hold no separator. That they are harmless is seen without a
    regular expression, which would take ten times as long.
    """
    plain = f"({value} BETWEEN '0' AND ':' OR {value} BETWEEN 'A' AND '~' OR {value} = '')"
    cut = " OR ".join(f"contains({value}, {sign})" for sign in ("';'", "chr(9)", "chr(10)", "chr(13)"))
    marked = f"regexp_replace({value}, {_IN_FRONT}, {_APOSTROPHE})"
    return (
        f"CASE WHEN {plain} AND NOT ({cut}) THEN {value} ELSE regexp_replace({marked}, {_BEHIND_A_CUT}, {_APOSTROPHE}, 'g') END"
    )


def _shown(name: str, kind: str) -> str:
    own = f"array_to_string({quoted(name)}, '; ')" if kind.endswith("[]") else quoted(name)
    return own if kind == "BIGINT" else as_text(own)


def _pack(reading: int, to: Path) -> None:
    with os.fdopen(reading, "rb") as plain, igzip.open(to, "wb", compresslevel=1) as packed:  # type: ignore[no-untyped-call]
        shutil.copyfileobj(plain, packed, 1 << 20)
