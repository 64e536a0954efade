"""What a file is by its first bytes, where it isn't the text or the ZIP that its name promises."""

import re

TAR_MARK_AT = 257
_MARKS = (
    (b"PK\x03\x04", "a ZIP archive or an Office file such as an Excel workbook"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office file such as an Excel workbook (.xls)"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"-----BEGIN PGP", "an encrypted (PGP) message"),
)
_WEB_PAGE = re.compile(rb"<!doctype html|<html|<head|<body", re.IGNORECASE)
_XML = re.compile(rb"<\?xml|<[a-z][\w:.-]*[ />]", re.IGNORECASE)
_JSON = re.compile(rb'\{\s*("|\})|\[\s*(\{|\]|")')


def other_kind(head: bytes) -> str:
    """What the file that begins with `head` is ("a PDF"); empty where it may be plain text such as CSV."""
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    if head[TAR_MARK_AT:].startswith(b"ustar"):
        return "a tar archive"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _WEB_PAGE.match(text):
        return "a web page, as a sign-in page or an error that was saved"
    if _XML.match(text):
        return "XML"
    return "JSON" if _JSON.match(text) else ""
