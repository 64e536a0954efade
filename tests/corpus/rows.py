"""Every row that `validation.md` judges, in two districts (OneRoster 1.1 and 1.2) that hold nothing else.

A row is said once, beside what is to become of it. Where it takes several rows to show something, the last one of
them bears the finding. `{above}` in a message is the line before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.corpus.build import Found
from tests.engine.districts import class_, course, enrollment, org, role, session, user

Row = Mapping[str, str] | str  # a string is a line as it is sent


@dataclass(frozen=True)
class RowCase:
    """`severity` and `says` are the finding's, empty for a row that is nobody's trouble. `values` are the stage's,
    by column. `root` is an error's root cause where that isn't the row itself: "file: name" of another case, or the
    key of a row that was never sent."""

    name: str
    file: str
    rows: tuple[Row, ...]
    severity: str = ""
    says: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    root: str = ""
    held_back: bool = False  # left out without being wrong

    @property
    def sourced_id(self) -> str:
        last = self.rows[-1]
        return last.split(",")[0] if isinstance(last, str) else last.get("sourcedId", "")

    @property
    def kept_id(self) -> str:
        """The id without what a spreadsheet put around it."""
        return (
            self.sourced_id.removeprefix("=").strip("\u200b'\"")
            if self.says.startswith(("sourcedId is `", "read as"))
            else self.sourced_id
        )


def profile(sourced_id: str, **more: str) -> dict[str, str]:
    return {"sourcedId": sourced_id, "userSourcedId": "ann", "profileType": "LTI", "vendorId": "v",
            "credentialType": "x", "username": "u", **more}  # fmt: skip


def rows_of(cases: tuple[RowCase, ...]) -> dict[str, list[Row]]:
    """The rows of each file, in the order of the cases."""
    files: dict[str, list[Row]] = {}
    for case in cases:
        files.setdefault(case.file, []).extend(case.rows)
    return files


def line_of(case: RowCase, cases: tuple[RowCase, ...]) -> int:
    """Where the case's last row stands: one-based, the header counted."""
    before = [each for each in cases[: cases.index(case)] if each.file == case.file]
    return 1 + sum(len(each.rows) for each in before) + len(case.rows)


def found_of(case: RowCase, cases: tuple[RowCase, ...]) -> Found | None:
    if not case.severity:
        return None
    line = line_of(case, cases)
    return Found(f"{case.file}.csv", line, case.severity, case.says.replace("{above}", str(line - 1)))


def _need(file: str, row: Mapping[str, str], *fields: str) -> tuple[RowCase, ...]:
    """A row of `file` for each field, with that field empty: an error that names it."""
    return tuple(
        RowCase(f"{file} without {name}", file, ({**row, "sourcedId": f"no-{name}", name: ""},), "error", f"{name} is empty")
        for name in fields
    )


ORGS = (
    RowCase("a clean school", "orgs", (org("north"),)),
    RowCase("a clean district", "orgs", (org("district", type="district"),)),
    RowCase("an id that is empty", "orgs", (org(""),), "error", "sourcedId is empty or malformed"),
    RowCase("an id of 256 characters", "orgs", (org("x" * 256),), "error", "sourcedId is empty or malformed"),
    RowCase("an id of 255 characters", "orgs", (org("x" * 255),)),
    RowCase("an id with a control character", "orgs", (org("bell\x07"),), "error", "sourcedId is empty or malformed"),
    RowCase(
        "the same id in an identical row", "orgs", (org("twin"), org("twin")),
        "warning", "stands in line {above} already, in an identical row; one was kept",
    ),
    RowCase(
        "the same id in another row", "orgs", (org("other-twin"), org("other-twin", name="Another")),
        "error", "stands in line {above} too, in a different row, which was kept", {"name": "Other-Twin"},
    ),
    RowCase("ids that differ in case only", "orgs", (org("North"),), values={"name": "North"}),
    *_need("orgs", org(), "name", "type"),
    RowCase("a type that nobody knows", "orgs", (org("skool", type="skool"),), "error", "type is none of"),
    RowCase("a type in another case with blanks", "orgs", (org("loud", type=" SCHOOL "),), values={"type": "school"}),
    RowCase("1.2's own type", "orgs", (org("campus", type="ext:campus"),), values={"type": "ext:campus"}),
    RowCase("a status that nobody knows", "orgs", (org("odd", status="mothballed"),), "warning",
            "status `mothballed` can.t be read", {"status": ""}),
    RowCase("the old status inactive", "orgs", (org("old", status="Inactive"),), values={"status": "inactive"}),
    RowCase("a status spelt otherwise", "orgs", (org("going", status="to_be_deleted"),), values={"status": "tobedeleted"}),
    RowCase("to be deleted, and nothing else", "orgs", ({"sourcedId": "gone", "status": "tobedeleted"},)),
    RowCase(
        "a parent that is unknown", "orgs", (org("orphan", parentSourcedId="nobody"),),
        "warning", "parentSourcedId refers to `.*orgs.csv", {"parentSourcedId": None},
    ),
    RowCase(
        "a parent that was left out", "orgs", (org("half-orphan", parentSourcedId="skool"),),
        "warning", "parentSourcedId refers to `.*orgs.csv", {"parentSourcedId": None},
    ),
    RowCase(
        "its own parent", "orgs", (org("snake", parentSourcedId="snake"),),
        "warning", "parentSourcedId .*(itself|circle|cycle)", {"parentSourcedId": None},
    ),
    RowCase("a line that is too long", "orgs", ("long,,,Long,school,,,surplus",), "error", "8 cells where the header has 7"),
    RowCase("a line that is too short", "orgs", ("short,,,Short",), "error", "4 cells where the header has 7"),
    RowCase("empty cells past the header", "orgs", ("trailing,,,Trailing,school,,,,,",), values={"name": "Trailing"}),
    RowCase("an id that looks like a number", "orgs", (org("00012"),), values={"sourcedId": "00012"}),
)  # fmt: skip

SESSIONS = (
    RowCase("a clean term", "academicSessions", (session("fall"),)),
    *_need("academicSessions", session(), "title", "type", "startDate", "endDate"),
    RowCase(
        "a type that nobody knows", "academicSessions", (session("odd", type="fortnight"),), "warning", "type is none of",
        {"type": None},
    ),
    RowCase("a date that is none", "academicSessions", (session("soon", startDate="soon"),), "error",
            "startDate can't be read.*It is `soon`"),
    RowCase("no such day", "academicSessions", (session("31st", endDate="2026-11-31"),), "error", "endDate can't be read"),
    RowCase("the end before the begin", "academicSessions", (session("back", endDate="2026-01-01"),), "warning",
            "endDate is before startDate"),
    RowCase("a parent that is unknown", "academicSessions", (session("orphan", parentSourcedId="never"),), "warning",
            "parentSourcedId refers to `", {"parentSourcedId": None}),
    RowCase("each the other's parent", "academicSessions",
            (session("hen", parentSourcedId="egg"), session("egg", parentSourcedId="hen")),
            "warning", "parentSourcedId .*(itself|circle|cycle)"),
    RowCase("a school year of two years", "academicSessions", (session("year", schoolYear="2025-2026"),), "warning", "schoolYear",
            {"schoolYear": "2026"}),
    RowCase("a school year that can't be read", "academicSessions", (session("someday", schoolYear="soon"),), "warning",
            "schoolYear can't be read for certain; it was dropped", {"schoolYear": None}),
)  # fmt: skip

COURSES = (
    RowCase("a clean course", "courses", (course("math", schoolYearSourcedId="fall", orgSourcedId="north"),)),
    *_need("courses", course(), "title"),
    RowCase("an org that is unknown", "courses", (course("art", orgSourcedId="nobody"),), "warning", "orgSourcedId refers to `",
            {"orgSourcedId": None}),
    RowCase("a year that is unknown", "courses", (course("bio", schoolYearSourcedId="never"),), "warning",
            "schoolYearSourcedId refers to `", {"schoolYearSourcedId": None}),
)  # fmt: skip

CLASSES = (
    RowCase("a clean class", "classes", (class_("math-1", courseSourcedId="math", termSourcedIds="fall", classType="Scheduled"),),
            values={"classType": "scheduled", "termSourcedIds": ["fall"]}),
    *_need("classes", class_(), "title", "schoolSourcedId"),
    RowCase("a school that is unknown", "classes", (class_("stray", schoolSourcedId="never-sent"),), "error",
            "schoolSourcedId refers to `.*orgs.csv", root="orgs.csv:missing:never-sent"),
    RowCase("a school that was left out", "classes", (class_("stray-2", schoolSourcedId="skool"),), "error",
            "schoolSourcedId refers to `.*orgs.csv", root="orgs: a type that nobody knows"),
    RowCase("a course that is unknown", "classes", (class_("no-course", courseSourcedId="nothing"),), "warning",
            "courseSourcedId refers to `", {"courseSourcedId": None}),
    RowCase("one term of two that is unknown", "classes", (class_("half", termSourcedIds="fall, never"),), "warning",
            "termSourcedIds refers to `", {"termSourcedIds": ["fall"]}),
    RowCase("a type that nobody knows", "classes", (class_("club", classType="club"),), "warning", "classType is none of",
            {"classType": None}),
    RowCase("a term in another case", "classes", (class_("case", termSourcedIds="FALL"),), "warning",
            "termSourcedIds refers to `FALL`, and the row there is `fall`", {"termSourcedIds": ["fall"]}),
    RowCase("a code that a spreadsheet made a date of", "classes", (class_("mar", classCode="12-Mar"),), "warning",
            "classCode is `12-Mar`, which a spreadsheet made of it", {"classCode": "12-Mar"}),
    RowCase("a question within a title", "classes", (class_("why", title="What? Why?"),), values={"title": "What? Why?"}),
    RowCase("a letter lost in a title", "classes", (class_("lost", title="Fran?ais"),), "warning",
            "title has a question mark where a letter was lost", {"title": "Fran?ais"}),
    RowCase("a grade that nobody knows", "classes", (class_("odd-grade", grades="09,banana"),),
            values={"grades": ["09", "banana"]}),  # docs/decisions/0006: kept as sent
    RowCase("grades with blanks after the comma", "classes", (class_("blank", grades="09, 10"),),
            values={"grades": ["09", "10"]}),
)  # fmt: skip

USERS = (
    RowCase("a clean student", "users", (user("ann", enabledUser="true"),),
            values={"userType": "student", "statusCell": "blank"}),
    RowCase("a clean teacher", "users", (user("bob", role="TEACHER", orgSourcedIds="north,district"),),
            values={"userType": "teacher", "primaryOrgSourcedId": "north"}),
    *_need("users", user(), "role", "orgSourcedIds"),
    RowCase("a role that nobody knows", "users", (user("staff", role="Staff"),), "error", "role is none of"),
    RowCase("1.2's role in 1.1", "users", (user("head", role="principal"),), values={"userType": "principal"}),
    RowCase("an administrator of a school", "users", (user("admin", role="administrator"),),
            values={"userType": "siteAdministrator"}),
    RowCase("no username", "users", (user("anon", username=""),), "warning", "username is empty", {"username": None}),
    RowCase("no given name", "users", (user("x", givenName=""),), "warning", "givenName is empty"),
    RowCase("no family name", "users", (user("y", familyName=""),), "warning", "familyName is empty"),
    RowCase("at no org that is known", "users", (user("lost", orgSourcedIds="never-sent"),), "error", "no role at an org",
            root="orgs.csv:missing:never-sent"),
    RowCase("at an org that was left out", "users", (user("lost-2", orgSourcedIds="skool"),), "error", "no role at an org",
            root="orgs: a type that nobody knows"),
    RowCase("one org of two that is unknown", "users", (user("two", orgSourcedIds="north,never-sent"),), "warning",
            "orgSourcedIds refers to `"),
    RowCase("an agent that is unknown", "users", (user("kid", agentSourcedIds="nobody"),), "warning",
            "agentSourcedIds refers to `", {"agentSourcedIds": []}),
    RowCase("an agent in capitals", "users", (user("kid2", agentSourcedIds="ANN"),), "warning",
            "agentSourcedIds refers to `ANN`, and the row there is `ann`.*case only", {"agentSourcedIds": ["ann"]}),
    RowCase("enabled, perhaps", "users", (user("maybe", enabledUser="maybe"),), "warning",
            "enabledUser can't be read", held_back=True),
    RowCase("disabled in German", "users", (user("aus", enabledUser="FALSCH"),), values={"statusCell": "inactive"}),
    RowCase("enabled in French", "users", (user("en", enabledUser="Vrai"),), values={"enabledUser": True}),
    RowCase("a status that can't be read", "users", (user("hmm", status="pending"),), "warning",
            "status `pending` can't be read; nothing is made of this row", held_back=True),
    RowCase("deleted in other words", "users", (user("bye", status="to be deleted"),), values={"statusCell": "deleted"}),
    RowCase("no e-mail, in a database's words", "users", (user("db", email="NULL"),), "warning",
            "email is `NULL`, which is what a tool writes for nothing; it was read as empty", {"email": None}),
    RowCase("no status, in a database's words", "users", (user("db2", status="NULL"),), "warning",
            "status is `NULL`.*read as empty", {"statusCell": "blank"}),
    RowCase("no telephone, in R's words", "users", (user("r", phone="NA"),), "warning", "phone is `NA`.*read as empty",
            {"phone": None}),
    RowCase("a name with a blank of no width", "users", (user("zw-name", familyName="Be\u200brg"),), "warning",
            "familyName has .*nobody sees; it was read without them. `Be<U.200B>rg` became `Berg`", {"familyName": "Berg"}),
    RowCase("a name that is written from right to left", "users", (user("rtl", givenName="\u202eAnn\u202c"),), "warning",
            "givenName has .*became `Ann`", {"givenName": "Ann"}),
    RowCase("a name with a control character", "users", (user("bel", familyName="Be\x07rg"),), "warning",
            "familyName has .*`Be<U.0007>rg` became `Berg`", {"familyName": "Berg"}),
    RowCase("a name with the character that deletes", "users", (user("del", familyName="Be\x7frg"),), "warning",
            "familyName has .*`Be<U.007F>rg` became `Berg`", {"familyName": "Berg"}),
    RowCase("an apostrophe of Windows read as Latin-1", "users", (user("o", familyName="O\x92Brien"),), "warning",
            "familyName has .*became `O.Brien`", {"familyName": "O\u2019Brien"}),
    RowCase("a name in quotes", "users", (user("quo", givenName='"Ann"'),), "warning", "givenName has quotes.*became `Ann`",
            {"givenName": "Ann"}),
    RowCase("a name in a printer's quotes", "users", (user("quo2", givenName="\u201cAnn\u201d"),), "warning",
            "givenName has quotes.*became `Ann`", {"givenName": "Ann"}),
    RowCase("a name in apostrophes", "users", (user("quo3", givenName="'Ann'"),), "warning",
            "givenName has quotes.*became `Ann`", {"givenName": "Ann"}),
    RowCase("a nickname in quotes", "users", (user("quo4", givenName='Anna "Ann"'),), values={"givenName": 'Anna "Ann"'}),
    RowCase("a name that begins with an apostrophe", "users", (user("hooft", familyName="'t Hooft"),),
            values={"familyName": "'t Hooft"}),
    RowCase("a telephone number that is kept a text", "users", (user("tel", phone="'555-0100"),), "warning",
            "phone has quotes", {"phone": "555-0100"}),
    RowCase("a name of a web page", "users", (user("web", familyName="<b>Berg</b><br/>"),), "warning",
            "familyName has .*`<b>Berg</b><br/>` became `Berg`", {"familyName": "Berg"}),
    RowCase("a name with a blank that does not break", "users", (user("nbsp", familyName="van\u00a0Dyk"),), "warning",
            "familyName has .*`van<U.00A0>Dyk` became `van Dyk`", {"familyName": "van Dyk"}),
    RowCase("a Persian name with a joiner", "users", (user("fa", familyName="\u0639\u0644\u06cc\u200c\u0632"),),
            values={"familyName": "\u0639\u0644\u06cc\u200c\u0632"}),
    RowCase("last and first in the family name", "users", (user("both", givenName="Ann", familyName="Vale, Ann"),), "warning",
            "familyName holds both names; it was read without the given name", {"familyName": "Vale"}),
    RowCase("last and first in the given name", "users", (user("both2", givenName="Vale, Ann", familyName="Vale"),), "warning",
            "givenName holds both names; it was read without the family name", {"givenName": "Ann"}),
    RowCase("a comma that says nothing for certain", "users", (user("both3", familyName="Vale, Bo"),),
            values={"familyName": "Vale, Bo"}),
    RowCase("a junior", "users", (user("jr", familyName="Vale, Jr."),), values={"familyName": "Vale, Jr."}),
    RowCase("called Na", "users", (user("r2", familyName="NA"),), "warning", "familyName is `NA`.*kept, since it may be meant",
            {"familyName": "NA"}),
    RowCase("no grade, in a spreadsheet's words", "users", (user("xl", grades="#N/A"),), "warning",
            "grades is `#N/A`.*read as empty", {"grades": []}),
    RowCase("called Null", "users", (user("jen", familyName="NULL"),), "warning",
            "familyName is `NULL`.*kept, since it may be meant", {"familyName": "NULL"}),
    RowCase("an e-mail without its sign", "users", (user("at", email="at.ex.test"),), "warning", "email is no address",
            {"email": "at.ex.test"}),
    RowCase("two e-mail addresses", "users", (user("two-at", email="a@ex.test; b@ex.test"),), "warning", "email is no address",
            {"email": "a@ex.test; b@ex.test"}),
    RowCase("two e-mail addresses without a blank", "users", (user("two-no-blank", email="a@ex.test,b@ex.test"),), "warning",
            "email is no address"),
    RowCase("an e-mail address with two signs", "users", (user("two-signs", email="a@b@ex.test"),), "warning",
            "email is no address"),
    RowCase("an e-mail address with a name", "users", (user("named-at", email="Ann <a@ex.test>"),), "warning",
            "email is no address"),
    RowCase("an e-mail address as a link", "users", (user("link-at", email="mailto:a@ex.test"),), "warning",
            "email is no address"),
    RowCase("a point for an identifier", "users", (user("point", identifier="."),), "warning",
            "identifier is `.`, which is what a tool writes for nothing", {"identifier": None}),
    RowCase("a telephone number that is a German spreadsheet's error", "users", (user("wert", phone="#WERT!"),), "warning",
            "phone is `#WERT!`.*read as empty", {"phone": None}),
    RowCase("a telephone number too wide for its column", "users", (user("wide", sms="########"),), "warning",
            "sms is `#*`.*read as empty", {"sms": None}),
    RowCase("a grade that became a measure", "users", (user("nine", grades="9.0"),), "warning",
            "grades is `9.0`, which a spreadsheet made of it, as it makes 9.0 of 9", {"grades": ["9.0"]}),
    RowCase("schools between which a comma is missing", "users", (user("blanks", orgSourcedIds="north district"),), "error",
            "no role at an org that could be kept. `north district` is missing from orgs.csv",
            root="orgs.csv:missing:north district"),
    RowCase("user ids without braces", "users", (user("bare", userIds="LDAP:bare; SIS:7"),),
            values={"userIds": [{"type": "LDAP", "identifier": "bare"}, {"type": "SIS", "identifier": "7"}]}),
    RowCase("user ids as JSON", "users", (user("json", userIds='[{"type":"SIS","identifier":"8"}]'),),
            values={"userIds": [{"type": "SIS", "identifier": "8"}]}),
    RowCase("user ids that nobody can read", "users", (user("seven", userIds="seven"),), "warning", "userIds can't be read",
            {"userIds": []}),
    RowCase("a grade that a spreadsheet made a date of", "users", (user("oct", grades="08,9-Oct"),), "warning",
            "grades is `9-Oct`, which a spreadsheet made of it", {"grades": ["08", "9-Oct"]}),
    RowCase("a grade that is a range", "users", (user("range", grades="9-10"),), values={"grades": ["9-10"]}),
    RowCase("a letter lost in a name", "users", (user("munoz", familyName="Mu?oz"),), "warning",
            "familyName has a question mark where a letter was lost", {"familyName": "Mu?oz"}),
    RowCase("an identifier that a spreadsheet rounded", "users", (user("rounded", identifier="1.23457E+11"),), "warning",
            "identifier is `1.23457E.11`, a number that a spreadsheet rounded", {"identifier": None}),
    RowCase("an id kept by a formula without quotes", "users", (user("=00077", username="formula"),), "warning",
            "sourcedId is `=00077`.*read as `00077`", {"username": "formula"}),
    RowCase("grades in apostrophes", "users", (user("ap", grades="'09','10'"),), values={"grades": ["09", "10"]}),
    RowCase("an empty list of grades", "users", (user("el", grades="[]"),), values={"grades": []}),
    RowCase("user ids as Python writes them", "users", (user("py", userIds="{'type': 'SIS', 'identifier': '8'}"),),
            values={"userIds": [{"type": "SIS", "identifier": "8"}]}),
    RowCase("user ids of which the parts are named", "users", (user("na", userIds="{identifier:9,type:SIS}"),),
            values={"userIds": [{"type": "SIS", "identifier": "9"}]}),
    RowCase("a user id without what it identifies", "users", (user("noid", userIds="{LDAP:}"),), "warning",
            "userIds can't be read", {"userIds": []}),
    RowCase("enabled, by a spreadsheet's error", "users", (user("na2", enabledUser="#N/A"),), "warning",
            "enabledUser can't be read", held_back=True),
    RowCase("enabled, by a database's nothing", "users", (user("nu2", enabledUser="NULL"),), "warning",
            "enabledUser is `NULL`.*read as empty", {"enabledUser": None}),
    *(RowCase(f"{'dis' if off else 'en'}abled by {word}", "users", (user(f"by-{word}", enabledUser=word),),
              values={"enabledUser": not off})
      for word, off in (("Kyllä", False), ("Ei", True), ("SANN", False), ("USANN", True), ("Nei", True), ("JAH", False),
                        ("VÄÄR", True), ("CERT", False))),
    *(RowCase(f"no telephone, {word}", "users", (user(f"none-{at}", phone=word),), "warning", f"phone is `{word}`.*read as empty",
              {"phone": None})
      for at, word in enumerate(("NaT", "N/D"))),
    *(RowCase(f"no telephone, in a row that is odd otherwise, {word}", "users",
              (user(f"odd-{at}", phone=word, grades="'09'"),), "warning",
              f"phone is `{re.escape(word)}`.*read as empty", {"phone": None, "grades": ["09"]})
      for at, word in enumerate(("<NA>", "k.A.", "n.v.t.", "[Record]", "''"))),
    RowCase("disabled in Russian", "users", (user("ru", enabledUser="ЛОЖЬ"),), values={"statusCell": "inactive"}),
    RowCase("disabled in Japanese", "users", (user("jp", enabledUser="いいえ"),), values={"statusCell": "inactive"}),
    RowCase("an id that says nothing", "users", (user("NULL", username="nullid"),), "error", "sourcedId is empty or malformed"),
    RowCase("an id that is a spreadsheet's error", "users", (user("#REF!", username="refid"),), "error", "sourcedId is empty"),
    RowCase("a primary org in braces", "users", (user("curly", primaryOrgSourcedId="{district}"),), "warning",
            "`{district}`, and the row there is `district`: they differ by brackets", {"primaryOrgSourcedId": "district"}),
    RowCase("a list with an item that says nothing", "users", (user("ni", grades="09,null"),), values={"grades": ["09"]}),
    RowCase("a list with full-width commas", "users", (user("fw", grades="09\uff0c10"),), values={"grades": ["09", "10"]}),
    RowCase("a list of one text in quotes", "users", (user("qt", grades='"09,10"'),), values={"grades": ["09", "10"]}),
    RowCase("userIds in other brackets", "users", (user("ub", userIds="[LDAP:ub]"),),
            values={"userIds": [{"type": "LDAP", "identifier": "ub"}]}),
    RowCase("two userIds in one brace", "users", (user("u2b", userIds="{LDAP:ub,SIS:9}"),),
            values={"userIds": [{"type": "LDAP", "identifier": "ub"}, {"type": "SIS", "identifier": "9"}]}),
    RowCase("userIds with an equals sign", "users", (user("eq", userIds="{LDAP=eq}"),), "warning", "userIds can't be read for"),
    RowCase("userIds that are an address", "users", (user("ad", userIds="{http://idp/x:ad}"),), "warning", "userIds can't be"),
    RowCase("a name in a database browser's word", "users", (user("dbn", middleName="[NULL]"),), "warning",
            "middleName is `.NULL.`, which is what a tool writes for nothing"),
    RowCase("an e-mail in a pivot table's word", "users", (user("pvt", email="(blank)"),), "warning",
            "email is `.blank.`, which is what a tool writes for nothing", {"email": None}),
    RowCase("an id that became true", "users", (user("TRUE", username="tr"),), "error", "sourcedId is empty or malformed"),
    RowCase("a reference as an address", "users", (user("hr", primaryOrgSourcedId="https://sis/v1p1/orgs/district"),), "warning",
            "and the row there is `district`: they differ by brackets, an address", {"primaryOrgSourcedId": "district"}),
    RowCase("a reference with a letter that looks alike", "users", (user("al", primaryOrgSourcedId="distri\u0441t"),), "warning",
            "and the row there is `district`: they differ by .*letters that look alike", {"primaryOrgSourcedId": "district"}),
    RowCase("grades in brackets and quotes", "users", (user("br", grades='["09","10"]'),), values={"grades": ["09", "10"]}),
    RowCase("grades with bars", "users", (user("bars", grades="09|10"),), values={"grades": ["09", "10"]}),
    RowCase("an id as a spreadsheet keeps its zeros", "users", (user('="00071"', username="u71"),), "warning",
            'sourcedId is `="00071"`.*read as `00071`', {"username": "u71"}),
    RowCase("a name as a spreadsheet keeps it", "users", (user("fn", familyName='="Otto"'),), "warning",
            "familyName is a formula of a spreadsheet; it was read as the text that this shows", {"familyName": "Otto"}),
    RowCase("a username as a spreadsheet keeps its zeros", "users", (user("fu", username='="007"'),), "warning",
            "username is a formula of a spreadsheet", {"username": "007"}),
    RowCase("a title as a spreadsheet keeps it", "classes", (class_("ft", title='="9-10"'),), "warning",
            "title is a formula of a spreadsheet", {"title": "9-10"}),
    RowCase("a name that begins with an equals sign", "users", (user("ne", familyName="=Otto"),), values={"familyName": "=Otto"}),
    RowCase("an id with a character that nobody sees", "users", (user("zoe\u200b", username="zoe"),), "warning",
            "sourcedId is `zoe<U\\+200B>`.*read as `zoe`"),
    RowCase("an id in an apostrophe", "users", (user("'00081", username="u81"),), "warning", "read as `00081`"),
    RowCase("a primary org with a character that nobody sees", "users", (user("zw", primaryOrgSourcedId="nor\u200bth"),),
            "warning", "primaryOrgSourcedId is `nor<U\\+200B>th`.*read as `north`", {"primaryOrgSourcedId": "north"}),
    RowCase("a primary org in capitals", "users", (user("caps", primaryOrgSourcedId="DISTRICT"),), "warning",
            "primaryOrgSourcedId refers to `DISTRICT`, and the row there is `district`.*case only",
            {"primaryOrgSourcedId": "district"}),
    RowCase("a primary org with a blank that doesn't break", "users", (user("nb", primaryOrgSourcedId="north\u00a0"),),
            values={"primaryOrgSourcedId": "north"}),
    *(RowCase(f"enabled: {word}", "users", (user(f"enabled-{word}", enabledUser=word),), values={"enabledUser": means})
      for means, words in ((True, ("TRUE", "1", "yes", "Y", "t")), (False, ("False", "0", "NO", "n", "F"))) for word in words),
    RowCase("nothing but the id of somebody deleted", "users", ({"sourcedId": "left", "status": "tobedeleted"},),
            values={"statusCell": "deleted"}),
    RowCase("ids at other systems", "users", (user("ids", userIds="{LDAP:jdoe},{LTI:42}"),),
            values={"userIds": [{"type": "LDAP", "identifier": "jdoe"}, {"type": "LTI", "identifier": "42"}]}),
    RowCase("names that hold commas, quotes and other alphabets", "users",
            (user("names", givenName='Zoë "Zo", Ann', familyName="Łukasz 李"),),
            values={"givenName": 'Zoë "Zo", Ann', "familyName": "Łukasz 李"}),
)  # fmt: skip

ENROLLMENTS = (
    RowCase("a clean enrollment", "enrollments", (enrollment("e1"),)),
    *_need("enrollments", enrollment(), "classSourcedId", "userSourcedId", "role"),
    RowCase("a class that is unknown", "enrollments", (enrollment("e2", classSourcedId="unknown"),), "error",
            "classSourcedId refers to `", root="classes.csv:missing:unknown"),
    RowCase("a class of a school that was left out", "enrollments", (enrollment("e3", classSourcedId="stray-2"),), "error",
            "classSourcedId refers to `", root="orgs: a type that nobody knows"),
    RowCase("a person who is unknown", "enrollments", (enrollment("e4", userSourcedId="unknown"),), "error",
            "userSourcedId refers to `", root="users.csv:missing:unknown"),
    RowCase("a person who was left out", "enrollments", (enrollment("e5", userSourcedId="staff"),), "error",
            "userSourcedId refers to `", root="users: a role that nobody knows"),
    RowCase("a role that nobody knows", "enrollments", (enrollment("e6", role="primaryTeacher"),), "error", "role is none of"),
    RowCase("a role that only users have", "enrollments", (enrollment("e7", role="Aide"),), "warning", "does not allow this role",
            {"role": "aide"}),
    RowCase("another school than its class's", "enrollments", (enrollment("e8", schoolSourcedId="North"),), "warning",
            "its school differs from its class's", {"schoolSourcedId": "north"}),
    RowCase("primary, perhaps", "enrollments", (enrollment("e9", primary="x"),), "warning", "primary can't be read",
            {"primary": None}),
    RowCase("a date that is none", "enrollments", (enrollment("e10", beginDate="0000-00-00"),), "warning",
            "beginDate can't be read", {"beginDate": None}),
    RowCase("the end before the begin", "enrollments", (enrollment("e11", beginDate="2026-09-02", endDate="2026-09-01"),),
            "warning", "endDate is before beginDate"),
)  # fmt: skip

V1_1 = (*ORGS, *SESSIONS, *COURSES, *CLASSES, *USERS, *ENROLLMENTS)

V1_2 = (
    RowCase("a clean school", "orgs", (org("north"),)),
    RowCase("another school", "orgs", (org("south"),)),
    RowCase("a school with an error", "orgs", (org("skool", type="skool"),), "error", "type is none of"),
    RowCase("a clean term", "academicSessions", (session("fall"),)),
    RowCase("a clean course", "courses", (course("math"),)),
    RowCase("a clean class", "classes", (class_("math-1"),)),
    RowCase("a person with a role", "users", (user("ann"),), values={"userType": "student", "primaryOrgSourcedId": "north"}),
    RowCase("a person without one", "users", (user("nobody"),), "error", "no role at an org"),
    RowCase("a person whose one role is to be deleted", "users", (user("former"),), "error", "no role at an org"),
    RowCase("a person whose one role is at a school with an error", "users", (user("lost"),), "error", "no role at an org",
            root="orgs: a school with an error"),
    RowCase("two primary roles", "users", (user("two"),), values={"userType": "teacher"}),
    RowCase("1.2's own role", "users", (user("coach"),), values={"userType": "ext:coach"}),
    RowCase("1.1's administrator", "users", (user("admin"),), values={"userType": "administrator"}),
    RowCase("a primary org that is unknown", "users", (user("stray", primaryOrgSourcedId="never-sent"),), "warning",
            "primaryOrgSourcedId refers to `"),
    RowCase("a person of a role without a type", "users", (user("untyped"),)),
    RowCase("a person of a profile that is unknown", "users", (user("unprofiled"),)),
    RowCase("a clean role", "roles", (role("ann"),)),
    RowCase("a role to be deleted", "roles", (role("former", status="tobedeleted"),)),
    RowCase("a role at a school with an error", "roles", (role("lost", orgSourcedId="skool"),), "error",
            "orgSourcedId refers to `.*orgs.csv", root="orgs: a school with an error"),
    RowCase("the first primary role", "roles", ({**role("two", role="teacher"), "sourcedId": "a"},)),
    RowCase("the second primary role", "roles", ({**role("two", role="student"), "sourcedId": "b"},)),
    RowCase("a role of one's own", "roles", (role("coach", role="ext:coach"),)),
    RowCase("a role of 1.1", "roles", (role("admin", role="administrator"),)),
    RowCase("a role for the stray", "roles", (role("stray"),)),
    RowCase("a role type that nobody knows", "roles", (role("untyped", roleType="tertiary"),), "warning", "roleType is none of"),
    RowCase("a role with a profile that is unknown", "roles", (role("unprofiled", userProfileSourcedId="never"),), "warning",
            "userProfileSourcedId refers to `"),
    RowCase("a person whose role says their id in capitals", "users", (user("quiet"),), values={"userType": "student"}),
    RowCase("a role in capitals", "roles", (role("QUIET"),), "warning",
            "userSourcedId refers to `QUIET`, and the row there is `quiet`.*case only"),
    RowCase("a role of a person who is unknown", "roles", (role("stranger"),), "error", "userSourcedId refers to `",
            root="users.csv:missing:stranger"),
    *(RowCase(f"roles without {name}", "roles", ({**role("ann"), "sourcedId": f"no-{name}", name: ""},), "error",
              f"{name} is empty") for name in ("userSourcedId", "role", "orgSourcedId")),
    RowCase("a clean profile", "userProfiles", (profile("p1"),)),
    RowCase("a profile in capitals", "userProfiles", (profile("p3", userSourcedId="ANN"),), "warning",
            "userSourcedId refers to `ANN`, and the row there is `ann`"),
    RowCase("a profile of a person who is unknown", "userProfiles", (profile("p2", userSourcedId="stranger"),), "error",
            "userSourcedId refers to `", root="users.csv:missing:stranger"),
    RowCase("a clean enrollment", "enrollments", (enrollment("e1"),)),
    RowCase("1.2's own role in a class", "enrollments", (enrollment("e2", role="ext:coach"),), values={"role": "ext:coach"}),
)  # fmt: skip
