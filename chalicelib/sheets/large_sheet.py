"""Run as a process of its own by `filled`: a sheet that is too much for openpyxl, by calamine, as MessagePack on standard output.

calamine lays out every cell between a sheet's first and last one. This process has a bound of memory, and should it die, it
dies alone. It knows nothing of the product but the names it is given.
"""

import resource
import sys
import unicodedata
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import msgspec
from python_calamine import CalamineWorkbook

MEMORY_BYTES = 1 << 30
HEADER_WITHIN = 10  # as in `filled`


def main(path: str, name: str, origin: str, *columns: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    book = CalamineWorkbook.from_path(path)
    page = book.get_sheet_by_name(name)
    row, column = page.start or (0, 0)  # rows and columns that are empty in front are not given
    rows = page.iter_rows()
    wanted = {each.casefold() for each in columns}
    above = [[_name(value) for value in values] for values in islice(rows, HEADER_WITHIN)]
    at = next((place for place, names in enumerate(above) if {"sourcedid", "sync"} <= {*names}), 0)
    header = above[at] if above else []
    rows = islice(page.iter_rows(), at + 1, None)
    # Only the columns that are asked for come over; the others would be nine tenths of the bytes.
    kept = [place if each in wanted else None for place, each in enumerate(header)]
    last = max((place for place in kept if place is not None), default=-1) + 1
    found = [header]
    found += ([_plain(values[place]) if place is not None else "" for place in kept[:last]] for values in rows)
    origin_cells = {str(line[0]): str(line[1]) for line in book.get_sheet_by_name(origin).iter_rows() if len(line) > 1} \
        if origin in book.sheet_names else {}  # fmt: skip
    sys.stdout.buffer.write(msgspec.msgpack.encode({"row": row + at, "column": column, "rows": found, "origin": origin_cells}))


def _name(value: Any) -> str:
    return "".join(each for each in str(value) if unicodedata.category(each) != "Cf").strip().casefold()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, datetime | date | time | timedelta) else value


if __name__ == "__main__":
    main(*sys.argv[1:])
