"""The body of an answer as UTF-8 text, from whatever compression and character set it came in.

httpx would read the first member of a gzip body alone and take a cut one for whole, and hands on bytes of any character
set; a roster must not lose people by either. Pages are kept as this module leaves them.
"""

import re
import zlib
from collections.abc import Mapping

# What is asked for. An answer in anything else is named, since it can't be read.
ACCEPTED = "gzip, deflate"
GZIP_MAGIC = b"\x1f\x8b"
GZIP, ZLIB, BARE = 31, 15, -15  # forms of a deflated stream, as zlib numbers them
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
# Half of a surrogate pair, as where a program has cut a name by its UTF-16 units. The grammar of JSON has it (RFC 8259, 8.2);
# msgspec 0.22.0 refuses the whole page for it. An escaped backslash and a whole pair are kept.
HALF_A_PAIR = re.compile(rb"(\\\\|\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
MARKS = (  # byte order marks, the longer first
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


class UnreadableBody(Exception):
    """The body can't be read as text; the message says why, without a full stop."""


class BodyTooLarge(Exception):
    """The body has more bytes than are taken."""


def text_of(raw: bytes, headers: Mapping[str, str], most_bytes: int) -> bytes:
    """The body as UTF-8, without halves of letters. `headers` by lower-case names. Raises UnreadableBody, BodyTooLarge."""
    body = _decompressed(raw, headers.get("content-encoding", ""), most_bytes)
    text = _as_utf8(body, headers.get("content-type", ""))
    if b"\\ud" in text or b"\\uD" in text:
        text = HALF_A_PAIR.sub(lambda found: found[1] or rb"\ufffd", text)
    return text


def _decompressed(raw: bytes, content_encoding: str, most_bytes: int) -> bytes:
    codings = [each.strip().casefold() for each in content_encoding.split(",") if each.strip()]
    for coding in reversed([each for each in codings if each != "identity"]):
        match coding:
            case "gzip" | "x-gzip":
                raw = _inflated(raw, GZIP, most_bytes) if raw[:2] == GZIP_MAGIC else raw  # or a proxy has opened it already
            case "deflate":  # RFC 9110 means zlib's form; some servers send the bare stream
                with_header = len(raw) > 1 and raw[0] & 0x0F == 8 and int.from_bytes(raw[:2], "big") % 31 == 0
                raw = _inflated(raw, ZLIB if with_header else BARE, most_bytes)
            case _:
                raise UnreadableBody(f"the answer is compressed as {coding[:20]}, which was not asked for")
    return _inflated(raw, GZIP, most_bytes) if raw[:2] == GZIP_MAGIC else raw


def _inflated(raw: bytes, window_bits: int, most_bytes: int) -> bytes:
    """Every member of the stream (RFC 1952, 2.2): a proxy may put several after each other."""
    whole, rest = bytearray(), raw
    while rest.strip(b"\0"):
        stream = zlib.decompressobj(window_bits)
        try:
            whole += stream.decompress(rest, most_bytes + 1 - len(whole))
        except zlib.error as trouble:
            raise UnreadableBody("the compressed answer is damaged") from trouble
        if len(whole) > most_bytes:
            raise BodyTooLarge
        if not stream.eof:
            raise UnreadableBody("the compressed answer is cut off in the middle")
        rest = stream.unused_data
    return bytes(whole)


def _as_utf8(body: bytes, content_type: str) -> bytes:
    for mark, coding in MARKS:
        if body.startswith(mark):
            return _recoded(body.removeprefix(mark) if coding == "utf-8" else body, coding)
    if b"\0" in body[:4]:  # JSON begins with ASCII characters, so this is UTF-16 or UTF-32 (RFC 4627, 3)
        wide = "utf-32" if body[:4].count(0) == 3 else "utf-16"
        return _recoded(body, f"{wide}-{'be' if body[0] == 0 else 'le'}")
    if body.isascii():
        return body
    try:
        body.decode()  # what is valid UTF-8 is that, whatever a server's default header claims
        return body
    except UnicodeDecodeError:
        found = CHARSET.search(content_type)
        if found is None or found[1].casefold().replace("-", "") in ("utf8", "usascii", "ascii"):
            raise UnreadableBody("the answer is neither UTF-8 nor names the encoding that it is in") from None
        return _recoded(body, found[1])


def _recoded(body: bytes, coding: str) -> bytes:
    try:
        return body.decode(coding).encode()
    except (LookupError, UnicodeError) as trouble:
        raise UnreadableBody(f"the answer can't be read in the encoding that it names, {coding[:30]}") from trouble
