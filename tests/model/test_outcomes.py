"""The sentence with which a sync ends."""

import json

import pytest

from chalicelib import errors
from chalicelib.model.outcomes import AppliedExtent, ending_of, same_file, success, unchanged, written
from chalicelib.model.records import EntityCounts, State, SyncCounts

REFUSAL = "users.csv is missing. Export again with every file."


def error(name: str, message: str = "") -> dict[str, str]:
    fields = {"errorMessage": message, "errorType": name, "stackTrace": ["  File blueprint.py, line 1\n"]}
    return {"Error": name, "Cause": json.dumps(fields)}


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("BundleRefused", State.REFUSED),
        ("QuestionExpired", State.EXPIRED),
        ("Discarded", State.DISCARDED),
        ("LockLost", State.CANCELLED),
        ("SourceUnavailable", State.FAILED),
        ("States.Timeout", State.FAILED),
        ("Runtime.ExitError", State.FAILED),
        ("KeyError", State.FAILED),
        ("", State.FAILED),
    ],
)
def test_each_error_has_its_state(name: str, state: State) -> None:
    assert ending_of(error(name, "m"), "g1-1", AppliedExtent.NOTHING).state is state


def test_a_refusal_is_shown_in_its_own_words_and_says_that_nothing_was_changed() -> None:
    assert ending_of(error("BundleRefused", REFUSAL), "g1-1", AppliedExtent.NOTHING).message == f"{REFUSAL} Nothing was changed."


@pytest.mark.parametrize("name", ["BundleRefused", "QuestionExpired", "Discarded", "SourceUnavailable", "KeyError"])
@pytest.mark.parametrize("extent", list(AppliedExtent))
def test_an_end_says_what_was_written(name: str, extent: AppliedExtent) -> None:
    assert ending_of(error(name, "m."), "g1-1", extent).message.endswith(extent)


@pytest.mark.parametrize("name", ["KeyError", "ConversionException", "States.Timeout", "States.ExceedToleratedFailureThreshold"])
def test_an_unexpected_error_shows_the_sync_and_nothing_of_its_own_text(name: str) -> None:
    message = ending_of(error(name, "could not convert 'Annabel Lee'"), "g1-1", AppliedExtent.NOTHING).message

    assert "g1-1" in message
    assert "Annabel" not in message
    assert "blueprint.py" not in message


@pytest.mark.parametrize("cause", ["", "no JSON", "[]", "{}"])
def test_a_cause_of_another_form_is_no_trouble(cause: str) -> None:
    assert ending_of({"Error": "SourceUnavailable", "Cause": cause}, "g1-1", AppliedExtent.NOTHING).state is State.FAILED


def test_every_error_of_ours_that_a_step_may_end_with_has_a_message() -> None:
    for kind in (errors.SourceUnavailable, errors.NotFound, errors.Conflict):
        assert ending_of(error(kind.__name__, "The words."), "g1-1", AppliedExtent.PARTIAL).message.startswith("The words. ")


def counts(**users: int) -> SyncCounts:
    return SyncCounts(users=EntityCounts(**users), orgs=EntityCounts(unchanged=3))


def test_a_success_is_told_in_numbers_with_thousands() -> None:
    assert success(counts(created=1200, updated=3, deactivated=2, unchanged=5), with_removals=True, incomplete={}) == (
        "Synced: 1,200 created, 3 updated, 2 deactivated, 8 unchanged."
    )


def test_nothing_written_is_said_for_what_it_is() -> None:
    planned = counts(deactivated=4)

    assert success(counts(unchanged=4), with_removals=True, incomplete={}).startswith("Nothing has changed")
    assert success(written(planned, with_removals=False), with_removals=False, incomplete={}).startswith(
        "Nothing was written: every change"
    )


def test_a_source_that_brought_nobody_is_not_said_to_have_brought_no_changes() -> None:
    assert success(SyncCounts(), with_removals=True, incomplete={}).startswith("Nothing was brought in")


def test_a_collection_that_lost_more_than_half_to_errors_is_in_the_headline() -> None:
    lost = SyncCounts(classes=EntityCounts(read=532, left_out=532), users=EntityCounts(read=10, left_out=5, created=5))

    assert "Errors left out 532 of 532 classes" in success(lost, with_removals=True, incomplete={})
    assert "users" not in success(lost, with_removals=True, incomplete={})


@pytest.mark.parametrize(("selected", "says"), [(3, ""), (0, " It holds nothing that is selected.")])
def test_the_same_file_of_which_nothing_is_selected_is_no_plain_success(selected: int, says: str) -> None:
    counts = unchanged(SyncCounts(users=EntityCounts(read=3, kept=3, selected=selected, created=selected)))

    assert same_file("g1-1", counts) == f"Nothing has changed since sync g1-1: the file is the same. Nothing was written.{says}"
