"""The patient reader: row by row, whatever districts send, each row under its columns or named with its line.

Padding is no data: blank lines, rows of separators, empty cells missing or surplus at a row's end, a header that comes again, a
footer such as "Total rows: 12".
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging.csv_header import MOST_BY_CHANCE, Header
from oneroster_engine.staging.finding import Finding
from oneroster_engine.staging.padding import BLANK, EMPTY_BOXES, FOOTER, ROW_WORDS
from oneroster_engine.staging.row_fit import Reading, RowFit
from oneroster_engine.standard.csv_grammar import LINE_END, SEPARATORS, Broken, Record, cells_of, folded, records
from oneroster_engine.standard.text_encoding import ESCAPED, NotText, TextEncoding, garbled, lines, may_be_coded, ungarbled

AS_IT_IS = "a new record has it as it is, and what the platform has right stays."
MOST_SAID = 1000  # findings of a rule that cost nothing, line by line; the others are counted
MOST_TRIED = 5000  # rows of a file that are tried in other readings: more of a kind are the export's fault, and an error each
SAMPLED = 200  # first rows of a file, which show how many cells its rows have
MOST_BREAKS = 3  # line breaks of one row that may not be quoted
SHOWN = 80  # characters of a row's cell that a finding shows
OTHER_SEPARATOR = re.compile(r"[\t;|,^~\x1f]")
# How many rows a footer counts: those of a query exactly, others the header and itself too. And which page of how many it ends.
_COUNTED = re.compile(
    rf"\D*(?P<exact>\d[\d,. ]*?)\s*rows?\W*( (affected|selected)\W*)?"
    rf"|.*?(?P<about>\d[\d,. ]*?)\W*({ROW_WORDS})?( affected| selected| exported)?\W*",
    re.IGNORECASE,
)
_OF_ROWS = re.compile(rf"total|count|anzahl|summe|gesamt|nombre|número|numero|aantal|trailer|\b({ROW_WORDS})\b", re.IGNORECASE)
_PAGE = re.compile(r"(?:page|seite) (\d+) ?(?:of|/|von) ?(\d+).*", re.IGNORECASE)


@dataclass
class Read:
    """`rows` counts the records that are data. `whole` is false where the file may hold more rows than were read."""

    rows: int = 0
    whole: bool = True
    findings: list[Finding] = field(default_factory=list)


class PatientReader:
    """Gives the rows of one file, and tells in `read` what it found."""

    def __init__(self, path: Path, encoding: TextEncoding, header: Header, places: Mapping[str, int], fit: RowFit) -> None:
        self._path, self._encoding, self._header, self._fit = path, encoding, header, fit
        self._places = places
        self._own = places["sourcedId"]
        self._names = [folded(name) for name in header.names]
        self._known = {name.strip() for name in header.names if name.strip()}
        self._said: Counter[str] = Counter()
        self._padding: list[int] = []
        self._tried = self._short = 0
        self._usual = fit.width
        self._password = -1
        self._ids_have_blanks = False
        self._ends = _ends_with_a_line_end(path, encoding)
        self.read = Read()

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that is kept: its line, and its cells by their places, as many as the header has. Raises BundleRefused."""
        footers: list[tuple[Record, list[str]]] = []  # only what ends the file is one
        try:
            for record, is_last in _with_the_last(self._records()):
                cells = self._cells(record)
                if cells is not None and self._is_padding(record, cells):
                    continue
                if cells is not None and not self._known.isdisjoint(cells):
                    self._refuse_other_header(record, cells)
                if cells is not None and self._is_footer(cells):
                    footers.append((record, cells))
                    continue
                for earlier in footers:
                    yield from self._row(*earlier)
                footers = []
                if is_last and cells is not None and len(cells) < self._fit.width and self._may_be_cut():
                    yield from self._cut(record, cells)
                else:
                    yield from self._row(record, cells)
        except NotText as trouble:
            raise BundleRefused(f"{self._path.name}: {trouble}. Correct the file and send the bundle again.") from trouble
        for record, cells in footers:
            self._padding.append(record.line)
            self._compare_with_footer(record, " ".join(cell.strip() for cell in cells if cell.strip()))
        self._sum_up()

    def _may_be_cut(self) -> bool:
        """Whether a last row that is too short may be: no other is, and no line end follows it."""
        return not self._ends and self._short == 0 and self.read.rows > 0

    def _cut(self, record: Record, cells: list[str]) -> Iterator[tuple[int, list[str]]]:
        """A last row that is too short is left out, unless all of its cells fit in one other way."""
        found = len(self.read.findings)
        kept = list(self._row(record, cells))
        if kept and self._short == 0:
            yield from kept
            return
        del self.read.findings[found:]
        self.read.whole = False
        self._leave_out(record, "cut-row", "the file ends in the middle of this row, as one that was cut does; it was left out.")

    def _records(self) -> Iterator[Record]:
        sent = records(lines(self._path, self._encoding), self._header.separator if not self._header.in_one_cell else ",")
        data = (record for record in sent if record.line > self._header.line)
        first = list(islice(data, SAMPLED))
        self._usual = self._usual_width(first)
        self._password = self._place_of_passwords(first)
        rows = [cells for record in first if (cells := self._cells(record)) and not self._is_blank(cells)]
        self._fit.learn(rows, self._usual)
        self._ids_have_blanks = any(" " in cells[self._own].strip() for cells in rows if len(cells) >= self._fit.width)
        return self._joined(chain(first, data))

    def _joined(self, sent: Iterator[Record]) -> Iterator[Record]:
        """The same records; where a line break that isn't quoted has cut one into several that are none, they are one again."""
        ahead: list[Record] = []
        while (record := ahead.pop(0) if ahead else next(sent, None)) is not None:
            cells = self._cells(record)
            if cells is None or len(cells) >= self._fit.width or record.open_quote or not self._fit.lacks(cells) or not cells[-1]:
                yield record
                continue
            parts = [record]
            while len(cells) < self._fit.width and len(parts) <= MOST_BREAKS:
                if len(parts) > len(ahead) and (more := next(sent, None)) is not None:
                    ahead.append(more)
                if len(parts) > len(ahead):
                    break
                following = ahead[len(parts) - 1]
                added = self._cells(following)
                if following.line != parts[-1].line + 1 or added is None or self._fit.is_one_row(added):
                    break
                parts.append(following)
                cells = [*cells[:-1], f"{cells[-1]}\n{added[0]}", *added[1:]]
            if len(parts) > 1 and len(cells) in (self._fit.width, self._usual) and self._fit.is_one_row(cells):
                del ahead[: len(parts) - 1]
                text = "\n".join(part.text for part in parts)
                misread = next((part.misread for part in parts if part.misread), "")
                yield Record(record.line, text, cells if not self._header.in_one_cell else None, misread)
            else:
                yield record

    def _usual_width(self, first: Sequence[Record]) -> int:
        """How many cells nearly every row has, padding at its end included: spreadsheets pad all rows alike."""
        widths = Counter(len(cells) for record in first if (cells := self._cells(record)) and any(map(str.strip, cells)))
        usual, times = widths.most_common(1)[0] if widths else (0, 0)
        return max(usual if times > max(1, widths.total() // 2) else 0, self._fit.width)

    def _place_of_passwords(self, first: Sequence[Record]) -> int:
        """Where passwords stand in a file that has any; else -1."""
        of_people = "username" in self._places and "password" in self._names
        place = self._names.index("password") if of_people else -1
        rows = [self._cells(record) or [] for record in first] if place >= 0 else []
        return place if any(len(cells) > place and cells[place].strip() for cells in rows) else -1

    def _cells(self, record: Record) -> list[str] | None:
        cells = record.cells
        if self._header.in_one_cell and cells is not None and len(cells) == 1:
            inside = cells_of(cells[0], self._header.separator)
            return inside if isinstance(inside, list) else None
        return cells

    def _is_padding(self, record: Record, cells: Sequence[str]) -> bool:
        own = cells[self._own] if self._own < len(cells) else ""
        if own.strip(BLANK) and folded(own) != self._names[self._own]:
            return False
        repeated = [folded(cell) for cell in cells[: len(self._names)]] == self._names[: len(cells)] and len(cells) > 1
        if repeated or self._is_blank(cells):
            self._padding.append(record.line)
            return True
        return False

    def _refuse_other_header(self, record: Record, cells: Sequence[str]) -> None:
        """Where the header comes again in another order, as in two schools' files put together, whose are the cells below it?"""
        if sum(cell.strip() in self._known for cell in cells) > MOST_BY_CHANCE:
            raise BundleRefused(
                f"{self._path.name}, line {record.line}: the header comes again with its columns in another order, so the cells "
                "below it stand under others' names. Give all rows one order under one header and send the bundle again."
            )

    def _is_blank(self, cells: Sequence[str]) -> bool:
        """Whether there is no data: nothing, or what a box to tick leaves in a row that nobody filled."""
        return all(not cell.strip(BLANK) or cell.strip().casefold() in EMPTY_BOXES for cell in cells)

    def _is_footer(self, cells: Sequence[str]) -> bool:
        there = [cell.strip() for cell in cells if cell.strip()]
        return bool(there) and len(there) <= 2 and FOOTER.fullmatch(" ".join(there)) is not None and cells[0].strip() != ""

    def _compare_with_footer(self, record: Record, footer: str) -> None:
        """Say where a file ends before its footer says that it does."""
        rows = self.read.rows
        page = _PAGE.fullmatch(footer)
        if page and int(page[1]) < int(page[2]):
            missing = f"the file ends with page {page[1]} of {page[2]}"
        elif _OF_ROWS.search(footer) and (counted := _COUNTED.fullmatch(footer)):
            exact, stated = counted["exact"] is not None, int(re.sub(r"\D", "", counted["exact"] or counted["about"]))
            if stated <= rows + (0 if exact else 2):
                return
            missing = f"the file says that it has {stated:,} rows, and {rows:,} came"
        else:
            return
        self.read.whole = False
        message = f"{missing}; nothing of it is removed."
        self.read.findings.append(Finding("fewer-rows", "warning", self._at(record.line, message), record.line))

    def _row(self, record: Record, cells: list[str] | None) -> Iterator[tuple[int, list[str]]]:
        self.read.rows += 1
        kept = self._broken(record) if cells is None else self._standing(record, cells)
        if kept is None:
            return
        if record.misread:
            self._say("encoding", f"{record.misread}.", record, kept)
        elif _may_be_garbled(record.text) and (found := garbled(self._read(kept))):
            meant = ungarbled(found)
            why = f"should be `{meant}`; it" if meant else "stands where a letter is lost; the text"
            self._say("garbled", f"`{found}` {why} was garbled before the file came; {AS_IT_IS}", record, kept)
        if "\0" in record.text:
            self._say("garbled", "a NUL character in a cell was left out.", record, kept)
            # A database's false: nobody becomes active by it.
            states = {self._places[name] for name in ("status", "enabledUser") if name in self._places}
            kept = [cell.replace("\0", "") or ("\\0" if cell and at in states else "") for at, cell in enumerate(kept)]
        if "\n" in record.text or "\r" in record.text:
            if any("\n" in kept[place] or "\r" in kept[place] for place in self._places.values()):
                self._say("line-break", "a line break inside a cell was read as a blank, and as a comma in a list.", record, kept)
            kept = [LINE_END.sub("," if at in self._fit.lists else " ", cell.strip()) for at, cell in enumerate(kept)]
        yield record.line, kept

    def _read(self, cells: Sequence[str]) -> str:
        """What is read of a row: no passwords."""
        return " ".join(cells[place] for place in self._places.values())

    def _standing(self, record: Record, cells: list[str]) -> list[str] | None:
        """A row that keeps the grammar: as it is where its cells stand under their columns."""
        width = self._fit.width
        surplus = [cell for cell in cells[width:] if cell.strip()]
        if len(cells) == width and not self._fit.is_odd(cells):
            return cells
        if self._may_show_a_password(cells):
            self._leave_out(record, "width", f"{self._width(len(cells))} What stands last in it may be a password.")
            return None
        if not surplus and (moved := self._fit.moved_by_a_cell(cells, self._usual)) is not None and self._may_try():
            return self._with_a_cell_moved(record, cells, moved)
        more = len(cells) - self._usual
        if more > 0 and not surplus and self._fit.may_be_shifted(cells) and (counted := self._readings(cells, joins=more)):
            return self._only(record, counted, self._width(len(cells)), is_counted=True)
        if not (surplus or self._fit.lacks(cells) or self._fit.misfits(cells) or self._fit.is_empty_where_needed(cells)):
            self._short += len(cells) < width
            return [*cells[:width], *[""] * (width - len(cells))]
        if len(cells) == 1 and isinstance(inside := cells_of(cells[0], self._header.separator), list) and len(inside) == width:
            one = Reading(tuple(inside), 0, "")
            self._say("unescaped", "the row is one quoted cell; what is in it was read as the row.", record, list(one.cells))
            return list(one.cells)
        readings = self._readings(cells)
        if surplus or self._fit.lacks(cells):
            return self._only(record, readings, self._width(len(cells)))
        moved = [each for each in readings if self._fit.is_moved(cells, each)]
        if not moved and self._fit.id_may_be_elsewhere(cells):
            return self._only(record, (), "its cells don't stand under their columns; the row was left out.")
        if not moved:  # what is odd in it is for the judge
            self._short += len(cells) < width
            return [*cells[:width], *[""] * (width - len(cells))]
        return self._only(record, readings, "its cells don't stand under their columns; the row was left out.")

    def _with_a_cell_moved(self, record: Record, cells: Sequence[str], readings: Sequence[Reading]) -> list[str] | None:
        """A row that has a cell too few or too many, read in the one way in which all look as they do in other rows."""
        few = len(cells) < self._usual
        joined = [] if few else self._readings(cells, joins=len(cells) - self._usual)
        if len({each.cells for each in (*readings, *joined)}) != 1:
            return self._only(record, (*readings, *joined), self._width(len(cells)))
        found = (*readings, *joined)[0]
        if (lost := self._fit.lost(found)) >= 0:
            missing = f": that of {self._header.names[lost].strip()} is missing;"
            said = self._width(len(cells)).replace(";", missing, 1)
            return self._only(record, (), said)
        name = self._header.names[found.column].strip()
        how = f"one is missing, and it was read with {name} empty" if few else f"it was read without an empty one before {name}"
        message = f"{len(cells)} cells where the other rows have {self._usual}; {how}, the only way in which all cells fit."
        self._say("moved-cell", message, record, list(found.cells))
        return list(found.cells)

    def _may_try(self) -> bool:
        self._tried += 1
        return self._tried <= MOST_TRIED

    def _may_show_a_password(self, cells: Sequence[str]) -> bool:
        """Whether a row is too short to have its password, and where that would stand if a cell before it were missing is
        something that nothing shows to be in its place. Passwords are never read: not under another column either."""
        if len(cells) > self._password:
            return False
        near = range(max(0, self._password - (self._fit.width - len(cells))), len(cells))
        return any(
            cells[place].strip() and place in self._places.values() and not self._fit.stands(place, cells[place])
            for place in near
        )

    def _width(self, cells: int) -> str:
        return f"{cells} cells where the header has {self._fit.width}; the row was left out."

    def _broken(self, record: Record) -> list[str] | None:
        """A row with a quote where none may stand."""
        text, separator = record.text, self._header.separator
        if record.open_quote:
            rule, message = "open-quote", "a quote is left open, or not doubled inside of a cell; the row was left out."
        else:
            rule, message = "width", "a quote inside of a cell is not doubled; the row was left out."
        if '\\"' in text:
            cells = cells_of(text.replace('\\"', '""'), separator)
            if not isinstance(cells, Broken) and len(cells) == self._fit.width and not self._fit.misfits(cells):
                self._say("unescaped", "quotes are escaped by backslashes; they were read as quotes.", record, cells)
                return cells
        kept = self._only(record, self._readings(text.split(separator), raw=True), message, rule)
        if record.open_quote and kept is None:
            self.read.whole = False  # what it may have swallowed
        return kept

    def _readings(self, pieces: Sequence[str], raw: bool = False, joins: int = 0) -> list[Reading]:
        return self._fit.readings(pieces, raw, joins) if self._may_try() else []

    def _only(
        self, record: Record, readings: Sequence[Reading], message: str, rule: str = "width", is_counted: bool = False
    ) -> list[str] | None:
        """The one way to read the row; an error where there is none, or more than one. `is_counted`: how many cells the other
        rows have confirms it."""
        if len(readings) != 1 or not (record.cells is None or is_counted or self._fit.is_confirmed(readings[0])):
            more = " It can be read in more than one way." if len(readings) > 1 else self._other_separator(record.text)
            self._leave_out(record, rule, f"{message} Look for a missing quote or comma.{more}")
            return None
        found = readings[0]
        name = self._header.names[found.column].strip() if found.column >= 0 else ""
        was, now = _shown(found.sent), _shown(found.cells[found.column] if found.column >= 0 else "")
        what = "a quote or comma in a cell isn't escaped"
        as_read = (
            f"`{was}` was read as {name} `{now}`, the only way in which all cells fit." if name else "it was read as it fits."
        )
        self._say("unescaped", f"{what}; {as_read}", record, list(found.cells))
        return list(found.cells)

    def _other_separator(self, text: str) -> str:
        """What is wrong with a row that has all its cells, with another separator between them than the header."""
        own = self._header.separator
        for separator, name in SEPARATORS.items():
            if separator != own and own not in text and text.count(separator) == self._fit.width - 1:
                return f" It has {name} between its cells, and the header has {SEPARATORS.get(own, own)}."
        return ""

    def _leave_out(self, record: Record, rule: str, message: str) -> None:
        cells = record.cells if record.cells is not None else record.text.split(self._header.separator)
        own = cells[self._own].strip(' "') if self._own < len(cells) and not self._fit.id_may_be_elsewhere(cells) else ""
        if self._fit.may_be_two_rows(cells):
            self.read.whole = False
            message = f"{message} Another row may stand in it, so nothing of this file is removed."
        if OTHER_SEPARATOR.search(own) or not any(map(str.isalnum, own)) or (" " in own and not self._ids_have_blanks):
            own = ""  # it may be anybody's: a whole row, or what a tool wrote when it failed
        self.read.findings.append(Finding(rule, "error", self._at(record.line, message), record.line, own[:255]))

    def _say(self, rule: str, message: str, record: Record, cells: Sequence[str]) -> None:
        self._said[rule] += 1
        if self._said[rule] <= MOST_SAID:
            found = Finding(rule, "warning", self._at(record.line, message), record.line, cells[self._own])
            self.read.findings.append(found)

    def _at(self, line: int, message: str) -> str:
        return f"{self._path.name}, line {line}: {message}"

    def _sum_up(self) -> None:
        for rule, times in self._said.items():
            if times > MOST_SAID:
                message = f"{self._path.name}: {times - MOST_SAID:,} more lines of this kind."
                self.read.findings.append(Finding(rule, "warning", message))
        if self._padding:
            shown = ", ".join(str(line) for line in self._padding[:5]) + (" and others" if len(self._padding) > 5 else "")
            many = len(self._padding) > 1
            message = (
                f"{self._path.name}: {len(self._padding):,} line{'s' if many else ''} without data ({shown}), such as empty "
                "cells or a footer, left unread."
            )
            self.read.findings.append(Finding("form", "note", message))


def _may_be_garbled(text: str) -> bool:
    return not text.isascii() or "&" in text or ESCAPED in text or may_be_coded(text)


def _with_the_last(sent: Iterable[Record]) -> Iterator[tuple[Record, bool]]:
    """Each, and whether it is the last."""
    before: Record | None = None
    for record in sent:
        if before is not None:
            yield before, False
        before = record
    if before is not None:
        yield before, True


def _ends_with_a_line_end(path: Path, encoding: TextEncoding) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        return bool(file.read().strip(b"\0")[-1:] in (b"\n", b"\r"))


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
