"""Write the table of all rules into `docs/validation.md`: python -m oneroster_engine.staging.rule_table"""

from pathlib import Path

from oneroster_engine.staging.rules import table

BEGIN, END = "<!-- rules -->\n", "<!-- end of rules -->"


def with_table(page: str) -> str:
    """The page with today's table between its marks."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    path = Path("docs/validation.md")
    path.write_text(with_table(path.read_text()))
