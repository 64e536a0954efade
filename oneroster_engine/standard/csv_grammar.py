"""CSV as text, before anybody asks what its columns mean: separators, records, and which of them break the grammar.

The grammar is RFC 4180's: a cell that begins with a quote is quoted whole, and a quote inside of it is doubled. A line that
breaks it is given as it was sent, by itself, so that it spoils no other.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from oneroster_engine.standard.text_encoding import Line

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_RECORD = 1 << 20  # characters
MOST_LINES = 200  # of one record; a quote that is open for longer was never closed
SWALLOWED_SEPARATORS = 2  # a cell that runs on through an open quote holds the separators of the rows that it swallowed
LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_NAMES_SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*$', re.IGNORECASE)  # Excel's first line, which is no header
csv.field_size_limit(LONGEST_RECORD)


class Broken(Enum):
    """Why a text is no record of the grammar."""

    OPEN = "a quote is open at its end"
    MISPLACED = "a quote stands where none may"


@dataclass(frozen=True)
class Record:
    """`line` counts records, blank lines too, as a spreadsheet shows them. `text` is what was sent. `cells` is None where that
    breaks the grammar; `open_quote` where no later line closes its quote as a cell's end."""

    line: int
    text: str
    cells: list[str] | None
    misread: str = ""
    open_quote: bool = False


def records(lines: Iterable[Line], separator: str) -> Iterator[Record]:
    """The records that aren't blank lines."""
    source, ahead, number = iter(lines), list[Line](), 0
    while (line := ahead.pop() if ahead else next(source, None)) is not None:
        number += 1
        text = without_end(line.text)
        if '"' not in text:
            if text:
                yield Record(number, text, text.split(separator), line.misread)
            continue
        cells = cells_of(text, separator)
        if cells is Broken.OPEN:
            more = _until_closed(line, source, ahead, separator)
            if more:
                joined = [line, *more]
                text = without_end("".join(each.text for each in joined))
                misread = next((each.misread for each in joined if each.misread), "")
                yield Record(number, text, _regular(cells_of(text, separator)), misread)
            else:
                yield Record(number, text, None, line.misread, open_quote=True)
        else:
            yield Record(number, text, _regular(cells), line.misread)


def cells_of(text: str, separator: str) -> list[str] | Broken:
    """The cells of one record, without its line end."""
    try:
        cells = next(csv.reader([text], delimiter=separator, strict=True), [])
    except csv.Error as trouble:
        return Broken.OPEN if "unexpected end" in str(trouble) else Broken.MISPLACED
    if (' "' in text or '\t"' in text) and _blank_before_quote(text, separator):
        return Broken.MISPLACED
    return cells


def named_separator(line: str) -> str:
    """The separator that the first line names as Excel does (`sep=;`), empty where it doesn't."""
    found = _NAMES_SEPARATOR.match(line)
    return found[1] if found else ""


def likely_separator(line: str, known: frozenset[str]) -> str:
    """The separator that shows most of the `known` names (folded) in a header, or the most frequent one."""

    def fitness(separator: str) -> tuple[int, int]:
        cells = cells_of(line, separator)
        names = cells if isinstance(cells, list) else line.split(separator)
        return sum(column_name(name, known) in known for name in names), line.count(separator)

    best = max(SEPARATORS, key=fitness)
    return best if fitness(best) > (0, 0) else ","


def folded(name: str) -> str:
    """A name as it is compared: without case, blanks, quotes and what can't be seen around it."""
    if name.isascii() and name.isprintable():
        return name.strip(" \t\"'").casefold()
    return "".join(each for each in name if each.isprintable() and each not in "\ufeff\u200b\u00a0").strip(" \t\"'").casefold()


def column_name(name: str, known: Collection[str]) -> str:
    """A column's name as it is compared: SOURCED_ID and `Sourced Id` are names of `sourcedid`, where that is known."""
    plain = folded(name)
    if plain in known:
        return plain
    joined = re.sub("[ _.-]", "", plain)
    return joined if joined in known else plain


def without_end(line: str) -> str:
    return line[:-2] if line.endswith("\r\n") else line[:-1] if line.endswith(("\r", "\n")) else line


def _regular(cells: list[str] | Broken) -> list[str] | None:
    return cells if isinstance(cells, list) else None


def _until_closed(line: Line, source: Iterator[Line], ahead: list[Line], separator: str) -> list[Line]:
    """The lines after `line` that belong to its record. None, and all are given again, where they make no record together, or
    one of which a cell holds whole rows."""
    more: list[Line] = []
    size = len(line.text)
    while len(more) < MOST_LINES and size <= LONGEST_RECORD:
        following = ahead.pop() if ahead else next(source, None)
        if following is None:
            break
        more.append(following)
        size += len(following.text)
        if '"' not in following.text:
            continue
        cells = cells_of(without_end(line.text + "".join(each.text for each in more)), separator)
        if isinstance(cells, list) and not any(_swallowed(cell, separator) for cell in cells):
            return more
        if cells is not Broken.OPEN:
            break
    ahead.extend(reversed(more))
    return []


def _swallowed(cell: str, separator: str) -> bool:
    return any(part.count(separator) >= SWALLOWED_SEPARATORS for part in LINE_END.split(cell)[1:])


def _blank_before_quote(text: str, separator: str) -> bool:
    """Whether a cell that isn't quoted begins with blanks and a quote, which readers take for either."""
    place = 0
    while place <= len(text):
        quoted = _QUOTED.match(text, place)
        end = quoted.end() if quoted else text.find(separator, place)
        end = len(text) if end < 0 else end
        if not quoted and text[place:end].lstrip(" \t").startswith('"'):
            return True
        place = end + 1
    return False
