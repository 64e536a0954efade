"""What districts' files suffer, one value a way: a clean district, and what each damage does to its rows or to its bytes.

`test_damage.py` does one or two of them at a time, and holds the stage against the clean one.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.corpus.build import packed, text_of
from tests.engine.dirty import Files, lifted
from tests.engine.districts import class_, course, enrollment, org, session, user

Sent = dict[str, bytes]  # the bundle's files by their names


@dataclass(frozen=True)
class Damage:
    """`rows` damages what is said, `sent` how it is written. Where the values of rows that `rows` touched go another way, a
    problem names their line, or, `of_column`, their file. `refusable`: the whole bundle may be refused, in a sentence.
    `shifts` is by how many lines the rows of a file stand lower."""

    name: str
    rows: Callable[[Files], Files] | None = None
    sent: Callable[[Sent], Sent] | None = None
    of_column: bool = False
    refusable: bool = False
    shifts: Mapping[str, int] | None = None


def district() -> Files:
    """Two schools, two terms, a course, two classes, a teacher and five students in them: whose ids have zeros, whose names are
    not ASCII, and whose titles hold commas."""
    names = [("Zoë", "Béranger"), ("José", "Muñoz"), ("Ida", "Fern"), ("Otto", "O'Neil"), ("Anna", "Vale"), ("Bo", "Lee")]
    people = [
        user(f"0007{n}", username=f"u{n}", givenName=given, familyName=family, email=f"u{n}@x.org", phone=f"555-010{n}",
             role="teacher" if n == 1 else "student", grades="09", orgSourcedIds="0101", enabledUser="true",
             userIds=f"{{LDAP:u{n}}}", agentSourcedIds="00071" if n == 2 else "")
        for n, (given, family) in enumerate(names, start=1)
    ]  # fmt: skip
    of_class = {"schoolSourcedId": "0101", "courseSourcedId": "math", "termSourcedIds": "fall", "classType": "scheduled"}
    of_class |= {"grades": "09", "periods": "1,2"}
    return {
        "orgs": [org("D1", type="district"), org("0101", name="Hill", parentSourcedId="D1"),
                 org("0102", name="Dale", parentSourcedId="D1")],
        "academicSessions": [session("year", type="schoolYear", startDate="2026-08-01", endDate="2027-06-30", schoolYear="2027"),
                             session("fall", parentSourcedId="year", startDate="2026-08-20", endDate="2026-12-13")],
        "courses": [course("math", title="Algebra, I", courseCode="M1", orgSourcedId="D1", schoolYearSourcedId="year")],
        "classes": [class_(each, title=f"Algebra, {each}", classCode=each, **of_class) for each in ("CA", "CB")],
        "users": people,
        "enrollments": [
            enrollment(f"E{n}", classSourcedId="CA" if n % 2 else "CB", schoolSourcedId="0101", userSourcedId=f"0007{n}",
                       role="teacher" if n == 1 else "student", beginDate="2026-08-20", endDate="2026-12-13")
            for n in range(1, 7)],
    }  # fmt: skip


# --- damage to what is said ---------------------------------------------------------------------------------------------


def column(file: str, name: str, change: Callable[[str], str]) -> Callable[[Files], Files]:
    return lambda files: {**files, file: [{**row, name: change(row[name])} if row.get(name) else row for row in files[file]]}


def one_cell(file: str, name: str, change: Callable[[str], str], at: int = 1) -> Callable[[Files], Files]:
    """Of one row alone; of an empty cell too."""
    return lambda files: {
        **files, file: [{**row, name: change(row.get(name, ""))} if n == at else row for n, row in enumerate(files[file])]
    }  # fmt: skip


def also(file: str, row: Callable[[Files], dict[str, str]]) -> Callable[[Files], Files]:
    """One more row at the end."""
    return lambda files: {**files, file: [*files[file], row(files)]}


def whole(name: str, file: str, field: str, change: Callable[[str], str]) -> Damage:
    return Damage(name, column(file, field, change), of_column=True)


def one(name: str, file: str, field: str, change: Callable[[str], str]) -> Damage:
    return Damage(name, one_cell(file, field, change))


def _short(cell: str) -> str:
    return cell.lstrip("0")


def _as_json(cell: str) -> str:
    kind, identifier = cell.strip("{}").split(":")
    return json.dumps([{"type": kind, "identifier": identifier}])


def _american(cell: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", cell):
        return cell  # damaged already
    year, month, day = cell.split("-")
    return f"{int(month)}/{int(day)}/{year}"


OF_ROWS = (
    whole("people's ids without zeros", "users", "sourcedId", _short),
    whole("references without zeros", "enrollments", "userSourcedId", _short),
    whole("schools' ids without zeros", "orgs", "sourcedId", _short),
    whole("people's ids rounded", "users", "sourcedId", lambda cell: "1.23457E+11"),
    whole("references rounded", "enrollments", "userSourcedId", lambda cell: "1,23457E+11"),
    whole("people's ids as measures", "users", "sourcedId", lambda cell: f"{_short(cell)}.0"),
    whole("references as measures", "enrollments", "userSourcedId", lambda cell: f"{_short(cell)}.0"),
    whole("people's ids with a decimal comma", "users", "sourcedId", lambda cell: f"{_short(cell)},0"),
    whole("references with a decimal comma", "enrollments", "userSourcedId", lambda cell: f"{_short(cell)},00"),
    whole("references by username", "enrollments", "userSourcedId", lambda cell: f"u{cell[-1]}"),
    one("a letter O in a reference", "enrollments", "userSourcedId", lambda cell: cell.replace("0", "O")),
    whole("letters O in references", "enrollments", "userSourcedId", lambda cell: cell.replace("0", "O")),
    whole("something before references", "enrollments", "userSourcedId", lambda cell: f"X-{cell}"),
    one("letters O in a person's id", "users", "sourcedId", lambda cell: cell.replace("0", "O")),
    whole("letters O in people's ids", "users", "sourcedId", lambda cell: cell.replace("0", "O")),
    whole("letters O in schools' ids", "orgs", "sourcedId", lambda cell: cell.replace("0", "O")),
    one("another person's id", "users", "sourcedId", lambda cell: "00071"),
    one("another enrollment's id", "enrollments", "sourcedId", lambda cell: "E1"),
    one("another class's id", "classes", "sourcedId", lambda cell: "CA"),
    whole("ids kept by a formula", "users", "sourcedId", lambda cell: f'="{cell}"'),
    whole("ids kept by a formula without quotes", "users", "sourcedId", lambda cell: f"={cell}"),
    whole("ids in apostrophes", "users", "sourcedId", lambda cell: f"'{cell}"),
    whole("ids with a tab", "users", "sourcedId", lambda cell: f"{cell}\t"),
    whole("references in quotes", "enrollments", "classSourcedId", lambda cell: f'"{cell}"'),
    whole("references in another case", "enrollments", "classSourcedId", str.lower),
    whole("terms in another case", "classes", "termSourcedIds", str.upper),
    whole("agents without zeros", "users", "agentSourcedIds", _short),
    whole("titles gone", "classes", "title", lambda cell: ""),
    whole("usernames gone", "users", "username", lambda cell: ""),
    whole("no e-mails, in a database's words", "users", "email", lambda cell: "NULL"),
    whole("grades in brackets", "users", "grades", lambda cell: f'["{cell}"]'),
    whole("periods with bars", "classes", "periods", lambda cell: cell.replace(",", "|")),
    whole("userIds without braces", "users", "userIds", lambda cell: cell.strip("{}")),
    whole("userIds as JSON", "users", "userIds", _as_json),
    whole("enabledUser in German", "users", "enabledUser", lambda cell: "WAHR"),
    whole("American dates", "enrollments", "beginDate", _american),
    whole("American dates with two digits", "enrollments", "beginDate", lambda cell: "8/20/26"),
    whole("dates with a clock", "enrollments", "beginDate", lambda cell: f"{cell}T00:00:00.000Z"),
    whole("dates with a month's name", "academicSessions", "startDate", lambda cell: f"{cell[8:]}-Aug-{cell[:4]}"),
    whole("terms in American dates", "academicSessions", "endDate", _american),
    whole("dates that are none", "enrollments", "beginDate", lambda cell: "infinity"),
    whole("status in other words", "users", "status", lambda cell: "Aktiv"),
    one("a reference with a zero-width space", "enrollments", "userSourcedId", lambda cell: f"\u200b{cell}"),
    one("a reference with a blank that doesn't break", "enrollments", "userSourcedId", lambda cell: f"{cell}\u00a0"),
    one("a reference to nobody", "enrollments", "userSourcedId", lambda cell: "09999"),
    one("a class's id made a date", "classes", "sourcedId", lambda cell: "12-Mar"),
    one("a person's id that says nothing", "users", "sourcedId", lambda cell: "NULL"),
    one("a person without an id", "users", "sourcedId", lambda cell: ""),
    one("a status that nobody knows", "users", "status", lambda cell: "pending"),
    one("an enrollment of a status that nobody knows", "enrollments", "status", lambda cell: "dropped?"),
    one("enabledUser that nobody knows", "users", "enabledUser", lambda cell: "perhaps"),
    one("enabledUser, by a spreadsheet's error", "users", "enabledUser", lambda cell: "#N/A"),
    one("a school that nobody knows", "users", "orgSourcedIds", lambda cell: "9999"),
    one("a term that ends in the year 9", "academicSessions", "endDate", lambda cell: "0009-12-13"),
    one("a role that nobody knows", "users", "role", lambda cell: "pupil"),
    one("a grade made a date", "users", "grades", lambda cell: "9-Oct"),
    one("letters lost to a question mark", "users", "familyName", lambda cell: cell.replace("ñ", "?")),
    one("letters lost to a replacement character", "users", "familyName", lambda cell: cell.replace("ñ", "\ufffd")),
    one("a name that was garbled", "users", "familyName", lambda cell: cell.encode().decode("cp1252")),
    one("a name with a blank of no width", "users", "familyName", lambda cell: f"{cell[:2]}\u200b{cell[2:]}"),
    one("a name from right to left", "users", "givenName", lambda cell: f"\u202e{cell}\u202c"),
    one("a name with a control character", "users", "familyName", lambda cell: f"{cell}\x07"),
    one("a name with a mark within", "users", "familyName", lambda cell: f"\ufeff{cell}"),
    one("a name with a blank that does not break", "users", "familyName", lambda cell: f"\u00a0{cell}\u00a0"),
    one("a name in quotes", "users", "givenName", lambda cell: f'"{cell}"'),
    one("a name in a printer's quotes", "users", "givenName", lambda cell: f"\u201c{cell}\u201d"),
    one("a name of a web page", "users", "familyName", lambda cell: f"<b>{cell}</b>"),
    one("a name with a web page's letters", "users", "familyName", lambda cell: cell.replace("ñ", "&ntilde;")),
    one("a name in UTF-7", "users", "familyName", lambda cell: cell.encode("utf-7").decode()),
    one("a name of the Mac", "users", "givenName", lambda cell: cell.encode("mac_roman").decode("cp1252")),
    one("a name of DOS", "users", "familyName", lambda cell: cell.encode("cp850").decode("cp1252")),
    one("both names in one cell", "users", "familyName", lambda cell: f"{cell}, José"),
    one("a title with a tab", "classes", "title", lambda cell: f"{cell}\t"),
    one("a username with a character that nobody sees", "users", "username", lambda cell: f"{cell}\u200e"),
    one("an identifier kept a text", "users", "phone", lambda cell: f"'{cell}"),
    whole("e-mails in quotes", "users", "email", lambda cell: f'"{cell}"'),
    one("another's username", "users", "username", lambda cell: "u1"),
    one("a line break in a title", "classes", "title", lambda cell: f"{cell}\nB"),
    one("a NUL in a title", "classes", "title", lambda cell: f"{cell}\0"),
    Damage("a person twice", also("users", lambda files: dict(files["users"][2]))),
    Damage("a person twice, differently", also("users", lambda files: {**files["users"][2], "familyName": "Other"})),
    Damage("a person with a row a school", also("users", lambda files: {**files["users"][3], "orgSourcedIds": "0102"})),
)  # fmt: skip


# --- damage to how it is written ------------------------------------------------------------------------------------------


def rewritten(file: str, change: Callable[[bytes], bytes]) -> Callable[[Sent], Sent]:
    return lambda sent: {**sent, file: change(sent[file])} if file in sent else sent


def written(file: str, change: Callable[[str], str], encoding: str = "utf-8") -> Callable[[Sent], Sent]:
    return rewritten(file, lambda content: change(content.decode()).encode(encoding, errors="replace"))


def renamed(names: Callable[[str], str]) -> Callable[[Sent], Sent]:
    return lambda sent: {names(name): content for name, content in sent.items()}


def manifest(name: str, change: Callable[[str], str], encoding: str = "utf-8", refusable: bool = False) -> Damage:
    return Damage(name, sent=written("manifest.csv", change, encoding), refusable=refusable)


def of_users(name: str, change: Callable[[str], str], encoding: str = "utf-8", shifts: int = 0) -> Damage:
    return Damage(name, sent=written("users.csv", change, encoding), of_column=True, shifts={"users": shifts})


def in_line(file: str, line: int, change: Callable[[str], str]) -> Callable[[Sent], Sent]:
    """Of one line, as a spreadsheet counts; where others stand in one, of that."""

    def changed(text: str) -> str:
        lines = text.split("\r\n")
        return "\r\n".join(change(each) if at == line - 1 and each else each for at, each in enumerate(lines))

    return written(file, changed)


def _wide(text: str) -> str:
    rows = [line.split(",") for line in text.split("\r\n")[1:] if line]
    return "\r\n".join(",".join(row[place] for row in rows) for place in (0, 1)) + "\r\n"


OF_BYTES = (
    manifest("a manifest with semicolons", lambda text: text.replace(",", ";")),
    manifest("a manifest in UTF-16 with tabs", lambda text: text.replace(",", "\t"), "utf-16"),
    manifest("a manifest of two lines", _wide),
    manifest("a manifest that names files as they are called", lambda text: text.replace("file.users,", "file.users.csv,")),
    manifest("a blank mode of a file that nobody reads", lambda text: f"{text}file.lineItems,\r\n"),
    manifest("a blank mode", lambda text: text.replace("file.users,bulk", "file.users,"), refusable=True),
    manifest("a delta with semicolons", lambda text: text.replace(",bulk", ";delta").replace(",", ";"), refusable=True),
    manifest("a mode that nobody knows", lambda text: text.replace("users,bulk", "users,everything"), refusable=True),
    manifest("a manifest of another version", lambda text: re.sub(r"version,1\.([12])(\r\n)file", _other, text), refusable=True),
    Damage("no manifest", sent=lambda sent: {name: content for name, content in sent.items() if name != "manifest.csv"}),
    of_users("semicolons", lambda text: text.replace(";", " ").replace(",", ";")),
    of_users("UTF-16", str, "utf-16"),
    of_users("Windows-1252", str, "cp1252"),
    of_users("MacRoman", str, "mac_roman"),
    of_users("a byte order mark, twice", lambda text: f"\ufeff\ufeff{text}"),
    of_users("a title above the header", lambda text: f"Heron District\r\n{text}", shifts=1),
    of_users("Excel's sep=", lambda text: f"sep=,\r\n{text}", shifts=1),
    of_users("rows of separators", lambda text: f"{text},,,,,,\r\n,,\r\n"),
    of_users("a footer that counts more rows", lambda text: f"{text}(400 rows)\r\n"),
    of_users("a footer", lambda text: f"{text}Total rows: 6\r\n"),
    of_users("surplus empty cells", lambda text: text.replace("\r\n", ",,\r\n")),
    of_users("no empty cells at the ends", lambda text: re.sub(r",+\r\n", "\r\n", text)),
    of_users("a column that nobody reads, twice", lambda text: re.sub(r"\r\n", ",x,x\r\n", text)),
    of_users("every cell in quotes", lambda text: re.sub(r"^(?!\r?\n)[^\"\n]+$", _quoted, text, flags=re.MULTILINE)),
    Damage("one byte of Windows-1252", sent=rewritten("users.csv", lambda content: content.replace("é".encode(), b"\xe9", 1))),
    Damage("a comma that isn't quoted", sent=in_line("users.csv", 4, lambda line: line.replace("Fern", "Fern, Jr."))),
    Damage("a quote that isn't escaped", sent=in_line("users.csv", 4, lambda line: line.replace("Ida", '"I"d"a"'))),
    Damage("backslashes before quotes", sent=in_line("users.csv", 4, lambda line: line.replace("Ida", r'"I\"d\"a"'))),
    Damage("a blank before a quote", sent=in_line("classes.csv", 2, lambda line: line.replace(',"Algebra', ', "Algebra', 1))),
    Damage("something in front of an id", sent=in_line("users.csv", 3, lambda line: f"x,{line}")),
    Damage(
        "an id's cell is missing", sent=in_line("users.csv", 3, lambda line: line.split(",", 1)[1].replace(",", "active,", 1))
    ),
    Damage("a quote left open", sent=in_line("classes.csv", 3, lambda line: line.replace(',"Algebra', ',"Al"gebra', 1))),
    Damage("a lone carriage return", sent=in_line("users.csv", 5, lambda line: line.replace("Otto", "Ot\rto"))),
    Damage("a file that was cut", sent=rewritten("enrollments.csv", lambda content: content[:-30]), of_column=True),
    Damage("users.csv.txt", sent=renamed(lambda name: name.replace("users.csv", "users.csv.txt")), refusable=True),
    Damage("users (1).csv", sent=renamed(lambda name: name.replace("users.csv", "users (1).csv")), refusable=True),
    Damage("folders", sent=renamed(lambda name: f"export/today/{name}")),
    Damage("a ZIP around it", sent=lambda sent: {"export.zip": packed(sent)}),
    Damage("a ZIP beside it", sent=lambda sent: {**sent, "photos.zip": packed({"a.jpg": b"x"})}),
    Damage("file names in capitals", sent=renamed(str.upper)),
)


def _other(found: re.Match[str]) -> str:
    return f"version,1.{3 - int(found[1])}{found[2]}file"


def _quoted(found: re.Match[str]) -> str:
    return ",".join(f'"{cell}"' for cell in found[0].rstrip("\r").split(",")) + ("\r" if found[0].endswith("\r") else "")


DAMAGES: Mapping[str, Damage] = {each.name: each for each in (*OF_ROWS, *OF_BYTES)}


def sent(files: Files, version: str) -> Sent:
    """The bundle of these rows, manifest and all."""
    found = lifted(files) if version == "1.2" else files
    modes = "".join(f"file.{name},bulk\r\n" for name in found)
    content = {f"{name}.csv": text_of(name, rows, version).encode() for name, rows in found.items()}
    return {"manifest.csv": f"propertyName,value\r\noneroster.version,{version}\r\n{modes}".encode(), **content}


def damaged(files: Files, damages: list[Damage], version: str) -> tuple[bytes, Files]:
    """The bundle as it comes, and its rows before they were written."""
    for each in damages:
        files = each.rows(files) if each.rows else files
    content = sent(files, version)
    for each in damages:
        content = each.sent(content) if each.sent else content
    return packed(content), files
