"""E-mail addresses, telephone numbers and birth dates of people, which a viewer sees only where they ask for them.

An answer is masked as a whole, by the names of its members, so that a list that is added later needs nothing of its own. An
e-mail address is known in running text too, and under other names (many districts use it as the username); ids are left alone.
"""

import re
from typing import Any

MASK = "•••"
MASKED = frozenset({"email", "sms", "phone", "birthDate"})
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"\+?\(?\d[\d\s()./-]{5,}\d")
_QUOTED = re.compile(rf"\b({'|'.join(sorted(MASKED))})\b([^`]{{0,40}})`[^`]*`")  # as a problem's sentence quotes a value
_IDS = re.compile(r"(?:id|\w*Ids?)")


def masked(value: Any) -> Any:
    """JSON with the same form, and MASK for what is masked."""
    return _masked(value, "")


def _masked(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        about_one = value.get("field") in MASKED  # a problem about such a field, whose sentence may say what stands there
        return {
            key: _in_sentence(inner) if about_one and key == "message" else _masked(inner, key) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_masked(inner, name) for inner in value]
    if name in MASKED and value not in (None, ""):
        return MASK
    if isinstance(value, str) and not _IDS.fullmatch(name):
        return _QUOTED.sub(rf"\1\2{MASK}", _ADDRESS.sub(MASK, value))
    return value


def _in_sentence(message: Any) -> Any:
    if not isinstance(message, str):
        return message
    return _NUMBER.sub(MASK, _QUOTED.sub(rf"\1\2{MASK}", _ADDRESS.sub(MASK, message)))
