from datetime import date

import pytest
from pydantic import ValidationError

from chalicelib.model.records import GroupSettings, Method, SyncCounts


def test_a_group_needs_nothing_but_a_name() -> None:
    group = GroupSettings.model_validate({"name": "  Lakeside Unified "})

    assert group.name == "Lakeside Unified"
    assert group.source.method is Method.ZIP
    assert (group.guard.share, group.guard.floor, group.guard.rollover_share) == (0.10, 10, 0.50)


def test_a_group_is_spoken_of_in_camel_case_and_comes_back_the_same() -> None:
    group = GroupSettings.model_validate({"name": "Lakeside", "guard": {"rollover": {"from": "2026-08-01", "to": "2026-08-31"}}})

    sent = group.model_dump(mode="json", by_alias=True)

    assert group.guard.rollover is not None
    assert group.guard.rollover.from_ == date(2026, 8, 1)
    assert sent["guard"]["rollover"] == {"from": "2026-08-01", "to": "2026-08-31"}
    assert GroupSettings.model_validate(sent) == group


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x", "colour": "red"},
        {"name": "x", "contactEmail": "nobody"},
        {"name": "x", "graceDays": 0},
    ],
)
def test_a_group_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GroupSettings.model_validate(wrong)


def test_counts_start_at_nothing() -> None:
    assert SyncCounts().users.read == 0
