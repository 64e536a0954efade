"""The tables and views of one staging, in the order in which they come about: what is in them, who writes and who reads them.

`{file}` is a file of the roster (`users`, `roles` ...), `{entity}` one of those that are written to the stage.
"""

from dataclasses import dataclass

from oneroster_engine.standard.damaged_ids import macros


@dataclass(frozen=True)
class Table:
    """`columns` in words, `written` and `read` by which modules."""

    name: str
    columns: str
    written: str
    read: str


TABLES = (
    Table("problem", "what was found: file, line, entity, sourcedId, field, rule, severity, other_line, arguments, cause, key",
          "judging", "problem_files, stage"),
    Table("left_out", "rows that are not kept: entity, sourcedId, line, cause (the key of the root problem)",
          "judging", "judging, rules, people, problem_files, stage"),
    Table("damaged", "ids that a spreadsheet rounded or made dates of: file, sourcedId, key of the file's problem",
          "population", "rules, population, stage"),
    Table("restored", "ids that have lost their zeros: file, was (as sent), id (what the other files call it, NULL where "
          "none does)",
          "population", "population"),
    Table("referred", "numbers that other files refer to: value", "population", "population"),
    Table("bare", "ids of a file that are numbers without zeros in front: sourcedId", "population", "population"),
    Table("padded", "numbers with zeros in front that are no id: was (without), id (with)", "population", "population"),
    Table("used", "bare ids that are referred to only as they stand: sourcedId", "population", "population"),
    Table("lost", "bare ids that have lost their zeros: was, id (NULL where nobody refers to it)", "population", "population"),
    Table("dangling", "what the suspects of a file refer to and is not there: value", "population", "population"),
    Table("explained_value", "what is referred to and damaged in its own file: file, value, key of that file's problem",
          "population", "rules"),
    Table("near_{file}_{field}", "what a reference says and is not there: value, id (the nearest that is), how they differ, "
          "matched (the one reading that is certain), nearest (a sentence)", "population", "rules, population"),
    Table("read_{file}", "a row a row sent: its line, the fields in their types, and `sent`, its cells as "
          "text, where it is suspect; enrollments refer to class and person by number",
          "reading, delta, fast_path", "fast_path, judging"),
    Table("came_{file}", "of a delta: the rows that came, as text", "delta", "delta"),
    Table("held_{file}", "of a delta: the rows that the source held before, as text", "delta", "delta"),
    Table("merged_{file}", "of a delta: both together, as text", "delta", "delta, fast_path"),
    Table("clean_{file}", "the clean rows: line, sourcedId, status, dateLastModified, the fields", "stage",
          "judging, people, stage"),
    Table("raw_{file}", "the suspect rows as text", "judging", "judging"),
    Table("meant_{file}", "those without cells that say nothing in a tool's words", "judging", "judging"),
    Table("suspect_{file}", "the suspect rows: line, sourcedId, status, sent_status, dateLastModified, the fields in their "
          "types, and sent_{field} where a type can go wrong", "judging, people",
          "judging, people, choices, problem_files, stage"),
    Table("suspect_lines_{file}", "line of the clean rows that were marked suspect later", "judging", "judging, choices, stage"),
    Table("marked", "line of the rows about to be marked suspect", "judging", "judging"),
    Table("repeated_{entity}", "line of a row whose sourcedId stands above, first of the row above, same where they are alike",
          "judging", "rules"),
    Table("circling_{file}", "line of rows whose parents lead back to them", "judging", "rules"),
    Table("dangling_{file}_{field}", "line and each item of a list that refers to no row", "judging", "judging"),
    Table("roles_of", "1.2: person and their roles, the primary one first", "people", "people"),
    Table("profiles_of", "1.2: person and their profiles", "people", "people"),
    Table("roles_at", "line of a suspect person and their roles", "people", "people, rules"),
    Table("missing_org", "line of a suspect person, the first of their orgs that is missing, and which are, as text",
          "people", "rules"),
    Table("valid_{file}", "the rows that no error left out", "stage", "stage, judging"),
    Table("kept_{file}", "those, without references that dangle in a list: what is written to the stage", "stage",
          "stage, choices, people, judging"),
    Table("ids_{file}", "the ids of the rows kept, numbered, with an org's type and a class's school", "stage",
          "fast_path, judging, people, choices, rules"),
    Table("class_choices", "the classes to choose from", "choices", "choices"),
    Table("org_choices", "the schools to choose from", "choices", "choices"),
    Table("explained", "of too many problems: how many a root cause explains", "problem_files", "problem_files"),
    Table("alone", "of too many problems: how many stand alone, by file, rule and field", "problem_files", "problem_files"),
)  # fmt: skip

CREATE = f"""
{macros()}
CREATE MACRO least_same(id) AS greatest(3, (length(id) - 2) // 2);
CREATE TABLE problem (file VARCHAR, line BIGINT, entity VARCHAR, sourcedId VARCHAR, field VARCHAR, rule VARCHAR, severity VARCHAR,
                      other_line BIGINT, arguments MAP(VARCHAR, VARCHAR), cause VARCHAR, key VARCHAR);
CREATE TABLE damaged (file VARCHAR, sourcedId VARCHAR, key VARCHAR);
CREATE TABLE restored (file VARCHAR, was VARCHAR, id VARCHAR);
CREATE TABLE explained_value (file VARCHAR, value VARCHAR, key VARCHAR);
CREATE TABLE left_out (entity VARCHAR, sourcedId VARCHAR, line BIGINT, cause VARCHAR);
"""
