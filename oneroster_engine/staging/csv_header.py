"""Where a file's header stands, and in which place each column that is read.

What came instead of a header is reported: a title line above it, lines that are one quoted cell each, data without a header.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.csv_grammar import (
    SEPARATORS,
    Broken,
    cells_of,
    column_name,
    folded,
    likely_separator,
    named_separator,
    without_end,
)
from oneroster_engine.standard.entities import ROSTER_FILES, USER_FIELDS_1_1, Field, fields_of
from oneroster_engine.standard.text_encoding import Line

COMMON = ("sourcedId", "status", "dateLastModified")
MOST_TITLE_LINES = 15
SHOWN = 60  # characters of a line that is no header
ABOUT_PEOPLE = ("users.csv", "userProfiles.csv")
MOST_BY_CHANCE = 2  # of a file's columns, in a line that is no header
_WORD = re.compile("[A-Za-z]+")
_OF_IDS = re.compile("ids?$|number$|guid$|key$")
# In an error or a pointer that stands in a file's place, and in nobody's name or address: no refusal says such a thing.
_OF_A_TOOL = re.compile("://|: ")
# Names of OneRoster 1.0, whose CSVs have no manifest to say so, for what is called otherwise since; TAO's sample for its importer
# still has them. Its `userId` is not among them: an id without the type that `userIds` wants.
OLD_NAMES = {
    "agents": "agentsourcedids",
    "grade": "grades",
    "schoolyearid": "schoolyearsourcedid",
    "termsourcedid": "termsourcedids",
}
# Read by nobody, and no news to anybody.
_EXPECTED = ("password", "resourcesourcedids")


@dataclass(frozen=True)
class Header:
    """`names` are the columns as sent, `line` the header's. `in_one_cell`: each line of the file is one quoted cell."""

    separator: str
    names: tuple[str, ...]
    line: int = 1
    in_one_cell: bool = False
    notes: tuple[str, ...] = ()


def find_header(file: str, first_lines: Iterable[Line], fields: Sequence[Field]) -> Header:
    """The header among the first lines of `file`; the first of them where none has a column that is known.

    Raises BundleRefused where its quotes make no names of it.
    """
    sent = [without_end(line.text) for line, _ in zip(first_lines, range(MOST_TITLE_LINES), strict=False)]
    known = _known(fields)
    separator = named_separator(sent[0]) if sent else ""
    start = 1 if separator else 0
    for at, text in enumerate(sent[start:], start=start):
        found = _header(text, separator or likely_separator(text, known), known)
        if found and any(column_name(name, known) == "sourcedid" for name in found.names):
            return _told(file, found, at, start, fields)
    text = sent[start] if len(sent) > start else ""
    return _header(text, separator or likely_separator(text, known), frozenset()) or _broken_header(file, start + 1, text)


def places_of(file: str, header: Header, fields: Sequence[Field]) -> dict[str, int]:
    """Where each column that is read stands in the file. Raises BundleRefused."""
    wanted = [("sourcedId", True), ("status", False), ("dateLastModified", False)]
    wanted += [(field.name, field.column_required) for field in fields]
    read = {name.casefold() for name, _ in wanted}
    seen: dict[str, int] = {}
    for place, (name, folded_name) in enumerate(zip(header.names, names_read(header.names, read), strict=True)):
        if folded_name in seen and folded_name in read:
            raise BundleRefused(
                f"{file}, line {header.line}: column `{name.strip()}` stands there twice. Keep one and send the bundle again."
            )
        seen.setdefault(folded_name, place)
    missing = [name for name, required in wanted if required and name.casefold() not in seen]
    if missing:
        raise _missing(file, header, missing[0], [name for name in seen if name and name not in read], bool(read & set(seen)))
    if (other := _other_file(file, header)) and not (read & set(seen)) - _known(fields_of(other, "1.1")):
        raise BundleRefused(
            f"{file}, line {header.line}: its columns are those of {other}.csv. Give each file its own name and send the bundle "
            "again."
        )
    return {name: seen[name.casefold()] for name, _ in wanted if name.casefold() in seen}


def names_read(names: Sequence[str], known: Collection[str]) -> list[str]:
    """The name under which each column is read, as it is compared; one that is not `known` is its own."""
    found = [column_name(name, known) for name in names]

    def now(name: str) -> str:
        new = OLD_NAMES.get(name, name)
        return new if name not in known and new in known and new not in found and found.count(name) == 1 else name

    return [now(each) for each in found]


def ignored_columns(header: Header, places: dict[str, int]) -> list[str]:
    return [
        name.strip()
        for place, name in enumerate(header.names)
        if place not in places.values() and folded(name) and folded(name) not in _EXPECTED
    ]


def _told(file: str, found: Header, at: int, start: int, fields: Sequence[Field]) -> Header:
    notes, known = [], _known(fields)
    if others := [name.strip() for name in found.names if column_name(name, known) != folded(name)]:
        listed = ", ".join(f"`{name}`" for name in others[:3])
        notes.append(
            f"{file}: columns are called {listed}; they were read as the standard's names, which have no blanks or underscores."
        )
    reads = zip(found.names, names_read(found.names, known), strict=True)
    if old := {name.strip(): new for name, new in reads if new == OLD_NAMES.get(folded(name))}:
        today = {field.name.casefold(): field.name for field in fields}
        listed, read_as = (", ".join(f"`{each}`" for each in names) for names in (old, [today[each] for each in old.values()]))
        notes.append(f"{file}: columns are called {listed}, as in OneRoster 1.0; they were read as {read_as}.")
    if found.separator != ",":
        notes.append(f"{file} has {SEPARATORS.get(found.separator, repr(found.separator))} between its cells.")
    if at > start:
        lines = f"line {start + 1} is" if at == start + 1 else f"lines {start + 1} to {at} are"
        notes.append(f"{file}: {lines} no header, as a title is; the header was found in line {at + 1}.")
    if found.in_one_cell:
        notes.append(f"{file}: each line is one quoted cell; what is in it was read as the line.")
    return Header(found.separator, found.names, at + 1, found.in_one_cell, tuple(notes))


def _header(text: str, separator: str, known: frozenset[str]) -> Header | None:
    """The header that a line is; None where its quotes make none. Blanks around a name's quotes are none of it."""
    cells = cells_of(text, separator)
    if cells is Broken.MISPLACED:
        cells = cells_of(re.sub(rf"[ \t]*({re.escape(separator)})[ \t]*", r"\1", text.strip(" \t")), separator)
    if not isinstance(cells, list):
        return None
    if len(cells) == 1 and text.startswith('"'):
        inner = likely_separator(cells[0], known)
        inside = cells_of(cells[0], inner)
        if isinstance(inside, list) and sum(column_name(name, known) in known for name in inside) > 1:
            return Header(inner, tuple(inside), in_one_cell=True)
    return Header(separator, tuple(cells))


def _broken_header(file: str, line: int, text: str) -> Header:
    if text.count('"') % 2:
        raise BundleRefused(f"{file}, line {line}: a quote of the header is left open. Close it and send the bundle again.")
    raise BundleRefused(
        f"{file}, line {line}: a quote of the header stands inside of a name. Put each name in quotes whole, or none, and send "
        "the bundle again."
    )


def _known(fields: Sequence[Field]) -> frozenset[str]:
    return frozenset(name.casefold() for name in (*COMMON, *(field.name for field in fields)))


def _other_file(file: str, header: Header) -> str:
    """The file of OneRoster whose columns these are, where they are not the file's own."""
    names = frozenset(map(folded, header.names))
    fitting = {each: len(names & {field.name.casefold() for field in fields_of(each, "1.1")}) for each in ROSTER_FILES}
    best = max(ROSTER_FILES, key=lambda each: fitting[each])
    return best if fitting[best] > max(2, fitting.get(file.removesuffix(".csv"), 0)) else ""


def _missing(file: str, header: Header, name: str, others: Sequence[str], is_header: bool) -> BundleRefused:
    message = f"{file}, line {header.line}: required column `{name}` is missing"
    if other := _other_file(file, header):
        return BundleRefused(
            f"{message}; its columns are those of {other}.csv. Give each file its own name and send the bundle again."
        )
    if file == "users.csv" and is_header and name in [field.name for field in USER_FIELDS_1_1]:
        return BundleRefused(
            f"{message}, as in OneRoster 1.2, while manifest.csv (or the group's version, or the lack of roles.csv) says 1.1. "
            "Let oneroster.version be that of the files, or export again as one version."
        )
    text = header.separator.join(header.names)
    known = {each.casefold() for each in (*COMMON, *(field.name for field in fields_of(file.removesuffix(".csv"), "1.2")))}
    if not is_header and sum(word.casefold() in known for word in _WORD.findall(text)) > MOST_BY_CHANCE:
        between = "".join(
            each if each.isprintable() else f"U+{ord(each):04X}" for each in next(filter(None, _WORD.split(text)[1:-1]))[:10]
        )
        names = ", ".join(SEPARATORS.values())
        more = f": `{between}` stands between the names, and only {names} are read there"
    elif not is_header and len(header.names) == 1 and (file not in ABOUT_PEOPLE or _OF_A_TOOL.search(text)):
        more = f", and so are all others; the line is `{text[:SHOWN]}`"
    elif not is_header:
        more = ", and so are all others; the line is no header but data, a title or another file's text"
    else:
        near = difflib.get_close_matches(name.casefold(), others, n=1)
        more = f"; the nearest is `{next(each.strip() for each in header.names if folded(each) == near[0])}`" if near else ""
        if not near and name.endswith("ourcedId"):
            ids = [each.strip() for each in header.names if folded(each) in others and _OF_IDS.search(folded(each))]
            more = f"; what may hold it is called {', '.join(f'`{each}`' for each in ids[:3])} there" if ids else ""
    return BundleRefused(f"{message}{more}. Correct the header and send the bundle again.")
