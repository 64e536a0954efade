"""`manifest.csv`: which version a bundle speaks and how each of its files is meant.

It decides whether rows that a file lacks are gone, so nothing in it is guessed: it is read in every encoding, separator and shape
that the other files are read in, and what can't be understood is a refusal that quotes it.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard.csv_grammar import SEPARATORS, Record, folded, named_separator, records
from oneroster_engine.standard.entities import ONLY_1_2, ROSTER_FILES
from oneroster_engine.standard.file_kinds import other_kind
from oneroster_engine.standard.text_encoding import HEAD, Line, NotText, lines, text_encoding

MODES = ("bulk", "delta", "absent")
VERSION = "oneroster.version"
# Files of OneRoster 1.1 and 1.2 that a roster has no use for.
UNUSED_FILES = (
    "categories", "classResources", "courseResources", "demographics", "lineItems", "lineItemLearningObjectiveIds",
    "lineItemScoreScales", "resources", "results", "resultLearningObjectiveIds", "resultScoreScales", "scoreScales",
    "userResources",
)  # fmt: skip
# Every file that a manifest has to speak of.
_LISTED_1_1 = (
    "academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
    "enrollments", "lineItems", "orgs", "resources", "results", "users",
)  # fmt: skip
_LISTED_1_2 = (
    *_LISTED_1_1, "lineItemLearningObjectiveIds", "lineItemScoreScales", "resultLearningObjectiveIds", "resultScoreScales",
    "roles", "scoreScales", "userProfiles", "userResources",
)  # fmt: skip
_VERSION_KEY = "onerosterversion"
MOST_LINES = 1000
QUOTED = 60  # characters of what a refusal quotes

_FILES = {name.casefold(): name for name in (*ROSTER_FILES, *UNUSED_FILES)}
_SYSTEM = ("sourcesystemname", "filesystemname")
_OTHER_PROPERTIES = ("manifestversion", "sourcesystemcode", "filesystemcode", *_SYSTEM)
_NAME_HEADERS = ("propertyname", "property", "name", "key")
_VALUE_HEADERS = ("value", "propertyvalue")
_VERSION = re.compile(r"(?:oneroster\s*)?v?\s*(1)[.,](1|2)(?:[.,]\d+)*", re.IGNORECASE)


@dataclass(frozen=True)
class Manifest:
    """`version` is 1.1, 1.2 or empty where the bundle doesn't say; `modes` maps a file's name (folded) to bulk|delta|absent.

    `notes` are sentences about what has no effect, such as the blank mode of a file that isn't read. `unlisted` are the
    roster's files that the bundle has and the manifest doesn't list.
    """

    version: str = ""
    system: str = ""
    modes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()

    def deltas(self) -> frozenset[str]:
        """The roster's files that hold changes only."""
        return frozenset(name for name in ROSTER_FILES if self.modes.get(name.casefold()) == "delta")


@dataclass(frozen=True)
class _Property:
    """`key` is "version", "system", a file's name (folded) or empty; `name` and `value` are as sent."""

    key: str
    name: str
    value: str


def manifest_csv(version: str, sent: Collection[str], mode: str, system: tuple[str, str]) -> str:
    """The manifest of a bundle of the files `sent`, all in this mode; every other file of the standard is absent. `system`: the
    name and the code of what wrote it."""
    rows = [("propertyName", "value"), ("manifest.version", "1.0"), (VERSION, version)]
    rows += [(f"file.{name}", mode if name in sent else "absent") for name in (_LISTED_1_1 if version == "1.1" else _LISTED_1_2)]
    rows += zip(("source.systemName", "source.systemCode"), system, strict=True)
    return "".join(f"{name},{value}\r\n" for name, value in rows)


def read_manifest(path: Path) -> Manifest | None:
    """None when the bundle has none. `present` are the bundle's files, for those that the manifest doesn't list.

    Raises BundleRefused.
    """
    if not path.is_file():
        return None
    properties = _properties(_lines(path))
    present = frozenset(name for name in ROSTER_FILES if (path.parent / f"{name}.csv").is_file())
    by_name = _once_each(properties)
    notes: list[str] = []
    modes = {}
    for each in by_name.values():
        if each.key not in ("version", "system") and (mode := _mode(each, present, notes)):
            modes[each.key] = mode
    version = _version(by_name.get("version"))
    read = [name for name in ROSTER_FILES if version != "1.1" or name not in ONLY_1_2]
    unlisted = [name for name in read if name in present and name.casefold() not in modes]
    if unlisted and modes and "delta" not in modes.values():
        notes.append(f"The manifest says nothing of {csvs(unlisted)}; read as bulk, which is everything.")
    system = by_name.get("system")
    return Manifest(version, system.value if system else "", modes, tuple(notes), tuple(unlisted))


def _lines(path: Path) -> list[Line]:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if kind := other_kind(head):
        raise _refused(f"it is {kind} and no CSV", "Export it as CSV")
    try:
        sent = []
        for line in lines(path, text_encoding(path)):
            sent.append(line)
            if len(sent) > MOST_LINES:
                raise _refused(f"it has more than {MOST_LINES} lines", "Put the bundle's manifest there")
    except NotText as trouble:
        raise _refused(str(trouble), "Export it as UTF-8") from trouble
    if not any(line.text.strip() for line in sent):
        raise _refused("it is empty, so that it doesn't say how the files are meant", "Fill it, or leave it out")
    return sent


def _properties(sent: Sequence[Line]) -> list[_Property]:
    """What the manifest says, by the separator of which most is understood."""
    named = named_separator(sent[0].text)
    cells = [record.cells for record in records(sent, ",") if record.text.strip()]
    if all(own is not None and len(own) == 1 for own in cells) and any('"' in line.text for line in sent):
        sent = [Line(own[0]) for own in cells if own]  # each line is one quoted cell
    readings = [list(records(sent[1:] if named else sent, separator)) for separator in ([named] if named else SEPARATORS)]
    read = [(reading, _wide(reading) or _tall(reading)) for reading in readings]
    reading, properties = max(read, key=lambda each: sum(bool(one.key) for one in each[1]))
    if not any(each.key for each in properties):
        first = next(line.text.strip() for line in sent if line.text.strip())
        raise _refused(
            f"no property of OneRoster is to be found in it; it begins with `{first[:QUOTED]}`",
            "Write `propertyName,value` and a line for each property, such as `file.users,bulk`",
        )
    if broken := next((each for each in reading if each.cells is None), None):
        raise _refused(
            f"line {broken.line} can't be read for certain: `{broken.text[:QUOTED]}`", "Correct the quotes in that line"
        )
    return properties


def _wide(reading: Iterable[Record]) -> list[_Property]:
    """One column a property, of which the next line has the values."""
    rows = [record.cells for record in reading if record.cells and any(map(folded, record.cells))]
    for names, values in pairwise(rows):
        if sum(bool(_key(name)) for name in names) > 1:
            given = [*(each.strip() for each in values), *[""] * (len(names) - len(values))]
            return [_Property(_key(name), name.strip(), value) for name, value in zip(names, given, strict=False)]
    return []


def _tall(reading: Iterable[Record]) -> list[_Property]:
    """One line a property."""
    name_at, value_at = 0, 1
    found = []
    for record in reading:
        cells = [folded(cell) for cell in record.cells or ()]
        compact = [_compact(cell) for cell in cells]
        name = next((at for at, cell in enumerate(compact) if cell in _NAME_HEADERS), None)
        value = next((at for at, cell in enumerate(compact) if cell in _VALUE_HEADERS), None)
        if name is not None and value is not None:
            name_at, value_at = name, value
        elif cells and any(cells):
            sent = [*(each.strip() for each in record.cells or ()), *[""] * (max(name_at, value_at) + 1 - len(cells))]
            found.append(_Property(_key(sent[name_at]), sent[name_at], folded(sent[value_at]) and sent[value_at]))
            others = [cell for cell in sent[value_at + 1 :] if folded(cell) in MODES and folded(cell) != folded(sent[value_at])]
            if others and found[-1].key:
                raise _refused(
                    f"{sent[name_at]} has two values, `{sent[value_at][:QUOTED]}` and `{others[0][:QUOTED]}`",
                    "Keep the one that is right",
                )
    return found


def _key(name: str) -> str:
    """What a property is about, empty where that isn't understood: `file.users`, `users.csv` and `Users` are one."""
    compact = _compact(folded(name).removesuffix(".csv"))
    if compact == _VERSION_KEY:
        return "version"
    if compact in _OTHER_PROPERTIES:
        return "system" if compact in _SYSTEM else compact
    for prefix in ("files", "file", ""):
        if compact.startswith(prefix) and compact.removeprefix(prefix) in _FILES:
            return compact.removeprefix(prefix)
    return ""


def _compact(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name)


def _once_each(properties: Iterable[_Property]) -> dict[str, _Property]:
    """The properties by their key, or by their name where that isn't understood. Raises BundleRefused where two disagree."""
    by_name: dict[str, _Property] = {}
    for each in properties:
        key = each.key or folded(each.name)
        before = by_name.setdefault(key, each)
        if folded(before.value) != folded(each.value):
            raise _refused(
                f"{each.name} stands there twice, as `{before.value[:QUOTED]}` and as `{each.value[:QUOTED]}`",
                "Keep the line that is right",
            )
    return by_name


def _mode(each: _Property, present: frozenset[str], notes: list[str]) -> str:
    """How a file is meant; empty where the property is about none that counts."""
    mode = folded(each.value)
    name = _FILES.get(each.key, "")
    if name in ROSTER_FILES:
        if mode in MODES:
            return mode
        if mode or name in present:
            given = f"`{each.value[:QUOTED]}`" if mode else "blank"
            raise _refused(f"{each.name} is {given}; bulk, delta or absent is expected", "Correct the manifest")
    elif mode == "delta" and not name:
        raise _refused(
            f"`{each.name[:QUOTED]}` is delta, and no file of OneRoster has that name",
            "Correct the name, such as file.users, or take the line out",
        )
    elif mode in MODES or not (name or folded(each.name).startswith("file")) or (each.key and not name):
        return ""
    notes.append(
        f"The manifest's {each.name[:QUOTED]} is {f'`{each.value[:QUOTED]}`' if mode else 'blank'}, and no such file is read."
    )
    return ""


def _version(each: _Property | None) -> str:
    if each is None or not folded(each.value):
        return ""
    found = _VERSION.fullmatch(folded(each.value))
    if not found:
        raise BundleRefused(
            f"manifest.csv: {VERSION} is `{each.value[:20]}`; 1.1 and 1.2 are read. Export again as OneRoster 1.1 or 1.2."
        )
    return f"{found[1]}.{found[2]}"


def csvs(names: Iterable[str]) -> str:
    return ", ".join(f"{name}.csv" for name in names)


def _refused(what: str, do: str) -> BundleRefused:
    return BundleRefused(f"manifest.csv: {what}. {do} and send the bundle again.")
