"""Whether a row's cells stand under their columns, by what these hold; and the only way in which they can, where they don't.

A comma or a quote that isn't escaped moves every cell after it, and so does a cell that is missing. Dates, booleans, e-mail
addresses, known words and ids that exist show where they belong, and so do the file's other rows. A row is read otherwise than
as sent only where exactly one way of joining its pieces, or of leaving a cell empty, fits all of them.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import duckdb

from oneroster_engine.duckdb_session import quoted, tables
from oneroster_engine.standard.csv_grammar import cells_of
from oneroster_engine.standard.entities import Field, Kind, Need

MOST_JOINS = 6  # commas of one row that may have been text
MOST_PIECES = 200
MOST_MISSING = 3  # cells of one row that may have been lost, or put in
OFTEN = 0.25  # of a file's rows: as many are short because the tool that wrote them leaves empty cells out
NEARLY_ALL = 0.95  # of them: others may be damaged too
FEWEST_OTHERS = 3  # rows that show what a column holds
Fits = Callable[[str], bool]

_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})( .*)?|[+-]?infinity", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d{1,2}-\d{1,2}.*|\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2}).*")
_E_MAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+")
_PHONE = re.compile(r"[^@A-Za-z]*\d[^@]*|[^@A-Za-z]*")
_BRACED = re.compile(r"\{[^{}:]+:[^{}]*\}.*")
_USER_IDS = re.compile(r"(\s*\{?[^{}:,]+:[^{},]*\}?\s*[,;]?)+")
_GRADE = re.compile(r"\s*(IT|PR|PK|TK|KG|K|PS|UG|Other|\d{1,2})\s*", re.IGNORECASE)
_BOOLEANS = {"true", "false", "1", "0", "yes", "no", "y", "n"}
_STATUSES = {"active", "inactive", "tobedeleted"}
# What a cell looks like, where that tells: a name is none of these, and a telephone is no name.
_SHAPES = {
    "e-mail": _E_MAIL, "ids": _BRACED, "date": re.compile(r"\d{4}-\d{1,2}-\d{1,2}.*|\d{1,2}[./]\d{1,2}[./](\d{4}|\d{2}).*"),
    "telephone": re.compile(r"[+(]?\d[\d ()./+-]{5,}\d"), "number": re.compile(r"\d+"),
    "truth": re.compile("true|false", re.IGNORECASE),
}  # fmt: skip
_NO_NAME = ("e-mail", "ids", "date", "telephone", "number", "truth")
_NAMES = ("givenName", "familyName", "middleName", "preferredGivenName", "preferredMiddleName", "preferredFamilyName")


@dataclass(frozen=True)
class Reading:
    """A way to read a row: its cells by column, and which column holds the joined text. Of a row that had too few cells or too
    many, `column` is the one that was left empty, or where an empty cell was left out."""

    cells: tuple[str, ...]
    column: int
    sent: str


class RowFit:
    """What the columns of one file hold, by their places in it. `width` is the number of columns."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, entity: str, places: Mapping[str, int], fields: Sequence[Field], width: int,
        separator: str,
    ) -> None:  # fmt: skip
        self.width = width
        self._separator = separator
        self._status = places.get("status")
        self._contact = [places[name] for name in ("email", "sms", "phone") if name in places]
        self._required = frozenset(
            places[name]
            for name, need in [("sourcedId", Need.REQUIRED), *((each.name, each.need) for each in fields)]
            if need is not Need.OPTIONAL and name in places and name != "username"
        )
        self._strict = frozenset(
            places[name]
            for name, need in [("sourcedId", Need.REQUIRED), *((each.name, each.need) for each in fields)]
            if need is Need.REQUIRED and name in places
        )
        self._forms: dict[int, Fits] = {places["sourcedId"]: _is_id}
        self._references: dict[int, Fits] = {}
        self._verified: set[int] = set()
        self._finer: dict[int, Fits] = {}  # for choosing between readings; a district may have words of its own there
        self._held = [Counter[str]() for _ in range(width)]  # what the columns of other rows hold, by its shape
        self._filled: frozenset[int] = frozenset()  # columns that hardly any of those leaves empty
        self._short = Counter[int]()  # rows of the file by how many cells they have, where those are too few
        self._is_trimmed = True  # whether empty cells may be missing at a row's end
        self._others = 0
        self.lists = frozenset(places[each.name] for each in fields if each.kind is Kind.LIST and each.name in places)
        self._names = frozenset(places[name] for name in _NAMES if name in places)
        for name, fits in (("status", _is_status), ("dateLastModified", _is_time)):
            if name in places:
                self._forms[places[name]] = fits
        for each in fields:
            if each.name not in places:
                continue
            if each.name == "grades":
                self._finer[places[each.name]] = _are_grades
            elif form := _form(each):
                self._forms[places[each.name]] = form
            if each.refers:
                exists = None if each.refers.entity == entity else _exists(connection, each)
                self._references[places[each.name]] = exists or (_anything if each.kind is Kind.LIST else _is_id)
                self._verified |= {places[each.name]} if exists else set()
            elif each.name.endswith("SourcedId"):
                self._references[places[each.name]] = _is_id

    def learn(self, rows: Sequence[Sequence[str]], usual: int) -> None:
        """Look at what the columns of the rows hold that have as many cells as is usual."""
        whole = [cells for cells in rows if len(cells) == usual]
        self._short = Counter(len(cells) for cells in rows if len(cells) < self.width)
        self._others = len(whole)
        self._is_trimmed = self._short.total() > OFTEN * len(rows) or not any(
            not cells[self.width - 1].strip() for cells in whole
        )
        for cells in whole:
            for place, cell in enumerate(cells[: self.width]):
                if cell.strip():
                    self._held[place][_shape(cell)] += 1
        if self._others >= FEWEST_OTHERS:
            self._filled = frozenset(place for place, held in enumerate(self._held) if held.total() >= NEARLY_ALL * self._others)
            self._is_trimmed = self._is_trimmed and self.width - 1 not in self._filled

    def misfits(self, cells: Sequence[str]) -> bool:
        """Whether a cell doesn't hold what its column does, looked at quickly: ids that exist are not looked up."""
        if any(place < len(cells) and cells[place] and not fits(cells[place]) for place, fits in self._forms.items()):
            return True
        return any(place < len(cells) and _shape(cells[place]) in _NO_NAME for place in self._names)

    def is_odd(self, cells: Sequence[str]) -> bool:
        """Whether a row of the right width may be shifted all the same: its e-mail address stands under a telephone."""
        if len(self._contact) < 3:
            return False
        email, *others = (cells[place] for place in self._contact)
        return "@" not in email and any("@" in each for each in others)

    def lacks(self, cells: Sequence[str]) -> bool:
        """Whether a cell that the row can't do without is missing at its end; or one that should be there, and that nearly
        every other row has."""
        needed = self._strict | (self._required & self._filled)
        return not self._is_going(cells) and any(place >= len(cells) for place in needed)

    def is_empty_where_needed(self, cells: Sequence[str]) -> bool:
        """Whether a cell that the row can't do without is there, and empty."""
        return not self._is_going(cells) and any(place < len(cells) and not cells[place].strip() for place in self._strict)

    def may_be_shifted(self, cells: Sequence[str]) -> bool:
        """Whether a row that has more cells than the others may be shifted: a cell misfits, or what stands last in it shows by
        nothing that it stands where it belongs."""
        last = max((place for place, cell in enumerate(cells) if cell.strip()), default=0)
        return self.misfits(cells) or not self.stands(last, cells[last])

    def stands(self, place: int, cell: str) -> bool:
        """Whether a cell shows by what it holds that it stands where it belongs."""
        fits = self._forms.get(place) or self._finer.get(place) or (self._references[place] if place in self._verified else None)
        return fits is not None and fits(cell)

    def id_may_be_elsewhere(self, cells: Sequence[str]) -> bool:
        """Whether a row that can't be read may have lost its id, or have something in front of it."""
        before = cells[1 : 1 + self.width]
        is_one_before = not self.misfits(before) and not self.lacks(before) and not self.is_empty_where_needed(before)
        return self.misfits(cells) and (is_one_before or not self.misfits(["", *cells]))

    def _is_going(self, cells: Sequence[str]) -> bool:
        """Whether the row is to be deleted: whatever else it lacks doesn't matter."""
        place = self._status
        return place is not None and place < len(cells) and _folded_status(cells[place]) == "tobedeleted"

    def readings(self, pieces: Sequence[str], raw: bool = False, joins: int = 0) -> list[Reading]:
        """The ways to read a row by joining neighbouring pieces so that every cell fits, fewest joins first; two at most.

        `raw` pieces were split at every separator, quotes and all. `joins` is how many there must be, where that is known.
        """
        if len(pieces) > MOST_PIECES:
            return []
        if joins:
            return self._with_joins(list(pieces), joins, raw) if joins <= MOST_JOINS else []
        least = max(0 if raw else 1, len(pieces) - self.width - _blanks_at_end(pieces))
        for joins in range(least, min(MOST_JOINS, max(least, len(pieces) - self.width) + 1) + 1):
            found = self._with_joins(list(pieces), joins, raw)
            if found:
                return found
        return []

    def _with_joins(self, pieces: list[str], joins: int, raw: bool) -> list[Reading]:
        """With exactly `joins` separators taken as text."""
        found: dict[tuple[str, ...], Reading] = {}
        hopeless: set[tuple[int, int, int]] = set()  # from here on nothing fits, whatever came before

        def go(at: int, column: int, left: int, cells: list[str], joined: tuple[int, str]) -> bool:
            if at == len(pieces) or column == self.width:
                rest = range(column, self.width)
                if left or any(piece.strip() for piece in pieces[at:]) or any(place in self._required for place in rest):
                    return False
                whole = (*cells, *("" for _ in rest))
                found.setdefault(whole, Reading(whole, *joined))
                return True
            if (at, column, left) in hopeless:
                return False
            fits = False
            for more in range(min(left, len(pieces) - at - 1) + 1):
                group = pieces[at : at + more + 1]
                cell = _cell(group, self._separator, raw)
                if cell is None or (more and not _may_be_joined(group)) or not self._holds(column, cell):
                    continue
                sent = self._separator.join(group)
                here = (column, sent) if more or (raw and '"' in sent) else joined
                fits |= go(at + more + 1, column + 1, left - more, [*cells, cell], here)
                if len(found) > 1:
                    return True
            if not fits:
                hopeless.add((at, column, left))
            return fits

        go(0, 0, joins, [], (-1, ""))
        return list(found.values())

    def _holds(self, column: int, cell: str) -> bool:
        if not cell.strip():
            return column not in self._required
        if column in self._names and _shape(cell) in _NO_NAME:
            return False
        return all(forms.get(column, _anything)(cell) for forms in (self._forms, self._finer, self._references))

    def moved_by_a_cell(self, cells: Sequence[str], usual: int) -> list[Reading] | None:
        """The ways to read a row that lacks a cell in its middle, or has an empty one too many: those in which the fewest cells
        look otherwise than in the file's other rows. None where nothing shows that it does. Those have `usual` cells."""
        change = usual - len(cells)
        if not change or abs(change) > MOST_MISSING or self._others < FEWEST_OTHERS or self._is_going(cells):
            return None
        if self._short[len(cells)] > OFTEN * (self._others + self._short.total()) or (
            change > 0 and cells[-1].strip() and self._is_trimmed
        ):
            return None  # as other rows are
        as_sent = tuple([*cells, *[""] * change][: self.width])
        odd = self._strange(as_sent) + self.misfits(as_sent)
        if not odd:
            return None
        found: dict[tuple[str, ...], Reading] = {}
        for place in range(1, len(cells)):
            if change > 0:
                moved = [*cells[:place], *[""] * change, *cells[place:]]
            elif any(cell.strip() for cell in cells[place : place - change]):
                continue
            else:
                moved = [*cells[:place], *cells[place - change :]]
            whole = tuple(moved[: self.width])
            if whole != as_sent and all(self._holds(column, cell) for column, cell in enumerate(whole)):
                found.setdefault(whole, Reading(whole, place, ""))
        strange = {whole: self._strange(whole) for whole in found}
        least = min(strange.values(), default=odd)
        if least < odd:
            return [each for whole, each in found.items() if strange[whole] == least]
        return [] if any(not as_sent[place].strip() for place in self._required & self._filled) else None

    def lost(self, reading: Reading) -> int:
        """The column of which a reading has no cell, though every other row has one; -1 where there is none."""
        return next((place for place in sorted(self._filled) if not reading.cells[place].strip()), -1)

    def _strange(self, cells: Sequence[str]) -> int:
        """How many cells look like nothing that other rows have in their column."""
        return sum(bool(cell.strip()) and not self._held[place][_shape(cell)] for place, cell in enumerate(cells))

    def is_one_row(self, cells: Sequence[str]) -> bool:
        """Whether all that a row can't do without is there, and nothing stands where it can't."""
        return not self.lacks(cells) and not self.is_empty_where_needed(cells) and not self.misfits(cells)

    def may_be_two_rows(self, cells: Sequence[str]) -> bool:
        """Whether cells that are too many may be those of two rows, as where the line end between them was lost: from some cell
        on, which may be glued to the last one before it, all are as a row's are."""
        fewest = 1 + max(self._strict | (self._required & self._filled), default=0)
        return len(cells) > self.width and any(
            self.is_one_row(["?", *cells[at + 1 :]][: self.width]) for at in range(fewest - 1, len(cells) - fewest + 1)
        )

    def is_moved(self, cells: Sequence[str], reading: Reading) -> bool:
        """Whether something shows that a row is shifted, though it might be as it was sent: where a cell misfits or is missing,
        the reading has one that fits; or a cell that misfits fits where the reading has it, and nothing stood there."""
        sent = {place: cells[place].strip() for place in self._forms if place < len(cells)}
        odd = {place: cell for place, cell in sent.items() if cell and not self._forms[place](cell)}
        read = {place: reading.cells[place].strip() for place in self._forms}
        if any(place < len(cells) and not cells[place].strip() and reading.cells[place].strip() for place in self._strict):
            return True
        return any(cell and cell != sent.get(place) and (place in odd or (cell in odd.values() and not sent.get(place)))
                   for place, cell in read.items())  # fmt: skip

    def is_confirmed(self, reading: Reading) -> bool:
        """Whether a cell after the joined one shows by what it holds that it stands where it belongs."""
        return any(
            cell.strip() and (place in self._forms or place in self._verified)
            for place, cell in enumerate(reading.cells)
            if place > reading.column
        )


def _may_be_joined(group: Sequence[str]) -> bool:
    """Blanks are no two parts of a text, and neither an e-mail address nor an id in braces beside other text is one."""
    parts = [piece.strip() for piece in group if piece.strip()]
    braced = sum(_BRACED.fullmatch(piece) is not None for piece in parts)
    return len(parts) > 1 and not any(map(_E_MAIL.fullmatch, parts)) and braced in (0, len(parts))


def _cell(group: Sequence[str], separator: str, raw: bool) -> str | None:
    """The cell that pieces make together; None where quotes stand in its way."""
    text = separator.join(group)
    if not raw:
        return text
    bare = text.strip(" \t")
    if '"' not in bare:
        return text
    if bare.startswith('"') and bare.endswith('"') and len(bare) > 1:
        inner = bare[1:-1].replace('\\"', '"')
        whole = cells_of(bare, separator)
        return whole[0] if isinstance(whole, list) and len(whole) == 1 else inner.replace('""', '"')
    pieces = (piece.strip(" \t") for piece in group)
    return None if any(piece.startswith('"') or piece.endswith('"') for piece in pieces) else text


def _form(each: Field) -> Fits | None:
    """What a column holds, where it isn't just text."""
    if each.words:
        words = frozenset(word.casefold() for word in (*each.words.allowed, *each.words.also))
        return lambda cell: cell.strip().casefold() in words or cell.strip().startswith("ext:")
    named = {"email": _matches(_E_MAIL), "sms": _matches(_PHONE), "phone": _matches(_PHONE)}
    kinds: dict[Kind, Fits] = {
        Kind.DATE: _matches(_DATE), Kind.BOOLEAN: lambda cell: cell.strip().casefold() in _BOOLEANS,
        Kind.YEAR: lambda cell: cell.strip()[:4].isdigit(), Kind.USER_IDS: _matches(_USER_IDS),
    }  # fmt: skip
    return named.get(each.name) or kinds.get(each.kind)


def _exists(connection: duckdb.DuckDBPyConnection, each: Field) -> Fits | None:
    """Whether ids are those of rows that were kept; None where those haven't been read."""
    assert each.refers is not None
    table = f"ids_{each.refers.entity}"
    if table not in tables(connection):
        return None

    @lru_cache(maxsize=20_000)
    def exists(sourced_id: str) -> bool:
        return connection.execute(f"SELECT 1 FROM {quoted(table)} WHERE sourcedId = $1", [sourced_id]).fetchone() is not None

    if each.kind is Kind.LIST:
        return lambda cell: all(exists(item.strip()) for item in cell.split(",") if item.strip())
    return lambda cell: exists(cell.strip())


def _matches(form: re.Pattern[str]) -> Fits:
    return lambda cell: form.fullmatch(cell.strip()) is not None


def _shape(cell: str) -> str:
    bare = cell.strip()
    return next((name for name, form in _SHAPES.items() if form.fullmatch(bare)), "text" if bare else "")


def _anything(cell: str) -> bool:
    return True


def _are_grades(cell: str) -> bool:
    return all(_GRADE.fullmatch(item) for item in cell.split(","))


def _is_id(cell: str) -> bool:
    return "," not in cell and len(cell) < 256


def _is_status(cell: str) -> bool:
    return _folded_status(cell) in _STATUSES


def _folded_status(cell: str) -> str:
    return re.sub("[-_ ]", "", cell).casefold()


def _is_time(cell: str) -> bool:
    return _TIME.fullmatch(cell.strip()) is not None


def _blanks_at_end(pieces: Sequence[str]) -> int:
    count = 0
    for piece in reversed(pieces):
        if piece.strip():
            break
        count += 1
    return count
