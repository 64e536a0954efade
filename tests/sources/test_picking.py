"""Which of a server's files is the roster."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.sources.picking import Entry, Found, SameName, candidates, newest
from chalicelib.sources.sftp_check import described

SET = ("orgs.csv", "users.csv", "classes.csv", "enrollments.csv")


def entry(name: str, modified: int = 0, folder: str = "/out") -> Entry:
    return Entry(name, f"{folder}/{name}", 10, modified)


def picked(*entries: Entry, done_marker: str = "") -> Found:
    found = newest(candidates(entries, entries, done_marker))
    assert found
    return found


def test_stale_csvs_beside_a_newer_zip_do_not_count_and_newer_ones_do() -> None:
    csvs = [entry(name, 100) for name in SET]

    assert picked(entry("roster.zip", 200), *csvs).called == "roster.zip"
    assert picked(entry("roster.zip", 50), *csvs).called == "4 CSV files in /out"


@pytest.mark.parametrize("modified", [0, 500], ids=["no times", "equal times"])
def test_where_times_are_alike_the_last_by_name_counts_and_it_is_said(modified: int) -> None:
    names = ["roster-2026-11-9.zip", "roster-2026-11-27.zip", "roster-2026-10-30.zip"]

    found = picked(*(entry(name, modified) for name in names))

    assert (found.called, found.by_name) == ("roster-2026-11-27.zip", True)
    assert not picked(entry("a.zip", 2), entry("b.zip", 1)).by_name


def test_what_is_odd_about_the_pick_is_said() -> None:
    at = int(datetime(2026, 11, 27, 2, tzinfo=UTC).timestamp())
    schools = picked(entry("0101.zip", at), entry("0102.zip", at - 60), entry("old.zip", at - 86_400))
    stale = picked(entry("orgs.csv", at - 40 * 86_400), *(entry(name, at) for name in SET[1:]))
    now = datetime(2026, 11, 27, 3, tzinfo=UTC)

    assert described(schools, now).endswith("Only the newest ZIP is read; within an hour before it came 0102.zip.")
    assert described(stale, now).endswith("orgs.csv is 40 days older than the newest of them.")
    assert described(picked(entry("a.zip", at)), now) == "a.zip, 10 bytes, of 2026-11-27 02:00 UTC."
    assert described(picked(entry("a.zip", at)), now - timedelta(days=9)).endswith(
        "It is dated in the future, so what comes before that day is not taken."
    )


def test_names_that_differ_by_case_alone_are_refused_with_both_named() -> None:
    with pytest.raises(SameName, match=r"users\.csv and Users\.csv"):
        picked(entry("users.csv"), entry("Users.csv"))


@pytest.mark.parametrize("name", [".roster.zip", "~roster.zip", "roster.zip.filepart", "roster.zip.part", "._orgs.csv"])
def test_hidden_files_and_uploads_under_way_never_count(name: str) -> None:
    assert picked(entry(name, 900), entry("roster.zip", 100)).called == "roster.zip"


def test_half_a_set_counts_only_where_there_is_nothing_else_and_says_what_it_lacks() -> None:
    half = [entry("orgs.csv", 900), entry("users.csv", 900)]

    assert picked(entry("roster.zip", 100), *half).called == "roster.zip"
    assert picked(*half).lacks == ("classes.csv", "enrollments.csv")
    assert picked(*half, entry("manifest.csv", 900)).lacks == ()


@pytest.mark.parametrize(
    ("names", "newest_name"),
    [
        (("roster-27-11-2026.zip", "roster-05-12-2026.zip", "roster-30-10-2026.zip"), "roster-05-12-2026.zip"),
        (("roster_11.27.2025.zip", "roster_02.05.2026.zip", "roster_12.01.2025.zip"), "roster_02.05.2026.zip"),
        (("roster Nov-27-2026.zip", "roster Dec-01-2026.zip"), "roster Dec-01-2026.zip"),
        (("1_Sept_2026.zip", "30_Aug_2026.zip"), "1_Sept_2026.zip"),
        (("roster-2026-11-27.zip", "roster-2026-12-05.zip"), "roster-2026-12-05.zip"),
        (("march-7.zip", "march-12.zip"), "march-12.zip"),
    ],
    ids=["the day first", "the month first", "a month's name", "a month's name after the day", "the year first", "no date"],
)
def test_dates_in_names_are_compared_as_dates_where_a_server_sends_no_times(names: tuple[str, ...], newest_name: str) -> None:
    assert picked(*(entry(name) for name in names)).called == newest_name
    assert picked(*(entry(name) for name in reversed(names))).called == newest_name


def test_a_manifest_alone_is_the_first_file_of_an_upload_and_no_roster() -> None:
    assert picked(entry("manifest.csv", 900), entry("roster.zip", 100)).called == "roster.zip"
    assert picked(entry("manifest.csv", 900)).lacks == ("orgs.csv", "users.csv", "classes.csv", "enrollments.csv")


def test_a_marker_is_known_in_either_case() -> None:
    assert picked(entry("roster.zip", 100), entry("ROSTER.DONE", 200), done_marker=".done").marked
    assert not picked(entry("roster.zip", 100), entry("other.DONE", 200), done_marker=".done").marked


def test_files_beside_csvs_are_named_and_those_beside_a_zip_are_nobodys_business() -> None:
    beside = [entry(name, 100) for name in ("users_2.csv", "readme.txt", "users.csv.part", ".users_3.csv", "old.zip")]

    assert picked(*(entry(name, 200) for name in SET), *beside).unread == ("readme.txt", "users_2.csv")
    assert picked(entry("roster.zip", 300), *beside).unread == ()
