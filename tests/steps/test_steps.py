"""The Lambdas of the machine, called as it calls them, one after another and once too often."""

import gzip
import io
import json
import zipfile
from datetime import datetime
from typing import Any

import boto3
import pytest

from chalicelib.errors import Conflict, GroupBusy, LockLost
from chalicelib.model.records import Answered, GuardFigures, Mode, QuestionKind, State, Step
from chalicelib.steps import blueprint
from chalicelib.store import files, groups, syncs
from chalicelib.store.tables import table
from local.events import saved
from oneroster_engine.errors import BundleRefused
from tests.corpus.build import packed
from tests.engine.districts import Rows, class_, enrollment, org, small, user
from tests.stepfunctions.definition import definition, every_state
from tests.steps.walk import NOW, Walk, everything, make_group, platform, zipped

pytestmark = pytest.mark.usefixtures("aws")


def people(*names: str) -> dict[str, Rows]:
    """One school with a class in which these people are enrolled."""
    return small(
        users=[user(name) for name in names], enrollments=[enrollment(f"e-{name}", userSourcedId=name) for name in names]
    )


def test_a_full_sync_brings_the_district_to_the_platform_and_gives_the_group_back() -> None:
    make_group()

    sync = Walk(zipped(people("ann", "bob"))).through()

    assert {"north", "math-1", "ann", "bob", "e-ann", "e-bob"} <= set(platform())
    assert (sync.state, sync.message) == (State.SUCCEEDED, "Synced: 6 created.")
    assert (sync.counts.users.read, sync.counts.users.kept, sync.counts.users.created) == (2, 2, 2)
    group = groups.get("g1")
    assert (group.sync, group.snapshot, group.unfinished) == (None, sync.sync_id, ())


@pytest.mark.parametrize(("untitled", "come"), [("stand-in", {"math-1", "k2"}), ("leave-out", set())])
def test_classes_without_titles_come_where_the_group_does_not_leave_them_out(untitled: str, come: set[str]) -> None:
    make_group(untitled=untitled)
    classes = [class_(title="", classCode="M1"), class_("k2", title="", classCode="M2")]
    walk = Walk(zipped({**people("ann"), "classes": classes}))

    walk.through()

    assert {"math-1", "k2"} & set(platform()) == come


def test_the_same_bundle_again_writes_nothing_and_says_so() -> None:
    make_group()
    bundle = zipped(people("ann"))
    first = Walk(bundle).through()
    before = platform()

    sync = Walk(bundle, day=1).through()

    assert sync.message == f"Nothing has changed since sync {first.sync_id}: the file is the same. Nothing was written."
    assert (sync.state, sync.same_as) == (State.SUCCEEDED, first.sync_id)
    assert platform() == before
    assert (sync.counts.users.read, sync.counts.users.unchanged, sync.counts.users.created) == (1, 1, 0)


def test_the_result_of_a_file_that_was_cut_says_that_nothing_was_removed_for_it() -> None:
    make_group()
    whole = zipped(people("ann", "bob"))
    Walk(whole).through()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        files_of = {name: archive.read(name) for name in archive.namelist()}
    head, _, _ = files_of["enrollments.csv"].partition(b"e-bob")

    sync = Walk(packed({**files_of, "enrollments.csv": head + b"e-b"}), day=1).through()

    assert sync.message.startswith("Nothing has changed since the last sync; nothing was written. Nothing was removed because")
    assert "enrollments: its file shows that rows may be missing" in sync.message
    assert "e-bob" in platform()


def test_a_selective_sync_lists_the_schools_before_the_rest_is_read() -> None:
    make_group()
    walk = Walk(zipped(people("ann")), Mode.SELECTIVE)

    walk.open()

    keys = {each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="data")["Contents"]}
    assert files.sync_key(walk.sync_id, "stage/choices/orgs.parquet") in keys
    assert files.sync_key(walk.sync_id, "stage/users.parquet") not in keys


def test_a_selective_sync_brings_what_was_chosen() -> None:
    make_group()
    district = small(
        orgs=[org("north"), org("south")],
        classes=[class_("math-1"), class_("art-1", schoolSourcedId="south")],
        users=[user("ann"), user("sam", orgSourcedIds="south")],
        enrollments=[
            enrollment("e1"),
            enrollment("e2", classSourcedId="art-1", schoolSourcedId="south", userSourcedId="sam"),
        ],
    )
    walk = Walk(zipped(district), Mode.SELECTIVE)
    walk.open()
    walk.stage()
    walk.choose(orgs=["south"], classes=["art-1"], otherMembers=False, guardians=False)

    assert walk.plan()["changes"] > 0
    walk.apply()

    assert set(platform()) == {"south", "art-1", "sam", "e2"}


@pytest.mark.parametrize("mode", list(Mode))
def test_what_is_no_zip_is_refused_at_once_and_nothing_is_kept(mode: Mode) -> None:
    make_group()
    walk = Walk(b"sourcedId,name\nnorth,North", mode)

    with pytest.raises(BundleRefused, match="not a ZIP"):
        walk.open()

    stored = boto3.client("s3").list_objects_v2(Bucket="data")["Contents"]
    assert [each["Key"] for each in stored] == [files.sync_key(walk.sync_id, "bundle/bundle.zip")]


def test_each_step_may_run_twice_and_leaves_what_it_left_the_first_time() -> None:
    make_group()
    Walk(zipped(people("ann", "old"))).through()
    walk = Walk(zipped(people("ann", "new")), Mode.SELECTIVE, day=1)

    for step in (walk.open, walk.stage, walk.choose, walk.plan, walk.apply, walk.commit, walk.report):
        step()
        once = everything()
        step()
        assert everything() == once, step.__name__
    assert walk.sync.state is State.SUCCEEDED
    assert walk.sync.message.startswith("Synced: ")


def test_a_question_that_is_asked_twice_is_answered_by_the_newer_token() -> None:
    make_group()
    walk = Walk(b"", Mode.SELECTIVE)

    walk.invoke("ask", token="old")
    walk.invoke("ask", token="new")

    sync = walk.sync
    assert sync.question is not None
    assert (sync.state, sync.question.kind) == (State.WAITING, QuestionKind.ORGS)
    assert (sync.question.until - sync.question.since).days == 7
    answer = Answered(kind=QuestionKind.ORGS, by="Ada", did="selected all schools", at=sync.question.since)
    assert syncs.claim_answer(walk.sync_id, QuestionKind.ORGS, answer, sync.question.since).token == "new"


def test_a_sync_that_has_ended_asks_nothing() -> None:
    make_group()
    walk = Walk(b"", Mode.SELECTIVE)
    syncs.end(walk.sync_id, State.CANCELLED, "Cancelled.", NOW)

    with pytest.raises(Conflict):
        walk.invoke("ask")


def test_a_plan_that_removes_too_much_waits_for_somebody() -> None:
    make_group()
    names = [f"u{number}" for number in range(20)]
    Walk(zipped(people(*names))).through()
    walk = Walk(zipped(people(*names[:5])), day=1)
    walk.open()
    walk.stage()

    assert walk.plan()["ask"] is True
    assert walk.sync.held


def test_removals_that_somebody_approved_are_not_counted_with_those_of_later_syncs() -> None:
    make_group()
    walks = [_without(left, day) for day, left in enumerate((0, 8, 15, 20))]

    first, _, approved, _ = walks
    assert [asked for asked, _, _ in walks] == [False, False, True, False]
    assert [since for _, _, since in walks] == [first[1], first[1], approved[1], approved[1]]


def test_what_was_removed_before_an_upgrade_holds_no_sync_after_it() -> None:
    """Nobody knows then what somebody had approved."""
    make_group()
    _without(0, day=0)
    _without(8, day=1)
    table(groups.TABLE).update_item(Key={"groupId": "g1"}, UpdateExpression="REMOVE removalsCountedFrom")

    after = [_without(left, day)[0] for day, left in enumerate((15, 22, 28), start=2)]

    assert after == [False, False, True], "what is removed from then on is counted"


def test_an_approval_for_one_school_leaves_the_count_of_another_s_removals_as_it_is() -> None:
    make_group()

    def both(north: int, south: int, day: int) -> list[str]:
        """A sync of two schools without their first students: for which of them it was held."""
        users = [
            user(f"{school}{n:03}", orgSourcedIds=school)
            for school, gone in (("north", north), ("south", south))
            for n in range(gone, 100)
        ]
        walk = Walk(zipped(small(orgs=[org(), org("south")], users=users, enrollments=[])), day=day)
        walk.open()
        walk.stage()
        walk.plan()
        walk.apply()
        walk.commit()
        walk.report()
        plan = files.read_json(files.sync_key(walk.sync_id, "plan/summary.json")) or {}
        return sorted({each["school"] for each in plan["breaches"] if each["entity"] == "users"})

    held = [both(*left, day=day) for day, left in enumerate(((0, 0), (30, 6), (33, 12), (33, 18)))]

    assert held == [[], ["north"], ["south"], []]
    group = groups.get("g1")
    assert group.removals_counted_from == NOW
    assert [(each.school, (each.since - NOW).days) for each in group.schools_counted_from] == [("north", 1), ("south", 2)]


def _without(left: int, day: int) -> tuple[bool, datetime, datetime | None]:
    """A sync of a hundred people without the first `left`: whether it was held, when it began, from when its group counts."""
    walk = Walk(zipped(people(*[f"u{number:03}" for number in range(left, 100)])), day=day)
    walk.open()
    walk.stage()
    asked = walk.plan()["ask"]
    walk.apply()
    walk.commit()
    walk.report()
    group = groups.get("g1")
    return asked, walk.sync.started_at, next((each.since for each in group.schools_counted_from), group.removals_counted_from)


def test_a_group_that_never_removes_keeps_whoever_leaves_active_on_the_platform() -> None:
    make_group(guard=GuardFigures(never_remove=True))
    Walk(zipped(people("ann", "old"))).through()

    sync = Walk(zipped(people("ann")), day=1).through()

    assert (platform()["old"]["status"], platform()["e-old"]["status"]) == ("active", "active")
    assert (sync.state, sync.counts.users.deactivated, sync.counts.enrollments.ended) == (State.SUCCEEDED, 0, 0)


def test_removals_left_out_by_the_approval_are_neither_done_nor_counted_as_done() -> None:
    make_group()
    Walk(zipped(people("ann", "old"))).through()
    walk = Walk(zipped(people("ann", "new")), day=1)
    walk.with_removals = False

    sync = walk.through()

    assert (platform()["old"]["status"], platform()["new"]["status"]) == ("active", "active")
    assert (sync.counts.users.created, sync.counts.users.deactivated, sync.counts.enrollments.ended) == (1, 0, 0)
    assert sync.message.startswith("Synced: 2 created")
    assert sync.message.endswith("Removals were left out, as approved.")
    again = Walk(zipped(people("ann", "new")), day=2).through()
    assert (again.counts.users.deactivated, platform()["old"]["status"]) == (1, "inactive")


def test_guardians_that_an_approval_spared_stay_with_their_students_and_hold_the_next_sync_too() -> None:
    make_group()
    names = [f"u{number:02}" for number in range(12)]
    adults = [user(f"g{name}", role="guardian") for name in names]

    def district(**more: str) -> dict[str, Rows]:
        return small(users=[*(user(name, **({"agentSourcedIds": f"g{name}"} | more)) for name in names), *adults])

    Walk(zipped(district())).through()
    walk = Walk(zipped(district(agentSourcedIds="", phone="555")), day=1)
    walk.with_removals = False
    walk.through()

    for name in names:
        assert (platform()[name]["fields"]["agentSourcedIds"], platform()[name]["fields"]["phone"]) == ([f"g{name}"], "555")
    again = Walk(zipped(district(agentSourcedIds="", phone="555")), day=2)
    again.open()
    again.stage()
    assert again.plan()["ask"] is True
    syncs.end(again.sync_id, State.CANCELLED, "Cancelled.", NOW)

    Walk(zipped(district(phone="555")), day=3).through()  # the guardians are in the source for a day
    gone = Walk(zipped(district(agentSourcedIds="", phone="555")), day=4)
    gone.open()
    gone.stage()
    assert gone.plan()["ask"] is True
    plan = files.read_json(files.sync_key(gone.sync_id, "plan/summary.json")) or {}
    kinds = {each["kind"] for each in plan["breaches"]}
    assert "spared" in kinds
    assert len(groups.get("g1").spared) == 1
    gone.apply()
    gone.commit()
    assert groups.get("g1").spared == ()


def test_a_chunk_of_a_cancelled_sync_is_not_written() -> None:
    make_group()
    walk = Walk(zipped(people("ann")))
    walk.open()
    walk.stage()
    walk.plan()
    syncs.end(walk.sync_id, State.CANCELLED, "Cancelled.", NOW)

    with pytest.raises(LockLost):
        walk.apply()
    with pytest.raises(LockLost):
        walk.commit()

    assert platform() == {}
    assert groups.get("g1").snapshot is None


def test_a_sync_cut_off_while_applying_is_made_right_by_the_next() -> None:
    make_group()
    Walk(zipped(people("ann"))).through()
    cut = Walk(zipped(people("ann", "bob")), day=1)
    cut.open()
    cut.stage()
    cut.plan()
    cut.apply()
    cut.invoke("record_failure", error={"Error": "States.ExceedToleratedFailureThreshold", "Cause": "exceeded"})
    assert "Some changes had been written" in cut.sync.message

    sync = Walk(zipped(people("ann")), day=2).through()

    assert groups.get("g1").unfinished == ()
    assert (platform()["bob"]["status"], platform()["ann"]["status"]) == ("inactive", "active")
    assert sync.counts.users.deactivated == 1


def test_progress_is_told_in_rows_for_every_step() -> None:
    make_group()

    sync = Walk(zipped(people("ann", "bob"))).through()

    rows = {each.step: (each.done, each.total) for each in sync.progress}
    assert rows[Step.STAGE] == rows[Step.PLAN] == rows[Step.APPLY] == rows[Step.COMMIT] == (6, 6)
    assert set(rows) == set(Step) - {Step.FETCH}  # this bundle came with the sync
    assert all(each.ended_at is not None for each in sync.progress)


def test_changes_applied_so_far_are_counted_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oneroster_engine.planning.changes.CHUNK_CHANGES", 2)
    make_group()
    walk = Walk(zipped(people("ann", "bob")))
    walk.open()
    walk.stage()
    walk.plan()
    first, *others = walk.chunks()
    assert len(others) == 2

    walk.invoke("apply_chunk", chunk=first)

    [applying] = (each for each in walk.sync.progress if each.step is Step.APPLY)
    assert (applying.done, applying.total, applying.ended_at) == (2, 6, None)


def test_the_report_lists_its_files_with_their_sizes() -> None:
    make_group()
    walk = Walk(zipped(people("ann")))
    walk.through()

    listed = files.read_json(files.sync_key(walk.sync_id, "report/files.json"))

    assert [each["name"] for each in listed or []] == [
        "report.xlsx", "changes.csv.gz", "problems.csv.gz", "people.csv.gz", "roster.zip",
    ]  # fmt: skip
    assert all(
        files.size_bytes(files.sync_key(walk.sync_id, f"report/{each['name']}")) == each["sizeBytes"] for each in listed or []
    )
    packed = (
        boto3.client("s3").get_object(Bucket="data", Key=files.sync_key(walk.sync_id, "report/changes.csv.gz"))["Body"].read()
    )
    assert b"ann" in gzip.decompress(packed)


def test_a_refused_bundle_ends_the_sync_with_its_own_sentence_and_frees_the_group() -> None:
    make_group()
    walk = Walk(b"")

    walk.invoke("record_failure")

    assert walk.sync.state is State.REFUSED
    assert walk.sync.message == "The bundle lacks orgs.csv. Export again with every file. Nothing was changed."
    assert groups.get("g1").sync is None


def test_a_sync_that_was_cancelled_stays_cancelled_when_its_failure_arrives() -> None:
    make_group()
    walk = Walk(b"")
    syncs.end(walk.sync_id, State.CANCELLED, "Cancelled; nothing was changed.", NOW)

    walk.invoke("record_failure", error={"Error": "LockLost", "Cause": "{}"})

    assert (walk.sync.state, walk.sync.message) == (State.CANCELLED, "Cancelled; nothing was changed.")


def test_a_failure_after_the_commit_says_that_everything_was_written() -> None:
    make_group()
    walk = Walk(zipped(people("ann")))
    for step in (walk.open, walk.stage, walk.plan, walk.apply, walk.commit):
        step()

    walk.invoke("record_failure", error={"Error": "OSError", "Cause": "{}"})

    assert walk.sync.state is State.FAILED
    assert walk.sync.message.endswith("All its changes had been written.")


def test_the_log_names_group_and_sync_and_no_person_and_no_token() -> None:
    found = io.StringIO()
    handler = blueprint.logger.registered_handler
    earlier = handler.setStream(found)  # type: ignore[attr-defined]
    try:
        make_group()
        walk = Walk(zipped(small(users=[user("ann", givenName="Annabel", familyName="Lee", email="annabel@example.org")])))
        walk.through()
        walk = Walk(b"", day=1)
        walk.invoke("ask", token="a-secret-token")
        walk.invoke("record_failure", error={"Error": "ValueError", "Cause": json.dumps({"errorMessage": "Annabel Lee"})})
    finally:
        handler.setStream(earlier)  # type: ignore[attr-defined]

    lines = [json.loads(line) for line in found.getvalue().splitlines()]
    assert {(line["groupId"], line["syncId"]) for line in lines} >= {("g1", walk.sync_id)}
    assert not any(secret in found.getvalue() for secret in ("Annabel", "example.org", "a-secret-token"))
    assert "Annabel" not in walk.sync.message


def test_the_saved_events_are_those_that_the_machine_sends() -> None:
    tasks = [state for _, state, _ in every_state(definition()["States"]) if state["Type"] == "Task"]

    for task in tasks:
        given: dict[str, Any] = task["Parameters"]
        function = str(given["FunctionName"]).strip("${}")
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in function).lstrip("_")
        assert {key.removesuffix(".$") for key in given["Payload"]} == set(saved(name)), name


def test_a_record_that_the_platform_can_not_hold_is_named_before_anything_is_written() -> None:
    make_group()
    bob = user("bob", middleName="x" * 400_000)
    walk = Walk(zipped(small(users=[user(), bob])))
    walk.open()
    walk.stage()

    with pytest.raises(
        BundleRefused, match=r"users, bob: the record has 40\d,\d\d\d bytes, most of them in middleName; .*Shorten it"
    ):
        walk.plan()

    assert platform() == {}


def test_a_long_record_that_the_platform_holds_is_written() -> None:
    make_group()
    Walk(zipped(small(users=[user(), user("bob", middleName="x" * 380_000)]))).through()

    assert len(platform()["bob"]["fields"]["middleName"]) == 380_000


def test_a_refusal_s_words_are_no_longer_than_the_machine_carries() -> None:
    assert len(str(BundleRefused("a name, " * 100_000))) == 4_000
    assert len(str(GroupBusy("s" * 100_000))) == 4_000
