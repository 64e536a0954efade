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
    header = "| role | route | what | people's contact details | an application's scope |"
    return "\n".join([header, "|---|---|---|---|---|", *map(_row, order)]) + "\n"


def _row(route: Route) -> str:
    people = "masked for viewers; `show=true`" if route.people else ""
    scope = f"`{route.scope}`" if route.scope else ""
    return f"| {route.role} | `{route.method} {route.path}` | {route.summary} | {people} | {scope} |"


def page() -> str:
    return _TABLE.sub(lambda _: rows(), PAGE.read_text())


if __name__ == "__main__":
    import app  # noqa: F401  (registers every route)

    PAGE.write_text(page())
