"""The catalogue of the engine's tables against the SQL that makes and reads them."""

import re
from pathlib import Path

import pytest

from benchmarks.house import pattern, tables_made, tables_read
from oneroster_engine.tables import WINGS, Table

ENGINE = Path(__file__).parents[2] / "oneroster_engine"
SOURCES = {
    path.relative_to(ENGINE).with_suffix("").as_posix().replace("/", "."): path.read_text() for path in ENGINE.rglob("*.py")
}
# SQL that stands in no wing is given its tables by the wings, and a wing reads those of the wings that it imports.
IN_WINGS = {name: source for name, source in SOURCES.items() if name.partition(".")[0] in WINGS}
ALL = [table for wing in WINGS.values() for table in wing]


def wing_of(module: str) -> str:
    return module.partition(".")[0]


def modules_of(named: str, wing: str) -> list[str]:
    return [each if "." in each else f"{wing}.{each}" for each in named.split(", ")]


@pytest.mark.parametrize("module", IN_WINGS)
def test_every_table_that_is_made_stands_in_the_catalogue_of_its_wing(module: str) -> None:
    listed = [pattern(each.name) for each in WINGS[wing_of(module)]]

    unlisted = {name for name in tables_made(SOURCES[module]) if not any(each.fullmatch(name) for each in listed)}

    assert unlisted == set(), "list them in oneroster_engine/tables.py"


@pytest.mark.parametrize("module", IN_WINGS)
def test_every_table_that_is_read_stands_in_the_catalogue(module: str) -> None:
    listed = [pattern(each.name) for each in ALL if each.name != "{entity}"]
    files = re.compile("academicSessions|orgs|courses|classes|users|enrollments|roles|userProfiles|demographics")

    unknown = {
        name
        for name in tables_read(SOURCES[module])
        if not files.fullmatch(name) and not any(each.fullmatch(name) for each in listed)
    }

    assert unknown == set(), "list them in oneroster_engine/tables.py"


@pytest.mark.parametrize(
    ("wing", "table"),
    [pytest.param(wing, table, id=f"{wing}-{table.name}") for wing, tables in WINGS.items() for table in tables],
)
def test_who_writes_and_reads_a_table_is_as_the_catalogue_says(wing: str, table: Table) -> None:
    stem = re.split(r"\{\w+\}", table.name)[0] or "CREATE VIEW {"
    for module in modules_of(table.written, wing) + modules_of(table.read, wing):
        assert stem in SOURCES[module], f"{module} doesn't name {table.name}"


def test_a_table_that_nobody_listed_would_be_found() -> None:
    source = 'SQL = f"CREATE TABLE unheard_{entity} AS WITH own AS (SELECT 1) SELECT * FROM own JOIN of_nobody USING (id)"'

    assert tables_made(source) == {"unheard_{}"}
    assert tables_read(source) == {"of_nobody"}
