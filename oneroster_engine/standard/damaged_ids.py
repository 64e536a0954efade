"""What spreadsheets and copying do to ids, and when two ids are the same one: in bundles and in the sheets that admins fill.

A spreadsheet drops the zeros in front of a number, rounds a long one to 1.23457E+11, makes a date of 3-12, and writes ="00071"
where it was kept from that; copying adds blanks, quotes and characters that nobody sees. Two ids are near when only
that, or upper and lower case, distinguishes them. Each function has an SQL twin that gives the same result.
"""

import re

ROUNDED = re.compile(r"\d([.,]\d+)?E\+?\d+", re.IGNORECASE)  # a long number, as a spreadsheet saves it in a CSV
ROUNDED_SQL = (
    r"'\d([.,]\d+)? ?[eE] ?\+\d+|\d[.,]\d+[eE]\d{1,3}|\d([.,]\d+)? ?[x\x{D7}] ?10\^\d+'"  # Java writes no plus; 12E5 may be an id
)
# 3-12 becomes 12-Mar, 12. Mrz or 12-mars, and 3/2012 Mar-12: as English, German, French and Spanish spreadsheets write it. Only
# what each of them writes, letter by letter: 12-MAR may be an id.
_ENGLISH, _FRENCH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec", "janv|févr|mars|avr|juin|juil|août|sept|déc"
_GERMAN, _SPANISH = "Jan|Feb|Mrz|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez", "ene|abr|ago|dic"
_DASHED = f"{_ENGLISH}|{_FRENCH}|{_SPANISH}"
DATE_SQL = rf"'\d{{1,2}}-({_DASHED})|({_DASHED}|Mrz|Okt|Dez)-\d{{2}}|\d{{1,2}}\. ?({_GERMAN})'"
LONGEST_DATE = 8  # characters of one without a blank
# 12.03.2026 and 3/12/2026: with a year, so that 10.11.12 may be an id.
_DAY, _MONTH = r"(0?[1-9]|[12]\d|3[01])", "(0?[1-9]|1[0-2])"
_ISO = "(19|20)\\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])"
_CLOCK = "( +\\d{1,2}:\\d{2}(:\\d{2})?( ?[AaPp][Mm])?)?"
FULL_DATE_SQL = rf"'({_DAY}[./]{_MONTH}[./](19|20)\d{{2}}|{_MONTH}[./]{_DAY}[./](19|20)\d{{2}}|{_ISO}){_CLOCK}'"
TIME_SQL = r"'\d{1,2}:\d{2}(:\d{2})? [AaPp][Mm]'"  # 9:05 AM, which 9:05 became
DOTTED_SQL = r"'\d+[./]\d+[./]\d{4}|\d{4}-\d{2}-\d{2}'"  # what else has the form of such dates
# 71.0 and 12,071: a number that was taken for a measure, by a spreadsheet or by a script that filled a gap in the column.
_NARROW = r"\x{00A0}\x{2009}\x{202F}"  # blanks that stand between a number's thousands, and in no id that a person wrote
MEASURE_SQL = (
    rf"'\+?\d+(\.0+|,00?)|\+\d+|\+?\d{{1,3}}(,\d{{3}})+(\.0+)?|\d{{1,3}}([{_NARROW}]\d{{3}})+(,0+)?"
    r"|[$€£] ?\d+([.,]00)?|\d+([.,]00)? ?[$€£%]'"
)
# 12.071, 12 071 and 12'071: the same in other languages, and often just an id. Only what refers to it shows which.
GROUPED_SQL = r"'\d{1,3}((\.\d{3})+|( \d{3})+|(''\d{3})+|(\x{2019}\d{3})+)(,0+)?'"
# {01008}, and (1008), which is how a spreadsheet writes a number below zero.
BRACKETED_SQL = r"'\{[^{}]+\}|\([^()]+\)|\[[^\[\]]+\]|<[^<>]+>|`[^`]+`'"
FORMULA_SQL = r"'= *[A-Z]+ *\(.*\)'"  # =TEXT(71,"00000"): what it shows is in no file
# A spreadsheet keeps fifteen digits of a number, and writes zeros for the others.
CUT_SQL, KEPT_DIGITS, LONGEST_CUT = r"'[1-9]\d{14}0+'", 15, 24
INVISIBLE = r"\x{00AD}\x{061C}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}"
CONTROL = r"\x00-\x1F\x7F-\x{009F}"
BROAD_BLANKS = r"\x{00A0}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
UNSEEN = CONTROL + INVISIBLE + BROAD_BLANKS
# Cyrillic and Greek letters that look like Latin ones, and those.
ALIKE = (
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0430\u0435\u043e\u0440\u0441\u0445\u0456"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "ABEKMHOPCTXaeopcxiABEZHIKMNOPTYX",
)
OTHER_DIGITS = "".join(chr(zero + digit) for zero in (0xFF10, 0x660, 0x6F0, 0x966, 0xE50) for digit in range(10))
AS_ASCII = "0123456789" * 5  # of wide, Arabic, Persian, Hindi and Thai digits
_HYPHENS, _BLANKS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "\u00a0\u2007\u2009\u202f"  # within an id
BLANK = r"\s\x{00A0}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}"


def without_zeros(sourced_id: str) -> str:
    """The number that a spreadsheet would make of an id of digits; any other id as it is."""
    return sourced_id.lstrip("0") or "0" if sourced_id.isdigit() else sourced_id


def is_rounded(sourced_id: str) -> bool:
    return ROUNDED.fullmatch(sourced_id.strip()) is not None


def is_rounded_sql(cell: str) -> str:
    return f"regexp_full_match({cell}, {ROUNDED_SQL})"


def is_bracketed_sql(cell: str) -> str:
    """Whether an id stands in brackets that are no part of it, as those of a UUID may be."""
    return f"(length({cell}) <> 38 AND regexp_full_match({cell}, {BRACKETED_SQL}))"


def is_date_sql(cell: str) -> str:
    """Whether a cell is what a spreadsheet writes where it took 3-12 or 3/12/2026 for a date."""
    return f"(regexp_full_match({cell}, {DATE_SQL}) OR regexp_full_match({cell}, {FULL_DATE_SQL}))"


def holds_date_sql(cell: str) -> str:
    """Whether an item of a list is that, or a number that became a measure."""
    one = rf"{DATE_SQL[1:-1]}|{FULL_DATE_SQL[1:-1]}|\d+\.0+"
    return f"regexp_matches({cell}, '(^|, *)({one}) *(,|$)')"


def bare_sql(cell: str) -> str:
    """An id without what stands around it or can't be seen: quotes, ="..." and =00071, blanks of every kind, zero-width
    characters."""
    seen = f"regexp_replace({cell}, '[{INVISIBLE}]', '', 'g')"
    trimmed = f"regexp_replace({seen}, '^[{BLANK}]+|[{BLANK}]+$', '', 'g')"
    # Of a function with a second argument the first is not the text that it shows.
    plain = rf"""regexp_replace({trimmed}, '^= *(T|TRIM|CLEAN)?\(? *"([^"]*)" *\)?$', '\2')"""
    unwrapped = f"""regexp_replace(regexp_replace({plain}, '^=(\\d+)$', '\\1'), '^=?"(.*)"$', '\\1')"""
    return f"""regexp_replace(regexp_replace({unwrapped}, '^''(.*?)''?$', '\\1'), '^[{BLANK}]+|[{BLANK}]+$', '', 'g')"""


def number_sql(cell: str) -> str:
    """The digits of a number that was taken for a measure; any other id as it is."""
    # Of zeros behind a comma two are cents and three belong to the number: 12,00 and 12,000.
    whole = rf"regexp_replace(regexp_replace({cell}, '[$€£+ {_NARROW}]', '', 'g'), '\.0+$|,00?$', '')"
    is_measure = f"regexp_full_match({cell}, {MEASURE_SQL})"
    grouped = rf"regexp_replace(regexp_replace({cell}, ',0+$', ''), '[. ''\x{{2019}}]', '', 'g')"
    is_grouped = rf"regexp_full_match({cell}, {GROUPED_SQL})"
    return f"CASE WHEN {is_measure} THEN replace({whole}, ',', '') WHEN {is_grouped} THEN {grouped} ELSE {cell} END"


def with_key_sql(rows: str) -> str:
    """The relation of the query `rows`, which has an `id`, with three more columns: `bare`, the id without what stands around it
    or can't be seen; `core`, that without brackets and as a plain number, digits as in ASCII; and `key`, equal for ids that are
    near. One is made of the other, column by column: written in one another they are a hundred times as long to plan. Nothing has
    to be taken off nearly all ids."""
    composed = "nfc_normalize(bare)"  # a letter and its accent as one character
    local = rf"regexp_replace({composed}, '^(https?://\S*/|urn:uuid:)', '')"  # an address, as an API refers to a row
    alike, ascii_ = f"{ALIKE[0]}{_HYPHENS}{_BLANKS}", f"{ALIKE[1]}{'-' * len(_HYPHENS)}{' ' * len(_BLANKS)}"
    narrow = f"translate({local}, '{OTHER_DIGITS}{alike}', '{AS_ASCII}{ascii_}')"
    unwrapped = rf"regexp_replace({narrow}, '^[\[{{(<“„«=`]+|[\]}})>”“»`]+$', '', 'g')"
    number = "coalesce(nullif(ltrim(core, '0'), ''), '0')"
    word = f"lower(if(length(core) = 36, {_without_hyphens('core')}, core))"
    steps = {
        "is_plain": "regexp_full_match(id, '[0-9A-Za-z_-]+')",
        "bare": f"CASE WHEN is_plain THEN id ELSE {bare_sql('id')} END",
        "unwrapped": f"CASE WHEN is_plain THEN id ELSE {unwrapped} END",
        "core": f"CASE WHEN is_plain THEN id ELSE {number_sql('unwrapped')} END",
        "key": f"if(regexp_full_match(core, '\\d+'), {number}, {word})",
    }
    relation = f"({rows})"
    for name, made_of in steps.items():
        relation = f"(SELECT *, {made_of} AS {name} FROM {relation})"
    return relation


def _without_hyphens(core: str) -> str:
    """A UUID as the systems write it that leave its hyphens out."""
    return f"replace({core}, '-', '')"


def difference_sql(one: str, other: str) -> str:
    """In what two near ids differ, in words: rows of `with_key_sql` with the same key."""
    return (
        f"CASE WHEN {one}.id = {other}.id THEN '' "
        f"WHEN {one}.bare = {other}.bare THEN 'by quotes, blanks or characters that nobody sees' "
        f"WHEN lower({one}.bare) = lower({other}.bare) THEN 'by upper and lower case only' "
        f"WHEN lower({one}.core) = lower({other}.core) "
        "THEN 'by brackets, an address, letters that look alike or a decimal point' "
        f"WHEN lower({_without_hyphens(f'{one}.core')}) = lower({_without_hyphens(f'{other}.core')}) THEN 'by hyphens only' "
        f"ELSE 'by leading zeros ' || if(regexp_full_match({one}.id || {other}.id, '\\d+'), 'only', "
        "'and how a number is written') END"
    )


BY_LETTERS = "by letters that look like digits (O and 0, l or I and 1)"
LIKE_IT, TIMES_AS_MANY = 3, 3  # so many other ids of an id's shape show that it is the true one, and so many times the other's


def as_seen_sql(cell: str) -> str:
    """An id as it looks: with digits for the letters that look like them."""
    return f"translate({cell}, 'OoIl', '0011')"


def shape_sql(cell: str) -> str:
    """Where an id has letters and digits. Of long ids, which are in hexadecimal digits, what those do not have."""
    long = f"regexp_replace(regexp_replace({cell}, '[0-9A-Fa-f]', '0', 'g'), '[G-Zg-z]', 'A', 'g')"
    short = rf"regexp_replace(regexp_replace({cell}, '\d+', '9', 'g'), '[A-Za-z]', 'A', 'g')"
    return f"if(length({cell}) >= 32, {long}, {short})"


def is_shaped_sql(was: str, sourced_id: str) -> str:
    """Whether the second of two ids that look alike is surely the true one, by the ids of its file (`shapes`: shape, ids): only
    letters became digits, and many others have its shape and few the other's."""
    digits = [rf"length(regexp_replace({each}, '\D', '', 'g'))" for each in (was, sourced_id)]
    ids = [f"coalesce((SELECT ids FROM shapes WHERE shape = {shape_sql(each)}), 0)" for each in (was, sourced_id)]
    return (
        f"(hamming({was}, {sourced_id}) = {digits[1]} - {digits[0]} AND {ids[1]} > {LIKE_IT} "
        f"AND {ids[1]} > {TIMES_AS_MANY} * {ids[0]})"
    )


def shown_sql(cell: str) -> str:
    """A text with the characters that nobody sees made visible, as <U+200B>."""
    point = f"CASE WHEN regexp_matches(each, '[{UNSEEN}]') THEN format('<U+{{:04X}}>', unicode(each)) ELSE each END"
    each = f"regexp_extract_all(replace({cell}, chr(9), '<TAB>'), '(?s).')"
    return f"array_to_string(list_transform({each}, lambda each: {point}), '')"


def rounds_to_sql(sourced_id: str, rounded: str) -> str:
    """Whether a spreadsheet would write the first, an id of digits, as the second, a rounded number."""
    number = f"try_cast(replace({rounded}, ',', '.') AS DOUBLE)"
    digits = f"length(regexp_extract({rounded}, '^\\d[.,]?(\\d*)', 1))"
    exponent = f"try_cast(regexp_extract({rounded}, '\\d+$') AS INT)"
    return (
        f"coalesce(regexp_full_match({sourced_id}, '\\d{{9,}}') AND "
        f"abs(try_cast({sourced_id} AS DOUBLE) - {number}) <= 0.5000001 * pow(10, {exponent} - {digits}), false) "
        f"OR {is_cut_sql(sourced_id, rounded)}"
    )


def is_cut_sql(sourced_id: str, cut: str) -> str:
    """Whether the second is what is left of the first, an id of digits, where fifteen of them are kept."""
    return (
        f"(regexp_full_match({cut}, {CUT_SQL}) AND length({sourced_id}) = length({cut}) "
        f"AND {sourced_id}[:{KEPT_DIGITS}] = {cut}[:{KEPT_DIGITS}])"
    )
