"""What the documents on security and privacy say is what the code does."""

import json
import re

from chalicelib.model import erasure
from chalicelib.store import access, arrivals, audit
from infra import ROOT

PRIVACY = (ROOT / "docs" / "privacy.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()
TEMPLATE = json.loads((ROOT / "infra" / "template.json").read_text())["Resources"]
BACKED_UP_DAYS = 35  # DynamoDB's own window


def row(place: str) -> str:
    found = [line for line in PRIVACY.splitlines() if line.startswith(f"| {place}")]
    assert found, f"docs/privacy.md has no row for {place}"
    return found[0]


def test_each_threat_names_a_test_that_there_is() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", SECURITY)

    assert len(named) > 20
    for path, test in named:
        text = (ROOT / path).read_text()
        assert not test or f"def {test}(" in text, f"{path} has no {test}"


def test_each_table_has_its_row() -> None:
    for name, resource in TEMPLATE.items():
        if resource.get("Type") == "AWS::DynamoDB::Table":
            row(name)


def test_what_goes_by_itself_goes_when_the_page_says() -> None:
    for place, kept in {"ArrivalsTable": arrivals.KEPT, "AccessTable": access.KEPT, "AuditTable": audit.KEPT}.items():
        assert f"{kept.days} days" in row(place)
        assert TEMPLATE[place]["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    logs = {each["Properties"]["RetentionInDays"] for each in TEMPLATE.values() if each.get("Type") == "AWS::Logs::LogGroup"}
    assert logs == {90}
    assert "90 days" in row("Logs")
    assert f"{BACKED_UP_DAYS} days" in row("Backups of the tables")


def test_what_is_uploaded_or_dropped_goes_when_the_page_says() -> None:
    rules = TEMPLATE["DataBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if rule.get("ExpirationInDays")}

    assert days.keys() == {"uploads/", "drop/"}
    for prefix, count in days.items():
        assert f"{count} days" in row(f"Bucket, `{prefix}`")


def test_each_folder_of_a_group_has_its_row() -> None:
    written = set()
    for path in (ROOT / "chalicelib").rglob("*.py"):
        written |= set(re.findall(r'f"groups/\{group_of\(sync_id\)\}/(\w+)|f"groups/\{group_id\}/(\w+)', path.read_text()))
    folders = {name for pair in written for name in pair if name}

    assert folders >= {"syncs", "snapshot", "source", "selections", "exports"}
    for folder in folders:
        row(f"Bucket, `groups/<id>/{folder}/`")


def test_what_stays_after_an_erasure_is_what_its_certificate_says() -> None:
    section = PRIVACY.split("| stays after an erasure |")[1].split("\n\n")[0]
    rows = re.findall(r"^ *\| ([A-Z][^|]*?) \|", section, re.MULTILINE)

    assert rows == [each.place for each in erasure.REMAINS]
    for table, kept in {"Audit table": audit.KEPT, "Access table": access.KEPT}.items():
        assert f"{kept.days} days" in next(each.why for each in erasure.REMAINS if each.place == table)
