"""An answer counts once and in time, whoever gives it; and a key starts one sync."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from chalicelib.api import choices
from chalicelib.model.records import Asked, AskedFor, GroupSettings, Mode, Progress, Question, QuestionKind, State, Step
from chalicelib.store import audit, files, groups, selections, state_machine, syncs
from tests.api.test_routes import call
from tests.api.waiting import WEEK, waiting_for_approval
from tests.engine.test_plan import TWO_SCHOOLS
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("aws")
NOW = datetime.now(UTC)
APPROVE = {"decision": "approve"}


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Step Functions, which is told what to say: moto's machines never wait."""
    monkeypatch.setenv("STATE_MACHINE_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:oneroster-sync")
    state_machine._stepfunctions.cache_clear()
    with Stubber(state_machine._stepfunctions()) as stepfunctions:
        yield stepfunctions
    state_machine._stepfunctions.cache_clear()


def test_of_two_browsers_the_second_is_told_that_the_question_is_not_open_whoevers_it_is(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    waiting.add_response("send_task_success", {}, {"taskToken": "token", "output": json.dumps(APPROVE)})

    first, _ = call(f"POST /syncs/{sync_id}/approval", APPROVE)
    same, said_to_same = call(f"POST /syncs/{sync_id}/approval", APPROVE)
    other, said_to_other = call(f"POST /syncs/{sync_id}/approval", {"decision": "discard"}, groups="g1")

    assert (first, same, other) == (202, 409, 409)
    assert (
        said_to_same["detail"]
        == said_to_other["detail"]
        == "This sync is not waiting for an approval: it is running. Ada approved the changes meanwhile."
    )
    waiting.assert_no_pending_responses()


def test_the_time_of_writing_counts_from_the_decision_not_from_the_plan(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW - timedelta(days=3))
    syncs.progressed(sync_id, Progress(step=Step.APPLY, total=7, started_at=NOW - timedelta(days=3)))
    waiting.add_response("send_task_success", {}, {"taskToken": "token", "output": json.dumps(APPROVE)})

    _, answer = call(f"POST /syncs/{sync_id}/approval", APPROVE)

    (applying,) = answer["sync"]["progress"]
    assert (applying["step"], applying["total"]) == ("apply", 7)
    assert datetime.fromisoformat(applying["startedAt"]) >= NOW


def test_changes_that_are_discarded_are_at_no_moment_said_to_be_written(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    syncs.progressed(sync_id, Progress(step=Step.APPLY, total=7, started_at=NOW))
    waiting.add_response("send_task_success", {}, {"taskToken": "token", "output": json.dumps({"decision": "discard"})})

    _, answer = call(f"POST /syncs/{sync_id}/approval", {"decision": "discard"})

    assert answer["message"] == "The changes will not be written."
    assert [each["step"] for each in answer["sync"]["progress"]] == []


def test_an_answer_after_seven_days_is_gone_whoever_gives_it(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW - WEEK - timedelta(minutes=1))

    answers = [call(f"POST /syncs/{sync_id}/approval", APPROVE, groups=of) for of in ("*", "g1")]

    assert [status for status, _ in answers] == [410, 410]
    late = "It is too late for an approval: this sync no longer waits, and nothing was changed. Start a new sync."
    assert {message["detail"] for _, message in answers} == {late}


@pytest.mark.parametrize("refusal", ["TaskTimedOut", "TaskDoesNotExist"])
def test_an_answer_that_the_machine_does_not_wait_for_any_more_is_gone_and_opens_nothing(waiting: Stubber, refusal: str) -> None:
    sync_id = waiting_for_approval(NOW)
    waiting.add_client_error("send_task_success", refusal)

    status, answer = call(f"POST /syncs/{sync_id}/approval", APPROVE)

    assert (status, "was not used" in answer["detail"]) == (410, True)
    assert syncs.get(sync_id).question is None


def test_an_answer_is_gone_too_when_its_sync_was_ended_while_it_was_given(
    waiting: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_id = waiting_for_approval(NOW)
    answer = state_machine.answer

    def ended_meanwhile(token: str, output: dict[str, Any]) -> None:
        syncs.end(sync_id, State.CANCELLED, "Cancelled.", NOW)
        answer(token, output)

    monkeypatch.setattr(state_machine, "answer", ended_meanwhile)
    waiting.add_client_error("send_task_success", "TaskTimedOut")

    status, _ = call(f"POST /syncs/{sync_id}/approval", APPROVE)

    assert status == 410
    assert syncs.get(sync_id).state is State.CANCELLED


def test_a_question_that_could_not_be_answered_is_open_again(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    waiting.add_client_error("send_task_success", "ThrottlingException")
    waiting.add_response("send_task_success", {})

    assert call(f"POST /syncs/{sync_id}/approval", APPROVE)[0] == 500
    assert call(f"POST /syncs/{sync_id}/approval", APPROVE)[0] == 202


def test_the_same_key_gives_the_same_sync_and_completes_a_start_that_was_cut_off(
    waiting: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups.create(GroupSettings(name="Lakeside"), "g1", "e1", NOW)
    boto3.client("s3").put_object(Bucket="data", Key=files.upload_key("g1", "u1", ".zip"), Body=b"PK")
    started = {"executionArn": state_machine._execution_arn("any"), "startDate": NOW}
    running = {**started, "stateMachineArn": state_machine.machine_arn(), "status": "RUNNING"}
    waiting.add_response("start_execution", started)
    waiting.add_client_error("describe_execution", "ExecutionDoesNotExist")  # as if the first had died before it started it
    waiting.add_response("start_execution", started)
    waiting.add_response("describe_execution", running)

    body, key = {"mode": "full", "uploadId": "u1"}, {"Idempotency-Key": "k1"}
    answers = [call("POST /groups/g1/syncs", body, headers=key) for _ in range(3)]

    assert [status for status, _ in answers] == [202, 202, 202]
    assert len({message["syncId"] for _, message in answers}) == 1
    waiting.assert_no_pending_responses()


def test_a_choice_is_noted_under_the_persons_name(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    syncs.ask(sync_id, Question(kind=QuestionKind.ORGS, since=NOW, until=NOW + WEEK), "token")
    waiting.add_response("send_task_success", {}, {"taskToken": "token", "output": "{}"})

    assert call(f"POST /syncs/{sync_id}/orgs/selection", {"all": True})[0] == 202

    [entry] = audit.entries("g1", 10)
    assert (entry.name, entry.what, entry.sync_id) == ("Ada", "schools chosen", sync_id)


def test_all_but_a_few_are_chosen_without_a_list_of_all(waiting: Stubber) -> None:
    make_group()
    walk = Walk(zipped(TWO_SCHOOLS), Mode.SELECTIVE)
    walk.open()
    walk.stage()
    syncs.ask(walk.sync_id, Question(kind=QuestionKind.ORGS, since=NOW, until=NOW + WEEK), "token")
    waiting.add_response("send_task_success", {}, {"taskToken": "token", "output": "{}"})

    def choose(**body: Any) -> tuple[int, Any]:
        return call(f"POST /syncs/{walk.sync_id}/orgs/selection", body)

    assert [choose(all=True, exclude=["nowhere"])[0], choose(ids=["north"], exclude=["south"])[0]] == [422, 422]
    assert choose(all=True, exclude=["north", "south"])[1]["detail"].startswith("Nothing is selected.")
    status, answer = choose(all=True, exclude=["south"])

    assert (status, answer["message"]) == (202, "1 school selected.")
    assert files.selection_of(walk.sync_id)["orgs"] == ["north"]


def test_a_refused_answer_leaves_no_saved_selection_and_no_preview_behind(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    files.write_selection(sync_id, {"orgs": None, "classes": None})
    matrix = {"status": "active", "userType": "student", "users": 1, "otherMembers": 0, "preset": True}
    files.write_json(choices.matrix_key(sync_id, files.selection_of(sync_id)), {"cells": [matrix], "guardians": 0, "rule": "r"})
    body = {"cells": [{"status": "active", "userType": "student"}], "preview": True, "saveAs": {"name": "Late"}}

    status, answer = call(f"POST /syncs/{sync_id}/statuses/selection", body)

    assert (status, "is not waiting for" in answer["detail"]) == (409, True)
    assert selections.all_latest("g1") == []
    assert not syncs.get(sync_id).preview


def asks(sync_id: str, kind: QuestionKind, **selection: Any) -> None:
    """The sync waits with this question, the ones before it answered with `selection`."""
    files.write_selection(sync_id, selection)
    syncs.ask(sync_id, Question(kind=kind, since=NOW - timedelta(hours=1), until=NOW + WEEK), "token")


def test_who_goes_back_to_the_schools_is_asked_about_classes_anew_and_the_machine_waits_on(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    asks(sync_id, QuestionKind.STATUSES, orgs=["north"], classes=["n1"])

    status, answer = call(f"POST /syncs/{sync_id}/orgs/selection", {"all": True})

    assert (status, answer["sync"]["question"]["kind"]) == (202, "statuses")
    assert files.selection_of(sync_id) == {"orgs": None, "classesBefore": ["n1"]}  # to be offered again
    assert call(f"GET /syncs/{sync_id}/statuses")[0] == 409  # whoever looks at the old counts must not sync by them
    question = syncs.get(sync_id).question
    assert question is not None
    assert (question.since > NOW - timedelta(minutes=1), question.until) == (True, NOW + WEEK)


def test_classes_of_the_schools_chosen_anew_stay_chosen_where_all_of_them_were(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    asks(sync_id, QuestionKind.STATUSES, orgs=["north"], classes=None)

    assert call(f"POST /syncs/{sync_id}/orgs/selection", {"all": True})[0] == 202
    assert call(f"POST /syncs/{sync_id}/classes/selection", {"all": True})[0] == 202

    assert files.selection_of(sync_id) == {"orgs": None, "classes": None}


def test_schools_are_not_chosen_anew_where_only_the_chosen_ones_were_fetched(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    asks(sync_id, QuestionKind.CLASSES, orgs=["north"])
    syncs.asked(sync_id, Asked(kind=AskedFor.SCHOOLS, schools=1))

    status, answer = call(f"POST /syncs/{sync_id}/orgs/selection", {"all": True})

    assert (status, answer["detail"][:55]) == (409, "Only the schools that were selected first have been fet")
    assert files.selection_of(sync_id) == {"orgs": ["north"]}
    assert syncs.get(sync_id).question is not None


def test_of_two_people_at_one_question_the_slower_is_refused_and_told_who_answered_what(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    asks(sync_id, QuestionKind.STATUSES, orgs=["north"], classes=["n1"])
    open_question = syncs.get(sync_id).question
    assert open_question is not None
    seen = open_question.since.isoformat()

    faster = call(f"POST /syncs/{sync_id}/classes/selection", {"all": True, "since": seen})
    slower = call(f"POST /syncs/{sync_id}/orgs/selection", {"all": True, "since": seen})

    assert (faster[0], slower[0]) == (202, 409)
    assert "Ada selected all classes meanwhile." in slower[1]["detail"]
    assert files.selection_of(sync_id) == {"orgs": ["north"], "classes": None}
    answered = faster[1]["sync"]["answered"]
    assert (answered["kind"], answered["by"], answered["did"]) == ("classes", "Ada", "selected all classes")
    asked_anew = faster[1]["sync"]["question"]["since"]
    assert call(f"POST /syncs/{sync_id}/orgs/selection", {"all": True, "since": asked_anew})[0] == 202


def test_an_answer_that_could_not_be_given_is_nowhere_said_to_have_been(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)
    waiting.add_client_error("send_task_success", "ThrottlingException")

    assert call(f"POST /syncs/{sync_id}/approval", APPROVE)[0] == 500

    assert syncs.get(sync_id).answered is None


def test_nobody_goes_back_once_the_people_are_chosen(waiting: Stubber) -> None:
    sync_id = waiting_for_approval(NOW)

    status, answer = call(f"POST /syncs/{sync_id}/orgs/selection", {"all": True})

    assert (status, "is not waiting for" in answer["detail"]) == (409, True)
