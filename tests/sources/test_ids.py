"""Whether the ids of a provider's whole list are those that its changes led to, with a provider that lies."""

from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from chalicelib.sources.rest import Provider, QueryRefused, Source
from chalicelib.sources.rest_fetch import begin, fetch_range, lists_of_ids, recheck, why_not_whole
from chalicelib.sources.rest_ids import Difference, differences, write_ids
from local.peers.lying_provider import Liar, Lies
from local.peers.provider import BASES
from local.peers.reading import keeping

USERS = next(each for each in lists_of_ids() if each.entity == "users")
HELD = [f"u{number:03d}" for number in range(250)]


def compared(folder: Path, transport: httpx.BaseTransport, held: list[str]) -> tuple[Any, str]:
    """How the whole list differs from who is held, and why it was not proved whole."""
    (folder / "held").mkdir()
    with duckdb.connect() as connection:
        rows = "SELECT unnest($held) AS sourcedId"
        connection.execute(f"COPY ({rows}) TO '{folder}/held/users.parquet' (FORMAT parquet)", {"held": held})
    provider = Provider("https://sis.example" + BASES["1.2"], "1.2", "bearer", "", "token")
    with Source(provider, transport=transport, sleep=lambda seconds: None) as source:
        start = begin(source, USERS, 100, keeping(folder), 4)
        fetched = [start.fetched, *(fetch_range(source, each, keeping(folder))[0] for each in start.left)]
        again = recheck(source, start, fetched)
    came = write_ids(folder, fetched, folder / "ids")
    why = why_not_whole(fetched, came, [again])
    return differences(folder / "ids", folder / "held").get("users"), why.message if why else ""


def test_who_is_listed_and_not_held_and_the_other_way_round_is_counted(tmp_path: Path) -> None:
    liar = Liar([*HELD[3:], "u300"], Lies(members=("sourcedId",)))

    assert compared(tmp_path, liar, HELD) == (Difference(added=1, removed=3), "")


def test_who_is_listed_as_deleted_is_not_there_and_blanks_around_an_id_are_no_part_of_it(tmp_path: Path) -> None:
    liar = Liar(HELD, Lies(members=("sourcedId", "status"), deleted=frozenset({"u007"})))

    assert compared(tmp_path, liar, [each for each in HELD[:-1] if each != "u007"] + [" u249 "]) == (None, "")


def test_a_list_of_ids_has_to_be_proved_like_any_other(tmp_path: Path) -> None:
    _, why = compared(tmp_path, Liar(HELD, Lies(members=("sourcedId",), broken={"from 198": "404"})), HELD)

    assert why.startswith("from record 200 on the provider answers with status 404")


def test_a_provider_that_sends_whole_records_for_ids_is_not_read_twice(tmp_path: Path) -> None:
    with pytest.raises(QueryRefused, match="sends whole records of /users where sourcedId,status alone were asked for"):
        compared(tmp_path, Liar(HELD, Lies()), HELD)
