"""In which encoding a text file is written, by the evidence of all its lines.

Text that is UTF-8 is UTF-8, even where single lines of it are not: those are read by themselves and named. A file without one
line of UTF-8 beyond ASCII is in an older encoding, and which one is a detector's answer, checked against every line.
"""

import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HEAD = 1 << 16
CHUNK = 1 << 17
LONGEST_LINE = 4_000_000  # bytes; a line beyond it is no row
SAMPLE = 1 << 16  # bytes of lines that aren't UTF-8, for the detector
UTF_8 = "utf-8-sig"  # with or without its mark
WINDOWS_1252, DOS = "cp1252", "cp850"
# The encodings of the exports that districts use, in the order of a tie. Each has ASCII as it is.
NAMES = {
    WINDOWS_1252: "Windows-1252", "mac_roman": "MacRoman", "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)", "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)", "cp1256": "Windows-1256 (Arabic)", "cp1257": "Windows-1257 (Baltic)",
    "cp932": "Shift-JIS", "gb18030": "GB18030", "big5hkscs": "Big5", "cp949": "Korean (CP949)",
    "iso8859_15": "ISO-8859-15 (Latin 9)", "iso8859_2": "ISO-8859-2 (Central Europe)", "koi8_r": "KOI8-R (Cyrillic)",
    "euc_jis_2004": "EUC-JP (Japanese)", "iso8859_5": "ISO-8859-5 (Cyrillic)", "cp866": "CP866 (DOS, Cyrillic)",
    "koi8_u": "KOI8-U (Cyrillic)", "cp874": "Windows-874 (Thai)",
    "cp850": "CP850 (DOS, Western Europe)", "cp437": "CP437 (DOS)", "cp852": "CP852 (DOS, Central Europe)",
}  # fmt: skip
# Fewer letters don't tell which encoding it is, beyond the alphabets of Latin letters.
FEWEST_LETTERS = 3
LATIN = (WINDOWS_1252, "mac_roman", "cp1250", "cp1257")
MULTIBYTE = ("cp932", "euc_jis_2004", "gb18030", "big5hkscs", "cp949")
ISO_2022_JP, ESCAPES = "iso2022_jp", (b"\x1b$B", b"\x1b$@", b"\x1b(J")  # Japanese in seven bits: looks like ASCII
FEW = 0.01  # of the lines: so many that make no sense in any encoding were damaged, and the others are as they are
SURER = 1.25  # how much surer than of Windows-1252 the detector must be of another: mixed Western names reach 1.1, Czech ones 2.5
MOST_IMPLAUSIBLE = 0.25  # of the letters beyond ASCII
TURKISH, AS_SURE = "cp1254", 0.98  # where Turkish and Western names tie, they are Turkish: Icelandic ones reach 0.5
EUC_JP, MAY_BE_JAPANESE = "euc_jis_2004", 0.25  # of the other score: Chinese and Korean names reach 0.2, Japanese ones 0.3
_LATIN_WORD = re.compile(rb"[A-Za-z][\x80-\xff]|[\x80-\xff][A-Za-z]|(?:^|[^\x80-\xff])[\x80-\xff](?![\x80-\xff])")
_RUN = re.compile(r"[^\x00-\x7f]+")
# What a text shows that was written for a web page. Others, such as &sect, are rare in names and may be meant.
_ACCENTS = "acute|grave|uml|circ|tilde|cedil|slash|ring|lig|caron"
ENTITY = rf"&(?:amp|lt|gt|quot|apos|nbsp|[lr]squo|#\d{{2,5}}|#[xX][0-9a-fA-F]{{2,5}}|[A-Za-z]{{1,2}}(?:{_ACCENTS}));"
_ENTITY = re.compile(ENTITY)
# A letter as JSON, an address or an e-mail writes it: \u00e9, %C3%A9, =C3=A9; or a blank or sign between letters, as an address
# does: %20. Only what Latin letters give, since a username may hold a backslash and a u.
CODED = re.compile(
    r"\\u0(?:0[c-f]|1[0-7])[0-9a-f]|%c[3-5]%[89ab][0-9a-f]|=c[3-5]=[89ab][0-9a-f]|(?-i:\+A[M-P][AEIMQUYcgkosw048]-)"
    r"|(?<=[a-z.,)])%2[06789CF](?=[a-z(])",
    re.IGNORECASE,
)
CODE_BEGINS = ("\\u0", "%C", "%c", "%2", "=C", "=c", "+A")
# What a letter of the Mac or of DOS becomes where it is read as Windows-1252: a sign in a word, or a capital behind small ones.
MISREAD = re.compile(
    r"(?<=[a-z]{2})[\u017d\u0160\u0152\u0178](?![A-Z])|(?<=[A-Za-z])"
    r"(?:[\u201a\xa1]|[\u2020\u2021\u02c6\u2030\u2039\u02dc\u0192\xa2-\xa5](?=[a-z]))"
)
# For RE2: all that a text may hold in the place of a letter that was lost, or was written for another medium.
IN_PLACE_OF_LETTERS = r"&(amp;)*#?\w+;|\\u[0-9A-Fa-f]{4}|(%[0-9A-Fa-f]{2})+|(=[0-9A-Fa-f]{2})+|\+A[M-P][A-Za-z0-9]-|[^0-9A-Za-z]+"
ESCAPED = "\\'"  # an apostrophe as databases' tools write it
# First letters of two or more that stand for one, by how UTF-8 was read: as Windows-1252, MacRoman or the encoding of DOS.
_LEADS = {WINDOWS_1252: "ÂÃÄÅÎÏÐÑ\xd7ØÙãäåæçèé", "mac_roman": "√¬ƒ≈\u2013—", "cp437": "├┬─┼"}
_PUNCTUATION = "\u2019\u2018\u2013\u2014\xb7\xaa\xba\xb0\xb4\xa1\xbf\xab\xbb\u201c\u201d\u2116"
_OPENING = "\u2018\u201c\xa1\xbf"  # never right after a letter


class NotText(Exception):
    """The file is in no encoding that is known. The message says why, without its name."""


@dataclass(frozen=True)
class TextEncoding:
    """`name` is the codec of the whole file, and `other` that of the lines which are not UTF-8, where some are."""

    name: str
    other: str = ""

    @property
    def is_legacy(self) -> bool:
        """Whether the whole file is in an encoding of before Unicode."""
        return self.name in NAMES


@dataclass(frozen=True)
class Line:
    """One line with its end. `misread` says of a line that isn't in the file's encoding which bytes were read as what."""

    text: str
    misread: str = ""


def text_encoding(path: Path) -> TextEncoding:
    """Look at the whole file. Raises NotText."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if unicode := wide_unicode(head):
        if not _decodes(path, unicode):
            raise NotText(f"it begins as {unicode.upper()} and does not go on as that; the file may have been cut")
        return TextEncoding(unicode)
    if any(mark in head for mark in ESCAPES) and _decodes(path, ISO_2022_JP):
        return TextEncoding(ISO_2022_JP)
    if _decodes(path, UTF_8):
        return TextEncoding(UTF_8)
    good, sample, share = _not_utf_8(path)
    other = _detected(sample, alone=not good, few=share <= FEW)
    if good or (not other and share <= FEW):
        return TextEncoding(UTF_8, other or WINDOWS_1252)
    if not other:
        raise NotText("it is neither UTF-8 nor Windows-1252 text, nor in any other encoding that its rows would make sense in")
    return TextEncoding(other)


def lines(path: Path, encoding: TextEncoding) -> Iterator[Line]:
    """The lines of the file: CR, LF or both end one. Every byte order mark at the very beginning is left out. Raises NotText."""
    first = True
    for line in _each_line(path, encoding):
        if first:
            first, line = False, Line(without_marks(line.text), line.misread)
        yield line


def without_marks(beginning: str) -> str:
    """A file's beginning without byte order marks, one that was read as Windows-1252 and written again too."""
    return beginning.lstrip("\ufeff").removeprefix("ï»¿")


def wide_unicode(head: bytes) -> str:
    """utf-16 or utf-32, by the mark or by every second byte; empty where it is neither."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = max(1, len(head) // 2)
    if head[1::2].count(0) > half * 0.6:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > half * 0.6 else ""


def garbled(text: str) -> str:
    """The first place of a text that was garbled before it came: UTF-8 that was read as another encoding (`Ã©`), a replacement
    character, a letter as web pages write it (`&eacute;`), addresses (`%20`), JSON (`\\u00e9`) or UTF-7 (`+AOk-`), an
    apostrophe behind a backslash, or a letter of the Mac or of DOS that was read as Windows-1252 (`JosŽ`). Empty where nothing
    looks like that."""
    if "\ufffd" in text:
        return "\ufffd"
    if ESCAPED in text:
        return ESCAPED
    if "&" in text and (entity := _ENTITY.search(text)):
        return entity[0]
    if may_be_coded(text) and (coded := CODED.search(text)):
        return coded[0]
    if not text.isascii() and (misread := MISREAD.search(text)):
        return misread[0]
    for run in _RUN.finditer(text):
        if len(run[0]) > 1 and (found := _twice_encoded(run[0])):
            return found
    return ""


def may_be_coded(text: str) -> bool:
    return any(each in text for each in CODE_BEGINS)


def ungarbled(text: str) -> str:
    """What a garbled place was before; empty where that is lost."""
    if text == ESCAPED:
        return "'"
    if text.startswith("&"):
        return html.unescape(text)
    if text.startswith("+"):
        return text.encode().decode("utf-7")
    if len(text) == 1 and text != "\ufffd":
        letters = (text.encode(WINDOWS_1252).decode(codec) for codec in ("mac_roman", "cp850"))
        return "` or `".join(dict.fromkeys(each for each in letters if each.islower()))
    if text[0] in "\\%=":
        if text[0] == "\\":
            return chr(int(text[2:], 16))
        return bytes.fromhex(text.replace(text[0], "")).decode("utf-8", errors="replace")
    return "" if "\ufffd" in text else next(filter(None, (_meant(text, codec) for codec in _LEADS)), "")


def _twice_encoded(run: str) -> str:
    """The letters of a run that stand for one letter of the Latin alphabet, or, as a run of them, for a word of another."""
    for codec, leads in _LEADS.items():
        for at, letter in enumerate(run[:-1]):
            if letter not in leads and not (letter == "â" and codec == WINDOWS_1252):
                continue
            for length in (2, 3):
                meant = _meant(run[at : at + length], codec)
                if len(meant) == 1 and (meant < "\u0180" or (meant > "\u2000" and letter == "â")):
                    return run[at : at + length]
            if codec == WINDOWS_1252 and len(run) - at > 3 and len(_meant(run[at:], codec)) > 1:
                return run[at:]
    return ""


def _meant(text: str, codec: str) -> str:
    """What a text is whose bytes are UTF-8; empty where they are none."""
    try:
        return (_as_windows_1252(text) if codec == WINDOWS_1252 else text.encode(codec)).decode("utf-8")
    except UnicodeError:
        return ""


def _as_windows_1252(text: str) -> bytes:
    """Its bytes, of the five that Windows-1252 leaves undefined too, as programs write them."""
    return b"".join(bytes([ord(each)]) if "\x80" <= each <= "\x9f" else each.encode(WINDOWS_1252) for each in text)


def _each_line(path: Path, encoding: TextEncoding) -> Iterator[Line]:
    if not encoding.other and (encoding.name == UTF_8 or not encoding.is_legacy):
        with path.open(encoding=encoding.name, newline="") as sent:
            for text in iter(partial(sent.readline, LONGEST_LINE), ""):
                if len(text) >= LONGEST_LINE:
                    raise _too_long()
                yield Line(text)
        return
    with path.open("rb") as file:
        for raw in iter(partial(file.readline, LONGEST_LINE), b""):
            if len(raw) >= LONGEST_LINE:
                raise _too_long()
            for part in re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", raw):
                yield _decoded(part, encoding)


def _too_long() -> NotText:
    return NotText(f"a line of it is longer than {LONGEST_LINE:,} characters; a quote may be left open, or it is no CSV")


def _decoded(raw: bytes, encoding: TextEncoding) -> Line:
    try:
        return Line(raw.decode("utf-8"))
    except UnicodeDecodeError as trouble:
        at = trouble.start
    codec = encoding.other or encoding.name
    if not encoding.other:
        return Line(raw.decode(codec, errors="replace"))
    if halves := _of_halves(raw):
        return Line(halves, f"byte {raw[at]:02X} is not UTF-8; it was read as half of a character (CESU-8)")
    meant = _letter_of(raw, at, codec)
    read_as = f"read as `{meant}`, which it is in {NAMES[codec]}" if meant else f"no letter in {NAMES[codec]} either"
    text = raw.decode(codec, errors="replace") if codec in MULTIBYTE else _by_pieces(raw, codec)
    return Line(text, f"byte {raw[at]:02X} is not UTF-8; it was {read_as}")


def _by_pieces(raw: bytes, codec: str) -> str:
    """A line of which only single bytes are not UTF-8: the other letters stay what they are."""
    text = ""
    while raw:
        try:
            return text + raw.decode("utf-8")
        except UnicodeDecodeError as trouble:
            text += raw[: trouble.start].decode("utf-8") + raw[trouble.start : trouble.end].decode(codec, errors="replace")
            raw = raw[trouble.end :]
    return text


def _of_halves(raw: bytes) -> str:
    """A line in what Oracle calls UTF8: characters beyond the first 65,536 as two halves. Empty where it is none."""
    try:
        return raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return ""


def _letter_of(raw: bytes, place: int, codec: str) -> str:
    """The letter that begins at a byte; empty where there is none."""
    for length in (1, 2, 4):
        try:
            return raw[place : place + length].decode(codec)
        except UnicodeDecodeError:
            continue
    return ""


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _not_utf_8(path: Path) -> tuple[int, bytes, float]:
    """How many lines show that the file is UTF-8, as much of the others as a detector needs, and what share of all they are."""
    good, mixed, bad, number, sample, size = 0, 0, 0, 0, [], 0
    with path.open("rb") as file:
        for raw in iter(partial(file.readline, LONGEST_LINE), b""):
            number += 1
            if raw.isascii():
                continue
            text = raw.decode("utf-8", "surrogateescape")
            odd = sum("\udc80" <= letter <= "\udcff" for letter in text)
            if not odd or _of_halves(raw):
                good += 1
                continue
            if odd <= sum(letter > "\x7f" for letter in text) - odd:  # of its letters most are UTF-8
                mixed += 1
                others = "".join(each for each in text if each < "\x80" or "\udc80" <= each <= "\udcff")
                raw = others.encode("utf-8", "surrogateescape")
            else:
                bad += 1
            if size < SAMPLE:
                sample.append(raw[:SAMPLE])
                size += len(raw)
    if mixed > bad:
        good += mixed
    if good == 1 and bad > 10:  # a letter or two of another encoding that make one of UTF-8 by chance
        good = 0
    return good, b"".join(sample), (mixed + bad) / max(number, 1)


def _detected(sample: bytes, alone: bool, few: bool) -> str:
    """The encoding of lines that aren't UTF-8; empty where none makes sense of them.

    Windows-1252 where it makes as much sense as any other, unless the detector is sure of another. Few letters tell between
    alphabets of Latin letters, and no others; where they are `few` lines of many, none makes the file one of DOS.
    """
    import chardet  # few files need it

    odd = {codec: _implausible(sample, codec) for codec in NAMES}
    least = min(odd.values())
    if sum(byte > 0x7F for byte in sample) < FEWEST_LETTERS:
        dos = DOS if not few and all(each.isalpha() for each in sample.decode(DOS) if each > "\x7f") else WINDOWS_1252
        best = next((codec for codec in (*LATIN, dos) if odd[codec] == 0), "")
        return best or ("" if alone else WINDOWS_1252)
    if least > MOST_IMPLAUSIBLE:
        return "" if alone else WINDOWS_1252
    best_ones = [codec for codec in NAMES if odd[codec] == least]
    found = [
        (_ours(str(each["encoding"])), each["confidence"])
        for each in chardet.detect_all(
            sample, ignore_threshold=True, compat_names=False, include_encodings=best_ones, no_match_encoding=best_ones[0]
        )
    ]
    scores = {codec: score for codec, score in found if codec in best_ones}
    if not scores:
        return best_ones[0]
    first = max(scores, key=lambda codec: scores[codec])
    if WINDOWS_1252 in scores and scores[first] < scores[WINDOWS_1252] * SURER:
        first = WINDOWS_1252
        if scores.get(TURKISH, 0) >= scores[first] * AS_SURE and sample.decode(TURKISH) != sample.decode(first):
            return TURKISH
    if alone and first in ("gb18030", "cp949") and scores.get(EUC_JP, 0) >= scores[first] * MAY_BE_JAPANESE:
        raise NotText(f"it is not UTF-8, and whether its letters are {NAMES[first]} or {NAMES[EUC_JP]} can't be told for certain")
    if alone and first in LATIN and not _LATIN_WORD.search(sample):
        raise NotText("it is not UTF-8, and in which other alphabet than the Latin one its names are can't be told for certain")
    return first


def _ours(codec: str) -> str:
    """The name that NAMES has for a codec."""
    try:
        found = codecs.lookup(codec).name
    except LookupError:
        return ""
    return next((each for each in NAMES if codecs.lookup(each).name == found), "")


def _implausible(sample: bytes, codec: str) -> float:
    """Of the characters beyond ASCII, the share that no name would have there; above 1 where the bytes are none of the codec."""
    try:
        text = sample.decode(codec)
    except UnicodeDecodeError:
        return 2.0
    beyond = odd = 0
    for before, each, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if each < "\x80":
            odd += each.isalpha() and before >= "\x80" and _is_of_another_script(before)
            continue
        beyond += 1
        category = unicodedata.category(each)
        if category[0] not in "LM" or category == "Lm" or each in "ªº":
            misplaced = before.isalpha() if each in _OPENING else each in "ªº" and not before.isalnum()
            odd += category != "Zs" and (each not in _PUNCTUATION or misplaced)
        elif before.isalpha():
            is_capital = each.isupper() and (before.islower() or after.islower())  # JosŽ, JÅrgen
            odd += is_capital or (before < "\x80" and _is_of_another_script(each))
    return odd / beyond if beyond else 0.0


def _is_of_another_script(letter: str) -> bool:
    return letter.isalpha() and "LATIN" not in unicodedata.name(letter, "") and letter not in "ªº"
