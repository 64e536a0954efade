"""Which number of a date like 3/4/2026 is the day, of one like 26-08-20 the year, and of one like 2026-03-04 the month: by what
all rows of the file show."""

from collections.abc import Mapping, Sequence

import duckdb

from oneroster_engine.duckdb_session import quoted, text
from oneroster_engine.staging import cells
from oneroster_engine.staging.file_problems import add_file_problem
from oneroster_engine.standard.entities import Field, Kind

# What tells 25-08-26 from 26-08-25, which is either the day or the year first: no reading that makes more than a few rows
# impossible, or the file as a whole, is taken, and none where both are possible.
FEW = 0.1
LONGEST_SESSION, LONGEST = 2, 6  # years of an academic session; of an enrollment or a role
WIDEST = 10  # years between the first and the last date of a file
SLACK = 31  # days by which enrollments begin before the first academic session, or end after the last one


def date_orders(connection: duckdb.DuckDBPyConnection, name: str, fields: Sequence[Field]) -> dict[str, str]:
    """By field, which part comes first in dates like 3/4/2026 (day, month or year), where the column decides it or, where it is
    silent, the file's other dates; else they stay unread. Reported once per column. Looks at `raw_{name}`."""
    dates = [each.name for each in fields if each.kind is Kind.DATE]
    if not dates:
        return {}
    days_first = _read_days_before_months(connection, name, dates)
    looked = ", ".join(
        f"max({first}), max({second}), bool_and({cells.may_begin_with_year(quoted(each))})"
        for each in dates
        for first, second in [cells.local_parts(quoted(each))]
    )
    found = connection.execute(f"SELECT {looked} FROM raw_{name}").fetchone() or ()
    parts = {each: found[3 * at : 3 * at + 3] for at, each in enumerate(dates) if found[3 * at] is not None}
    alone = {each: _leading(first, second) for each, (first, second, _) in parts.items()}
    shown = set(alone.values()) - {""}
    by_neighbours = next(iter(shown)) if len(shown) == 1 else ""
    orders = {each: leading or by_neighbours for each, leading in alone.items()}
    orders = {each: leading for each, leading in orders.items() if leading in ("day", "month")}
    proved = {leading for each, leading in orders.items() if not parts[each][2]}
    unsure = [each for each, leading in orders.items() if parts[each][2] and leading not in proved]
    if unsure:
        fitting = [] if proved else [each for each in ("day", "year") if _fits(connection, name, dates, orders, unsure, each)]
        sure = {each: leading for each, leading in orders.items() if each not in unsure}
        orders = sure | (dict.fromkeys(unsure, fitting[0]) if len(fitting) == 1 else {})
    for each, leading in orders.items():
        add_file_problem(
            connection,
            name,
            "local-date",
            each,
            leading=leading,
            where="in the column" if alone[each] and each not in unsure else "in the file",
        )
    return orders | dict.fromkeys(days_first, "year-day")


def _read_days_before_months(connection: duckdb.DuckDBPyConnection, name: str, dates: Sequence[str]) -> list[str]:
    """The columns of dates like 2026-25-08, as several rows show and none denies. Their clean rows, which were read with the
    month first, are read anew."""
    shows = {each: f"regexp_matches({quoted(each)}, {text(cells.YEAR_DAY_MONTH)})" for each in dates}
    counted = ", ".join(f"count(*) FILTER ({is_so}), min({quoted(each)}) FILTER ({is_so})" for each, is_so in shows.items())
    found = connection.execute(f"SELECT {counted} FROM raw_{name}").fetchone() or ()
    read: list[str] = []
    for each, number, example in zip(dates, found[::2], found[1::2], strict=True):
        if number < 2:  # one may be a slip of the hand
            continue
        own = quoted(each)
        clean = f"read_{name} WHERE sent IS NULL AND {own} IS NOT NULL"
        denying, of = connection.execute(f"SELECT count(*) FILTER (day({own}) > 12), count(*) FROM {clean}").fetchone() or (0, 0)
        if not denying and number > FEW * of:
            turned = f"make_date(year({own}), day({own}), month({own}))"
            connection.execute(f"UPDATE read_{name} SET {own} = {turned} WHERE sent IS NULL AND {own} IS NOT NULL")
            add_file_problem(connection, name, "year-day-month", each, example=example[:40], number=f"{number:,}")
            read.append(each)
    return read


def _leading(first: int, second: int) -> str:
    """Which part comes first, by the largest number at either place: empty where nothing shows it, `both` where all does."""
    return "both" if first > 12 and second > 12 else "day" if first > 12 else "month" if second > 12 else ""


def _fits(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    dates: Sequence[str],
    orders: Mapping[str, str],
    unsure: Sequence[str],
    leading: str,
) -> bool:
    """Whether the file's dates make sense where `leading` comes first in those of the `unsure` columns."""
    read = {each: cells.date(quoted(each), leading if each in unsure else orders.get(each, "")) for each in dates}
    is_unread = " OR ".join(f"({quoted('sent ' + each)} AND {quoted(each)} IS NULL)" for each in unsure)
    sent = ", ".join(f"{cells.local_parts(quoted(each))[0]} IS NOT NULL AS {quoted('sent ' + each)}" for each in unsure)
    typed = ", ".join(f"{sql} AS {quoted(each)}" for each, sql in read.items())
    sessions = name == "academicSessions"
    year = f"try_cast({cells.year('schoolYear')} AS INT)" if sessions else "NULL::INT"
    known = "SELECT min(startDate), max(endDate) FROM kept_academicSessions" if name == "enrollments" else "SELECT NULL, NULL"
    query = _SENSE.format(
        name=name, typed=typed, sent=sent, year=year, unread=is_unread, begin=quoted(dates[0]), end=quoted(dates[1]),
        years=LONGEST_SESSION if sessions else LONGEST, known=known, slack=SLACK,
    )  # fmt: skip
    rows, impossible, outside, width = connection.execute(query).fetchone() or (0, 0, 0, 0)
    return bool(impossible <= FEW * rows and outside <= rows / 2 and (width or 0) <= WIDEST)


_SENSE = """
WITH typed AS (SELECT {typed}, {sent}, {year} AS school_year FROM raw_{name}),
     known(first, last) AS ({known})
SELECT count(*),
       count(*) FILTER ({unread} OR {begin} > {end} OR {end} > {begin} + INTERVAL {years} YEAR
                        OR abs(year({begin}) - school_year) > 1),
       count(*) FILTER ({begin} < first::DATE - {slack} OR {begin} > last::DATE + {slack} OR {end} < first::DATE - {slack}
                        OR {end} > last::DATE + {slack}),
       year(greatest(max({begin}), max({end}))) - year(least(min({begin}), min({end})))
FROM typed, known WHERE {begin} IS NOT NULL OR {end} IS NOT NULL OR {unread}
"""
