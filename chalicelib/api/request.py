"""What comes in over HTTP, bounded before any model or store sees it.

Models say what a value means; here stands what no value may be: endless, nested without an end, or text that no file, key or
table takes. Limits are far above what people and the portal send.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from chalice.app import Request

MOST_BODY_BYTES = 6 << 20  # API Gateway takes 10 MB, and Lambda's event 6 MB
MOST_NESTED = 32
MOST_TEXT = 65_536  # characters of one text
LONGEST_NUMBER = 40  # characters
MOST_KEY = 128  # of an Idempotency-Key or an ETag
SEVERAL_LINES = frozenset({"description", "note", "reason", "privateKey", "message"})
# What an id or a name in a path may be. What can't be one names nothing, so that it is answered like an unknown one.
PATH = {
    "groupId": re.compile(r"[A-Za-z0-9_]{1,64}"),
    "syncId": re.compile(r"[A-Za-z0-9_]{1,64}-[A-Za-z0-9_-]{1,128}"),
    "uploadId": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "clientId": re.compile(r"[A-Za-z0-9_]{1,64}-[A-Za-z0-9_-]{1,64}"),
    "webhookId": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "deliveryId": re.compile(r"[A-Za-z0-9_.-]{1,255}"),
    "memberId": re.compile(r"[A-Za-z0-9_|@.:=+-]{1,128}"),
    "entity": re.compile(r"[A-Za-z]{1,32}"),
    "name": re.compile(r"[^\x00-\x1f\x7f]{1,80}"),
}
DEFAULT_PATH = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
HEADER_VALUE = re.compile(rf"[\x21-\x7e]{{0,{MOST_KEY}}}")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_BREAK = re.compile(r"[\t\r\n]")


class Malformed(Exception):
    """The request can't be read at all."""


def body_of(request: Request) -> Any:
    """The JSON of the body; None where there is none. Raises Malformed."""
    try:
        raw = request.raw_body
    except ValueError as trouble:  # declared as base64, but isn't
        raise Malformed("The body can't be decoded.") from trouble
    if len(raw) > MOST_BODY_BYTES:
        raise Malformed(f"The body has {len(raw):,} bytes; at most {MOST_BODY_BYTES:,} are taken.")
    try:
        parsed = json.loads(raw or b"null", parse_int=_whole, parse_float=_number, parse_constant=_constant)
    except RecursionError as trouble:
        raise Malformed(_NESTED) from trouble
    except ValueError as trouble:
        raise Malformed("The body is not JSON.") from trouble
    check_texts(parsed)
    return parsed


def query_of(request: Request) -> dict[str, str]:
    """Raises Malformed."""
    found = {str(name): str(value) for name, value in dict(request.query_params or {}).items()}
    check_texts(found)
    return found


def impossible_name(parameters: Mapping[str, str]) -> str | None:
    """The first parameter of a path that can name nothing that there is; None where all can."""
    for name, value in parameters.items():
        if not PATH.get(name, DEFAULT_PATH).fullmatch(unquote(value)):
            return name
    return None


def header_of(headers: Mapping[str, str], name: str) -> str:
    """Raises Malformed for a value that is no key of ours."""
    value = headers.get(name.lower(), "")
    if not HEADER_VALUE.fullmatch(value):
        raise Malformed(f"The header {name} takes up to {MOST_KEY} characters of ASCII without blanks.")
    return value


def check_texts(body: Any) -> None:
    """Raises Malformed for JSON that is nested too deep, and for text with control characters or half of a character."""
    left: list[tuple[Any, int, str]] = [(body, 0, "")]
    while left:
        value, depth, name = left.pop()
        if depth > MOST_NESTED:
            raise Malformed(_NESTED)
        if isinstance(value, dict):
            for key, inner in value.items():
                _check_text(key, "")
                left.append((inner, depth + 1, key))
        elif isinstance(value, list):
            left += [(inner, depth + 1, name) for inner in value]
        elif isinstance(value, str):
            _check_text(value, name)


def _check_text(text: str, name: str) -> None:
    where = f"`{name}`" if name.isidentifier() and len(name) < 64 else "A text"
    if len(text) > MOST_TEXT:
        raise Malformed(f"{where} has {len(text):,} characters; at most {MOST_TEXT:,} are taken.")
    if _CONTROL.search(text) or (_LINE_BREAK.search(text) and name not in SEVERAL_LINES):
        raise Malformed(f"{where} holds a control character or a line break, which can't be seen. Take it out.")


_NESTED = f"The body is nested more than {MOST_NESTED} deep."


def _whole(digits: str) -> int:
    return int(_bounded(digits))


def _number(digits: str) -> float:
    return float(_bounded(digits))


def _bounded(digits: str) -> str:
    if len(digits) > LONGEST_NUMBER:
        raise Malformed(f"A number has {len(digits):,} digits; at most {LONGEST_NUMBER} are taken.")
    return digits


def _constant(name: str) -> float:
    raise Malformed(f"{name} is no number of JSON.")
