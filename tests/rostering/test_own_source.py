"""Our own REST source reads our own provider: the roster that comes out is the one that went in."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr

from chalicelib.model.credentials import ClientCredentials, Credentials, TokenCredentials
from chalicelib.model.records import AskedFor, RestSource, State, Sync
from chalicelib.sources.public_address import LOOPBACK_SETTING
from chalicelib.store import files, secrets
from oneroster_engine.sample_district import District, Shape, write
from oneroster_engine.standard.entities import ENTITIES
from tests.engine.districts import Rows, class_, course, enrollment, org, role, session, user, write_bundle
from tests.rostering.serving import served
from tests.rostering.test_api import Reader, made
from tests.steps.test_rest_reading import RestWalk
from tests.steps.walk import Walk, make_group, zipped

pytestmark = pytest.mark.usefixtures("kms")

# What is easily lost on the way: several roles with dates and profiles, ids of several kinds, words of another language, an
# apostrophe, quotes, a percent sign in a value, lists, a guardian, a legacy status, somebody whose account is off.
PEOPLE: dict[str, Rows] = {
    "orgs": [
        org("all", type="district", name='Lakeside "West" & Söhne, Ltd.'),
        org("north", parentSourcedId="all", identifier="N-1"),
        org("south", parentSourcedId="all"),
    ],
    "academicSessions": [
        session("year", type="schoolYear", endDate="2027-06-20", schoolYear="2027"),
        session("fall", parentSourcedId="year", schoolYear="2027"),
        session("q1", type="gradingPeriod", parentSourcedId="fall", endDate="2026-10-01"),
    ],
    "courses": [course("math", courseCode="M 100%", orgSourcedId="north", subjects="Maths,Physics", schoolYearSourcedId="year")],
    "classes": [
        class_("math-1", courseSourcedId="math", classCode="1/2", termSourcedIds="fall,q1", grades="09,10", periods="1,2a"),
        class_("gym-1", schoolSourcedId="south", classType="homeroom", location="O'Hara Hall"),
    ],
    "users": [
        user("ann", agentSourcedIds="gil", email="ann@example.org", userIds="{Fed:1-2},{LDAP:cn=ann}", grades="09"),
        user("bob", status="inactive", givenName="Zoë", familyName="ÓNeil-ß"),
        user("cal", status="inactive", enabledUser="true"),
        user("cat", enabledUser="false", phone="+1 (555) 010-99", sms="55501098"),
        user("gil", role="guardian", middleName="van der"),
        user("tom", role="teacher", username="tom+math@x", identifier="0042"),
    ],
    "enrollments": [
        enrollment("e0", userSourcedId="bob", status="inactive"),
        enrollment("e1", beginDate="2026-08-20", endDate="2026-12-01"),
        enrollment("e2", userSourcedId="tom", role="teacher", primary="true"),
        enrollment("e3", userSourcedId="cat", classSourcedId="gym-1", schoolSourcedId="south"),
    ],
}  # fmt: skip
ONLY_1_2: dict[str, Rows] = {
    "users": [
        {name: value for name, value in each.items() if name not in ("role", "orgSourcedIds")}
        | {"userMasterIdentifier": f"umi-{each['sourcedId']}", "preferredGivenName": "Pip", "pronouns": "they/them"}
        | {"primaryOrgSourcedId": "north"}
        for each in PEOPLE["users"]
    ],
    "roles": [
        *(role(each) for each in ("ann", "bob", "cal", "cat")),
        role("gil", role="guardian"),
        role("tom", role="teacher", beginDate="2026-08-01", endDate="2027-06-01", userProfileSourcedId="p1"),
        role("tom", sourcedId="r2", role="principal", roleType="secondary", orgSourcedId="south"),
    ],
    "userProfiles": [
        {"sourcedId": "p1", "userSourcedId": "tom", "profileType": "SSO", "vendorId": "acme", "applicationId": "lms",
         "credentialType": "OAuth", "username": "tom.t"},
    ],
}  # fmt: skip


def packed(folder: Path, version: str) -> bytes:
    district = PEOPLE | (ONLY_1_2 if version == "1.2" else {})
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(write_bundle(folder / "csv", version, **district).iterdir()):
            archive.write(path, path.name)
    return content.getvalue()


def sample(folder: Path, version: str) -> bytes:
    shape = Shape(schools=3, classes=12, users=210, enrollments=330)  # users and enrollments take several pages
    write(District(shape, 1, version, 1, False, False), folder / "sample.zip")
    return (folder / "sample.zip").read_bytes()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with served() as found:
        yield found


@pytest.fixture
def provider(kms: None, origin: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(LOOPBACK_SETTING, "allowed")
    monkeypatch.setenv("PORTAL_ORIGIN", origin)
    secrets._secretsmanager.cache_clear()
    make_group()
    return origin


def roster(sync: Sync) -> dict[str, dict[str, Any]]:
    """What a committed sync left on the platform, by entity and id."""
    found: dict[str, dict[str, Any]] = {}
    for entity in ENTITIES:
        path = files.cached(files.snapshot_key(sync.group_id, sync.sync_id, f"{entity}.parquet"))
        wanted = "sourcedId, fields, platformStatus, schools"
        rows = duckdb.execute(f"SELECT {wanted} FROM read_parquet('{path}') WHERE removedAt IS NULL").fetchall()
        for sourced_id, fields, status, schools in rows:
            found[f"{entity}/{sourced_id}"] = json.loads(fields) | {"platformStatus": status, "schools": sorted(schools)}
    return found


def differences(sent: dict[str, dict[str, Any]], came: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """By record and field, what was sent and what came."""
    found = {}
    for name in sorted({*sent, *came}):
        one, other = sent.get(name, {}), came.get(name, {})
        if differing := {each: (one.get(each), other.get(each)) for each in {*one, *other} if one.get(each) != other.get(each)}:
            found[name] = differing
    return found


def reading_group(client: Mapping[str, Any], version: str, authorization: str = "oauth2", **more: Any) -> None:
    """The group g2, whose source is the provider of g1, as an admin sets it up from what was given out with the client."""
    source = RestSource(
        base_url=client["baseUrl12" if version == "1.2" else "baseUrl11"],
        authorization=authorization,
        token_url=client["tokenUrl"] if authorization == "oauth2" else None,
        page_size=100,
        max_parallel=3,
        **more,
    )
    make_group("Mirror", "g2", source=source)
    given: Credentials = ClientCredentials(client_id=client["clientId"], client_secret=SecretStr(client["clientSecret"]))
    if authorization == "bearer":
        given = TokenCredentials(token=SecretStr(Reader(client).token))
    secrets.keep("g2", given, source)


@pytest.mark.parametrize(
    ("district", "version", "authorization"),
    [
        pytest.param(packed, "1.1", "bearer", id="1.1-by-token"),
        pytest.param(packed, "1.2", "bearer", id="1.2-by-token"),
        pytest.param(sample, "1.1", "oauth2", id="1.1-by-secret-in-many-pages"),
        pytest.param(sample, "1.2", "oauth2", id="1.2-by-secret-in-many-pages"),
    ],
)
def test_our_source_syncs_from_our_provider_to_an_equal_roster(
    provider: str, tmp_path: Path, district: Any, version: str, authorization: str
) -> None:
    sent = Walk(district(tmp_path, version)).through()
    reading_group(made(), version, authorization)

    came = RestWalk(group_id="g2").through()

    assert (came.state, came.incomplete) == (State.SUCCEEDED, {})
    assert differences(roster(sent), roster(came)) == {}


def test_a_roster_of_1_2_read_by_1_1_lacks_what_1_1_has_no_word_for_and_nothing_else(provider: str, tmp_path: Path) -> None:
    sent = Walk(packed(tmp_path, "1.2")).through()
    reading_group(made(), "1.1")

    came = RestWalk(group_id="g2").through()

    found = differences(roster(sent), roster(came))
    lost = {"userMasterIdentifier", "preferredGivenName", "pronouns", "roles", "userProfiles"}
    assert {name.partition("/")[0] for name in found} == {"users"}
    assert {field for each in found.values() for field in each} == lost
    assert [name for name, each in found.items() if "roles" in each] == ["users/tom"]


def test_by_1_1_nobody_becomes_more_than_they_are(provider: str, tmp_path: Path) -> None:
    """1.1 knows one word for all who run something; the note beside it says which one it was."""
    people = [user(each, role=each) for each in ("principal", "counselor", "districtAdministrator")]
    Walk(zipped({**PEOPLE, "users": [*PEOPLE["users"], *people]})).through()
    reading_group(made(), "1.1")

    came = RestWalk(group_id="g2").through()

    assert {each: roster(came)[f"users/{each}"]["roles"][0]["role"] for each in ("principal", "counselor")} == {
        "principal": "principal",
        "counselor": "counselor",
    }


def test_after_the_first_sync_the_changes_alone_lead_to_the_same_roster(provider: str, tmp_path: Path) -> None:
    Walk(zipped(PEOPLE)).through()
    reading_group(made(), "1.2", changes_only=True)
    RestWalk(group_id="g2").through()
    people = [{**each, "givenName": "New"} if each["sourcedId"] == "cat" else each for each in PEOPLE["users"]]
    gone = {
        "users": [each for each in people if each["sourcedId"] not in ("gil", "bob")],
        "enrollments": PEOPLE["enrollments"][1:],
    }

    sent = Walk(zipped({**PEOPLE, **gone}), day=1).through()
    came = RestWalk(group_id="g2", day=1).through()

    assert came.asked is not None
    assert came.asked.kind is AskedFor.CHANGES
    assert differences(roster(sent), roster(came)) == {}
    assert came.counts.users.deactivated == 2
