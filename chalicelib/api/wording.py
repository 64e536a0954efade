"""What is wrong with a field, for the person who filled in the form: never the validating library's own message."""

from collections.abc import Mapping
from typing import Any

from chalicelib.api.shapes import FieldError

# pydantic's kinds of errors -> ours; https://docs.pydantic.dev/latest/errors/validation_errors/
_RULES = {
    "missing": "missing",
    "string_too_short": "tooShort",
    "string_too_long": "tooLong",
    "too_short": "tooShort",
    "too_long": "tooLong",
    "greater_than_equal": "tooSmall",
    "greater_than": "tooSmall",
    "less_than_equal": "tooLarge",
    "less_than": "tooLarge",
    "string_pattern_mismatch": "pattern",
    "literal_error": "choice",
    "enum": "choice",
    "union_tag_invalid": "choice",
    "union_tag_not_found": "missing",
    "extra_forbidden": "unknown",
}
_LIMITS = ("ge", "gt", "le", "lt", "max_length", "min_length", "max_items")
# Of a field that must look in some way: which one, by the last part of its path.
_PATTERNS = {
    "host": "Enter the server's name or address alone, such as sftp.district.example.",
    "hostKeyFingerprint": "A host key starts with SHA256: and has 43 characters after it. Test the connection to read it.",
    "baseUrl": "Enter an address that starts with https:// and has no user name, ? or # in it.",
    "tokenUrl": "Enter an address that starts with https:// and has no user name, ? or # in it.",
    "at": "Enter a time of day from 00:00 to 23:59.",
    "doneMarker": "Enter an ending that starts with a dot, such as .done.",
    "scopes": "A scope has no blanks in it.",
    "name": "Use letters, digits, blanks and . , ( ) & + - _ alone.",
}


def field_error(error: Mapping[str, Any], path: str) -> FieldError:
    """`error` is one of pydantic's; `path` names the field as it was sent."""
    rule = _RULES.get(error["type"], "invalid")
    context = error.get("ctx") or {}
    limit = next((float(context[name]) for name in _LIMITS if isinstance(context.get(name), int | float)), None)
    return FieldError(field=path, message=_message(error, rule, limit, path, context), rule=rule, limit=limit)


def _message(error: Mapping[str, Any], rule: str, limit: float | None, path: str, context: Mapping[str, Any]) -> str:
    named = [part for part in path.split(".") if not part.isdigit()]
    shown = f"{limit:,g}" if limit is not None else ""
    match rule:
        case "missing":
            return "This is needed."
        case "tooShort":
            return "This can't be empty." if not limit or limit <= 1 else f"At least {shown} are needed."
        case "tooLong":
            what = "characters" if error["type"].startswith("string") else "entries"
            return f"At most {shown} {what} fit here."
        case "tooSmall":
            return f"Enter {shown} or more."
        case "tooLarge":
            return f"Enter {shown} or less."
        case "pattern":
            return _PATTERNS.get(named[-1] if named else "", "This has characters that can't be used here.")
        case "choice":
            expected = str(context.get("expected") or context.get("expected_tags") or "").replace("'", "")
            return f"Choose one of these: {expected}." if expected else "Choose one of those offered."
        case "unknown":
            return "There is no such field."
    return _INVALID.get(error["type"]) or _our_message(error) or "This can't be read."


_INVALID = {
    "int_parsing": "Enter a whole number.",
    "int_type": "Enter a whole number.",
    "int_from_float": "Enter a whole number.",
    "float_parsing": "Enter a number.",
    "float_type": "Enter a number.",
    "finite_number": "Enter a number.",
    "bool_parsing": "Say true or false.",
    "bool_type": "Say true or false.",
    "string_type": "Enter a text.",
    "date_parsing": "Enter a day as YYYY-MM-DD.",
    "date_from_datetime_parsing": "Enter a day as YYYY-MM-DD.",
    "date_type": "Enter a day as YYYY-MM-DD.",
    "datetime_parsing": "Enter a day and a time as YYYY-MM-DDThh:mm:ssZ.",
    "datetime_from_date_parsing": "Enter a day as YYYY-MM-DD.",
    "datetime_type": "Enter a day and a time as YYYY-MM-DDThh:mm:ssZ.",
    "model_type": "Several fields belong here; none was sent.",
    "model_attributes_type": "Several fields belong here; none was sent.",
    "dict_type": "Several fields belong here; none was sent.",
    "list_type": "A list belongs here.",
    "tuple_type": "A list belongs here.",
}


def _our_message(error: Mapping[str, Any]) -> str:
    """What a validator of ours raised, as a sentence. A `value_error` that holds none is pydantic's own, on an e-mail address."""
    if error["type"] != "value_error":
        return ""
    raised = (error.get("ctx") or {}).get("error")
    if raised is None:
        return "Enter an e-mail address such as roster@district.example."
    text = str(raised).replace("`", "")
    return text[:1].upper() + text[1:].rstrip(".") + "."
