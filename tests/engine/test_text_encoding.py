"""In which encoding a file of few names is read, and when it is not: by no guess that its letters don't support."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from oneroster_engine.standard.text_encoding import NotText, TextEncoding, lines, text_encoding

# ruff: noqa: RUF001 - names as they are written
RUSSIAN = ("Иван Петров", "Мария Кузнецова", "Олег Щербаков")
UKRAINIAN = ("Ігор Їжак", "Євген Шевченко")
TURKISH = ("Ayşe Yılmaz", "Gülşah Çağlar", "İbrahim Şahin")
ICELANDIC = ("Þór Guðmundsson", "Björk Þórsdóttir", "Sigríður Ýr")
WESTERN = ("José Muñoz", "Zoë Béranger", "René Åberg")
CHINESE = ("小明 王", "美丽 陈", "伟 张")
JAPANESE = ("太郎 山田", "花子 鈴木", "一郎 佐藤")
WITH_KANA = (*JAPANESE, "さくら 小林", "ゆい 加藤", "翔太 高橋", "美咲 渡辺", "健 中村")


def sent(folder: Path, names: Sequence[str], codec: str) -> Path:
    path = folder / "users.csv"
    rows = [f"0{at},,,true,0101,student,u{at},{name.replace(' ', ',')},u{at}@x.org" for at, name in enumerate(names)]
    path.write_bytes("\n".join(["sourcedId,status,givenName", *rows, ""]).encode(codec))
    return path


@pytest.mark.parametrize(
    ("names", "codec"),
    [
        pytest.param(RUSSIAN, "iso8859_5", id="ISO-8859-5"),
        pytest.param(RUSSIAN, "cp866", id="CP866"),
        pytest.param(UKRAINIAN, "koi8_u", id="KOI8-U"),
        pytest.param(("สมชาย ใจดี", "มานี รักไทย"), "cp874", id="Thai"),
        pytest.param(("דוד כהן", "שרה לוי"), "cp1255", id="Hebrew"),
        pytest.param(TURKISH, "cp1254", id="Turkish"),
        pytest.param(ICELANDIC, "cp1252", id="Icelandic"),
        pytest.param(WESTERN, "cp1252", id="Western"),
        pytest.param(CHINESE, "gb18030", id="Chinese"),
        pytest.param(WITH_KANA, "euc_jp", id="Japanese with kana"),
    ],
)
def test_a_few_names_tell_their_encoding(tmp_path: Path, names: Sequence[str], codec: str) -> None:
    path = sent(tmp_path, names, codec)

    read = [" ".join(line.text.split(",")[7:9]) for line in lines(path, text_encoding(path))]

    assert read == ["", *names]


@pytest.mark.parametrize(
    ("names", "codec", "says"),
    [
        pytest.param(JAPANESE, "euc_jp", r" or EUC-JP \(Japanese\) can't be told for certain", id="Kanji alone"),
        pytest.param(("דוד כהן",), "cp1255", "in which other alphabet than the Latin one", id="one Hebrew name"),
    ],
)
def test_names_that_may_be_of_two_alphabets_are_never_guessed(
    tmp_path: Path, names: Sequence[str], codec: str, says: str
) -> None:
    with pytest.raises(NotText, match=says):
        text_encoding(sent(tmp_path, names, codec))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("Ann Müller", "cp1252"),
        ("José Vale", "mac_roman"),
        ("José Vale", "cp850"),
        ("Jürgen Vale", "cp850"),
        ("Ann Muñoz", "cp850"),
    ],
)
def test_one_accent_in_a_file_is_read_as_the_letter_that_a_name_has_there(tmp_path: Path, name: str, codec: str) -> None:
    assert text_encoding(sent(tmp_path, (name, "Bo Lee"), codec)) == TextEncoding(codec)
