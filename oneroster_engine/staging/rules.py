"""What can be wrong with a row, one value a rule. The judge, the fast path, the advice, `docs/validation.md` and the corpus are
made of this list: to add a rule is one entry here and one row in `tests/corpus/rows.py`.

Holes in a rule's SQL and message are names of columns, tables and files, never values:
    {field}   the field's typed column of a suspect row     {name}    the field's name
    {sent}    the same cell as it was sent                  {file}    the file's name, without .csv
    {target}  the file that a reference refers to           {known}   the ids that it may refer to: a query
    {begin}   the column that says when something begins
Of a message, further holes are the problem's arguments, and {other} is the other row that the rule speaks of.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter

from oneroster_engine.duckdb_session import quoted, text
from oneroster_engine.staging import cells
from oneroster_engine.staging.finding import absent_key
from oneroster_engine.standard.damaged_ids import holds_date_sql, is_date_sql, is_rounded_sql, shown_sql
from oneroster_engine.standard.entities import ENTITIES, ROSTER_FILES, Field, Kind, Need, fields_of

NO_IDS = (
    "NULL",
    "null",
    "None",
    "none",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "(null)",
    "nil",
    "undefined",
    "..",
    "...",
    "\u2026",
    "TRUE",
    "FALSE",
    "true",
    "false",
    "WAHR",
    "FALSCH",
)  # a tool's words for nothing
LONGEST_ID = 255  # OneRoster: a GUID is a string of 1 to 255 characters


class Severity(StrEnum):
    ERROR = "error"  # the row is left out, and what depends on it
    WARNING = "warning"  # the row is kept; the value is dropped or repaired
    NOTE = "note"  # nothing is lost


class Phase(StrEnum):
    """When a rule is tried: what comes later sees the rows that earlier ones left."""

    READING = "reading"  # while the file is read: `reading.py`, `delta.py` and `accept.py` find it
    IDS = "ids"
    VALUES = "values"
    REFERENCES = "references"
    ROWS = "rows"
    LISTS = "lists"  # references in a list, of clean rows too
    PEOPLE_IDS = "people's ids"  # references to people, now that those are read
    LATER = "later"  # references to what is read later
    PEOPLE = "people"  # people, once their roles are lifted


Applies = Callable[[str, Field | None], bool]


@dataclass(frozen=True)
class Rule:
    """`applies_to` says in words what `applies` decides, of a file and one of its fields; `field` is None for a whole row.

    `broken` is SQL over a suspect row (`own`), `fine` SQL over a cell that is there, as it was sent: what the fast path lets
    pass. A cell may be neither. `fine_joined` is the same over several cells with blanks between them: to plan a question for
    each cell takes longer than to ask it of a small file. `arguments` are SQL by name, `cause` SQL for the key of the problem
    that this follows from, `other_line` SQL for the line of another row of the file, `repair` an assignment that ends what is
    broken. A row that is `held_back` is left out without being wrong: what stands on the platform stays as it is.
    """

    id: str
    severity: Severity
    phase: Phase
    applies_to: str
    applies: Applies
    message: str
    how_to_fix: str
    broken: str = ""
    fine: str = ""
    fine_joined: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    cause: str = "NULL"
    other_line: str = "NULL"
    repair: str = ""
    held_back: bool = False
    also_deleted: bool = False  # rows that are to be deleted are tried too

    @property
    def leaves_out(self) -> bool:
        return self.severity == Severity.ERROR or self.held_back


def _row(file: str, each: Field | None) -> bool:
    return each is None


def _entity_rows(file: str, each: Field | None) -> bool:
    return each is None and file in ENTITIES


def _fields(test: Callable[[str, Field], bool]) -> Applies:
    return lambda file, each: each is not None and test(file, each)


def _named(file: str, name: str) -> Applies:
    return lambda of, each: of == file and each is not None and each.name == name


def _rows_of(file: str) -> Applies:
    return lambda of, each: of == file and each is None


def _never(file: str, each: Field | None) -> bool:
    return False


def _kept_as_sent(each: Field) -> bool:
    """Texts that a row can't do without: to drop a doubtful one would lose the row."""
    return each.is_free_text and each.need == Need.REQUIRED


def _is_called(each: Field) -> bool:
    """Names and titles."""
    return each.is_free_text and each.name in (*NAMES, *PERSONS_NAMES)


def _named_later(file: str, each: Field) -> bool:
    return f"{file}.{each.name}" in NAMED_LATER


def _refers(file: str, each: Field, kind: Kind, required: bool) -> bool:
    return each.refers is not None and each.kind == kind and each.refers.required == required


# Of people, where Null and None are names, and of things, which may be called so.
NAMES = ("givenName", "familyName", "title", "name")
PERSONS_NAMES = ("givenName", "familyName", "middleName", "preferredGivenName", "preferredMiddleName", "preferredFamilyName")
# What a spreadsheet takes for a date (9-10) or for a number, beside ids.
TAKEN_FOR_DATES = ("grades", "periods", "subjectCodes", "classCode", "courseCode", "location")
IN_QUOTES = ("username", "email", "identifier", "userMasterIdentifier", "sms", "phone")  # and people's names: never meant so
TAKEN_FOR_NUMBERS = ("identifier", "userMasterIdentifier", "sms", "phone")
HELD_BACK = ("classes", "users", "roles", "enrollments")  # whose rows bring somebody in

# A role's person is read after the role itself, and is looked for when they have been.
NAMED_LATER = ("roles.userSourcedId", "userProfiles.userSourcedId")
STANDING = "(SELECT line FROM left_out WHERE entity = '{file}' AND line IS NOT NULL)"

_BLANK_COLUMN = "(SELECT min(key) FROM problem WHERE entity = '{file}' AND rule = 'blank-column')"  # of the file's titles
_UNREAD = "{field} IS NULL AND {sent} IS NOT NULL"
_MISSING_CAUSE = (
    "coalesce((SELECT min(cause) FROM left_out WHERE entity = '{target}' AND left_out.sourcedId = own.{field}), "
    "(SELECT min(key) FROM explained_value gone WHERE gone.file = '{target}' AND gone.value = own.{field}), "
    f"{absent_key('{target}.csv', 'own.{field}')})"
)
IS_MISSING = "is missing from {target}.csv"  # of the row that a reference names
_FATE = (
    "if((SELECT count(*) FROM left_out WHERE entity = '{target}' AND left_out.sourcedId = own.{field}) > 0, "
    f"'was left out of {{target}}.csv', '{IS_MISSING}')"
)
_DANGLES = "own.{field} IS NOT NULL AND own.{field} NOT IN ({known})"
_UNKNOWN_STATUS = "sent_status IS NOT NULL AND status = ''"
_STATUS = "status `{value}` can't be read; {then}."
_HOLD = "'nothing is made of this row, and what stands on the platform stays as it is'"
_SOMETHING = (  # what a tool writes for nothing begins with one of #(-.Nn, a formula with =, and few names do
    "CASE WHEN {cell} >= '/' AND {cell} < '<' OR {cell} >= 'A' AND {cell} < 'N' OR {cell} >= 'O' AND {cell} < 'n' "
    "OR {cell} >= 'o' THEN true ELSE ({cell} < '#' OR {cell} >= '$') AND ({cell} < '-' OR {cell} >= '/') "
    "AND ({cell} < chr(39) OR {cell} >= '(') "  # an apostrophe, as around a text
    f"AND ({{cell}} < '=' OR {{cell}} >= '>') AND {{cell}} NOT IN ({', '.join(map(text, cells.COMMON_NOTHING))}) END"
)
# [NULL], <NULL>, (blank): of names alone, since each look at a cell takes time.
_OPENS_WITH_A_LETTER = " AND ".join(f"({{cell}} < '{each}' OR {{cell}} >= '{chr(ord(each) + 1)}')" for each in "(<[")
_NO_QUESTION_MARK = "NOT contains({joined}, '?')"
_NOTHING = "{name} is `{value}`, which is what a tool writes for nothing; {then}."
# Of a row that is there and was left out, no other is the nearest.
_NEAREST = (
    "(SELECT nearest FROM near_{file}_{name} near WHERE near.value = own.{field} AND near.value NOT IN "
    "(SELECT sourcedId FROM left_out WHERE entity = '{target}' AND sourcedId IS NOT NULL))"
)
_REFERENCE = {"value": "'`' || own.{field} || '`'", "fate": _FATE, "nearest": _NEAREST}
_REFERS = "{name} refers to {value}, which {fate}{then}.{nearest}"
_NEAR = "own.{field} IN (SELECT value FROM near_{file}_{name} WHERE matched)"
_NEAR_ID = {"value": "own.{field}"} | {
    part: f"(SELECT {part} FROM near_{{file}}_{{name}} near WHERE near.value = own.{{field}})" for part in ("id", "how")
}
_TAKE_NEAR = f"{{field}} = {_NEAR_ID['id']}"
_NEAR_ITEMS = (
    "SELECT line FROM (SELECT line, unnest({field}) AS item FROM suspect_{file}) "
    "JOIN near_{file}_{name} ON value = item WHERE matched"
)
IN_THE_LIST = "in the list"  # a repair that no assignment makes
_READ_AS_NEAR = "{name} refers to `{value}`, and the row there is `{id}`: they differ {how}; it was read as that."
_ONE_SPELLING = "Write an id in every file as in its own; open the files in a text editor, not in a spreadsheet."
_DROPPED = "'; it was dropped'"
_DATE = f"length({{cell}}) = 10 AND try_cast({{cell}} AS DATE) {cells.IN_RANGE}"
_TRUTH = "lower({cell}) IN ('true', 'false')"
_ADDRESS = r"'[^@\s,;:<>()]+@[^@\s,;:<>()]+'"
_YEAR = "regexp_full_match({cell}, '\\d{{4}}')"
_UNREADABLE = "{name} can't be read for certain; {then}.{it_is} Write it as {form}."
# Not of users.csv: where a row has its cells under other columns, or a hand slipped, the cell is a password.
_IT_IS = "CASE WHEN '{file}' = 'users' THEN '' ELSE ' It is `' || left(own.{sent}, 60) || '`.' END"
_NEEDED, _LOST = "'the row needs it'", "'it was dropped'"
_ID_PAIR = r"""\\{{[^{{}}:"'']+:[^{{}}:"'']+\\}}"""
_ALLOWED = "({usual}lower({cell}) IN ({allowed}))"


def _with_hole(sql_of: Callable[[str], str], hole: str) -> str:
    """What a function gives for a cell, with a hole in the cell's place and its own braces kept."""
    return sql_of("<cell>").replace("{", "{{").replace("}", "}}").replace("<cell>", hole)


_DATES_IN_LIST = f"list_filter({{field}}, lambda cell: {_with_hole(holds_date_sql, 'cell')})"
_NO_DATE = f"CASE WHEN length({{cell}}) BETWEEN 5 AND 10 THEN NOT {_with_hole(is_date_sql, '{cell}')} ELSE true END"
_NO_DATES = f"CASE WHEN length({{cell}}) > 2 THEN NOT {_with_hole(holds_date_sql, '{cell}')} ELSE true END"
_LETTER_LOST = (
    "{name} has a question mark where a letter was lost; a new record has it as it is, and what the platform has right stays."
)
_MADE_A_DATE = (
    "{name} is `{value}`, which a spreadsheet made of it, as it makes {example}; a new record has it as it is, and what the "
    "platform has stays."
)
_DATE_IN_LIST = f"{_DATES_IN_LIST}[1]"
_EXAMPLE = f"if(regexp_full_match({_DATE_IN_LIST}, '\\d+\\.0+'), '9.0 of 9', 'a date of 9-10')"

_BECAME = f"' `' || {_with_hole(shown_sql, '{sent}')} || '` became `' || coalesce({{field}}, '') || '`.'"
# For the fast path: ASCII that JSON writes as it is, or others in which nothing is found.
_VISIBLE = (
    "NOT contains({joined}, chr(127)) AND "  # which JSON writes as it is
    "CASE WHEN strlen({joined}) = length({joined}) THEN strlen(to_json({joined})::VARCHAR) = strlen({joined}) + 2 "
    f"ELSE NOT regexp_matches({{joined}}, {_with_hole(lambda _: text(cells.UNCLEAN_JOINED), '')}) END"
)
_TWO_NAMES = "regexp_full_match({field}, '[^,]+,[^,]+')"
_GIVEN_TOO = "coalesce(lower(trim(split_part({field}, ',', 1))) = lower(trim(split_part(familyName, ',', 1))), false)"
_FAMILY_TOO = "coalesce(lower(trim(split_part({field}, ',', 2))) = lower(givenName), false)"

E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE

RULES: tuple[Rule, ...] = (
    Rule(
        "sourced-id", E, Phase.IDS, "sourcedId of every row", _entity_rows,
        f"sourcedId is empty or malformed (1 to {LONGEST_ID} characters, none of them a control character, no word for nothing).",
        f"Give the row an id of 1 to {LONGEST_ID} visible characters that no other row of the file has.",
        broken=f"sourcedId IS NULL OR length(sourcedId) > {LONGEST_ID} OR regexp_matches(sourcedId, '[\\x00-\\x1f\\x7f]') "
               f"OR sourcedId IN ({', '.join(map(text, NO_IDS))}) OR regexp_full_match(sourcedId, '#(.*[!?]|N/A|#+)') "
               "OR lower(sourcedId) IN ('active', 'inactive', 'tobedeleted')",  # cells that a spreadsheet moved to the left
        also_deleted=True,
    ),
    Rule(
        "wrapped-id", W, Phase.IDS, "ids in quotes or blanks, or with characters that nobody sees", _row,
        "sourcedId is `{value}`, with quotes, blanks or characters that no id has; it was read as `{id}`.",
        "Take what stands around the id away, where the file is made.",
        broken="sent_sourcedId <> sourcedId",
        arguments={"value": _with_hole(shown_sql, "own.sent_sourcedId"), "id": "own.sourcedId"},
        also_deleted=True,
    ),
    Rule(
        "damaged-id", E, Phase.IDS, "ids that a spreadsheet rounded, or made dates or measures of", _row,
        "`{value}` is what a spreadsheet made of the id; nothing is kept under it.",
        "Export again, and don't open the files in a spreadsheet before you send them.",
        broken="sourcedId IN (SELECT sourcedId FROM damaged WHERE damaged.file = '{file}')", arguments={"value": "own.sourcedId"},
        cause="(SELECT min(key) FROM damaged WHERE damaged.file = '{file}' AND damaged.sourcedId = own.sourcedId)",
        also_deleted=True,
    ),
    Rule(
        "repeated", W, Phase.IDS, "a row that stands in the file already", _entity_rows,
        "the sourcedId stands in {other} already, in an identical row; one was kept.",
        "Nothing has to be done; to be rid of the warning, export each row once.",
        broken="line IN (SELECT line FROM repeated_{file} WHERE same)",
        other_line="(SELECT first FROM repeated_{file} repeat WHERE repeat.line = own.line)",
        held_back=True, also_deleted=True,
    ),
    Rule(
        "merged", W, Phase.IDS, "1.1: people with a row a school", _rows_of("users"),
        "the sourcedId stands in {other} already, with another role or school; both were read as one person who has each.",
        "Nothing has to be done. To be rid of the warning, write a person's schools as a list in orgSourcedIds of one row.",
        broken="line IN (SELECT line FROM repeated_{file} WHERE merges AND NOT same)",
        other_line="(SELECT first FROM repeated_{file} repeat WHERE repeat.line = own.line)",
        held_back=True, also_deleted=True,
    ),
    Rule(
        "repeated-differently", E, Phase.IDS, "a row whose sourcedId stands in the file already", _entity_rows,
        "the sourcedId stands in {other} too, in a different row, which was kept. Correct one of them.",
        "Decide which of the two rows is right and remove the other, or give it an id of its own.",
        broken="line IN (SELECT line FROM repeated_{file} WHERE NOT same AND NOT merges)",
        other_line="(SELECT first FROM repeated_{file} repeat WHERE repeat.line = own.line)",
        also_deleted=True,
    ),
    Rule(
        "status", W, Phase.VALUES, "status of classes, users, roles and enrollments",
        lambda file, each: each is None and file in HELD_BACK,
        _STATUS, "Use active, tobedeleted, or leave the status empty.",
        broken=_UNKNOWN_STATUS, arguments={"value": "own.sent_status", "then": _HOLD}, held_back=True,
    ),
    Rule(
        "status", W, Phase.VALUES, "status of other rows",
        lambda file, each: each is None and file not in HELD_BACK,
        _STATUS, "Use active, tobedeleted, or leave the status empty.",
        broken=_UNKNOWN_STATUS, arguments={"value": "own.sent_status", "then": "'it was read as blank'"},
    ),
    Rule(
        "nothing", W, Phase.VALUES, "cells that say NULL, #N/A, N/A or - where something belongs",
        _fields(lambda file, each: not _kept_as_sent(each)),
        _NOTHING, "Leave the cell empty.",
        broken="nothing_in['{name}'] IS NOT NULL AND {sent} IS NULL", fine=_SOMETHING,
        arguments={"value": "nothing_in['{name}']", "then": "'it was read as empty'"},
    ),
    Rule(
        "nothing-status", W, Phase.VALUES, "a status that says NULL", _row,
        "status is `{value}`, which is what a tool writes for nothing; it was read as empty.",
        "Leave the cell empty.",
        broken="nothing_in['status'] IS NOT NULL", arguments={"value": "nothing_in['status']"},
    ),
    Rule(
        "nothing", W, Phase.VALUES, "names and titles that say so",
        _fields(lambda file, each: each.name in NAMES),
        _NOTHING, "Leave the cell empty, unless it is meant.",
        broken="nothing_in['{name}'] IS NOT NULL AND {sent} IS NOT NULL", fine=_SOMETHING,
        arguments={"value": "nothing_in['{name}']", "then": "'it was kept, since it may be meant'"},
    ),
    *(
        Rule(
            "formula-text", W, Phase.VALUES, applies_to, _fields(applies),
            '{name} is a formula of a spreadsheet; it was read as the text that this shows.',
            "Export the values, without formulas.",
            broken="starts_with({sent}, '=') AND {field} IS DISTINCT FROM {sent}", fine=fine,
        )
        for applies_to, applies, fine in (
            ('texts that are sent as ="..."', lambda file, each: each.is_free_text and not _kept_as_sent(each), _SOMETHING),
            ('texts that a row needs, sent as ="..."', lambda file, each: _kept_as_sent(each),
             "({cell} < '=' OR {cell} >= '>')"),
        )
    ),
    *(
        Rule(
            "wrapped-text", W, Phase.VALUES, applies_to, _fields(applies),
            "{name} has quotes, tags, blanks or characters that nobody sees; it was read without them.{how}",
            "Take away what doesn't belong to the text, where the file is made.",
            broken="{sent} IS NOT NULL AND NOT starts_with({sent}, '=') AND {field} IS DISTINCT FROM {sent}",
            fine_joined=fine, arguments={"how": how},
        )
        for applies_to, applies, how, fine in (
            ("names and titles with characters that nobody sees or tags; of people in quotes or with odd blanks, too",
             lambda file, each: _is_called(each), _BECAME, ("NOT contains({joined}, '<')", _VISIBLE)),
            ("other texts with those, or with quotes around them",  # a password may have slipped there
             lambda file, each: each.is_free_text and not _is_called(each), "''", (_VISIBLE,)),
        )
    ),
    *(
        Rule(
            "both-names", W, Phase.VALUES, applies_to, _named("users", name),
            "{name} holds both names; it was {then}.",
            "Write the given and the family name each in its own column.",
            broken=f"{_TWO_NAMES} AND {certain}", fine="NOT contains({cell}, ',')", repair=repair, arguments={"then": text(then)},
        )
        for name, certain, repair, applies_to, then in (
            ("givenName", _GIVEN_TOO, "{field} = trim(split_part({field}, ',', 2))", "Last, First in givenName",
             "read without the family name"),
            ("familyName", _FAMILY_TOO, "{field} = trim(split_part({field}, ',', 1))", "Last, First in familyName",
             "read without the given name"),
        )
    ),
    Rule(
        "lost-letter", W, Phase.VALUES, "people's names", _fields(lambda file, each: each.name in PERSONS_NAMES),
        _LETTER_LOST,
        "Export as UTF-8 from where the name was still right.",
        broken="contains({field}, '?')", fine=_OPENS_WITH_A_LETTER, fine_joined=(_NO_QUESTION_MARK,),
    ),
    Rule(
        "lost-letter", W, Phase.VALUES, "titles, and names of schools",
        _fields(lambda file, each: each.name in ("title", "name")),
        _LETTER_LOST,
        "Export as UTF-8 from where the name was still right.",
        broken="regexp_matches({field}, '\\pL\\?\\pL')", fine_joined=(_NO_QUESTION_MARK,),
    ),
    Rule(
        "made-a-date", W, Phase.VALUES, "grades, periods and codes that may be lists",
        _fields(lambda file, each: each.name in TAKEN_FOR_DATES and each.kind is Kind.LIST),
        _MADE_A_DATE, "Export again, and don't open the files in a spreadsheet before you send them.",
        broken=f"len({_DATES_IN_LIST}) > 0", fine=_NO_DATES, arguments={"value": _DATE_IN_LIST, "example": _EXAMPLE},
    ),
    Rule(
        "made-a-date", W, Phase.VALUES, "codes and locations",
        _fields(lambda file, each: each.name in TAKEN_FOR_DATES and each.kind is Kind.TEXT),
        _MADE_A_DATE, "Export again, and don't open the files in a spreadsheet before you send them.",
        broken=_with_hole(is_date_sql, "{field}"), fine=_NO_DATE, arguments={"value": "{field}", "example": "'a date of 9-10'"},
    ),
    Rule(
        "rounded", W, Phase.VALUES, "identifiers and telephone numbers",
        _fields(lambda file, each: each.name in TAKEN_FOR_NUMBERS),
        "{name} is `{value}`, a number that a spreadsheet rounded; it was dropped.",
        "Export again, and don't open the files in a spreadsheet before you send them.",
        broken=_with_hole(is_rounded_sql, "{field}"), arguments={"value": "{field}"}, repair="{field} = NULL",
        fine="CASE WHEN contains({cell}, 'E') OR contains({cell}, 'e') "
             f"THEN NOT {_with_hole(is_rounded_sql, '{cell}')} ELSE true END",
    ),
    Rule(
        "email", W, Phase.VALUES, "e-mail addresses", _named("users", "email"),
        "email is no address, or more than one; it was kept.",
        "Correct the address in the student information system.",
        broken=f"NOT regexp_full_match({{field}}, {_ADDRESS})", fine=f"regexp_full_match({{cell}}, {_ADDRESS})",
    ),
    Rule(
        "unknown-word", E, Phase.VALUES, "fields with words of their own, without which a row is useless",
        _fields(lambda file, each: each.words is not None and each.words.strict),
        "{name} is none of: {words}.{it_is}",
        "Use one of the words that the message names.",
        broken=_UNREAD, fine=_ALLOWED, arguments={"words": "'{words}'", "it_is": _IT_IS},
    ),
    Rule(
        "unknown-word", W, Phase.VALUES, "other fields with words of their own",
        _fields(lambda file, each: each.words is not None and not each.words.strict),
        "{name} is none of: {words}.{it_is}",
        "Use one of the words that the message names.",
        broken=_UNREAD, fine=_ALLOWED, arguments={"words": "'{words}'", "it_is": _IT_IS},
    ),
    Rule(
        "unusual-word", W, Phase.VALUES, "words that the standard doesn't allow there and users have",
        _fields(lambda file, each: each.words is not None and bool(each.words.also)),
        "the standard does not allow this {name} here; it was kept.",
        "Check that this role was meant; it was kept.",
        broken="{field} IN ({also})",
    ),
    Rule(
        "unreadable-date", E, Phase.VALUES, "required dates",
        _fields(lambda file, each: each.kind == Kind.DATE and each.need == Need.REQUIRED),
        _UNREADABLE, "Write dates as YYYY-MM-DD.",
        broken=_UNREAD, fine=_DATE, arguments={"then": _NEEDED, "form": "'YYYY-MM-DD'", "it_is": _IT_IS},
    ),
    Rule(
        "unreadable-date", W, Phase.VALUES, "other dates",
        _fields(lambda file, each: each.kind == Kind.DATE and each.need != Need.REQUIRED),
        _UNREADABLE, "Write dates as YYYY-MM-DD.",
        broken=_UNREAD, fine=_DATE, arguments={"then": _LOST, "form": "'YYYY-MM-DD'", "it_is": _IT_IS},
    ),
    Rule(
        "unreadable-boolean", W, Phase.VALUES, "enabledUser", _named("users", "enabledUser"),
        _UNREADABLE, "Write true or false.",
        broken=_UNREAD, fine=_TRUTH, arguments={"then": _HOLD, "form": "'true or false'", "it_is": _IT_IS}, held_back=True,
    ),
    Rule(
        "unreadable-boolean", W, Phase.VALUES, "other fields of true or false",
        _fields(lambda file, each: each.kind == Kind.BOOLEAN and each.name != "enabledUser"),
        _UNREADABLE, "Write true or false.",
        broken=_UNREAD, fine=_TRUTH, arguments={"then": _LOST, "form": "'true or false'", "it_is": _IT_IS},
    ),
    Rule(
        "unreadable-userids", W, Phase.VALUES, "userIds", _fields(lambda file, each: each.kind == Kind.USER_IDS),
        _UNREADABLE, "Write each id as {type:identifier}, with commas between.",
        broken="len({field}) = 0 AND {sent} IS NOT NULL",
        fine=f"regexp_full_match({{cell}}, '{_ID_PAIR}(,{_ID_PAIR})*')",
        arguments={"then": _LOST, "form": "'{{type:identifier}}'", "it_is": _IT_IS},
    ),
    Rule(
        "unreadable-year", W, Phase.VALUES, "school years", _fields(lambda file, each: each.kind == Kind.YEAR),
        _UNREADABLE, "Write the year in which the school year ends, with four digits.",
        broken=_UNREAD, fine=_YEAR, arguments={"then": _LOST, "form": "'YYYY'", "it_is": _IT_IS},
    ),
    Rule(
        "two-years", W, Phase.VALUES, "school years", _fields(lambda file, each: each.kind == Kind.YEAR),
        "{name} names two years; the later one counts, as the standard has it.",
        "Write the year in which the school year ends.",
        broken="{field} <> {sent}", fine=_YEAR,
    ),
    Rule(
        "required", E, Phase.VALUES, "required fields", _fields(lambda file, each: each.need == Need.REQUIRED),
        "{name} is empty; the row needs it.",
        "Fill the field in the student information system and export again.",
        broken="{empty}", fine="{cell} IS NOT NULL", cause="{column}",
    ),
    Rule(
        "expected", W, Phase.VALUES, "fields by which people are recognised",
        _fields(lambda file, each: each.need == Need.EXPECTED),
        "{name} is empty.",
        "Fill the field in the student information system if people are to be recognised by it.",
        broken="{empty}", fine="{cell} IS NOT NULL",
    ),
    Rule(
        "end-before-begin", W, Phase.VALUES, "rows with a beginning and an end",
        _fields(lambda file, each: each.name in ("startDate", "beginDate")),
        "endDate is before {begin}; both were kept.",
        "Correct one of the two dates.",
        broken="endDate < {field}", arguments={"begin": "'{name}'"},
    ),
    Rule(
        "wrapped-reference", W, Phase.REFERENCES, "references in quotes or blanks, or with characters that nobody sees",
        _fields(lambda file, each: each.refers is not None and each.kind == Kind.TEXT),
        "{name} is `{value}`, with quotes, blanks or characters that no id has; it was read as `{id}`.",
        "Take what stands around the id away, where the file is made.",
        broken="{sent} <> {field}", arguments={"value": _with_hole(shown_sql, "own.{sent}"), "id": "own.{field}"},
    ),
    Rule(
        "near-reference", W, Phase.REFERENCES, "references that one row fits but for case or lost zeros",
        _fields(lambda file, each: each.refers is not None and each.kind == Kind.TEXT and not _named_later(file, each)),
        _READ_AS_NEAR, _ONE_SPELLING,
        broken=_NEAR, repair=_TAKE_NEAR, arguments=_NEAR_ID,
    ),
    Rule(
        "near-reference", W, Phase.PEOPLE_IDS, "roles and profiles, where one person fits but for case or lost zeros",
        _fields(_named_later), _READ_AS_NEAR, _ONE_SPELLING,
        broken=_NEAR, repair=_TAKE_NEAR, arguments=_NEAR_ID,
    ),
    Rule(
        "near-reference", W, Phase.REFERENCES, "a person's schools, where one fits but for case or lost zeros",
        _named("users", "orgSourcedIds"),
        _READ_AS_NEAR, _ONE_SPELLING,
        broken="line IN (" + _NEAR_ITEMS + ")", repair=IN_THE_LIST,
        arguments={part: f"(SELECT min({part}) FROM (SELECT unnest(own.{{field}}) AS item) JOIN near_{{file}}_{{name}} "
                         "ON value = item WHERE matched)" for part in ("value", "id", "how")},
    ),
    Rule(
        "unknown-reference", E, Phase.REFERENCES, "required references to a row that isn't there",
        _fields(lambda file, each: _refers(file, each, Kind.TEXT, True) and f"{file}.{each.name}" not in NAMED_LATER),
        _REFERS,
        "Export the missing row too, or correct the id that refers to it.",
        broken=_DANGLES, arguments=_REFERENCE, cause=_MISSING_CAUSE,
    ),
    Rule(
        "unknown-reference", W, Phase.REFERENCES, "other references to a row that isn't there",
        _fields(lambda file, each: _refers(file, each, Kind.TEXT, False)),
        _REFERS,
        "Export the missing row too, or correct the id that refers to it.",
        broken=_DANGLES, arguments=_REFERENCE | {"then": _DROPPED}, repair="{field} = NULL",
    ),
    Rule(
        "unknown-reference", E, Phase.LATER, "roles and profiles of a person who isn't there",
        _fields(lambda file, each: f"{file}.{each.name}" in NAMED_LATER),
        _REFERS,
        "Export the missing row too, or correct the id that refers to it.",
        broken=_DANGLES, arguments=_REFERENCE, cause=_MISSING_CAUSE,
    ),
    Rule(
        "circle", W, Phase.REFERENCES, "parents",
        _fields(lambda file, each: each.refers is not None and each.refers.entity == file and each.kind == Kind.TEXT),
        "{name} leads back to the row itself in a circle; it was dropped.",
        "Correct the parent: no row may be above itself.",
        broken="line IN (SELECT line FROM circling_{file})", repair="{field} = NULL",
    ),
    Rule(
        "school-differs", W, Phase.ROWS, "an enrollment's school", _named("enrollments", "schoolSourcedId"),
        "its school differs from its class's; the class's school counts.",
        "Correct the school of the enrollment, or of its class.",
        broken="{field} <> (SELECT class.schoolSourcedId FROM ids_classes class WHERE class.sourcedId = own.classSourcedId)",
    ),
    Rule(
        "near-reference", W, Phase.LISTS, "references in a list, where one row fits but for case or lost zeros",
        _fields(lambda file, each: each.refers is not None and each.kind == Kind.LIST and each.name != "orgSourcedIds"),
        _READ_AS_NEAR, _ONE_SPELLING,
        broken="true", arguments={"value": "own.value", "id": "own.id", "how": "own.how"},
    ),
    Rule(
        "unknown-reference", W, Phase.LISTS, "references in a list",
        _fields(lambda file, each: each.refers is not None and each.kind == Kind.LIST and each.name != "orgSourcedIds"),
        _REFERS,
        "Export the missing row too, or correct the id that refers to it.",
        broken="true", arguments={"value": "own.value", "fate": "own.fate", "then": _DROPPED, "nearest": "own.nearest"},
    ),
    Rule(
        "unknown-reference", W, Phase.PEOPLE, "one of a person's schools",
        _named("users", "orgSourcedIds"),
        _REFERS,
        "Export the missing row too, or correct the id that refers to it.",
        broken="line IN (SELECT line FROM missing_org) AND line IN (SELECT line FROM roles_at)",
        arguments={
            "value": "(SELECT named FROM missing_org WHERE missing_org.line = own.line)",
            "fate": text(IS_MISSING.format(target="orgs")),
            "then": _DROPPED,
        },
    ),
    Rule(
        "without-role", E, Phase.PEOPLE, "people", _rows_of("users"),
        "no role at an org that could be kept.{named}",
        "Give the person a role at a school that is in the export.",
        broken="line NOT IN (SELECT line FROM roles_at)",
        arguments={"named": "(SELECT if(named = '', '', ' ' || named || "
                            "if(org IN (SELECT sourcedId FROM left_out WHERE entity = 'orgs'), ' was left out of', "
                            "' is missing from') || ' orgs.csv.') FROM missing_org WHERE missing_org.line = own.line)"},
        cause="(SELECT coalesce((SELECT min(cause) FROM left_out out WHERE entity = 'orgs' AND out.sourcedId = missing_org.org), "
              f"fallen, {absent_key('orgs.csv', 'missing_org.org')}) FROM missing_org WHERE missing_org.line = own.line)",
    ),
)  # fmt: skip

# What is found while a file is read: the finding brings its own sentence.
FOUND_WHILE_READING: tuple[Rule, ...] = tuple(
    Rule(id, severity, Phase.READING, applies_to, _never, "{message}", how_to_fix)
    for id, severity, applies_to, how_to_fix in (
        ("width", E, "a row wider or narrower than its header", "Look for a missing quote or a stray comma in this line."),
        ("cut-row", E, "a last row in which the file ends", "Export again, and send the file whole."),
        ("open-quote", E, "a quote that is left open",
         "Close the quote in this line, or double it where it belongs to the text."),
        ("fewer-rows", W, "a footer that counts more rows than came",
         "Export again: the file was cut, or the tool that made it has a limit of rows."),
        ("unescaped", W, "a quote or comma in a cell that isn't escaped",
         "Double each quote inside of a cell, and put cells that hold commas in quotes."),
        ("moved-cell", W, "a row that lacks an empty cell, or has one too many",
         "Export again; where a tool or a person has edited the file, let them keep each row's separators."),
        ("garbled", W, "text that was garbled before it came", "Export as UTF-8 from where the text was still right."),
        ("line-break", W, "a line break in a cell", "Remove the line break from the cell."),
        ("encoding", W, "bytes that are not UTF-8", "Export as UTF-8, so that no letter can be misread."),
        ("delta-status", W, "rows of a delta without a status", "Give each row of a delta its status, active or tobedeleted."),
        ("manifest-differs", W, "manifest and files",
         "Let the manifest say bulk for the files that are sent, and absent for the others."),
        ("delivery", W, "files beside the CSVs that may hold more of their rows, or be older",
         "Send one set of files, each of them once and with all of its rows."),
        ("manifest-absent", N, "a bundle without a manifest", ""),
        ("form", N, "a file's form", ""),
        ("column-ignored", N, "columns that nobody reads", ""),
        ("column-order", N, "the order of columns", ""),
        ("delta", N, "a file of changes only", ""),
    )
)  # fmt: skip

# Reported once per file.
OF_FILES: tuple[Rule, ...] = (
    Rule("local-date", N, Phase.READING, "how a column writes dates", _never,
         "{file}: {name} has dates such as 25/9/2026, 9/25/26 or 26-9-25; others {where} show that the "
         "{leading} comes first.", ""),
    Rule("year-day-month", W, Phase.READING, "a column of dates", _never,
         "{file}: {name} has dates such as `{example}` (rows: {number}), with the day before the month, and none with the month "
         "first; all of them were read so.", "Write dates as YYYY-MM-DD."),
    Rule("other-boolean", N, Phase.READING, "how a column writes true and false", _never,
         "{file}: {name} is written as {examples} (rows: {number}); it was read as true or false.", ""),
    Rule("rounded-ids", E, Phase.READING, "a column of ids", _never,
         "{file}: a spreadsheet rounded ids in {name}, such as {examples} (rows: {number}); what they were "
         "can't be told.{there}",
         "Export again, and don't open the files in a spreadsheet before you send them."),
    Rule("measure-ids", E, Phase.READING, "a column of ids", _never,
         "{file}: ids in {name} were taken for measures, such as {examples} (rows: {number}); whether they had leading zeros "
         "can't be told.{there}",
         "Export again, with the ids as text."),
    Rule("formula-ids", E, Phase.READING, "a column of ids", _never,
         "{file}: ids in {name} are formulas of a spreadsheet, such as {examples} (rows: {number}); what they show "
         "can't be told.{there}",
         "Export again, with the ids as text."),
    Rule("bracketed-ids", E, Phase.READING, "a column of ids", _never,
         "{file}: ids in {name} stand in brackets, such as {examples} (rows: {number}), and most others don't; whose they are "
         "can't be told.{there}",
         "Export again, with the ids as text; write an id in every row and file alike."),
    Rule("lost-zeros", W, Phase.READING, "a column of ids", _never,
         "{file}: ids in {name} were changed as a spreadsheet changes numbers (leading zeros lost, or a decimal point, commas, "
         "blanks or brackets gained): {number} were restored as others refer to them ({examples}).{lost} Nothing of this file is "
         "removed.",
         "Export again, and don't open the files in a spreadsheet before you send them."),
    Rule("differing-ids", W, Phase.READING, "a column of ids", _never,
         "{file}: ids in {name} differ from what the other files say {how}; they were read as those say them, such as "
         "{examples} (rows: {number}).",
         "Write an id in every file alike; where people type or scan ids, have them check O and 0, l or I and 1."),
    Rule("doubtful-ids", E, Phase.READING, "a column of ids", _never,
         "{file}: ids in {name} differ from what the other files say {how}, such as {examples} (rows: {number}); which of the "
         "two is right can't be told, so nothing is kept under them and nothing is removed.",
         "Write an id in every file alike, and export all files again."),
    Rule("differing-references", E, Phase.READING, "a column of references", _never,
         "{file}: {name} differs from the ids in {target}.csv {how}, such as {examples} (rows: {number}); these rows were left "
         "out, and nothing of {target}.csv is removed.",
         "Write an id in every file alike, and export all files again."),
    Rule("others-ids", E, Phase.READING, "a column of references", _never,
         "{file}: {name} holds ids of {whose}.csv, such as {examples} (rows: {number}), where {target}.csv's belong; these "
         "rows were left out.",
         "Look whether two columns of the file have changed places, correct that and export again."),
    Rule("blank-column", W, Phase.READING, "a required text that is empty throughout", _never,
         "{file}: {name} is empty in {number} rows, so in nearly all; {then}.",
         "Have the student information system export this column."),
    Rule("same-username", W, Phase.READING, "usernames of two people", _never,
         "username is that of the person `{id}` in {other} too; both were kept.",
         "Give each person a username of their own, or export one person once."),
    Rule("same-email", N, Phase.READING, "e-mails of more than one person", _never,
         "{file}: {number} people have an e-mail that somebody else has too, as in the lines {examples}; all were kept.", ""),
    Rule("one-for-all", N, Phase.READING, "a value of one person that most people have", _never,
         "{file}: {name} is the same for {number} of the {of} people who have any, as in the lines {examples}; it was kept.",
         "Check whether the column was filled down, or filled in by the export; leave it empty for people without one."),
    Rule("no-role-type", N, Phase.READING, "roles that say neither primary nor secondary", _never,
         "{file}: {name} is empty in {number} rows, where primary or secondary belongs; these roles were read as secondary.",
         "Say in roleType which role of a person is the primary one."),
    Rule("enrolled-twice", N, Phase.READING, "people who are enrolled twice in a class", _never,
         "{file}: people are enrolled twice in one class ({number} times, as in the lines {examples}); all rows were kept.",
         ""),
    Rule("two-primary-teachers", N, Phase.READING, "classes with two or more primary teachers", _never,
         "{file}: {number} classes have two or more primary teachers, as in the lines {examples}; all were kept.", ""),
    Rule("class-ends", N, Phase.READING, "enrollments of a class that is to be deleted", _never,
         "{number} enrollments are of classes that are to be deleted ({examples}), and end with them.", ""),
    Rule("date-ids", E, Phase.READING, "a column of ids", _never,
         "{file}: a spreadsheet made dates of ids in {name}, such as {examples} (rows: {number}); what they were "
         "can't be told.{there}",
         "Export again, and don't open the files in a spreadsheet before you send them."),
    Rule("other-list", N, Phase.READING, "how a column writes lists", _never,
         "{file}: {name} is written as {examples} (rows: {number}); it was read as a list.", ""),
    Rule("other-status", W, Phase.READING, "how a file writes status", _never,
         "{file}: {name} is written as {examples} (rows: {number}); it was read as the standard's word for that.",
         "Use active, tobedeleted, or leave the status empty."),
    Rule("sampled", N, Phase.READING, "more problems than are kept whole", _never,
         "{found} problems were found and counted; the list holds {kept} of them, of each cause the first.", ""),
)  # fmt: skip

ALL_RULES = (*RULES, *FOUND_WHILE_READING, *OF_FILES)
HOW_TO_FIX: Mapping[str, str] = {each.id: each.how_to_fix for each in reversed(ALL_RULES) if each.how_to_fix}


@dataclass(frozen=True)
class Bound:
    """A rule on one field of one file (or on its whole rows), with the holes of its SQL filled."""

    rule: Rule
    file: str
    field: Field | None

    @property
    def field_name(self) -> str:
        if self.field:
            return "endDate" if self.rule.id == "end-before-begin" else self.field.name
        if self.rule.phase == Phase.IDS:
            return "sourcedId"
        return {"status": "status", "without-role": "roles"}.get(self.rule.id, "")

    def sql(self, template: str, known: str = "") -> str:
        each = self.field
        holes = {"file": self.file}
        if each:
            own = quoted(each.name)
            empty = f"len({own}) = 0" if each.kind is Kind.LIST else f"{own} IS NULL"
            holes |= {
                "field": own,
                "name": each.name,
                "sent": quoted(f"sent_{each.name}"),
                "empty": f"{quoted(f'sent_{each.name}')} IS NULL" if each.words else empty,
                "column": _BLANK_COLUMN.format(file=self.file) if each.name == "title" else "NULL",
                "target": each.refers.entity if each.refers else "",
                "known": known or (f"SELECT sourcedId FROM ids_{each.refers.entity}" if each.refers else ""),
                "also": ", ".join(map(text, each.words.also)) if each.words else "",
                "words": ", ".join(each.words.allowed) if each.words else "",
            }
        return template.format(**holes)


def bound_rules(file: str, fields: Sequence[Field], phase: Phase, needed: Collection[str] = ()) -> Iterator[Bound]:
    """The rules of a phase for a file, in the order in which they are tried: row by row, then field by field.

    `needed` are fields that the group can't do without, whatever the standard says.
    """
    own = [rule for rule in RULES if rule.phase == phase]
    for rule in own:
        if rule.applies(file, None):
            yield Bound(rule, file, None)
    for each in fields:
        for rule in own:
            if each.name in needed and rule.id in ("required", "expected"):
                if rule.id == "required":
                    yield Bound(rule, file, each)
            elif rule.applies(file, each):
                yield Bound(rule, file, each)


def fine_cell(file: str, each: Field, cell: str) -> str:
    """SQL for the fast path: whether a cell, as sent but for blanks around it, surely breaks none of the rules of its value.
    Empty where any does."""
    rules = [rule for rule in RULES if rule.phase == Phase.VALUES and rule.fine and rule.applies(file, each)]
    if each.kind is not Kind.TEXT or each.words:  # what is in the type says more than "nothing"
        rules = [rule for rule in rules if rule.id != "nothing" or each.kind is Kind.LIST]
    holes = {
        "cell": cell,
        "allowed": _words(each),
        "usual": "".join(f"{cell} = {text(one)} OR " for one in usual_words(each)),
    }
    needs = any(rule.id in ("required", "expected") for rule in rules)
    parts = list(dict.fromkeys(rule.fine.format(**holes) for rule in rules if rule.id not in ("required", "expected")))
    if needs and each.kind in (Kind.TEXT, Kind.LIST) and not each.words:
        parts.append(f"{cell} IS NOT NULL")
    if each.kind is Kind.LIST:
        parts += [f"strlen({cell}) = length({cell})"] if each.refers else []
        parts.append(
            f"CASE WHEN strlen({cell}) < 3 THEN {cell} NOT IN ('[]', '{{}}', '()') "
            f"ELSE NOT regexp_matches({cell}, {text(cells.LIST_DIRT)}) END"
        )
    if not parts:
        return ""
    plain = " AND ".join(parts)
    return f"({plain})" if needs else f"({cell} IS NULL OR ({plain}))"


def fine_together(file: str, fields: Sequence[Field], cell: Callable[[Field], str]) -> list[str]:
    """SQL for the fast path, beside `fine_cell`: what is asked of several cells of a row at once."""
    asked: dict[str, list[str]] = {}
    for each in fields:
        for rule in RULES:
            if rule.phase == Phase.VALUES and rule.fine_joined and rule.applies(file, each):
                for question in rule.fine_joined:
                    asked.setdefault(question, []).append(cell(each))
    return [question.format(joined=f"concat_ws(' ', {', '.join(cells_)})") for question, cells_ in asked.items()]


def usual_words(each: Field) -> list[str]:
    """Of a field's words those of nearly all rows, which are worth to be looked for first."""
    return [one for one in ("student", "teacher") if each.words and one in each.words.allowed]


def _words(each: Field) -> str:
    return ", ".join(text(one.casefold()) for one in each.words.allowed) if each.words else ""


def message_sql(place: str, other: str, found: Collection[str]) -> str:
    """SQL for a problem's sentence, from its rule (one of those that were `found`), field and arguments. `place` and `other` are
    SQL for where the row and the other row stand, as people look them up; `place` is NULL for a problem of a whole file."""
    cases = {rule.id: f"WHEN {text(rule.id)} THEN {_concatenated(rule.message, other)}" for rule in ALL_RULES if rule.id in found}
    spoken = " ".join(cases.values()) or "WHEN '' THEN ''"
    return f"coalesce({place} || ': ', '') || CASE rule {spoken} ELSE coalesce(arguments['message'], rule) END"


def _concatenated(message: str, other: str) -> str:
    holes = {"other": f"({other})", "name": "field", "file": "file"}
    parts = []
    for literal, hole, _, _ in Formatter().parse(message):
        parts += [text(literal)] if literal else []
        parts += [holes.get(hole, f"coalesce(arguments[{text(hole)}], '')")] if hole else []
    return " || ".join(parts)


def fields_with(rule: Rule) -> list[str]:
    """The places (`file.field`, or `file` for whole rows) where a rule applies, in either version."""
    return sorted(
        {
            f"{file}.{each.name}" if each else file
            for version in ("1.1", "1.2")
            for file in ROSTER_FILES
            for each in (None, *fields_of(file, version))
            if rule.applies(file, each)
        }
    )


def table() -> str:
    """All rules as a table for `docs/validation.md`, worst first."""
    order = list(Severity)
    lines = ["| rule | severity | tried on | what is said | what to do |", "|---|---|---|---|---|"]
    for rule in sorted(ALL_RULES, key=lambda each: (order.index(each.severity), each.id)):
        kept = f"{rule.severity}, held back" if rule.held_back else rule.severity
        message = "(by the reader, case by case)" if rule.message == "{message}" else rule.message
        cells_ = (f"`{rule.id}`", kept, rule.applies_to, message, rule.how_to_fix or "nothing")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells_) + " |")
    return "\n".join(lines) + "\n"
