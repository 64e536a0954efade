"""How a suspect row's cells are read: patiently, in the forms that districts send, and only where there is one reading.

Every function gives SQL for a cell as text. The fast path reads the standard's own form alone.
"""

from collections.abc import Iterable

from oneroster_engine.duckdb_session import text
from oneroster_engine.standard.damaged_ids import AS_ASCII, BLANK, CONTROL, INVISIBLE, OTHER_DIGITS, UNSEEN

FIRST_YEAR, LAST_YEAR = 1900, 2100  # of a date in a roster; what a cast gives beyond them was something else
IN_RANGE = f"BETWEEN DATE '{FIRST_YEAR}-01-01' AND DATE '{LAST_YEAR}-12-31'"

# What the tools say for "nothing": databases, spreadsheets' errors, scripts. Names and titles may be None or Null.
NOTHING = (
    "N/A", "n/a", "N.A.", "n.a.", "-", "--", "---", ".", "..", "...", "(null)", "(blank)", "(empty)", "(none)", "<null>",
    "<NULL>",
    "[null]", "[NULL]", "[object Object]", r"\N", "NaN", "nan", "undefined",
    "<NA>", "NaT", "N/D", "N.D.", "n/d", "n.d.", "k.A.", "k. A.", "n.v.t.", "''", '""', "[List]", "[Record]", "[Table]",
)  # fmt: skip
# #N/A, #NV, #REF!, #WERT!, #NAME?, ###: a spreadsheet's errors, in any of its languages.
SHEET_ERROR = r"#(N/A|NV|N/D|N/V|GETTING_DATA|¡?[\p{Lu}/0_]+[!?]|#+)"
NOTHING_BUT_A_NAME = ("NULL", "null", "Null", "None", "none", "nil")
NOTHING_BUT_AN_ID = ("NA",)  # R writes that; and the North Academy may be called so

# Active, inactive and tobedeleted as exports of common systems and languages write them, without case, blanks, - and _.
STATUS_WORDS = {
    "active": ("active", "activ", "aktiv", "actif", "active", "activo", "activa", "attivo", "actief", "ativo", "aktywny",
               "aktiivinen", "enabled", "current", "enrolled"),
    "inactive": ("inactive", "inaktiv", "inactif", "inactive", "inactivo", "inactiva", "inattivo", "inactief", "inativo",
                 "disabled", "suspended", "archived", "withdrawn", "deactivated", "closed"),
    "tobedeleted": ("tobedeleted", "deleted", "delete", "removed", "gelöscht", "geloescht", "supprimé", "supprime", "eliminado",
                    "borrado", "eliminato", "verwijderd", "excluído", "excluido", "slettet", "borttagen", "usunięty"),
}  # fmt: skip
TRUE_WORDS = ("true", "t", "1", "1.0", "-1", "yes", "y", "on", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "si", "vero",
              "waar", "verdadeiro", "sim", "sant", "sand", "tosi", "prawda", "tak", "enabled", "active", "pravda", "igaz",
              "adevărat", "doğru", "kyllä", "kylla", "jah", "sann", "tõene", "cert",
              "истина", "да", "真", "是", "はい")  # fmt: skip
FALSE_WORDS = ("false", "f", "0", "0.0", "no", "n", "off", "falsch", "nein", "faux", "non", "falso", "onwaar", "nee", "não",
               "nao", "falskt", "nej", "falsk", "epätosi", "fałsz", "nie", "disabled", "inactive", "nepravda", "hamis",
               "fals", "ei", "nei", "usann", "väär", "yanl\u0131\u015f", "ложь", "нет", "假", "否", "いいえ")  # fmt: skip

MONTHS = {
    1: "jan jän ene gen janv", 2: "feb fév fev febr", 3: "mar mär mrz mars maa", 4: "apr avr abr avri", 5: "may mai mei mag maj",
    6: "jun juin giu", 7: "jul juil lug", 8: "aug aoû août aou ago", 9: "sep set sept", 10: "oct okt ott out", 11: "nov",
    12: "dec dez déc dic des",
}  # fmt: skip


def _among(words: Iterable[str]) -> str:
    return ", ".join(text(each) for each in dict.fromkeys(words))


# For the fast path, which compares every cell with each: those that exports write. The others are known in suspect rows.
COMMON_NOTHING = ("NULL", "null", "N/A", "n/a", "NA", "None", "(null)", "NaN", "nan", "NaT", "N/D")


# What databases say: a spreadsheet's error in a person's state is no state, and not a blank one.
NOTHING_IN_A_DATABASE = ("NULL", "null", "Null", "None", "none", "nil", "(null)", "<null>", r"\N")


TEXT_FORMULA = '^= *"(.*)"$'


def nothing_in_a_database(cell: str) -> str:
    return f"{cell} IN ({_among(NOTHING_IN_A_DATABASE)})"


def nothing(cell: str, may_be_a_name: bool = False, may_be_an_id: bool = False) -> str:
    """Whether a cell says "nothing" in a tool's words."""
    words = NOTHING if may_be_a_name else (*NOTHING, *NOTHING_BUT_A_NAME)
    words = words if may_be_a_name or may_be_an_id else (*words, *NOTHING_BUT_AN_ID)
    return f"({cell} IN ({_among(words)}) OR regexp_full_match({cell}, {text(SHEET_ERROR)}))"


def shown(cell: str) -> str:
    """A text as a spreadsheet shows it: what stands in `="..."`, which keeps a text from being taken for a number or a date."""
    return f"if(starts_with({cell}, '='), nullif(trim(regexp_replace({cell}, {text(TEXT_FORMULA)}, '\\1')), ''), {cell})"


# Windows-1252 that was read as Latin-1: what is a control character there is a quote or a letter here.
_CONTROLS, _WINDOWS = zip(
    *((chr(each), meant) for each in range(0x80, 0xA0) if (meant := bytes([each]).decode("cp1252", errors="ignore"))), strict=True
)
_JOINERS = r"[\x{200C}\x{200D}]+"  # of meaning in Persian, Hindi and pictures, and next to no Latin letter
_LATIN = r"[\x00-\x{024F}]"
_TAG = r"</?(a|b|br|div|em|font|i|p|small|span|strong|sub|sup|u)( [^<>]*)?/?>"
_IN_QUOTES = (
    r"""^(?:"([^"]+)"|'([^']+)'|“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|»([^«»]+)«"""
    r"|\x{2018}([^\x{2018}\x{2019}]+)\x{2019})$"
)
# What a text may hold that is taken off; a character that is seen as well may be meant.
UNCLEAN = rf"[{UNSEEN}\"“”„«»\x{{2018}}]|^'|<"
UNCLEAN_JOINED = UNCLEAN.replace("^'", "(^| )'")  # in several texts with blanks between them


def visible(cell: str, in_quotes: bool, with_tags: bool, one_line: bool) -> str:
    """A text without characters that nobody sees and blanks around it; of some, without quotes around the whole (and the
    apostrophe by which a spreadsheet keeps a number from being one), without tags of a web page, or with common blanks alone."""
    read = f"translate({cell}, '{''.join(_CONTROLS)}', {text(''.join(_WINDOWS))})"
    read = rf"regexp_replace({read}, '[\t\x0B\x0C\x{{2028}}\x{{2029}}]', ' ', 'g')"
    joined = INVISIBLE.replace(r"\x{200B}-\x{200F}", r"\x{200B}\x{200E}\x{200F}")
    read = f"regexp_replace({read}, '[{CONTROL}{joined}]', '', 'g')"
    read = rf"regexp_replace(regexp_replace({read}, '(^|{_LATIN}){_JOINERS}', '\1', 'g'), '{_JOINERS}({_LATIN}|$)', '\1', 'g')"
    if with_tags:
        read = f"regexp_replace({read}, '{_TAG}', '', 'gi')"
    if one_line:
        read = rf"regexp_replace({read}, '[\x{{00A0}}\x{{2007}}\x{{2009}}\x{{202F}}]', ' ', 'g')"
    edges = f"'^[{BLANK}]+|[{BLANK}]+$', '', 'g'"
    read = f"regexp_replace({read}, {edges})"
    if in_quotes:
        read = rf"regexp_replace({read}, {text(_IN_QUOTES)}, '\1\2\3\4\5\6\7')"
        read = rf"regexp_replace(regexp_replace({read}, '^''([0-9+(].*)$', '\1'), {edges})"
    return f"CASE WHEN regexp_matches({cell}, {text(UNCLEAN)}) THEN nullif({read}, '') ELSE {cell} END"


def status(cell: str) -> str:
    """active, inactive, tobedeleted, empty for a blank one, `unknown` for any other word."""
    folded = f"lower(regexp_replace(coalesce({cell}, ''), '[-_ ]', '', 'g'))"
    read = " ".join(f"WHEN {folded} IN ({_among(words)}) THEN '{meant}'" for meant, words in STATUS_WORDS.items())
    return f"CASE WHEN {folded} = '' THEN '' {read} ELSE 'unknown' END"


def boolean(cell: str) -> str:
    word = f"lower({cell})"
    return f"CASE WHEN {word} IN ({_among(TRUE_WORDS)}) THEN true WHEN {word} IN ({_among(FALSE_WORDS)}) THEN false END"


def year(cell: str) -> str:
    two = rf"regexp_extract({cell}, '^(\d\d)\d\d\s*[-/]\s*(\d\d)?(\d\d)$', "
    return rf"CASE WHEN {cell} SIMILAR TO '\d{{4}}' THEN {cell} ELSE nullif({two}1) || {two}3), '') END"


# --- dates ------------------------------------------------------------------------------------------------------------

YEAR_DAY_MONTH = r"^\d{4}[-/.](1[3-9]|2\d|3[01])[-/.](0?[1-9]|1[0-2])([T ]|$)"  # 2026-25-08
LOCAL_DATE = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})$"


def without_clock(cell: str) -> str:
    """A date as it is sent without its clock, its weekday and what a spreadsheet puts around it; digits as in ASCII, and points
    with blanks between (2026. 8. 20., as in Hungary and Korea) as hyphens."""
    ascii_ = f"translate(trim({cell}), '{OTHER_DIGITS}', '{AS_ASCII}')"
    bare = rf"""regexp_replace({ascii_}, '^(?:="(.*)"|''(.*?)''?)$', '\1\2')"""
    # Thu Aug 20 00:00:00 CDT 2026, as Java and Unix write it.
    java = r"^[A-Za-z]{3} ([A-Za-z]{3}) +(\d{1,2}) [\d:]{8}( [A-Z]{2,5})? (\d{4})$"
    cell = rf"regexp_replace({bare}, '{java}', '\1 \2 \4')"
    cell = rf"regexp_replace({cell}, '^(\d{{4}})\. ?(\d{{1,2}})\. ?(\d{{1,2}})\.?( .*)?$', '\1-\2-\3\4')"
    hyphens = rf"regexp_replace(trim({cell}), '[\x{{2010}}-\x{{2013}}]', '-', 'g')"
    ideograms = rf"regexp_replace({hyphens}, '^(\d{{4}})年(\d{{1,2}})月(\d{{1,2}})日?(\(.\))?', '\1-\2-\3')"
    days = "mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mardi|martes|martedì|mer|jeu|ven|sam|dim|mié|jue|vie|sáb|dom"
    plain = rf"regexp_replace({ideograms}, '^({days})[a-zé]*[.,]* +', '', 'i')"
    return rf"regexp_replace({plain}, '([T ]+\d{{1,2}}[:.]\d{{2}}.*|Z|(?:[T ]+|)\+\d{{2}}:?\d{{2}})$', '')"


def local_parts(cell: str) -> tuple[str, str]:
    """The first and the second number of a date like 9/25/2026, NULL of any other cell."""
    own = without_clock(cell)
    return tuple(f"try_cast(regexp_extract({own}, '{LOCAL_DATE}', {part}) AS INT)" for part in (1, 2))  # type: ignore[return-value]


def may_begin_with_year(cell: str) -> str:
    """Whether a date like 26-08-20 may have its year first, NULL of any cell without such a date."""
    own = without_clock(cell)
    first = rf"regexp_extract({own}, '^\d{{2}}[/.-]\d{{1,2}}[/.-]\d{{2}}$')"
    year_first = f"try_strptime(regexp_replace({first}, '[/.]', '-', 'g'), '%y-%m-%d') IS NOT NULL"
    return f"CASE WHEN regexp_matches({own}, '{LOCAL_DATE}') THEN {year_first} END"


def date(cell: str, order: str = "") -> str:
    """A date with or without a clock: as ISO has it, with a month's name, or in the column's `order`: day, month or (of two
    digits) year first, or `year-day`: 2026-25-08.

    NULL for years outside 1900 to 2100, `infinity`, and what is not certain. A two-digit year is of 1969 to 2068 (POSIX).
    """
    own = "own"
    year_first = rf"regexp_extract({own}, '^\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}$')"
    after = "%d-%m" if order == "year-day" else "%m-%d"
    iso = f"try_strptime(regexp_replace({year_first}, '[/.]', '-', 'g'), '%Y-{after}')"
    plain = rf"CASE WHEN regexp_full_match({own}, '(19|20)\d{{6}}') THEN try_strptime({own}, '%Y%m%d') END"
    day, month, year_ = (
        rf"regexp_extract({own}, '^0?(\d{{1,2}})[/.-]0?(\d{{1,2}})[/.-](\d{{4}})$', {part})" for part in (1, 2, 3)
    )
    same = f"CASE WHEN {day} = {month} THEN try_cast({year_} || '-' || {month} || '-' || {day} AS DATE) END"
    readings = [f"{iso}::DATE", f"({plain})::DATE", _with_month_name(own), same]
    if order == "year":
        slashed = f"regexp_replace(regexp_extract({own}, '{LOCAL_DATE}'), '[.-]', '/', 'g')"
        readings.append(f"try_strptime({slashed}, '%y/%m/%d')::DATE")
    elif order in ("day", "month"):
        first, second = ("%d", "%m") if order == "day" else ("%m", "%d")
        slashed = f"regexp_replace(regexp_extract({own}, '{LOCAL_DATE}'), '[.-]', '/', 'g')"
        four = rf"regexp_matches({slashed}, '/\d{{4}}$')"
        readings.append(
            f"if({four}, try_strptime({slashed}, '{first}/{second}/%Y'), try_strptime({slashed}, '{first}/{second}/%y'))::DATE"
        )
    # What is looked at many times is made once, as the item of a list: to plan it each time takes longer than all else.
    read = f"list_transform([{without_clock(cell)}], lambda own: coalesce({', '.join(readings)}))"
    return f"list_filter({read}, lambda day: day {IN_RANGE})[1]"


def _with_month_name(own: str) -> str:
    """1-Sep-2026, Sep 1, 2026, 1. September 2026, 01-SEP-26: the word is the month, so the rest is certain."""
    word = rf"regexp_extract(lower({own}), '[[:alpha:]äûéèç]{{3,}}')"
    numbers = rf"regexp_extract_all({own}, '\d+')"
    key = f"if({word} LIKE 'jui%', {word}[:4], {word}[:3])"  # juin and juillet
    month = (
        "CASE "
        + " ".join(
            f"WHEN {key} IN ({_among(each[: 3 + each.startswith('jui')] for each in names.split())}) THEN {at}"
            for at, names in MONTHS.items()
        )
        + " END"
    )
    own = rf"regexp_replace(regexp_replace({own}, '^(\d{{1,2}})(st|nd|rd|th|er|º)\b', '\1', 'i'), ' de(l)? ', ' ', 'gi')"
    word, numbers = rf"regexp_extract(lower({own}), '[[:alpha:]äûéèç]{{3,}}')", rf"regexp_extract_all({own}, '\d+')"
    name = "[[:alpha:]äûéèç]{3,10}"
    day_first, month_first = rf"\d{{1,2}}[-./ ]*{name}[-.,/ ]*(\d{{4}}|\d{{2}})", rf"{name}[-. ]*\d{{1,2}},?[-/ ]+\d{{4}}"
    shape = f"regexp_full_match({own}, '({day_first}|{month_first})')"
    year_ = f"if(length({numbers}[2]) = 2, '20' || {numbers}[2], {numbers}[2])"
    return f"CASE WHEN {shape} THEN try_cast({year_} || '-' || {month} || '-' || {numbers}[1] AS DATE) END"


# --- lists and user ids -----------------------------------------------------------------------------------------------

# What no item has. A quote or a bracket at an item's edge is none of it, and in the middle of it may be: O'Neil, 1(A-B).
WIDE = "\uff0c\u3001\uff1b"  # commas and a semicolon as Chinese and Japanese keyboards write them
LIST_DIRT = r"""["\[\]{}|;\x{FF0C}\x{3001}\x{FF1B}]|^\s*['(]|,\s*'|(^|,)\s*(null|NULL)\s*(,|$)"""


def items(cell: str, any_separator: bool) -> str:
    """A list whose items may stand in quotes or brackets, with bars between them; with `any_separator` semicolons too, which
    else belong to an item."""
    ids = rf"""regexp_extract_all({cell}, '["'']sourcedId["'']\s*:\s*["'']([^"'']*)["'']', 1)"""
    bare = rf"""regexp_replace(translate(trim({cell}), '{WIDE}', ',,;'), '^"([^"]*)"$', '\1')"""
    each_in_brackets = rf"regexp_matches({bare}, '[\])}}]\s*[,;|]\s*[\[({{]')"  # those belong to the items
    bare = rf"if({each_in_brackets}, {bare}, regexp_replace({bare}, '^[\[({{]+(.*?)[\])}}]+$', '\1'))"
    bare = rf"if({bare} IN ('[]', '{{}}', '()'), '', {bare})"
    between = r"\|~\||[;|]" if any_separator else r"\|~\||[|]"
    split = f"if(contains({bare}, ','), {bare}, regexp_replace({bare}, '{between}', ',', 'g'))"
    parts = f"""if(contains({split}, '"'), regexp_extract_all({split}, '"[^"]*"|[^,"]+'), string_split({split}, ','))"""
    return (
        f"CASE WHEN {cell} IS NULL THEN []::VARCHAR[] WHEN len({ids}) > 0 THEN {ids} "
        f"ELSE list_filter(list_transform({parts}, "
        """lambda each: regexp_replace(trim(each), '^["'']+|["'']+$', '', 'g')), """
        "lambda each: each NOT IN ('', 'null', 'NULL')) END"
    )


def _as_json(cell: str) -> str:
    """User ids as JSON where they are nearly that: Python's quotes, or none."""
    quoted_ = f"replace({cell}, chr(39), chr(34))"
    bare = rf"""regexp_replace({quoted_}, '([{{,]\s*)(type|identifier)(\s*:\s*)([^"{{}},]+)', '\1"\2"\3"\4"', 'g')"""
    return rf"if(regexp_matches({quoted_}, '[{{,]\s*\x22?identifier\x22?\s*:'), {bare}, {cell})"


def user_ids(cell: str) -> str:
    """{type:identifier} with commas or semicolons between; without braces; or as JSON, which some exports paste."""
    cell = _as_json(cell)
    types, identifiers = (rf"""regexp_extract_all({cell}, '"{name}"\s*:\s*"([^"]*)"', 1)""" for name in ("type", "identifier"))
    json = f"list_transform(list_zip({types}, {identifiers}), lambda each: {{'type': each[1], 'identifier': each[2]}})"
    pairs = rf"""regexp_extract_all({cell}, '[^{{}},;|]+:[^{{}},;|]+')"""
    plain = (
        f"list_transform({pairs}, lambda each: {{'type': trim(split_part(each, ':', 1), ' \"''[(<'), "
        "'identifier': trim(split_part(each, ':', 2), ' \"''])>')})"
    )
    return (
        f"CASE WHEN {cell} IS NULL THEN [] WHEN contains({cell}, '\"identifier\"') THEN {json} "
        rf"WHEN regexp_matches({cell}, '^[^:]*:[^:]*([,;|][^:]*:[^:]*)*$') THEN {plain} ELSE [] END"
    )
