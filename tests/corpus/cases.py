"""Bundles that are broken or ugly as a whole: each what it tries, how it is made, and what must come of it."""

import io
import re
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence

from oneroster_engine.standard.entities import FIELDS, USER_FIELDS_1_1
from tests.corpus.build import Case, Found, files, manifest_of, packed, text_of
from tests.engine.districts import Rows, class_, enrollment, org, role, session, user

CLEAN_ORGS = text_of("orgs", [org()])
ORG_HEADER = CLEAN_ORGS.splitlines()[0]


def bundle(version: str = "1.1", **changed: bytes | Rows | None) -> bytes:
    return packed(files(version, **changed))


CUT = ["1-2026-0Viola", "2-2026-0Anna", "3-2026-0Bob", "4-2026-0Zoe", "5-2026-0Idalee"]
ENROLLED = [f"S1000{at}" for at in range(1, 6)]


def of_people(sent: Sequence[str], enrolled: Sequence[str], version: str = "1.1", roles: Sequence[str] = ()) -> bytes:
    """Users with these ids, and what enrollments and roles say of them."""
    return bundle(
        version,
        users=[user(each, username=str(at)) for at, each in enumerate(sent)],
        enrollments=[enrollment(f"e{at}", userSourcedId=each) for at, each in enumerate(enrolled, start=1)],
        **({"roles": [role(each) for each in roles]} if version == "1.2" else {}),
    )


def two_orders(file: str) -> bytes:
    header, row, _ = files()[f"{file}.csv"].decode().split("\r\n")
    turned = [",".join(reversed(line.split(","))) for line in (header, row)]
    return "\r\n".join([header, row, *turned, ""]).encode()


OTHER_NAMES: tuple[Callable[[str], str], ...] = (
    lambda name: re.sub("([A-Z])", r"_\1", name).upper(),
    lambda name: re.sub("([A-Z])", r" \1", name).title(),
    lambda name: re.sub("([A-Z])", r"-\1", name).lower(),
)


def headed(name: Callable[[str], str]) -> bytes:
    """A bundle whose columns are all called so."""
    made = {}
    for file, content in files().items():
        header, rows = content.decode().split("\r\n", 1)
        made[file] = f"{','.join(map(name, header.split(',')))}\r\n{rows}".encode() if file != "manifest.csv" else content
    return packed(made)


def refused(name: str, of: str, archive: bytes, sentence: str) -> Case:
    return Case(name, of, archive, refused=sentence)


def note(file: str, says: str) -> Found:
    return Found(file, None, "note", says)


def encrypted() -> bytes:
    content = bytearray(bundle())
    place = 0
    while (place := content.find(b"PK\x03\x04", place)) >= 0:
        content[place + 6 : place + 8] = struct.pack("<H", 1)
        place += 4
    place = 0
    while (place := content.find(b"PK\x01\x02", place)) >= 0:
        content[place + 8 : place + 10] = struct.pack("<H", 1)
        place += 4
    return bytes(content)


def zip64() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in files().items():
            with archive.open(name, "w", force_zip64=True) as out:
                out.write(data)
    return held.getvalue()


def line_ends(text: str, of_header: str, of_rows: str) -> bytes:
    header, rows = text.split("\r\n", 1)
    return (header + of_header + rows.replace("\r\n", of_rows)).encode()


def renamed(names: Mapping[str, str]) -> bytes:
    return packed({names.get(name, name): data for name, data in files().items()})


def without_file(name: str) -> dict[str, bytes]:
    return {file: data for file, data in files().items() if file != f"{name}.csv"}


def without_column(file: str, column: str, written: str = "") -> bytes:
    """A bundle in which `column` of `file` is missing, or is called `written`."""
    content = files("1.2" if file == "roles" else "1.1")
    header, *lines = content[f"{file}.csv"].decode().split("\r\n")
    names = header.split(",")
    place = names.index(column)
    rows = [line.split(",") for line in lines if line]
    if written:
        names[place] = written
    else:
        names.pop(place)
        for row in rows:
            row.pop(place)
    content[f"{file}.csv"] = "\r\n".join(",".join(row) for row in [names, *rows]).encode()
    return packed(content)


REQUIRED_COLUMNS = [
    (file, column)
    for file in ("orgs", "academicSessions", "courses", "classes", "users", "roles", "enrollments")
    for column in (
        "sourcedId",
        *(each.name for each in (*FIELDS[file], *(USER_FIELDS_1_1 if file == "users" else ())) if each.column_required),
    )
]

ZOE = user(givenName="Zoë", enabledUser="true")
USERS = text_of("users", [ZOE])
V = "validation.md, refused"

REFUSED = (
    refused("an empty file", V, b"", "not a ZIP"),
    refused("a CSV instead of a ZIP", V, CLEAN_ORGS.encode(), "not a ZIP"),
    refused("half a ZIP", V, bundle()[:-40], "not a ZIP"),
    refused("a ZIP with a password", V, encrypted(), "encrypted.*without a password"),
    refused("a bomb", V, packed({**files(), "users.csv": b"a" * 50_000_000}), "expands to far more than a roster"),
    refused("a path out of the ZIP", "oneroster.md 4, row 6", renamed({"orgs.csv": "../orgs.csv"}), "points outside"),
    refused("an absolute path", "oneroster.md 4, row 6", renamed({"orgs.csv": "/etc/orgs.csv"}), "points outside"),
    refused("a ZIP in the ZIP in the ZIP", V, packed({"a.zip": packed({"export.zip": bundle()})}), "ZIP inside the ZIP"),
    *(refused(f"{name} instead of users.csv", "issue 20: what came instead is named",
              packed({**without_file("users"), name: USERS.encode()}), rf"lacks users\.csv; it holds {re.escape(name)}\.")
      for name in ("users.csv.txt", "users (1).csv", "users.xlsx", "deep/down/users.csv", "user.csv",
                   "oneroster_users_2026-09-01.csv", "users - Copy.csv", "users")),
    *(refused(f"{name} in another system's form", "issue 20: what came instead is named",
              packed({**without_file("users"), **dict.fromkeys(sent, b"x")}), f"lacks .*tables in it are {', '.join(sent)}")
      for name, sent in (("people", ("student.csv", "teacher.csv")), ("a person's language", ("Benutzer.csv",)))),
    *(refused(f"{what} called users.csv", "issue 20: what came instead is named", bundle(users=sent.encode()),
              f"so are all others; the line is `{re.escape(sent.splitlines()[0][:60])}`")
      for what, sent in (("a database's error", "ERROR: permission denied for table users\r\n"),
                         ("a pointer to a large file", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"))),
    refused("a manifest under another name", "issue 20: never taken for none",
            packed({**without_file("manifest"), "manifest.csv.txt": manifest_of("1.1")}), r"manifest\.csv\.txt instead of"),
    refused("a workbook called users.csv", "issue 20", bundle(users=b"PK\x03\x04\x14\x00\x06\x00"),
            r"users\.csv is .* Excel workbook"),
    refused("1.1's manifest and 1.2's files", "issue 20: the versions disagree",
            packed({**files("1.2"), "manifest.csv": manifest_of("1.1")}), r"as in OneRoster 1\.2, while manifest\.csv .* 1\.1"),
    refused("1.2's manifest and 1.1's files", "issue 20: the versions disagree",
            packed({**files("1.1"), "manifest.csv": manifest_of("1.2")}), 
            r"roles\.csv is missing and users\.csv .*, as in OneRoster 1\.1, while .* 1\.2"),
    *(refused(f"another separator, {name}", "issue 20: a refusal names what came instead",
              bundle(users=USERS.replace(",", separator).encode()),
              rf"`sourcedId` is missing: `{re.escape(name)}` stands between the names")
      for separator, name in (("^", "^"), ("~", "~"), ("\x01", "U+0001"), ("#", "#"))),
    *(refused(f"two files put together, the header of one in another order, {file}", "issue 20: cells under others' names",
              packed({**files(), f"{file}.csv": two_orders(file)}),
              rf"{file}\.csv, line 3: the header comes again with its columns in another")
      for file in ("users", "enrollments", "classes")),
    refused("another file's columns", "issue 20: a refusal names what came instead",
            packed({**files(), "users.csv": files()["enrollments.csv"]}), r"its columns are those of enrollments\.csv"),
    refused("another file's columns, with all that the file must have", "issue 20: a refusal names what came instead",
            packed({**files(), "courses.csv": files()["classes.csv"]}), r"line 1: its columns are those of classes\.csv"),
    refused("a manifest with two modes in a line", "issue 20: never the destructive reading",
            bundle(manifest=manifest_of("1.1").replace(b"users,bulk", b"users,bulk,delta")), "two values, `bulk` and `delta`"),
    refused("a delta of which the manifest has semicolons", "issue 20: never taken for everything",
            bundle(manifest=manifest_of("1.1", modes={"users": "delta"}).replace(b",", b";")), "users is a delta"),
    refused("a manifest in words", "issue 20", bundle(manifest=b"Everything is new.\r\n"), "begins with `Everything is new.`"),
    refused("one file twice", V, packed([*files().items(), ("orgs.csv", b"x")]), r"orgs\.csv is in the ZIP twice"),
    refused("one file in two cases", V, packed([*files().items(), ("Orgs.CSV", b"x")]), r"orgs\.csv is in the ZIP twice"),
    refused("two manifests in two folders", "oneroster.md 4, row 1",
            packed({**files(), "old/manifest.csv": manifest_of("1.1")}), r"manifest\.csv is in the ZIP twice"),
    refused("nothing of a roster", V, packed({"photo.png": b"x"}), "no OneRoster CSV files"),
    *(refused(f"no {name}.csv", V, packed(without_file(name)), rf"lacks {name}\.csv")
      for name in ("orgs", "classes", "users", "enrollments")),
    refused("1.2 without roles.csv", V, bundle("1.2", roles=None), r"roles\.csv is missing"),
    refused("a version that nobody knows", V, bundle(manifest=manifest_of("2.0")), r"oneroster\.version is `2\.0`"),
    refused("a delta with nothing to merge into", V, bundle(manifest=manifest_of("1.1", modes={"users": "delta"})),
            r"delta.*\bbulk"),
    refused("a mode that nobody knows", V, bundle(manifest=manifest_of("1.1", modes={"users": "partial"})),
            r"file\.users is `partial`; bulk, delta or absent"),
    *(refused(f"{file}.csv without the column {column}", V, without_column(file, column),
              rf"{file}\.csv, line 1: required column `{column}` is missing") for file, column in REQUIRED_COLUMNS),
    refused("a required column under a similar name", V, without_column("users", "givenName", "givnName"),
            r"users\.csv, line 1: required column `givenName` is missing; the nearest is `givnName`"),
    *(refused(f"{file}.csv with {written} for {column}", "issue 20: a refusal names what came instead",
              without_column(file, column, written),
              rf"{file}\.csv, line 1: required column `{column}` is missing; what may hold it is called `{written}` there\.")
      for file, column, written in (("users", "sourcedId", "userId"), ("users", "sourcedId", "Student ID"),
                                    ("roles", "userSourcedId", "Student ID"), ("enrollments", "classSourcedId", "section_id"),
                                    ("orgs", "sourcedId", "School Number"))),
    refused("one column twice", V, bundle(orgs=b"sourcedId,name,Name,type\r\nnorth,N,N,school\r\n"),
            r"orgs\.csv, line 1: column `Name` stands there twice"),
    refused("a file without a single line", V, bundle(orgs=b""), r"orgs\.csv, line 1: required column `sourcedId` is missing"),
    refused("bytes that are no text", "validation.md, bytes that are not UTF-8",
            bundle(orgs=CLEAN_ORGS.encode() + b"1,,,\x81\xff,school,,\r\n"), r"orgs\.csv.*neither UTF-8 nor Windows-1252"),
)  # fmt: skip

NOT_REMOVED = frozenset({"users"})
READ_ZOE = {("users", "ann", "givenName"): "Zoë"}


def users_as(name: str, row: str, content: bytes, *found: Found) -> Case:
    """Ann, whose name is Zoë, in a users.csv of another form."""
    return Case(name, row, bundle(users=content), problems=found, values=READ_ZOE)


FORMS = (
    Case("a clean bundle of 1.1", "the standard", bundle()),
    Case("a clean bundle of 1.2", "the standard", bundle("1.2")),
    users_as("UTF-8 with its mark", "oneroster.md 4, row 7", b"\xef\xbb\xbf" + USERS.encode(), note("users.csv", "BOM")),
    users_as("UTF-16 as Excel's Unicode text", "oneroster.md 4, row 8", USERS.replace(",", "\t").encode("utf-16"),
             note("users.csv", "UTF-16"), note("users.csv", "tab")),
    users_as("UTF-16, big end first", "oneroster.md 4, row 8", b"\xfe\xff" + USERS.encode("utf-16-be")),
    users_as("UTF-16 without its mark", "oneroster.md 4, row 8", USERS.encode("utf-16-le")),
    users_as("Windows-1252", "validation.md, bytes that are not UTF-8", USERS.encode("cp1252"),
             Found("users.csv", None, "warning", r"users\.csv is not UTF-8; it was read as Windows-1252")),
    users_as("semicolons", "oneroster.md 4, row 9", USERS.replace(",", ";").encode(), note("users.csv", "semicolon")),
    users_as("tabs", "oneroster.md 4, row 9", USERS.replace(",", "\t").encode()),
    users_as("bars", "oneroster.md 4, row 9", USERS.replace(",", "|").encode()),
    users_as("Excel's sep= in the first line", "oneroster.md 4, row 9", ("sep=;\r\n" + USERS.replace(",", ";")).encode()),
    users_as("line feeds", "the standard", USERS.replace("\r\n", "\n").encode()),
    users_as("carriage returns", "issue 4", USERS.replace("\r\n", "\r").encode()),
    users_as("no end to the last line", "the standard", USERS.rstrip("\r\n").encode()),
    users_as("blank lines", "oneroster.md 4, row 12", ("\r\n".join([*USERS.split("\r\n"), "", ""])).encode()),
    users_as("every cell quoted", "the standard",
             "\r\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in USERS.splitlines()).encode()),
    Case("a line break in a cell", "oneroster.md 4, row 12",
         bundle(orgs=(CLEAN_ORGS + 's1,,,"South\r\nHigh",school,,\r\ns2,,,S,skool,,\r\n').encode()),
         problems=(Found("orgs.csv", 3, "warning", "a line break inside a cell"),
                   Found("orgs.csv", 4, "error", "type is none of")),
         counts={"orgs": (3, 2, 1)}, values={("orgs", "s1", "name"): "South High"}),
    Case("a quote left open that a later one closes", "oneroster.md 4, row 12",
         bundle(orgs=(CLEAN_ORGS + 's1,,,"South,school,,\r\ns2,,,"West",school,,\r\n').encode()),
         problems=(Found("orgs.csv", 3, "error", "quote"),), incomplete=frozenset({"orgs"})),
    Case("a quote left open to the end of the file", "issue 20: one line's problem, which used to refuse the whole bundle",
         bundle(orgs=(CLEAN_ORGS + 's1,,,"South,school,,\r\ns2,,,S,school,,\r\n').encode()),
         problems=(Found("orgs.csv", 3, "error", "quote"),), counts={"orgs": (3, 2, 1)}, incomplete=frozenset({"orgs"})),
    Case("1.2's roles.csv beside 1.1's users", "issue 20: files that are not read are named",
         packed({**files(), "roles.csv": files("1.2")["roles.csv"]}),
         problems=(Found("roles.csv", None, "warning", "is of OneRoster 1.2, and the bundle is read as 1.1"),)),
    Case("semicolons under a header with commas", "issue 20: advice is right for the case",
         bundle(users="\r\n".join([USERS.splitlines()[0], *(line.replace(",", ";") for line in USERS.splitlines()[1:]), ""])
                .encode(), enrollments=[]),
         problems=(Found("users.csv", 2, "error", "has semicolons between its cells, and the header has commas"),),
         counts={"users": (1, 0, 1)}, incomplete=frozenset({"users", "enrollments"})),
    Case("a ZIP around it", "issue 20", packed({"export.zip": bundle()}), problems=(note("the ZIP", "inside of the ZIP"),)),
    Case("a ZIP next to the CSVs", "issue 20", packed({**files(), "photos.zip": packed({"a.jpg": b"x"})}),
         problems=(note("the ZIP", r"another ZIP next to the CSVs, which was not read: photos\.zip"),)),
    Case("folders too deep", "issue 20", packed({f"a/b/c/{name}": data for name, data in files("1.2").items()}),
         problems=(note("the ZIP", "folder a/b/c"),)),
    *(Case(f"{name} next to users.csv", "issue 20: a file that is not read is named", packed({**files(), name: b"x"}),
           problems=(note("the ZIP", rf"^{re.escape(name)} was not read, since users\.csv is there too"),))
      for name in ("users (1).csv", "Users - Copy.csv", "users.csv.txt")),
    *(Case(f"{name} next to users.csv, which may hold more people", "issue 20: an absent row proves nothing",
           packed({**files(), name: USERS.encode()}), incomplete=NOT_REMOVED,
           problems=(Found("the ZIP", None, "warning", rf"^{re.escape(name)} was not read, and may hold more rows"),))
      for name in ("users_2.csv", "users-part2.csv", "Users2.csv", "users_teachers.csv", "users - students.csv",
                   "users.part3.csv")),
    *(Case(f"{name} next to users.csv, which is none of its rows", "no cry of wolf", packed({**files(), name: USERS.encode()}))
      for name in ("users_old.csv", "users_2026-09-01.csv", "userProfiles2.csv", "users.bak")),
    *(refused(f"a manifest that calls {name}.csv absent", "issue 20: manifest and files that disagree",
              packed({**files(), "manifest.csv": manifest_of("1.1", modes={name: "absent"})}),
              rf"lacks {name}\.csv, as manifest\.csv has it, which calls that absent; yet the file is there")
      for name in ("users", "orgs")),
    users_as("a header with blanks before its quotes", "issue 20",
             (", ".join(f'"{name}"' for name in USERS.splitlines()[0].split(",")) + "\r\n" + USERS.split("\r\n", 1)[1]).encode()),
    users_as("a header with blanks after its quotes", "issue 20",
             (" ,".join(f'"{name}"' for name in USERS.splitlines()[0].split(",")) + "\r\n" + USERS.split("\r\n", 1)[1]).encode()),
    refused("a quote inside of a column's name", "issue 20: every refusal names what came",
            bundle(users=USERS.replace("givenName", '"given"Name', 1).encode()),
            r"users\.csv, line 1: a quote of the header stands inside of a name"),
    Case("a note for a file that may be meant", "issue 20",
         packed({**{name: data for name, data in files().items() if name != "academicSessions.csv"},
                 "manifest.csv": manifest_of("1.1", modes={"academicSessions": "absent"}),
                 "classes.csv": text_of("classes", [class_(courseSourcedId="math")]).encode(), "academicSessions.txt": b"x"}),
         problems=(note("the ZIP", r"academicSessions\.txt was not read"),), counts={"academicSessions": (0, 0, 0)},
         incomplete=frozenset({"academicSessions"})),
    users_as("a title above the header", "issue 20", b"Heron District,,,\r\n" + USERS.encode(),
             note("users.csv", "line 1 is no header")),
    users_as("lines of one quoted cell each", "issue 20", "".join(f'"{line}"\r\n' for line in USERS.splitlines()).encode(),
             note("users.csv", "each line is one quoted cell")),
    users_as("two byte order marks", "issue 20", b"\xef\xbb\xbf" * 2 + USERS.encode()),
    users_as("a byte order mark that was read as Windows-1252", "issue 20", f"ï»¿{USERS}".encode()),
    users_as("rows of separators", "issue 20", (USERS + "," * 10 + "\r\n,,,\r\n").encode(),
             note("users.csv", "2 lines without data")),
    users_as("a footer", "issue 20", (USERS + "Total rows: 1\r\n").encode(), note("users.csv", "1 line without data")),
    *(Case(f"a footer that counts more rows, {footer}", "issue 20: an absent row proves nothing",
           bundle(users=(USERS + f"{footer}\r\n").encode()),
           problems=(Found("users.csv", 3, "warning", says),), values=READ_ZOE, incomplete=NOT_REMOVED)
      for footer, says in (("(2 rows)", "says that it has 2 rows, and 1 came"), ("Total records: 40", "40 rows, and 1 came"),
                           ("TRAILER,500", "500 rows, and 1 came"), ("Anzahl Zeilen: 20", "20 rows, and 1 came"),
                           ("Page 1 of 3", "ends with page 1 of 3"))),
    *(users_as(f"a footer that counts its rows, {footer}", "issue 20", (USERS + f"{footer}\r\n").encode())
      for footer in ("(1 row)", "1 rows selected.", "Total records: 3", "TRAILER,2", "Page 3 of 3",
                     "Report generated on 2026-11-28 12:30")),
    users_as("rows without their last empty cells", "issue 20", re.sub(",+\r\n", "\r\n", USERS).encode()),
    users_as("surplus empty cells", "issue 20", USERS.replace("\r\n", ",,,\r\n").encode()),
    users_as("a password twice", "issue 20",
             "".join(f"{line},{word},{word}\r\n" for line, word in zip(USERS.splitlines(), ("password", "x"), strict=False))
             .encode()),
    users_as("MacRoman", "issue 20",
             text_of("users", [ZOE, user("bea", familyName="Béranger", enabledUser="true"),
                               user("jo", familyName="Muñoz", givenName="José", enabledUser="true")]).encode("mac_roman"),
             Found("users.csv", None, "warning", "it was read as MacRoman")),
    users_as("one byte of Windows-1252", "issue 20",
             (text_of("users", [ZOE]).encode() + text_of("users", [user("rene", givenName="René", enabledUser="true")])
              .split("\r\n")[1].encode("cp1252") + b"\r\n"),
             Found("users.csv", 3, "warning", "byte E9 is not UTF-8; it was read as `é`")),
    users_as("text that was garbled before it came", "issue 20",
             text_of("users", [ZOE, user("rene", givenName="RenÃ©", enabledUser="true")]).encode(),
             Found("users.csv", 3, "warning", "`Ã©` should be `é`; it was garbled before the file came")),
    users_as("an apostrophe as a database writes it", "issue 20",
             text_of("users", [ZOE, user("neil", familyName="O\\'Neil", enabledUser="true")]).encode(),
             Found("users.csv", 3, "warning", "should be `'`; it was garbled before the file came")),
    *(users_as(f"a letter as {where} writes it", "issue 20",
               text_of("users", [ZOE, user("rene", givenName=sent, enabledUser="true")]).encode(),
               Found("users.csv", 3, "warning", f"`{re.escape(code)}` should be `é`; it was garbled before the file came"))
      for where, sent, code in (("JSON", "Ren\\u00e9", "\\u00e9"), ("an address", "Ren%C3%A9", "%C3%A9"),
                                ("an e-mail", "Ren=C3=A9", "=C3=A9"), ("an address in small letters", "Ren%c3%a9", "%c3%a9"))),
    users_as("a username behind its domain", "no cry of wolf",
             text_of("users", [ZOE, user("rene", username="SCHOOL\\u0071", enabledUser="true")]).encode()),
    users_as("a NUL", "issue 20", text_of("users", [ZOE, user("bo", givenName="B\0o", enabledUser="true")]).encode(),
             Found("users.csv", 3, "warning", "a NUL character")),
    Case("a row that lacks an empty cell", "issue 20: kept only where its cells stand under their columns",
         bundle(users=text_of("users", [user(f"p{n}", username=f"u{n}", email=f"u{n}@x.org", phone="555-0101", enabledUser="true")
                                        for n in range(5)]).replace("p2,,,", "p2,,").encode(), enrollments=[]),
         problems=(Found("users.csv", 4, "warning", "it was read with status empty, the only way in which all cells fit"),),
         incomplete=frozenset({"enrollments"})),
    *(Case(f"two rows in one line, {how}, {version}", "issue 20: an absent row proves nothing",
           bundle(version, enrollments=text_of("enrollments", [enrollment(f"e{n}") for n in (1, 2, 3)], version)
                  .replace("\r\ne2", f"{between}e2").encode()),
           problems=(Found("enrollments.csv", 2, "error", "Another row may stand in it, so nothing of this file is removed"),),
           counts={"enrollments": (2, 1, 1)}, incomplete=frozenset({"enrollments"}))
      for version in ("1.1", "1.2")
      for how, between in (("glued", ""), ("with a blank between", " "), ("with a comma between", ","),
                           ("with a backslash and an n", "\\n"))),
    *(Case(f"two people in one line, {version}", "issue 20: an absent row proves nothing",
           bundle(version, users=text_of("users", [user(enabledUser="true"), user("bob"), user("cat")], version)
                  .replace("\r\ncat", "cat").encode(),
                  **({"roles": [role(), role("bob")]} if version == "1.2" else {})),
           problems=(Found("users.csv", 3, "error", "Another row may stand in it"), *more),
           counts={"users": (2, 1, 1)}, incomplete=NOT_REMOVED)
      for version, more in (("1.1", ()), ("1.2", (Found("roles.csv", 3, "error", "`bob`, which was left out of users.csv"),)))),
    Case("a comma in a title that isn't quoted", "issue 20: exactly one reading fits",
         bundle(classes=text_of("classes", [class_(title="Algebra p1", grades="09", courseSourcedId="math")])
                .replace("Algebra p1", "Algebra, p1").encode()),
         problems=(Found("classes.csv", 2, "warning", "`Algebra, p1` was read as title `Algebra, p1`, the only way"),),
         values={("classes", "math-1", "title"): "Algebra, p1"}),
    Case("a comma in a name that may be anywhere", "issue 20: more than one reading fits",
         bundle(users=text_of("users", [user(enabledUser="true"), user("bo", familyName="Vale", email="bo@ex.test")])
                .replace(",Vale,", ",Vale, Jr.,").encode()),
         problems=(Found("users.csv", 3, "error", "more than one way"),), counts={"users": (2, 1, 1)}),
    Case("backslashes before quotes", "issue 20",
         bundle(orgs=(CLEAN_ORGS + 's1,,,"The \\"New\\" High",school,,\r\n').encode()),
         problems=(Found("orgs.csv", 3, "warning", "escaped by backslashes"),),
         values={("orgs", "s1", "name"): 'The "New" High'}),
    Case("quotes that aren't doubled", "issue 20",
         bundle(orgs=(CLEAN_ORGS + 's1,,,"The "New", High",school,,\r\n').encode()),
         problems=(Found("orgs.csv", 3, "warning", "the only way"),), values={("orgs", "s1", "name"): 'The "New", High'}),
    Case("a blank before a quote beside a line break", "issue 20: a row's fate doesn't hang on another's",
         bundle(orgs=(CLEAN_ORGS + 's1,,, "North, East",school,,\r\ns2,,,"South\r\nHigh",school,,\r\n').encode()),
         problems=(Found("orgs.csv", 3, "warning", "the only way"), Found("orgs.csv", 4, "warning", "line break")),
         values={("orgs", "s1", "name"): "North, East"}),
    Case("a file that was cut", "issue 20: an absent row proves nothing",
         bundle(orgs=(CLEAN_ORGS + "s1,,,South,school,,\r\ns2,,,West,school").encode()),
         problems=(Found("orgs.csv", 4, "error", "ends in the middle"),), counts={"orgs": (3, 2, 1)},
         incomplete=frozenset({"orgs"})),
    Case("an id whose first row is to be deleted", "issue 20: the destructive reading is never the default",
         bundle(users=text_of("users", [user(status="tobedeleted"), user(status="active", phone="555")]).encode()),
         problems=(Found("users.csv", 2, "error", "stands in line 3 too, in a different row, which was kept"),),
         counts={"users": (2, 1, 1)}, values={("users", "ann", "phone"): "555"}),
    *(Case(f"a file that was cut {where}", "issue 20: an absent row proves nothing",
           bundle(orgs=(CLEAN_ORGS + f"s1,,,South,school,,\r\n{end}").encode()),
           problems=(Found("orgs.csv", 4, "error", "ends in the middle"),), counts={"orgs": (3, 2, 1)},
           incomplete=frozenset({"orgs"}))
      for where, end in (("before a cell that a row needs", "s2,,,We"), ("in an id", "s"), ("behind an id", "s2,"))),
    Case("the blank mode of a file that nobody reads", "issue 20", bundle(manifest=manifest_of("1.1", "file.lineItems,")),
         problems=(note("manifest.csv", "file.lineItems is blank"),)),
    Case("columns in another order and case, with blanks", "oneroster.md 4, row 10",
         bundle(orgs=b"TYPE, Name ,SOURCEDID\r\nschool,North,north\r\n"),
         problems=(note("orgs.csv", "another order"),), values={("orgs", "north", "name"): "North"}),
    Case("columns of one's own", "validation.md, note: unknown column ignored",
         bundle(orgs=b"sourcedId,name,type,colour\r\nnorth,North,school,red\r\n"),
         problems=(note("orgs.csv", "colour"),)),
    Case("columns of metadata", "oneroster.md 1.1",
         bundle(orgs=b"sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId,metadata.jp.kana\r\n"
                     b"north,,,North,school,,,ka\r\n"),
         problems=(note("orgs.csv", "metadata.jp.kana"),)),
    Case("1.2's users of the first edition, with resourceSourcedIds", "oneroster.md 4, row 11",
         bundle("1.2", users=text_of("users", [user(preferredGivenName="Annie")], "1.2")
                .replace("userMasterIdentifier,", "userMasterIdentifier,resourceSourcedIds,")
                .replace(",Annie", ",,Annie").encode()),
         values={("users", "ann", "preferredGivenName"): "Annie"}),
    Case("1.2's users with 1.1's columns too", "oneroster.md 4, row 10",
         bundle("1.2", users=b"sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,agents\r\n"
                             b"ann,true,north,student,ann,G,F,\r\n"),
         problems=(note("users.csv", "orgSourcedIds"),)),
    Case("passwords", "oneroster.md 4, row 38",
         bundle(users=b"sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,password\r\n"
                      b"ann,true,north,student,ann,G,F,hunter2\r\n")),
    Case("the CSVs in a folder", "oneroster.md 4, row 1", packed({f"export/{name}": data for name, data in files().items()})),
    Case("a folder with a Mac's leftovers", "oneroster.md 4, row 2",
         packed({**{f"export/{name}": data for name, data in files().items()}, "__MACOSX/export/._users.csv": b"x",
                 "export/.DS_Store": b"x", "Thumbs.db": b"x", "desktop.ini": b"x"})),
    Case("other files beside them", "oneroster.md 4, row 2",
         packed({**files(), "readme.txt": b"hello", "results.csv": b"sourcedId\r\n1\r\n", "log/export.log": b"done"})),
    Case("file names in another case", "oneroster.md 4, row 3",
         renamed({"academicSessions.csv": "academicsessions.CSV", "users.csv": "USERS.csv"})),
    Case("paths with backslashes", "oneroster.md 4, row 6", renamed({name: f"export\\{name}" for name in files()})),
    Case("a ZIP64", "oneroster.md 4, row 6", zip64()),
    Case("no manifest", "validation.md, note: manifest absent", bundle(manifest=None),
         problems=(note("manifest.csv", "No manifest; read as OneRoster 1.1"),)),
    Case("no manifest, with roles", "oneroster.md 1.14", bundle("1.2", manifest=None),
         problems=(note("manifest.csv", "No manifest; read as OneRoster 1.2"),)),
    Case("a manifest in capitals, with blanks and a misspelt row", "oneroster.md 4, row 4",
         bundle(manifest=b"PropertyName,propertyValue\r\nmanifest.version, 1.0\r\nOneRoster.Version , 1.1 \r\n"
                         b"file.catagories,absent\r\nfile.systemName,Some SIS\r\nfile.users, Bulk\r\n")),
    Case("a file that the manifest calls absent", "oneroster.md 4, row 5",
         bundle(manifest=manifest_of("1.1", modes={"courses": "absent"}), classes=[class_()]),
         problems=(Found("courses.csv", None, "warning", "manifest.*absent"),), counts={"courses": (0, 0, 0)},
         incomplete=frozenset({"courses"})),
    Case("a file that the manifest promises and the ZIP lacks", "oneroster.md 4, row 5",
         bundle(courses=None, classes=[class_()]),
         problems=(Found("courses.csv", None, "warning", "manifest"),), counts={"courses": (0, 0, 0)},
         incomplete=frozenset({"courses"})),
    Case("a file with a header only", "oneroster.md 1.1", bundle(enrollments=[]), counts={"enrollments": (0, 0, 0)},
         incomplete=frozenset({"enrollments"})),
    Case("a bulk that fills status and a plain date in dateLastModified", "oneroster.md 4, row 14",
         bundle(orgs=[org(status="active", dateLastModified="2026-09-01")]),
         values={("orgs", "north", "status"): "active"}),
)  # fmt: skip


def sessions_with(*starts: str) -> Rows:
    return [session("fall", startDate=starts[0]), *(session(f"t{at}", startDate=start) for at, start in enumerate(starts[1:]))]


def begun(*dates: str) -> bytes:
    return bundle(enrollments=[enrollment(f"e{at}", beginDate=date) for at, date in enumerate(dates, start=1)])


def begins(*dates: str | None) -> dict[tuple[str, str, str], str | None]:
    return {("enrollments", f"e{at}", "beginDate"): date for at, date in enumerate(dates, start=1)}


def unread(*lines: int) -> tuple[Found, ...]:
    return tuple(Found("enrollments.csv", line, "warning", "beginDate can't be read for certain") for line in lines)


DATES = (
    Case("dates with a time, a zone or a fraction", "oneroster.md 4, row 18",
         begun("2026-09-01", "2026-09-01T00:00:00.000Z", "2026-09-01T08:00:00-06:00", "2026-09-01 00:00:00"),
         values=begins(*["2026-09-01"] * 4)),
    Case("American dates, which one of them shows", "oneroster.md 4, row 18", begun("9/25/2026", "03/04/2026"),
         problems=(note("enrollments.csv", "beginDate.*month"),), values=begins("2026-09-25", "2026-03-04")),
    Case("European dates, which one of them shows", "oneroster.md 4, row 18", begun("25.9.2026", "03.04.2026"),
         problems=(note("enrollments.csv", "beginDate.*day"),), values=begins("2026-09-25", "2026-04-03")),
    Case("the day before the month, as two rows show", "issue 20: never the value that a cast happened to give",
         begun("2026-25-08", "2026-05-09", "2027-31-01 00:00"),
         problems=(Found("enrollments.csv", None, "warning", "beginDate.*`2026-25-08`.*the day before the month"),),
         values=begins("2026-08-25", "2026-09-05", "2027-01-31")),
    Case("the day before the month, and an end before its begin by that", "issue 20: never the value that a cast gave",
         bundle(enrollments=[enrollment("e1", beginDate="2026-25-08", endDate="2027-31-05"),
                             enrollment("e2", beginDate="2026-26-08", endDate="2027-30-05"),
                             enrollment("e3", beginDate="2026-02-09", endDate="2026-11-08")]),
         problems=(Found("enrollments.csv", None, "warning", "beginDate.*the day before the month"),
                   Found("enrollments.csv", None, "warning", "endDate.*the day before the month"),
                   Found("enrollments.csv", 4, "warning", "endDate.*before"))),
    Case("the day before the month in two rows, and behind it in one", "issue 20: never the value that a cast happened to give",
         begun("2026-25-08", "2026-09-25", "2026-05-09", "2026-26-08"), problems=unread(2, 5),
         values=begins(None, "2026-09-25", "2026-05-09", None)),
    Case("the day before the month in one row, a slip of the hand", "validation.md, dates",
         begun("2026-25-08", "2026-05-09", "2026-05-09"), problems=unread(2), values=begins(None, "2026-05-09", "2026-05-09")),
    Case("two-digit years, which one of them shows", "validation.md, dates", begun("9/25/26", "9/1/26"),
         problems=(note("enrollments.csv", "beginDate.*month"),), values=begins("2026-09-25", "2026-09-01")),
    *(Case(f"a term from {first} to {last}", "validation.md, dates: two-digit years by their neighbours",
           bundle(academicSessions=[session(startDate=first, endDate=last)]),
           problems=(note("academicSessions.csv", f"startDate.*in the file show that the {leading} comes first"),),
           values={("academicSessions", "fall", "startDate"): "2026-08-20",
                   ("academicSessions", "fall", "endDate"): "2026-12-13"})
      for first, last, leading in (("26-08-20", "26-12-13", "year"), ("26/08/20", "2026-12-13", "year"),
                                   ("20.08.26", "13.12.26", "day"))),
    Case("two-digit years that may come first or last", "validation.md, dates",
         bundle("1.2", roles=[role(beginDate="25-08-26", endDate="27-09-26")]),
         problems=(Found("roles.csv", 2, "warning", "beginDate can't be read for certain"),
                   Found("roles.csv", 2, "warning", "endDate can't be read for certain"))),
    Case("two-digit years that come first, as the academic sessions show", "validation.md, dates",
         begun("26-08-25", "26-09-27"), values=begins("2026-08-25", "2026-09-27")),
    Case("two-digit years that come last, as the academic sessions show", "validation.md, dates",
         begun("25.08.26", "27.09.26"), values=begins("2026-08-25", "2026-09-27")),
    Case("two-digit years of which two columns show different things", "validation.md, dates",
         bundle(enrollments=[enrollment(beginDate="26-08-20", endDate="12-13-26")]),
         problems=(Found("enrollments.csv", 2, "warning", "beginDate can't be read for certain"),),
         values={("enrollments", "e1", "beginDate"): None, ("enrollments", "e1", "endDate"): "2026-12-13"}),
    Case("dates with a month's name", "validation.md, dates",
         begun("1-Sep-2026", "Sep 2, 2026", "3. September 2026", "04-SEP-26",
               "Fri, 25 Sep 2026 00:00:00 GMT", "1er septembre 2026", "25 de septiembre de 2026", "25 juil. 2026", "25 juin 2026",
               "25th September 2026", "2026年9月1日", "Di 01.09.2026", "09/09/2026", "2026\u201109\u201101", "Mar 3, 2026"),
         problems=unread(13),
         values=begins("2026-09-01", "2026-09-02", "2026-09-03", "2026-09-04", "2026-09-25", "2026-09-01", "2026-09-25",
                       "2026-07-25", "2026-06-25", "2026-09-25", "2026-09-01", None, "2026-09-09", "2026-09-01", "2026-03-03")),
    Case("dates without any mark between", "validation.md, dates", begun("20260901", "2026/09/02", "2026.9.3"),
         values=begins("2026-09-01", "2026-09-02", "2026-09-03")),
    Case("American dates with a clock", "validation.md, dates", begun("9/25/2026 12:00:00 AM", "9/1/2026 00:00"),
         values=begins("2026-09-25", "2026-09-01")),
    Case("years that no roster has", "validation.md, dates",
         begun("infinity", "0009-01-26", "1899-12-31", "9999-12-31", "-infinity"),
         problems=unread(2, 3, 4, 5, 6), values=begins(*[None] * 5)),
    Case("a column of dates that its neighbour decides", "validation.md, dates",
         bundle(enrollments=[enrollment(beginDate="3/4/2026", endDate="9/25/2026")]),
         problems=(note("enrollments.csv", "beginDate.*in the file show that the month"),), values=begins("2026-03-04")),
    Case("a term in American dates is not lost", "validation.md, dates",
         bundle(academicSessions=[session(startDate="8/20/26", endDate="12/13/26")]),
         values={("academicSessions", "fall", "startDate"): "2026-08-20", ("academicSessions", "fall", "endDate"): "2026-12-13"}),
    Case("dates of which none shows the month", "issue 4", begun("03/04/2026", "05/06/2026"), problems=unread(2, 3),
         values=begins(None, None)),
    Case("dates that contradict each other", "issue 4", begun("25/09/2026", "09/25/2026"), problems=unread(2, 3),
         values=begins(None, None)),
    Case("a term's dates of which none shows the month", "validation.md, unreadable date: error where it is required",
         bundle(academicSessions=sessions_with("03/04/2026"), classes=[class_(courseSourcedId="math")]),
         problems=(Found("academicSessions.csv", 2, "error", "startDate can't be read for certain"),),
         counts={"academicSessions": (1, 0, 1)}, incomplete=frozenset({"academicSessions"})),
    *(Case(f"dates as {where} has them", "issue 20: a term is not lost for its format",
           bundle(academicSessions=[session(startDate=first, endDate=last)]),
           values={("academicSessions", "fall", "startDate"): "2026-08-20",
                   ("academicSessions", "fall", "endDate"): "2026-12-03"})
      for where, first, last in (
          ("Hungary", "2026. 08. 20.", "2026.12.03."), ("Korea", "2026. 8. 20.", "2026. 12. 3. 0:00"),
          ("Java", "Thu Aug 20 00:00:00 CDT 2026", "Thu Dec 03 00:00:00 CST 2026"), ("Unix", "Thu Aug 20 00:00:00 2026",
                                                                                     "Thu Dec  3 00:00:00 2026"),
          ("a spreadsheet's text", "'2026-08-20", "2026-12-03"), ("a spreadsheet's formula", '="2026-08-20"', '="2026-12-03"'),
          ("Egypt", "٢٠٢٦-٠٨-٢٠", "٢٠٢٦-١٢-٠٣"))),
    *(Case(f"years that {whose} counts", "issue 20: never the value that a cast happened to give",
           bundle(academicSessions=[session(startDate=first, endDate=last)], classes=[class_()]),
           problems=(Found("academicSessions.csv", 2, "error", f"startDate can't be read.*It is `{first}`"),),
           counts={"academicSessions": (1, 0, 1)}, incomplete=frozenset({"academicSessions"}))
      for whose, first, last in (("Thailand", "2569-08-20", "2569-12-03"), ("the Hijri calendar", "1448-03-07", "1448-06-23"),
                                 ("Taiwan", "115/08/20", "115/12/03"), ("Japan", "R8.8.20", "R8.12.3"),
                                 ("a spreadsheet", "46254", "46359"), ("a clock in seconds", "1787184000", "1796256000"))),
    Case("booleans of another kind", "validation.md: read, with a note", bundle(users=[user(enabledUser="Yes")]),
         problems=(note("users.csv", "enabledUser"),), values={("users", "ann", "enabledUser"): True}),
)  # fmt: skip

POPULATIONS = (
    Case("people whose ids have lost their zeros", "validation.md, damaged ids",
         bundle(users=[user("71"), user("72")],
                enrollments=[enrollment("e1", userSourcedId="00071"), enrollment("e2", userSourcedId="00072")]),
         problems=(Found("users.csv", None, "warning", "zeros.*: 2 were restored.*`71` for `00071`"),),
         values={("users", "00071", "username"): "71"}, incomplete=NOT_REMOVED),
    Case("people whose ids have lost their zeros, one of whom nobody refers to", "validation.md, damaged ids",
         bundle(users=[user("71"), user("72"), user("74")],
                enrollments=[enrollment("e1", userSourcedId="00071"), enrollment("e2", userSourcedId="00072")]),
         problems=(Found("users.csv", None, "warning", "2 were restored.* 1 more"),
                   Found("users.csv", 4, "error", "`74` is what a spreadsheet made of the id")),
         counts={"users": (3, 2, 1)}, values={("users", "00072", "username"): "72"}, incomplete=NOT_REMOVED),
    Case("people whose ids have lost their zeros in 1.2", "validation.md, damaged ids",
         bundle("1.2", users=[user("71"), user("72")], roles=[role("00071"), role("00072")],
                enrollments=[enrollment("e1", userSourcedId="00071")]),
         problems=(Found("users.csv", None, "warning", "2 were restored"),),
         values={("users", "00072", "userType"): "student"}, incomplete=NOT_REMOVED),
    Case("schools whose ids have lost their zeros", "validation.md, damaged ids",
         bundle(orgs=[org("101"), org("102")], classes=[class_(schoolSourcedId="0101")], users=[user(orgSourcedIds="0101,0102")],
                courses=[], enrollments=[enrollment(schoolSourcedId="0101")]),
         problems=(Found("orgs.csv", None, "warning", "2 were restored"),),
         values={("classes", "math-1", "schoolSourcedId"): "0101"},
         counts={"courses": (0, 0, 0)}, incomplete=frozenset({"orgs", "courses"})),
    Case("one padded reference among many ids that are referred to as they stand", "validation.md, damaged ids",
         bundle(users=[user("71"), user("72"), user("73")],
                enrollments=[enrollment("e1", userSourcedId="71"), enrollment("e2", userSourcedId="72"),
                             enrollment("e3", userSourcedId="0073")]),
         problems=(Found("enrollments.csv", 4, "error", "`0073`, which is missing.*nearest there is `73`.*leading zeros"),),
         counts={"enrollments": (3, 2, 1)}, values={("users", "71", "username"): "71"}),
    Case("references that have lost their zeros", "validation.md, damaged ids",
         bundle(users=[user("00071")], enrollments=[enrollment(userSourcedId="71")]),
         problems=(Found("enrollments.csv", 2, "warning", "refers to `71`, and the row there is `00071`.*leading zeros"),),
         values={("enrollments", "e1", "userSourcedId"): "00071"}),
    Case("references that became measures", "validation.md, damaged ids",
         bundle(users=[user("71")], enrollments=[enrollment(userSourcedId="71.0")]),
         problems=(Found("enrollments.csv", 2, "warning", "`71.0`, and the row there is `71`.*decimal point"),),
         values={("enrollments", "e1", "userSourcedId"): "71"}),
    Case("people whose ids became measures", "validation.md, damaged ids",
         bundle(users=[user("71.0"), user("72.0"), user("74.0")],
                enrollments=[enrollment("e1", userSourcedId="71"), enrollment("e2", userSourcedId="00072")]),
         problems=(Found("users.csv", None, "warning", "a decimal point.*: 2 were restored.*`71.0` for `71`.* 1 more"),
                   Found("users.csv", 4, "error", "`74.0` is what a spreadsheet made of the id")),
         counts={"users": (3, 2, 1)}, values={("users", "71", "username"): "71.0", ("users", "00072", "username"): "72.0"},
         incomplete=NOT_REMOVED),
    Case("ids that are formulas with two arguments", "validation.md, damaged ids",
         bundle(users=[user('=HYPERLINK("https://sis.example/u/71","00071")'), user('=TEXT("72","00000")'), user('=T("00073")')],
                enrollments=[enrollment(userSourcedId="00073")]),
         problems=(Found("users.csv", None, "error", "ids in sourcedId are formulas of a spreadsheet"),
                   *(Found("users.csv", line, "error", "is what a spreadsheet made of the id") for line in (2, 3)),
                   Found("users.csv", 4, "warning", "it was read as `00073`")),
         counts={"users": (3, 1, 2)}, values={("enrollments", "e1", "userSourcedId"): "00073"}, incomplete=NOT_REMOVED),
    Case("ids of two numbers, of which one is zero", "no cry of wolf",
         bundle(users=[user("10.0"), user("10.1"), user("10.12")], enrollments=[enrollment(userSourcedId="10.0")]),
         values={("enrollments", "e1", "userSourcedId"): "10.0"}),
    *(Case(f"people whose ids are numbers as in {where}", "validation.md, damaged ids",
           bundle(users=[user(first), user(second), user("9")],
                  enrollments=[enrollment("e1", userSourcedId="012071"), enrollment("e2", userSourcedId="012072"),
                               enrollment("e3", userSourcedId="9")]),
           problems=(Found("users.csv", None, "warning", f"2 were restored.*`{re.escape(first)}` for `012071`"),),
           values={("users", "012072", "username"): second}, incomplete=NOT_REMOVED)
      for where, first, second in (("Germany", "12.071", "12.072"), ("France", "12\u202f071", "12\u202f072"),
                                   ("Poland", "12 071", "12 072"), ("Switzerland", "12\u2019071", "12\u2019072"),
                                   ("Germany, with a comma", "12071,0", "12072,00"), ("Spain", "12.071,00", "12.072,00"))),
    Case("ids of two numbers that are referred to as they stand", "no cry of wolf",
         bundle(classes=[class_("12.071"), class_("12.072"), class_("12.073")],
                enrollments=[enrollment("e1", classSourcedId="12.071"), enrollment("e2", classSourcedId="12.072"),
                             enrollment("e3", classSourcedId="12073")]),
         problems=(Found("enrollments.csv", 4, "error", "`12073`, which is missing.*nearest there is `12.073`"),),
         counts={"enrollments": (3, 2, 1)}, values={("classes", "12.071", "title"): "12.071"}),
    *(Case(f"ids that are {what}", "validation.md, damaged ids",
           bundle(classes=[class_(), class_(first), class_(second)]),
           problems=(Found("classes.csv", None, "error", f"made dates of ids.*{first}"),
                     Found("classes.csv", 3, "error", f"`{first}`"), Found("classes.csv", 4, "error", f"`{second}`")),
           counts={"classes": (3, 1, 2)}, incomplete=frozenset({"classes"}))
      for what, first, second in (("days with a clock", "10/8/1902 0:00", "3/12/2026 12:00:00 AM"),
                                  ("times of the day", "10:08 AM", "9:05:00 PM"))),
    Case("references that a spreadsheet made dates of", "validation.md, damaged ids",
         bundle(classes=[class_(), class_("2-1")], enrollments=[enrollment(), enrollment("e2", classSourcedId="2-Jan")]),
         problems=(Found("enrollments.csv", None, "error", "made dates of ids in classSourcedId, such as `2-Jan`"),
                   Found("enrollments.csv", 3, "error", "`2-Jan`, which is missing")),
         counts={"enrollments": (2, 1, 1)}),
    *(Case(f"a reference that differs by {how}", "validation.md, a dangling reference tells all it knows",
           bundle(users=[user(there)], enrollments=[enrollment(userSourcedId=sent)]),
           problems=(Found("enrollments.csv", 2, "warning", f"the row there is `{there}`: they differ by {says}"),),
           values={("enrollments", "e1", "userSourcedId"): there})
      for how, there, sent, says in (
          ("the hyphens of a UUID", "6f9619ff-8b86-d011-b42d-00c04fc91008", "6f9619ff8b86d011b42d00c04fc91008", "hyphens"),
          ("a UUID's prefix", "6f9619ff-8b86-d011-b42d-00c04fc91008", "urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc91008", ""),
          ("an accent of its own", "zoe\u0301-1", "zo\u00e9-1", ""),
          ("another dash", "S-71", "S\u201371", ""),
          ("a blank that doesn't break", "S 71", "S\u00a071", ""))),
    *(Case(f"a reference by {what}", "validation.md, a dangling reference tells all it knows",
           bundle(users=[user("00071", username="anna", identifier="N-17", email="anna@ex.test")],
                  enrollments=[enrollment(userSourcedId=sent)]),
           problems=(Found("enrollments.csv", 2, "error", f"`{sent}`, which is missing from users.csv. {says}"),),
           counts={"enrollments": (1, 0, 1)}, incomplete=frozenset({"enrollments"}))
      for what, sent, says in (
          ("username", "anna", "It is the username of `00071` there"),
          ("identifier", "N-17", "It is the identifier of `00071` there"),
          ("e-mail", "anna@ex.test", "It is the email of `00071` there"),
          ("an id with a prefix", "S-00071", "The nearest there is `00071`, which differs by what stands before or behind it"),
          ("an id with a year behind it", "00071-2027", "The nearest there is `00071`, which differs by what stands before"))),
    Case("people whose ids gained commas", "validation.md, damaged ids",
         bundle(users=[user("12,071"), user("12,072")],
                enrollments=[enrollment("e1", userSourcedId="12071"), enrollment("e2", userSourcedId="12072")]),
         problems=(Found("users.csv", None, "warning", "2 were restored.*`12,071` for `12071`"),),
         values={("enrollments", "e1", "userSourcedId"): "12071"}, incomplete=NOT_REMOVED),
    Case("a person's number of thousands, and another person of that number without its zeros", "validation.md, damaged ids",
         bundle(users=[user("12,000"), user("12,071"), user("9")],
                enrollments=[enrollment("e1", userSourcedId="12000"), enrollment("e2", userSourcedId="12071")]),
         problems=(Found("users.csv", None, "warning", "2 were restored.*`12,000` for `12000`"),),
         values={("users", "12000", "username"): "12,000", ("enrollments", "e1", "userSourcedId"): "12000"},
         incomplete=NOT_REMOVED),
    Case("a reference to a number of thousands, and a person of that number without its zeros", "validation.md, damaged ids",
         bundle(users=[user("12"), user("12000")], enrollments=[enrollment(userSourcedId="12,000")]),
         problems=(Found("enrollments.csv", 2, "warning", "`12,000`, and the row there is `12000`"),),
         values={("enrollments", "e1", "userSourcedId"): "12000"}),
    Case("ids that became measures in every file", "validation.md, damaged ids",
         bundle(users=[user("71.0"), user()], enrollments=[enrollment(), enrollment("e2", userSourcedId="71.0")]),
         problems=(Found("users.csv", None, "error", "taken for measures, such as `71.0`"),
                   Found("users.csv", 2, "error", "`71.0` is what a spreadsheet made of the id"),
                   Found("enrollments.csv", 3, "error", "`71.0`, which was left out")),
         counts={"users": (2, 1, 1), "enrollments": (2, 1, 1)}, incomplete=NOT_REMOVED),
    Case("ids of sixteen digits and more that a spreadsheet rounded", "validation.md, damaged ids",
         bundle(users=[user("1234567890123450"), user("1234567890123400"), user("12345678901234600"), user()],
                enrollments=[enrollment(), enrollment("e2", userSourcedId="1234567890123456")]),
         problems=(Found("users.csv", None, "error", "rounded ids in sourcedId.*enrollments.csv refers to `1234567890123456`"),
                   *(Found("users.csv", line, "error", "is what a spreadsheet made of the id") for line in (2, 3, 4)),
                   Found("enrollments.csv", 3, "error", "`1234567890123456`, which is missing")),
         counts={"users": (4, 1, 3), "enrollments": (2, 1, 1)}, incomplete=NOT_REMOVED),
    Case("ids of sixteen digits, one of which ends in zero", "validation.md, damaged ids",
         bundle(users=[user("1234567890123450"), user("1234567890123456"), user()])),
    Case("references of sixteen digits that a spreadsheet rounded", "validation.md, damaged ids",
         bundle(users=[user("1234567890123451"), user()],
                enrollments=[enrollment(), enrollment("e2", userSourcedId="1234567890123450")]),
         problems=(Found("enrollments.csv", None, "error", "rounded ids in userSourcedId, such as `1234567890123450`"),
                   Found("enrollments.csv", 3, "error", "`1234567890123450`, which is missing")),
         counts={"enrollments": (2, 1, 1)}),
    Case("ids that a spreadsheet made dates of, with the year", "validation.md, damaged ids",
         bundle(classes=[class_(), class_("12.03.2026"), class_("3/12/2026")]),
         problems=(Found("classes.csv", None, "error", "made dates of ids.*12.03.2026"),
                   Found("classes.csv", 3, "error", "`12.03.2026`"),
                   Found("classes.csv", 4, "error", "`3/12/2026`")),
         counts={"classes": (3, 1, 2)}, incomplete=frozenset({"classes"})),
    Case("ids of three numbers, some of which look like dates", "validation.md, damaged ids",
         bundle(classes=[class_(), class_("12.3.2026"), class_("77.3.2026"), class_("10.11.12")])),
    Case("a reference that two ids fit", "validation.md, damaged ids",
         bundle(users=[user("Ann"), user("ANN", username="b")], enrollments=[enrollment(userSourcedId="ann")]),
         problems=(Found("enrollments.csv", 2, "error", "`ann`, which is missing.*nearest there is `A.*case"),),
         counts={"enrollments": (1, 0, 1)}, incomplete=frozenset({"enrollments"})),
    *(Case(f"a reference to a row that was left out, and somebody near it, {version}", "validation.md, damaged ids",
           bundle(version, users=[user("ANN"), user("ann", username="b", enabledUser="perhaps")],
                  **({"roles": [role("ANN"), role("ann")]} if version == "1.2" else {}),
                  enrollments=[enrollment(userSourcedId="ann")]),
           problems=(Found("users.csv", 3, "warning", "enabledUser can't be read"),
                     Found("enrollments.csv", 2, "error", "`ann`, which was left out of users.csv"), *more),
           counts={"users": (2, 1, 1), "enrollments": (1, 0, 1)}, incomplete=frozenset({"enrollments"}))
      for version, more in (("1.1", ()), ("1.2", (Found("roles.csv", 3, "error", "`ann`, which was left out of users.csv"),)))),
    Case("a reference with a letter too many", "validation.md, a dangling reference tells all it knows",
         bundle(users=[user("student-1")], enrollments=[enrollment(userSourcedId="student-12")]),
         problems=(Found("enrollments.csv", 2, "error", "nearest there is `student-1`, which differs by one character"),),
         counts={"enrollments": (1, 0, 1)}, incomplete=frozenset({"enrollments"})),
    *(Case(f"a reference with {what}", "validation.md, a dangling reference tells all it knows",
           bundle(users=[user(there), user(near)], enrollments=[enrollment(userSourcedId=sent)]),
           problems=(Found("enrollments.csv", 2, "error", f"nearest there is `{there}`, which differs by letters that look"),),
           counts={"enrollments": (1, 0, 1)}, incomplete=frozenset({"enrollments"}))
      for what, sent, there, near in (
          ("the letter O for a zero", "S10O05", "S10005", "S10015"), ("O for every zero", "S1OOO5", "S10005", "S10001"),
          ("the letter l for a one", "Sl0005", "S10005", "S00005"))),
    *(Case(f"columns called {joined('sourcedId')}", "issue 20: what is plain is read", headed(joined),
           problems=(note("users.csv", f"columns are called `{joined('sourcedId')}`, .* read as the standard's names"),),
           values={("users", "ann", "username"): "ann", ("orgs", "north", "type"): "school"})
      for joined in OTHER_NAMES),
    Case("columns with names of OneRoster 1.0", "OneRoster 1.0, CSV tables",
         bundle(users=b"sourcedId,orgSourcedIds,role,username,givenName,familyName,userId,agents,grade\r\n"
                      b"ann,north,student,ann,A,A,7,zoe,09\r\nzoe,north,parent,zoe,Z,Z,,,\r\n"),
         problems=(note("users.csv", "`agents`, `grade`, as in OneRoster 1.0; they were read as `agentSourcedIds`, `grades`"),
                   note("users.csv", "not read: userId")),
         values={("users", "ann", "grades"): ["09"], ("users", "ann", "agentSourcedIds"): ["zoe"]}),
    Case("a column of OneRoster 1.0 beside the one of today", "OneRoster 1.0, CSV tables",
         bundle(users=b"sourcedId,orgSourcedIds,role,username,givenName,familyName,grade,grades\r\n"
                      b"ann,north,student,ann,A,A,9th grade,09\r\n"),
         problems=(note("users.csv", "not read: grade"),),
         values={("users", "ann", "grades"): ["09"]}),
    Case("an id with letters or zeros, which of them can't be told", "ids: a letter that stands for a digit",
         bundle(users=[user("ROOM-7"), user("R01M-7", username="b")], enrollments=[enrollment(userSourcedId="R00M-7")]),
         problems=(Found("users.csv", None, "error", "letters that look like digits .*`ROOM-7` for `R00M-7` .rows: 1."),
                   Found("users.csv", 2, "error", "nothing is kept under it"),
                   Found("enrollments.csv", 2, "error", "`R00M-7`, which is missing from users.csv")),
         counts={"users": (2, 1, 1), "enrollments": (1, 0, 1)}, incomplete=frozenset({"users", "enrollments"})),
    Case("a reference with a letter for a digit, among others", "ids: a letter that stands for a digit",
         of_people(ENROLLED, [*ENROLLED[:4], "S1OOO5"]),
         problems=(Found("enrollments.csv", 6, "warning", "`S1OOO5`, and the row there is `S10005`: they differ by letters"),),
         values={("enrollments", "e5", "userSourcedId"): "S10005"}),
    *(Case(f"{what}, {version}", "ids: a letter that stands for a digit",
           of_people(sent, ENROLLED, version, roles=sent if version == "1.2" else ()),
           problems=(Found("users.csv", None, "warning", f"look like digits .*; they were read as .* .rows: {number}"),),
           values={("users", each, "username"): str(at) for at, each in enumerate(ENROLLED)})
      for version in ("1.1", "1.2")
      for what, number, sent in (("a letter for a digit in one person's id", 1, ["SlOOO1", *ENROLLED[1:]]),
                                 ("letters for digits in all ids", 5, [each.replace("0", "O") for each in ENROLLED]))),
    Case("letters for digits in all ids, of whom one is not enrolled", "ids: a letter that stands for a digit",
         of_people([*(each.replace("0", "O") for each in ENROLLED), "S1OOO9"], ENROLLED),
         problems=(Found("users.csv", None, "warning", "; they were read as those say them, such as .* .rows: 6"),),
         values={("users", "S10009", "username"): "5"}),
    Case("a letter for a digit in the only person's id, whom two files name", "ids: a letter that stands for a digit",
         of_people(["1O"], ["10"], "1.2", roles=["10"]),
         problems=(Found("users.csv", None, "warning", "; they were read as those say them, such as `1O` as `10` .rows: 1"),),
         values={("users", "10", "username"): "0"}),
    Case("a letter for a digit in one person's id, whom roles and enrollments name", "ids: a letter that stands for a digit",
         of_people(["SlOOO1", *ENROLLED[1:]], ENROLLED, "1.2", roles=ENROLLED),
         problems=(Found("users.csv", None, "warning", "they were read as those say them, such as `SlOOO1` as `S10001`"),),
         values={("users", "S10001", "username"): "0"}),
    Case("a letter before all ids, to which one file refers without", "ids: what was added to all of them",
         of_people([f"X{each}" for each in ENROLLED], ENROLLED),
         problems=(Found("users.csv", None, "error", "by `X` before them, such as `XS10001` for `S10001`.*rows: 5"),
                   *(Found("users.csv", line, "error", "nothing is kept under it") for line in range(2, 7)),
                   *(Found("enrollments.csv", line, "error", "missing from users.csv") for line in range(2, 7))),
         counts={"users": (5, 0, 5), "enrollments": (5, 0, 5)}, incomplete=frozenset({"users", "enrollments"})),
    Case("a letter before all ids, to which two files refer without", "ids: what was added to all of them",
         of_people([f"{each}-X" for each in ENROLLED], ENROLLED, "1.2", roles=ENROLLED),
         problems=(Found("users.csv", None, "warning", "by `-X` behind them; they were read as those say .*rows: 5"),),
         values={("users", each, "username"): str(at) for at, each in enumerate(ENROLLED)}),
    *(Case(f"words with {between!r} between, {version}", "issue 20: what is plain is read",
           bundle(version, academicSessions=[session(type=f"Grading{between}Period")],
                  users=[user(role=f"site{between}administrator")],
                  **({"roles": [role(role=f"SITE{between}ADMINISTRATOR")]} if version == "1.2" else {})),
           values={("academicSessions", "fall", "type"): "gradingPeriod", ("users", "ann", "userType"): "siteAdministrator"})
      for version, between in (("1.1", " "), ("1.2", "_"), ("1.1", "-"))),
    Case("classes and people that changed places", "ids: of another file",
         bundle(users=[user(each, username=each) for each in ENROLLED],
                enrollments=[enrollment(each, classSourcedId=each, userSourcedId="math-1") for each in ENROLLED]),
         problems=(Found("enrollments.csv", None, "error", "classSourcedId holds ids of users.csv, such as `S10001`.*rows: 5"),
                   *(Found("enrollments.csv", line, "error", "missing from classes.csv") for line in range(2, 7))),
         counts={"enrollments": (5, 0, 5)}, incomplete=frozenset({"classes", "enrollments"})),
    Case("a role that is neither primary nor secondary", "1.2: what is needed and empty is said",
         bundle("1.2", roles=[role(roleType="")]), problems=(note("roles.csv", "roleType is empty in 1 rows"),),
         values={("users", "ann", "userType"): "student"}),
    *(Case(f"ids of which ten characters came, {version}", "issue 20: ids cut at a length",
           of_people([each[:10] for each in CUT], CUT, version, roles=CUT),
           problems=(Found("users.csv", None, "warning",
                           "first 10 characters, which was cut; they were read .* `1-2026-0Vi` as `1-2026-0Viola`, .*rows: 5"),),
           values={("users", each, "username"): str(at) for at, each in enumerate(CUT)})
      for version in ("1.1", "1.2")),
    Case("ids of which so few characters came that two are one", "issue 20: ids cut at a length",
         of_people([*(each[:8] for each in CUT), "6-2026-0"], [*CUT, "1-2026-0Will"]),
         problems=(Found("users.csv", None, "warning", "they were read as those say them, such as `2-2026-0` .*rows: 4"),
                   Found("users.csv", None, "error", "such as `1-2026-0` for `1-2026-0Viola`, `6-2026-0` .rows: 2"),
                   *(Found("users.csv", line, "error", "nothing is kept under it") for line in (2, 7)),
                   *(Found("enrollments.csv", line, "error", "missing from users.csv") for line in (2, 7))),
         values={("users", each, "username"): str(at) for at, each in enumerate(CUT) if at},
         counts={"users": (6, 4, 2), "enrollments": (6, 4, 2)}, incomplete=frozenset({"users"})),
    Case("something before one file's references", "ids: what was added to all of them",
         of_people(ENROLLED, [f"north:{each}" for each in ENROLLED], "1.2", roles=ENROLLED),
         problems=(Found("enrollments.csv", None, "error", "userSourcedId differs from the ids in users.csv by `north:` before"),
                   *(Found("enrollments.csv", line, "error", "missing from users.csv") for line in range(2, 7))),
         counts={"enrollments": (5, 0, 5)}, incomplete=frozenset({"users", "enrollments"})),
    Case("ids that a spreadsheet rounded", "validation.md, damaged ids",
         bundle(users=[user("1.23457E+11"), user("1,23457E11", username="b"), user()],
                enrollments=[enrollment(), enrollment("e2", userSourcedId="123456789012")]),
         problems=(Found("users.csv", None, "error", "rounded ids in sourcedId.*enrollments.csv refers to `123456789012`"),
                   Found("users.csv", 2, "error", "what a spreadsheet made"),
                   Found("users.csv", 3, "error", "what a spreadsheet made"),
                   Found("enrollments.csv", 3, "error", "`123456789012`, which is missing")),
         counts={"users": (3, 1, 2), "enrollments": (2, 1, 1)}, incomplete=NOT_REMOVED),
    Case("references that a spreadsheet rounded", "validation.md, damaged ids",
         bundle(enrollments=[enrollment(), enrollment("e2", userSourcedId="1,23457E+11")]),
         problems=(Found("enrollments.csv", None, "error", "rounded ids in userSourcedId"),
                   Found("enrollments.csv", 3, "error", "refers to `1,23457E.11`")),
         counts={"enrollments": (2, 1, 1)}),
    Case("ids that a spreadsheet made dates of", "validation.md, damaged ids",
         bundle(classes=[class_(), class_("12-Mar"), class_("Mar-12"), class_("12. Mrz"), class_("12-mars"), class_("12-MAR")]),
         problems=(Found("classes.csv", None, "error", "made dates of ids"), Found("classes.csv", 3, "error", "`12-Mar`"),
                   Found("classes.csv", 4, "error", "`Mar-12`"), Found("classes.csv", 5, "error", "`12. Mrz`"),
                   Found("classes.csv", 6, "error", "`12-mars`")),
         counts={"classes": (6, 2, 4)}, incomplete=frozenset({"classes"})),
    Case("classes without any title, with codes", "validation.md, required text blank throughout",
         bundle(classes=[class_(title="", classCode="M1"), class_("k2", title="", classCode="M2")]),
         problems=(Found("classes.csv", None, "warning", "title is empty in 2 rows"),),
         values={("classes", "k2", "title"): "M2 (no title sent)"}),
    Case("classes without any title, with courses", "validation.md, required text blank throughout",
         bundle(classes=[class_(title="", courseSourcedId="math", periods="3"), class_("k2", title="", courseSourcedId="math"),
                         class_("k3", title="")]),
         problems=(Found("classes.csv", None, "warning", "title is empty"), Found("classes.csv", 4, "error", "title is empty")),
         counts={"classes": (3, 2, 1)}, values={("classes", "math-1", "title"): "Math, period 3 (no title sent)",
                                                ("classes", "k2", "title"): "Math, class k2 (no title sent)"}),
    Case("two people of one username", "validation.md, plausible nonsense", bundle(users=[user(), user("bob", username="ANN")]),
         problems=(Found("users.csv", 3, "warning", "that of the person `ann` in line 2"),)),
    *(Case(f"one {name} for all but one" + (" in 1.2" if version == "1.2" else ""), "validation.md, plausible nonsense",
           bundle(version, users=[user(f"u{at}", username=f"u{at}", **{name: one} if at else {}) for at in range(6)],
                  **({"roles": [role(f"u{at}") for at in range(6)]} if version == "1.2" else {}),
                  enrollments=[]),
           problems=(note("users.csv", f"{name} is the same for 5 of the 5 people who have any, as in the lines 3 and 4"),),
           incomplete=frozenset({"enrollments"}))
      for version in ("1.1", "1.2")
      for name, one in (("phone", "000-000-0000"), ("sms", "1"), ("email", "Noreply@ex.test"), ("identifier", "D1"))),
    *(Case(f"{word} for whatever is not there", "validation.md, plausible nonsense",
           bundle(users=[user(f"u{at}", username=f"u{at}", **dict.fromkeys(("phone", "sms", "email", "identifier"), word))
                         for at in range(6)], enrollments=[]),
           problems=tuple(Found("users.csv", at, "warning", f" {name} ") for at in range(2, 8)
                          for name in ("phone", "sms", "email", "identifier")),
           values={("users", "u1", "phone"): None}, incomplete=frozenset({"enrollments"}))
      for word in ("\\N", "NULL", "#REF!", "None", "NaN")),
    *(Case(f"a header that ends in {end!r}, rows in {then!r}", "fuzz: both readers give the same lines",
           bundle(users=line_ends(text_of("users", [user(), user("bob", role="boss")]), end, then)),
           problems=(Found("users.csv", line, "error", "role is none of"),), counts={"users": (2, 1, 1)})
      for end, then, line in (("\r\r\n", "\r\n", 4), ("\r\r\n", "\n", 4), ("\r\r\r\n", "\r\n", 5), ("\r\r\n", "\r\r\n", 5),
                              ("\n\r\n", "\r\n", 4))),
    *(Case(f"a person enrolled twice in a class, {how}, {version}", "validation.md, plausible nonsense",
           bundle(version, enrollments=[enrollment(), enrollment("e2", **more)]),
           problems=(note("enrollments.csv", r"twice in one class \(1 times, as in the lines 2 and 3\); all rows"),))
      for version in ("1.1", "1.2")
      for how, more in (("alike", {}), ("for another time", {"beginDate": "2026-09-01"}),
                        ("as administrator", {"role": "administrator"}),
                        ("as primary", {"role": "teacher", "primary": "true"}), ("a legacy status", {"status": "inactive"}))),
    *(Case(f"two primary teachers of a class, {how}, {version}", "validation.md, plausible nonsense",
           bundle(version, users=[user(), user("tom", role="teacher"), user("tim", role="teacher")],
                  **({"roles": [role(), role("tom", role="teacher"), role("tim", role="teacher")]} if version == "1.2" else {}),
                  enrollments=[enrollment("e1", userSourcedId="tom", role="teacher", primary=one),
                               enrollment("e2", userSourcedId="tim", role="teacher", primary=other)]),
           problems=(note("enrollments.csv", "1 classes have two or more primary teachers, as in the lines 2 and 3"), *more))
      for version in ("1.1", "1.2")
      for how, one, other, more in (
          ("in the standard's words", "true", "true", ()), ("in numbers", "1", "1", ()),
          ("in other cases", "TRUE", "True", ()), ("in words", "yes", "Y", ()), ("in German", "WAHR", "ja", ()))),
    *(Case(f"ids in {how} to which others refer without, {version}", "validation.md, ids as a population",
           bundle(version, users=[user(wrapped.format(each), username=each) for each in ("00071", "00072")],
                  **({"roles": [role("00071"), role("00072")]} if version == "1.2" else {}),
                  enrollments=[enrollment("e1", userSourcedId="00071"), enrollment("e2", userSourcedId="00072")]),
           problems=(Found("users.csv", None, "warning", "blanks or brackets gained.: 2 were restored"),),
           values={("users", "00071", "username"): "00071", ("users", "00072", "username"): "00072"},
           incomplete=frozenset({"users"}))
      for version in ("1.1", "1.2")
      for how, wrapped in (("braces", "{{{}}}"), ("parentheses", "({})"), ("square brackets", "[{}]"),
                           ("angle brackets", "<{}>"), ("backticks", "`{}`"))),
    Case("numbers below zero, as a spreadsheet reads (1008)", "validation.md, ids as a population",
         bundle(users=[user("(71)"), user("(72)", username="bo")],
                enrollments=[enrollment("e1", userSourcedId="00071"), enrollment("e2", userSourcedId="00072")]),
         problems=(Found("users.csv", None, "warning", "`.71.` for `00071`, `.72.` for `00072`"),),
         values={("users", "00072", "username"): "bo"}, incomplete=frozenset({"users"})),
    *(Case(f"one {file[:-1]}'s id in brackets among others", "validation.md, ids as a population",
           bundle("1.1", **{file: [made("one"), made("two"), made("{three}")]}, **more),
           problems=(Found(f"{file}.csv", None, "error", "stand in brackets, such as `{three}` .rows: 1., and most others don't"),
                     Found(f"{file}.csv", 4, "error", "`{three}` is what a spreadsheet made of the id"), *also),
           counts={file: (3, 2, 1)}, incomplete=frozenset({file, *incomplete}))
      for file, made, more, also, incomplete in (
          ("users", lambda each: user(each, username=each), {"enrollments": []}, (), ("enrollments",)),
          ("classes", class_, {"enrollments": []}, (), ("enrollments",)))),
    Case("an id in braces in every file alike", "validation.md, ids as a population",
         bundle(orgs=[org("{n}")], courses=[], academicSessions=[], classes=[class_("{c}", schoolSourcedId="{n}")],
                users=[user("{a}", orgSourcedIds="{n}")],
                enrollments=[enrollment(classSourcedId="{c}", userSourcedId="{a}", schoolSourcedId="{n}")]),
         problems=(Found("users.csv", 2, "warning", "refers to `n`, and the row there is `.n.`"),),
         values={("users", "{a}", "username"): "{a}"}, incomplete=frozenset({"courses", "academicSessions"})),
    *(Case(f"terms with {between!r} between", "validation.md, lists",
           bundle(version, academicSessions=[session("t2"), session("t1")],
                  classes=[class_(courseSourcedId="math", termSourcedIds=f"t1{between}t2")]),
           problems=(note("classes.csv", "termSourcedIds is written as `t1.*t2` .rows: 1.; it was read as a list"),),
           values={("classes", "math-1", "termSourcedIds"): ["t1", "t2"]})
      for version, between in (("1.1", "|~|"), ("1.2", "/"), ("1.1", " & "), ("1.2", " and "), ("1.1", "^"), ("1.2", "~"),
                               ("1.1", "::"), ("1.2", " und "), ("1.2", "+"))),
    Case("terms that look like two and are none", "validation.md, lists",
         bundle(academicSessions=[session("t1")], classes=[class_(courseSourcedId="math", termSourcedIds="t1/t9")]),
         problems=(Found("classes.csv", 2, "warning", "`t1/t9`, which is missing from academicSessions.csv"),),
         values={("classes", "math-1", "termSourcedIds"): []}),
    *(Case(f"schools with {between!r} between", "validation.md, lists",
           bundle(orgs=[org("north"), org("south")], users=[user(orgSourcedIds=f"north{between}south")]),
           problems=(note("users.csv", "orgSourcedIds is written as `north.*south` .rows: 1.; it was read as a list"),),
           values={("users", "ann", "primaryOrgSourcedId"): "north"})
      for between in ("|~|", "/", " & ", " and ", "~")),
    Case("brothers and sisters under one e-mail", "validation.md, plausible nonsense",
         bundle(users=[user(email="home@ex.test"), user("bob"), user("eve", email="Home@ex.test"),
                       user("kim", email="k@ex.test")]),
         problems=(note("users.csv", "2 people have an e-mail that somebody else has too, as in the lines 2 and 4"),)),
    Case("roles by the usernames of people", "validation.md, a dangling reference tells all it knows",
         bundle("1.2", users=[user("00071", username="anna")], roles=[role("anna")], enrollments=[]),
         problems=(Found("roles.csv", 2, "error", "`anna`, which is missing from users.csv. It is the username of `00071` there"),
                   Found("users.csv", 2, "error", "no role at an org")),
         counts={"users": (1, 0, 1)}, incomplete=frozenset({"users", "enrollments"})),
    Case("enrollments of a class that is to be deleted", "validation.md, tobedeleted",
         bundle(classes=[class_(), class_("k2", status="tobedeleted")],
                enrollments=[enrollment(), enrollment("e2", classSourcedId="k2")]),
         problems=(note("enrollments.csv", "1 enrollments are of classes that are to be deleted"),)),
    Case("a person with a row a school", "validation.md, rows that differ in org and role",
         bundle(orgs=[org(), org("south")], users=[user(), user(orgSourcedIds="south", role="teacher")]),
         problems=(Found("users.csv", 3, "warning", "line 2 already.*one person who has each"),), counts={"users": (2, 1, 1)}),
    Case("status in other words", "validation.md, unknown status",
         bundle(users=[user(status="Supprimé"), user("bob", status="Aktiv")]),
         problems=(Found("users.csv", None, "warning", "status is written as"),),
         values={("users", "ann", "statusCell"): "deleted"}),
    Case("a list with bars", "validation.md, plausible nonsense", bundle(users=[user(grades="09|10")]),
         problems=(note("users.csv", "grades is written as `09.10`"),), values={("users", "ann", "grades"): ["09", "10"]}),
)  # fmt: skip

CASCADE = tuple(class_(f"c{at}", schoolSourcedId="gone") for at in range(40))
CASES: tuple[Case, ...] = (
    *REFUSED,
    *FORMS,
    *DATES,
    *POPULATIONS,
    Case("one missing school under forty classes", "validation.md, root cause",
         bundle(classes=[class_(courseSourcedId="math", termSourcedIds="fall"), *CASCADE]),
         problems=tuple(Found("classes.csv", 3 + at, "error", "schoolSourcedId refers to `") for at in range(40)),
         counts={"classes": (41, 1, 40)}),
    Case("a person who moved from a school in 1.2", "validation.md",
         bundle("1.2", roles=[role(), {**role(orgSourcedId="gone"), "sourcedId": "r2"}]),
         problems=(Found("roles.csv", 3, "error", "orgSourcedId refers to `.*orgs.csv"),)),
)  # fmt: skip
