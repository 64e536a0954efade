"""Which rows of a file are none: rules between rows, footers, the header once more."""

import re

from oneroster_engine.duckdb_session import text

HEADER_AGAIN = ("sourcedId", "sourcedid", "SOURCEDID", "SourcedId", "sourcedID")  # as an id
EMPTY_BOXES = ("false", "falsch", "faux", "falso", "onwaar")
ROW_WORDS = (
    "rows?|records?|lines?|datens(?:ä|ae)tze|zeilen|eintr(?:ä|ae)ge|"
    "enregistrements?|lignes?|registros?|filas?|righe|linhas?|rijen"
)
FOOTER = re.compile(
    r"[^a-z0-9]*((grand )?total|count|rows?|records?|end|eof|trailer|footer|"
    rf"(anzahl|summe|gesamt|nombre( de)?|número( de)?|numero( di)?|aantal)\b|\(?\d[\d,. ]*({ROW_WORDS})\b)"
    rf"[^a-z0-9]*((number )?(of )?({ROW_WORDS}|file|data|report|export|document)?( affected| selected| exported)?)"
    rf"\W*\d*[\d,.]*\W*({ROW_WORDS})?\W*"
    r"|(end of (report|file|export|data)"
    r"|(report |file |data )?(generated|exported|created|printed|run)( (by|on|at|from|with)\b|:).*"
    r"|page \d+( (of|/) \d+)?|seite \d+( von \d+)?)\W*[\d/:. apm-]*",
    re.IGNORECASE,
)
BLANK = " \t\r\n\0\xa0\x0b\x0c\x1a-*=_~"  # the end of a page, and of a file in DOS; and what queries draw under their header


def surely_a_row(sourced_id: str) -> str:
    """SQL for the fast path: whether an id says that its row is neither padding nor the header again. Only what begins with a
    blank's character is looked at closer: to trim every id is half of the work of reading it."""
    may_be = f"({sourced_id} < '.' OR {sourced_id} >= '_' AND {sourced_id} < '`' OR {sourced_id} >= '{{')"
    longest = max(map(len, HEADER_AGAIN))
    names = ", ".join(map(text, HEADER_AGAIN))
    return (
        f"CASE WHEN {may_be} THEN NOT {is_blank(sourced_id)} ELSE true END "
        f"AND CASE WHEN strlen({sourced_id}) = {longest} THEN {sourced_id} NOT IN ({names}) ELSE true END"
    )


def is_blank(cell: str) -> str:
    """SQL for whether the patient reader sees nothing in it (`BLANK`)."""
    return f"trim({cell}, ' -*=_~' || {' || '.join(f'chr({each})' for each in (9, 10, 11, 12, 13, 26, 160))}) = ''"
