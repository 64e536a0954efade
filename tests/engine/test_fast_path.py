"""What the fast path takes for granted is so."""

import duckdb
import pytest

from oneroster_engine.duckdb_session import quoted, text
from oneroster_engine.staging import cells, fast_path, rules
from oneroster_engine.staging.reading import no_rows
from oneroster_engine.standard.entities import ONLY_1_2, ROSTER_FILES, Field, fields_of

IDS = """CREATE TABLE ids_{0} (no INTEGER, sourcedId VARCHAR, "type" VARCHAR, schoolSourcedId VARCHAR)"""


@pytest.mark.parametrize(
    ("name", "version"), [(name, version) for name in ROSTER_FILES for version in ("1.1", "1.2") if (name, version) not in
                          {(each, "1.1") for each in ONLY_1_2}], ids=lambda each: str(each)
)  # fmt: skip
def test_a_file_that_is_not_there_has_the_columns_of_one_that_is(name: str, version: str) -> None:
    fields = fields_of(name, version)
    with duckdb.connect() as connection:
        for each in ROSTER_FILES:
            connection.execute(IDS.format(each))
        read = connection.execute(f"DESCRIBE {fast_path.query(name, fields)(no_rows(fields))}").fetchall()
        connection.execute(fast_path.empty_table(name, fields))
        made = connection.execute(f"DESCRIBE read_{name}").fetchall()
    assert [each[:2] for each in made] == [each[:2] for each in read]


@pytest.mark.parametrize("word", [*cells.COMMON_NOTHING, "#N/A", "#REF!"])
def test_no_word_for_nothing_passes_as_a_surely_fine_text(word: str) -> None:
    fine = rules.fine_cell("users", Field("middleName"), "cell")
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {fine} FROM (SELECT {text(word)} AS cell)").fetchone() == (False,)


ODD_CELLS = (
    "a@b@c", "a@x.test,b@x.test", "a@x.test;b@x.test", "Ann<a@x.test>", "mailto:a@x.test", "a@", "ann", "9-Oct", "Oct-09", "9.0",
    "07,9-Oct", "12.03.2026", "1.23E+11", "1.23e+11", "1,23E11", "Mu?oz", "Why?", "2026-13-01", "2026-09-01", "0026-09-01",
    "Vale,Vale",
    "infinity", "TRUE", "yes", "[07]", "{a:b}", "{:b}", "a:b", "2026", "2026-2027", "Student", "ext:mentor", "aide", "boss",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "each"),
    [(name, each) for name in ROSTER_FILES for each in fields_of(name, "1.2") if not each.refers],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_no_cell_that_breaks_a_rule_passes_as_surely_fine(name: str, each: Field) -> None:
    fine = " AND ".join(filter(None, [rules.fine_cell(name, each, "sent"), *rules.fine_together(name, [each], lambda _: "sent")]))
    bounds = [each for each in rules.bound_rules(name, [each], rules.Phase.VALUES) if each.field and each.rule.id != "nothing"]
    own, sent = quoted(each.name), quoted(f"sent_{each.name}")
    names = "".join(f", 'Vale' AS {other}" for other in ("givenName", "familyName") if other != each.name)
    cells_ = ", ".join(f"({text(cell)})" for cell in ODD_CELLS)
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE own AS SELECT sent, sent AS {sent}, {fast_path.typed(each, 'sent')} AS {own}{names} "
            f"FROM (VALUES {cells_}) cell(sent)"
        )
        for bound in bounds:
            if bound.rule.id == "end-before-begin" or not fine:
                continue
            broken = f"SELECT sent FROM own WHERE ({fine}) AND ({bound.sql(bound.rule.broken)})"
            assert connection.execute(broken).fetchall() == [], bound.rule.id
