from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from chalicelib.errors import Conflict, NotFound
from chalicelib.store import selections
from chalicelib.store.selections import Looked, Version
from oneroster_engine.selecting.saved import Classes, Saved, Schools

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("aws")


def saying(*ids: str) -> Saved:
    return Saved(schools=Schools(ids=ids), classes=Classes(all=True))


def save(name: str, said: Saved, etag: str, if_match: str | None = None, looked: Looked | None = None) -> Version:
    return selections.save("g1", name, said, by="Ada", now=NOW, etag=etag, if_match=if_match, looked=looked)


def test_a_change_is_a_new_version_and_the_old_one_stays_readable() -> None:
    first = save("Nightly", saying("a"), "e1", if_match="")
    save("nightly ", saying("a", "b"), "e2", if_match=first.etag)

    assert [each.version for each in selections.versions("g1", "NIGHTLY")] == [2, 1]
    assert selections.load(selections.latest("g1", "Nightly")) == saying("a", "b")
    assert selections.load(selections.get("g1", "Nightly", 1)) == saying("a")


def test_a_change_made_on_an_old_view_is_refused_and_a_name_is_taken_once() -> None:
    save("Nightly", saying("a"), "e1", if_match="")
    save("Nightly", saying("b"), "e2", if_match="e1")

    with pytest.raises(Conflict, match="somebody else"):
        save("Nightly", saying("c"), "e3", if_match="e1")
    with pytest.raises(Conflict, match="already"):
        save("NIGHTLY", saying("c"), "e3", if_match="")


def test_each_name_is_listed_once_by_its_newest_version() -> None:
    for number, name in enumerate(("b", "a", "b", "a b")):
        save(name, saying(), f"e{number}")

    assert [(each.name, each.version) for each in selections.all_latest("g1")] == [("a b", 1), ("a", 1), ("b", 2)]


def test_more_than_nine_versions_stay_in_order() -> None:
    for number in range(11):
        save("Nightly", saying(), f"e{number}")

    assert selections.latest("g1", "Nightly").version == 11


def test_what_was_looked_at_stays_until_somebody_looks_again(tmp_path: Path) -> None:
    for name in ("orgs", "classes"):
        duckdb.execute(f"COPY (SELECT 'a' AS sourcedId) TO '{tmp_path / name}.parquet'")
    save("Nightly", saying(), "e1", looked=Looked("g1-s1", NOW, tmp_path))

    version = save("Nightly", saying("b"), "e2")

    seen = selections.seen(version)
    assert seen is not None
    assert duckdb.read_parquet(str(seen.orgs)).fetchall() == [("a",)]
    assert (version.seen_of, version.seen_at) == ("g1-s1", NOW)
    assert selections.seen(save("Other", saying(), "e3")) is None


def test_a_deleted_selection_is_gone_with_every_version() -> None:
    save("Nightly", saying("a"), "e1")
    save("Nightly", saying("b"), "e2")

    selections.delete("g1", "Nightly")

    assert selections.all_latest("g1") == []
    with pytest.raises(NotFound):
        selections.latest("g1", "Nightly")
    with pytest.raises(NotFound):
        selections.delete("g1", "Nightly")
