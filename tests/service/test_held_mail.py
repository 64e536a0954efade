"""The mail about a held sync: numbers, the link, the deadline, and nobody's name."""

from datetime import UTC, date, datetime

from chalicelib.service.held_mail import held_mail
from oneroster_engine.planning.guard import Guard, Removals, breaches, done_again

UNTIL = datetime(2026, 9, 8, 6, tzinfo=UTC)


def test_a_mail_says_what_would_go_where_to_look_and_until_when() -> None:
    found = breaches([Removals("n", "North High", "users", 412, 1020, "student")], Guard(), date(2026, 9, 1))

    mail = held_mail("Lakeside", found, "https://portal.example/groups/g/syncs/s/changes", UNTIL)

    assert mail.subject == "Lakeside: a sync waits for your decision"
    assert "- North High: 412 of 1,020 students would be deactivated." in mail.text
    assert "https://portal.example/groups/g/syncs/s/changes" in mail.text
    assert "Without a decision until 08 September 2026, 06:00 UTC it expires, and nothing is changed." in mail.text


def test_a_subject_is_one_line_whatever_was_pasted_into_the_groups_name() -> None:
    assert held_mail("Lakeside\r\n Unified", [], "https://x.example", UNTIL).subject.startswith("Lakeside Unified: a sync")


def test_a_mail_names_ten_reasons_and_counts_the_others_and_not_who_undid_something() -> None:
    removals = [Removals(f"s{n}", f"School {n}", "classes", 20, 20) for n in range(14)]
    found = [done_again(212, "users", date(2026, 9, 1), "Ada Admin"), *breaches(removals, Guard(), date(2026, 9, 1))]

    text = held_mail("Lakeside", found, "https://portal.example", UNTIL).text

    assert "212 of its changes were undone before, and would be made again." in text
    assert ("Ada" in text, text.count("\n- School"), "- and 5 more" in text) == (False, 9, True)
