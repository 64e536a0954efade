"""A clean district, damaged as districts damage theirs, one way or two at once: each damaged row is read right or named with
its file and line, nothing else changes, and nobody is removed or made anew by the damage."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneroster_engine.standard.entities import ENTITIES
from tests.engine.dirty import lifted
from tests.engine.districts import Rows, class_, course, enrollment, org, session, user
from tests.engine.test_plan import Platform, read

Files = dict[str, list[dict[str, str]]]
Change = Callable[[str, int], str]


def district() -> Files:
    common = {"grades": "09", "orgSourcedIds": "0101", "enabledUser": "true"}
    people = [
        user(f"0007{n}", username=f"u{n}", givenName=f"G{n}", familyName=f"F{n}", email=f"u{n}@x.org",
             role="teacher" if n == 1 else "student", **common) for n in range(1, 7)
    ]  # fmt: skip
    of_class = {"schoolSourcedId": "0101", "courseSourcedId": "math", "termSourcedIds": "fall"}
    return {
        "orgs": [org("0101", name="Hill"), org("0102", name="Dale")],
        "academicSessions": [session("fall", startDate="2026-08-20", endDate="2026-12-13")],
        "courses": [course("math", orgSourcedId="0101")],
        "classes": [class_(each, classCode=each, **of_class) for each in ("C1", "C2")],
        "users": people,
        "enrollments": [
            enrollment(f"E{n}", classSourcedId="C1" if n % 2 else "C2", schoolSourcedId="0101", userSourcedId=f"0007{n}",
                       role="teacher" if n == 1 else "student", beginDate="2026-08-20") for n in range(1, 7)],
    }  # fmt: skip


def column(file: str, name: str, change: Change) -> Callable[[Files], Files]:
    """Damage of a whole column; a cell that `change` gives back as it is stays."""
    return lambda files: {
        **files, file: [{**row, name: change(row[name], at)} if row.get(name) else row for at, row in enumerate(files[file])]
    }  # fmt: skip


def one_cell(file: str, name: str, change: Callable[[str], str]) -> Callable[[Files], Files]:
    return column(file, name, lambda cell, at: change(cell) if at == 1 else cell)


DAMAGES: Mapping[str, Callable[[Files], Files]] = {
    "people's ids without zeros": column("users", "sourcedId", lambda cell, _: cell.lstrip("0")),
    "references without zeros": column("enrollments", "userSourcedId", lambda cell, _: cell.lstrip("0")),
    "schools' ids without zeros": column("orgs", "sourcedId", lambda cell, _: cell.lstrip("0")),
    "people's ids rounded": column("users", "sourcedId", lambda cell, _: "1.23457E+11"),
    "references rounded": column("enrollments", "userSourcedId", lambda cell, _: "1.23457E+11"),
    "ids kept by a formula": column("users", "sourcedId", lambda cell, _: f'="{cell}"'),
    "ids in apostrophes": column("users", "sourcedId", lambda cell, _: f"'{cell}"),
    "a reference with a zero-width space": one_cell("enrollments", "userSourcedId", lambda cell: f"\u200b{cell}"),
    "references in another case": column("enrollments", "classSourcedId", lambda cell, _: cell.lower()),
    "classes' ids made dates": one_cell("classes", "sourcedId", lambda cell: "12-Mar"),
    "a status that nobody knows": one_cell("users", "status", lambda cell: "pending"),
    "enabledUser that nobody knows": one_cell("users", "enabledUser", lambda cell: "perhaps"),
    "enabledUser in German": column("users", "enabledUser", lambda cell, _: "WAHR"),
    "no e-mails, in a database's words": column("users", "email", lambda cell, _: "NULL"),
    "grades in brackets": column("users", "grades", lambda cell, _: f'["{cell}"]'),
    "titles gone": column("classes", "title", lambda cell, _: ""),
    "American dates": column("enrollments", "beginDate", lambda cell, _: "8/20/26"),
    "dates that are none": column("enrollments", "beginDate", lambda cell, _: "infinity"),
    "terms in American dates": column("academicSessions", "startDate", lambda cell, _: "8/20/2026"),
    "a school that nobody knows": one_cell("users", "orgSourcedIds", lambda cell: "9999"),
}


def assert_harmless(folder: Path, version: str, damages: list[str]) -> None:
    def form(files: Files) -> Mapping[str, Rows]:
        return lifted(files) if version == "1.2" else files

    platform, clean = Platform(folder), district()
    platform.sync(form(clean), version=version)
    before = {
        entity: {row["sourcedId"]: row for row in read(platform.room / "stage" / f"{entity}.parquet")} for entity in ENTITIES
    }
    records = platform.records()
    damaged = clean
    for each in damages:
        damaged = DAMAGES[each](damaged)

    platform.sync(form(damaged), version=version)

    after = platform.records()
    assert {entity: sorted(after[entity]) for entity in ENTITIES} == {entity: sorted(records[entity]) for entity in ENTITIES}
    problems = read(platform.room / "stage" / "problems.parquet")
    named = {(each["file"], each["line"]) for each in problems} | {(each["file"], None) for each in problems}
    for entity in ENTITIES:
        for row in platform.staged()[entity].values():
            was = before[entity][row["sourcedId"]]
            differs = [name for name in row if name not in ("line", "digest", "dateLastModified") and row[name] != was[name]]
            assert not differs or (f"{entity}.csv", row["line"]) in named or (f"{entity}.csv", None) in named, (row, differs)
    for entity in ENTITIES:
        if set(before[entity]) - set(platform.staged()[entity]):
            assert any(each["entity"] == entity and each["severity"] != "note" for each in problems), entity


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda name: name.replace(" ", "-"))
def test_damage_of_one_kind_removes_nobody_and_is_read_or_named(tmp_path: Path, damage: str, version: str) -> None:
    assert_harmless(tmp_path, version, [damage])


@given(st.lists(st.sampled_from(sorted(DAMAGES)), min_size=2, max_size=2, unique=True), st.sampled_from(["1.1", "1.2"]))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_damage_of_two_kinds_at_once_removes_nobody_either(
    tmp_path_factory: pytest.TempPathFactory, damages: list[str], version: str
) -> None:
    assert_harmless(tmp_path_factory.mktemp("district"), version, damages)
