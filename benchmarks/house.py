"""How the house is built, of two trees side by side: `python -m benchmarks.house BEFORE [AFTER]`; AFTER is this one if left out.

Read from the sources alone: nothing of the trees is run, so any two commits can be compared (`git worktree add BEFORE COMMIT`).
"""

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("chalicelib", "oneroster_engine")
ENGINES = ("oneroster_engine", "chalicelib/roster", "chalicelib/oneroster")  # the second and third before it was a package
HOLE = re.compile(r"\{[^{}]*\}")
MADE = re.compile(r"CREATE (?:OR REPLACE )?(?:TEMP )?(?:TABLE|VIEW) ([\w{}]+)")
READ = re.compile(r"(?<!DISTINCT )\b(?:FROM|JOIN|INTO|UPDATE)\s+([A-Za-z_{][\w{}]*)(?![\w{}(.])")
WITHIN = re.compile(r"\b(\w+)(?: \([^()]*\))? AS (?:MATERIALIZED )?\(")  # what a WITH names


def texts(source: str) -> Iterator[str]:
    """Every string of a module, each expression in one as {}."""
    tree = ast.parse(source)
    pieces = {id(piece) for each in ast.walk(tree) if isinstance(each, ast.JoinedStr) for piece in each.values}
    for each in ast.walk(tree):
        if isinstance(each, ast.JoinedStr):
            yield HOLE.sub("{}", "".join(str(piece.value) if isinstance(piece, ast.Constant) else "{}" for piece in each.values))
        elif isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in pieces:
            yield HOLE.sub("{}", each.value)


def tables_made(source: str) -> set[str]:
    """The names of the tables and views that a module makes, {} where a name has a hole. One that is nothing but a hole is
    left out: it is made of names that stand elsewhere."""
    return {name for text in texts(source) for name in MADE.findall(text) if re.search("[a-z]", name)}


def tables_read(source: str) -> set[str]:
    """The names that a module's SQL reads or writes, without those that the same SQL gives itself."""
    strings = list(texts(source))
    within = {name for text in strings for name in WITHIN.findall(text)}
    return {name for text in strings for name in READ.findall(text) if re.search("[a-z]", name)} - within


def pattern(name: str) -> re.Pattern[str]:
    """What a table's name matches, as the catalogue or a `CREATE` has it."""
    parts = re.split(r"(\{[^{}]*\})", name)
    return re.compile("".join(r"[\w{}]+" if HOLE.fullmatch(part) else re.escape(part) for part in parts))


def modules(tree: Path, folders: Iterable[str] = CODE) -> dict[str, str]:
    """Module to source."""
    paths = chain.from_iterable(sorted((tree / folder).rglob("*.py")) for folder in folders)
    return {".".join(path.relative_to(tree).with_suffix("").parts): path.read_text() for path in paths}


def rooms(tree: Path) -> int:
    """Packages of the product's code."""
    return len([name for name, source in modules(tree).items() if name.endswith(".__init__")])


def _imports(tree: Path) -> dict[str, set[str]]:
    """Module to the modules of the tree that it imports, wherever in it."""
    known = {name.removesuffix(".__init__"): source for name, source in modules(tree).items()}
    found: dict[str, set[str]] = {}
    for name, source in known.items():
        named: set[str] = set()
        for each in ast.walk(ast.parse(source)):
            if isinstance(each, ast.Import):
                named |= {alias.name for alias in each.names}
            elif isinstance(each, ast.ImportFrom) and each.module:
                inside = {f"{each.module}.{alias.name}" for alias in each.names}
                named |= {one if one in known else each.module for one in inside}
        found[name] = {one for one in named if one in known and one != name}
    return found


def circles(graph: Mapping[str, set[str]]) -> int:
    """Groups of names that reach each other."""
    reach = {name: _reached(graph, name) for name in graph}
    return len({frozenset(one for one in reach[name] if name in reach[one]) for name in graph if name in reach[name]})


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = [*graph[start]]
    while todo:
        if (name := todo.pop()) not in seen:
            seen.add(name)
            todo += graph.get(name, ())
    return seen


def room_graph(tree: Path) -> dict[str, set[str]]:
    """Room to the rooms that it imports from; a module that stands in no room is its own."""

    def room(name: str) -> str:
        return ".".join(name.split(".")[:2])

    graph: dict[str, set[str]] = {}
    for name, named in _imports(tree).items():
        graph.setdefault(room(name), set()).update(room(one) for one in named if room(one) != room(name))
    return graph


# From the top; a name that a tree lacks is passed over. `roster` and `oneroster` are the engine before it was a package.
FLOORS = (
    ("api", "steps", "triggers"), ("service",), ("platform",), ("sources", "sheets", "provider", "store"), ("model",),
    ("roster",), ("oneroster",), ("cli",), ("inspecting",), ("planning",), ("selecting",), ("staging",), ("standard",),
)  # fmt: skip


def arrows_upward(tree: Path) -> list[str]:
    """Imports between rooms that lead up, or across a floor, on today's page of floors."""
    place = {name: at for at, names in enumerate(FLOORS) for name in names}
    found = []
    for one, others in sorted(room_graph(tree).items()):
        for other in sorted(others):
            here, there = place.get(one.rpartition(".")[2]), place.get(other.rpartition(".")[2])
            if here is not None and there is not None and there <= here:
                found.append(f"{one} -> {other}")
    return found


def longest_function(tree: Path) -> tuple[int, str]:
    """Its lines and its name."""
    return max(
        (each.end_lineno - each.lineno + 1, f"{name}.{each.name}")
        for name, source in modules(tree).items()
        for each in ast.walk(ast.parse(source))
        if isinstance(each, ast.FunctionDef) and each.end_lineno
    )


def tables(tree: Path) -> tuple[set[str], set[str]]:
    """The names of all tables of the engine, and those of them that no catalogue lists, by wing and name."""
    made = {
        (name.split(".")[1], re.sub(r"(?<=_)users$", "{}", table))
        for name, source in modules(tree, [each for each in ENGINES if (tree / each).is_dir()]).items()
        for table in tables_made(source)
    }
    catalogue = tree / "oneroster_engine" / "tables.py"
    listed = [pattern(name) for name in re.findall(r'Table\("([^"]+)"', catalogue.read_text())] if catalogue.is_file() else []
    outside = {(wing, name) for wing, name in made if not any(each.fullmatch(name) for each in listed)}
    return {name for _, name in made}, {name for _, name in outside}


def machine_lines(tree: Path) -> int:
    return len((tree / "stepfunctions" / "sync.asl.json").read_text().splitlines())


def policies(tree: Path) -> tuple[int, int]:
    """Lines that somebody keeps by hand, and statements in them: of the files of policies, or of the declarations."""
    written = sorted((tree / ".chalice").glob("policy-*.json"))
    if written:
        documents = [path.read_text() for path in written]
        return sum(len(each.splitlines()) for each in documents), sum(len(json.loads(each)["Statement"]) for each in documents)
    declared = (tree / "infra" / "functions.py").read_text()
    grants = {"Grant", "items", "objects", "bucket", "machine", "executions", "secrets"}
    calls = [each for each in ast.walk(ast.parse(declared)) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)]
    return len(declared.splitlines()), sum(each.func.id in grants for each in calls if isinstance(each.func, ast.Name))


def figures(tree: Path) -> dict[str, str]:
    lines, name = longest_function(tree)
    made, outside = tables(tree)
    upward = arrows_upward(tree)
    policy_lines, statements = policies(tree)
    return {
        "rooms": str(rooms(tree)),
        "circles between rooms": str(circles(room_graph(tree))),
        "circles between modules": str(circles(_imports(tree))),
        "arrows upward or across": f"{len(upward)}{': ' if upward else ''}{', '.join(upward)}",
        "longest function": f"{lines} lines ({name})",
        "table names": str(len(made)),
        "table names outside the catalogue": str(len(outside)),
        "lines of sync.asl.json": str(machine_lines(tree)),
        "lines of policies, statements written": f"{policy_lines}, {statements}",
    }


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("Say which trees: python -m benchmarks.house BEFORE [AFTER]")
    before, after = figures(Path(sys.argv[1])), figures(Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT)
    print("| | before | after |\n|---|---|---|")
    for what, said in before.items():
        print(f"| {what} | {said} | {after[what]} |")
