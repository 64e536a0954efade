"""Addresses as people paste them: with blanks and invisible characters, in angle brackets, without https://."""

import re
import unicodedata
from urllib.parse import urlsplit


def clean_address(pasted: str) -> str:
    """Without what nobody sees, its scheme in lower case; https:// where it has none."""
    visible = "".join(each for each in pasted if not each.isspace() and unicodedata.category(each) not in ("Cf", "Cc"))
    address = visible.strip("<>\"'")
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", address)
    return found[0].lower() + address[found.end() :] if found else f"https://{address}"


def clean_base_address(pasted: str) -> str:
    """The same without a query, a fragment and slashes at its end."""
    return re.split(r"[?#]", clean_address(pasted), maxsplit=1)[0].rstrip("/")


def origin(address: str) -> tuple[str, str]:
    """Scheme and host with its port: where a request goes to."""
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()
