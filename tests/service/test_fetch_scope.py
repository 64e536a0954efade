"""When changes alone are asked for, and why everything is where they are not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.model.records import Asked, AskedFor, IdCheck, IdDifference, Mode, State, Sync, Trigger
from chalicelib.service import fetch_scope

NOW = datetime(2026, 9, 10, 6, tzinfo=UTC)
CHANGED_AT = NOW - timedelta(days=60)
EVERYTHING = Asked(kind=AskedFor.EVERYTHING)
CHANGES = Asked(kind=AskedFor.CHANGES, since=NOW)


def sync(days_ago: float, asked: Asked | None = EVERYTHING, **other: Any) -> Sync:
    fields: dict[str, Any] = {"mode": Mode.FULL, "state": State.SUCCEEDED, **other}
    started = NOW - timedelta(days=days_ago)
    return Sync(
        group_id="g1",
        sync_id=f"g1-{days_ago}",
        trigger=Trigger.SCHEDULE,
        started_by="Ada",
        started_at=started,
        asked=asked,
        **fields,
    )


def asked(*earlier: Sync, changed_at: datetime = CHANGED_AT, has_view: bool = True, check_ids_days: int = 7) -> Asked:
    return fetch_scope.asked_since(sync(0), earlier, changed_at, has_view, check_ids_days)


def test_changes_are_asked_for_since_the_last_sync_began_and_an_hour_before() -> None:
    found = asked(sync(1, CHANGES), sync(2, CHANGES), sync(3))

    assert found == Asked(kind=AskedFor.CHANGES, since=NOW - timedelta(days=1, hours=1))


def test_what_read_nothing_of_the_source_counts_for_nothing() -> None:
    found = asked(sync(0.1, None, mode=Mode.UNDO), sync(0.2, None, state=State.SUPERSEDED), sync(1))

    assert found == Asked(kind=AskedFor.CHANGES, since=NOW - timedelta(days=1, hours=1))


@pytest.mark.parametrize(
    ("earlier", "why"),
    [
        ([], "first"),
        ([sync(1, CHANGES)], "first"),
        ([sync(1, CHANGES), sync(7)], "old"),
        ([sync(1, state=State.FAILED), sync(2)], "failed"),
        ([sync(1, state=State.DISCARDED), sync(2)], "failed"),
        ([sync(1, incomplete={"users": "users: they came twice"}), sync(2)], "incomplete"),
        ([sync(1, None), sync(2)], "elsewhere"),
        ([sync(1, CHANGES), sync(2, Asked(kind=AskedFor.SCHOOLS, schools=1)), sync(3)], "elsewhere"),
    ],
)
def test_everything_is_asked_for_where_changes_would_not_do_and_it_is_said_why(earlier: list[Sync], why: str) -> None:
    assert asked(*earlier) == Asked(kind=AskedFor.EVERYTHING, why=fetch_scope.WHY[why])
    assert fetch_scope.WHY[why] in fetch_scope.sentence(asked(*earlier))


def test_ids_are_compared_as_often_as_the_group_says_a_list_that_could_not_be_is_compared_again() -> None:
    compared = sync(1, CHANGES, id_check=IdCheck())
    failed = sync(1, CHANGES, id_check=IdCheck(unproved={"users": "users: 250 records were announced"}))
    earlier = [sync(2, CHANGES), sync(3)]

    assert [asked(compared, *earlier, check_ids_days=days).ids for days in (1, 2)] == [True, False]
    assert [asked(failed, *earlier, check_ids_days=days).ids for days in (1, 2, 3, 4)] == [True, True, True, False]
    assert asked(sync(0.99), check_ids_days=1).ids  # a nightly sync doesn't begin at the same minute


def test_after_changes_that_did_not_tell_everything_everything_is_read_and_how_much_it_was_is_said() -> None:
    check = IdCheck(differ={"users": IdDifference(added=3), "classes": IdDifference(removed=1200)})

    assert asked(sync(1, CHANGES, id_check=check), sync(2)) == fetch_scope.everything("differed")
    assert fetch_scope.differing(check) == (
        "The provider's changes were incomplete: it lists 3 of its users that no change mentioned; "
        "no more 1,200 classes that no change took away. The next sync reads everything."
    )
    assert fetch_scope.differing(IdCheck()) == ""


def test_a_group_that_was_configured_anew_is_read_whole() -> None:
    assert asked(sync(1), changed_at=NOW - timedelta(hours=1)) == fetch_scope.everything("settings")


def test_without_what_changes_are_merged_into_everything_is_asked_for() -> None:
    assert asked(sync(1), has_view=False) == fetch_scope.everything("first")


def test_very_many_schools_are_not_asked_for_one_by_one() -> None:
    many = frozenset(str(number) for number in range(fetch_scope.MOST_SCHOOLS + 1))

    assert fetch_scope.asked_by_school(many) == fetch_scope.everything("many schools")
    assert fetch_scope.asked_by_school(frozenset({"1", "2"})) == Asked(kind=AskedFor.SCHOOLS, schools=2)
    one = fetch_scope.asked_by_school(frozenset({"1"}))
    assert fetch_scope.sentence(one) == "Asked for 1 school alone, with students and teachers."
