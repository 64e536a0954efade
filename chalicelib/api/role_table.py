"""The table of docs/operate/roles.md, made of the routes: `python -m chalicelib.api.role_table` writes it anew."""

import re
from pathlib import Path

from chalicelib.api.routing import ROUTES, Route
from chalicelib.api.shapes import ROLES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operate" / "roles.md"
_TABLE = re.compile(r"(?<=<!-- routes -->\n).*(?=<!-- end -->)", re.DOTALL)


def rows() -> str:
    order = sorted(
        (each for each in ROUTES if each.role), key=lambda each: (ROLES.index(each.role or "admin"), each.path, each.method)
    )
    lines = ["| role | route | what | people's contact details |", "|---|---|---|---|", *map(_row, order)]
    return "\n".join(lines) + "\n"


def _row(route: Route) -> str:
    people = "masked for viewers; `show=true`" if route.people else ""
    return f"| {route.role} | `{route.method} {route.path}` | {route.summary} | {people} |"


def page() -> str:
    return _TABLE.sub(lambda _: rows(), PAGE.read_text())


if __name__ == "__main__":
    import app  # noqa: F401  (registers every route)

    PAGE.write_text(page())
