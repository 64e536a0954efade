"""The command line: `oneroster check | plan | why | export | sample`.

The edge of the engine for people and CI: it reads a ZIP into a folder of its own, asks the engine, and prints. What a sync
of the ZIP would find is found here by the same calls; what is decided is decided in the engine. Answers go to standard
output, progress and errors to standard error.
"""

import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, NoReturn
from xml.etree import ElementTree

import click
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from oneroster_engine import sample_district
from oneroster_engine.duckdb_session import connect, parquet_rows
from oneroster_engine.errors import BundleRefused
from oneroster_engine.inspecting.export import VERSIONS, write_roster
from oneroster_engine.inspecting.import_log import import_log
from oneroster_engine.inspecting.problems import problem_groups
from oneroster_engine.inspecting.trace import Step, Subject, explain_source, find
from oneroster_engine.planning.changes import ACTIONS
from oneroster_engine.planning.guard import Guard
from oneroster_engine.planning.plan import plan_changes
from oneroster_engine.planning.policy import Policy
from oneroster_engine.planning.review import review
from oneroster_engine.planning.snapshot import next_snapshot
from oneroster_engine.planning.summary import Planned
from oneroster_engine.selecting.saved import Resolved, Saved, Seen, resolve
from oneroster_engine.selecting.selection import EVERYTHING, Selection, select
from oneroster_engine.spreadsheet_csv import write_csv
from oneroster_engine.staging.delta import View
from oneroster_engine.staging.problem_files import MOST_PROBLEMS
from oneroster_engine.staging.stage import Staged, stage_bundle
from oneroster_engine.standard.archive import Limits, inflating
from oneroster_engine.standard.entities import ENTITIES, ROSTER_FILES

CLEAN, ERRORS, HELD, REFUSED, USAGE = range(5)  # what the command ends with; `docs/cli.md` says it too
SHOWN_CAUSES = 40  # on a terminal; --out has all of them
SHOWN_SCHOOLS = 20
SHOWN_FOUND = 20
COLOURS = {"error": "red", "warning": "yellow", "note": "cyan", "yes": "green", "no": "red", "info": "cyan"}
PROBLEM_COLUMNS = ("severity", "file", "line", "sourcedId", "field", "rule", "message", "cause")
CHANGE_COLUMNS = ("entity", "sourcedId", "name", "action", "reason", "schools", "fields", "before", "after")
NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

ZIP = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
JSON_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
FOLDER = click.Path(file_okay=False, writable=True, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@dataclass(frozen=True)
class Read:
    """A bundle that the engine has read: `folder` holds csv/ and stage/."""

    folder: Path
    staged: Staged

    @property
    def stage(self) -> Path:
        return self.folder / "stage"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="oneroster-engine", prog_name="oneroster")
def cli() -> None:
    """Check, compare, explain and clean OneRoster bundles (ZIPs of CSVs, versions 1.1 and 1.2).

    \b
    Examples:
      oneroster check district.zip
      oneroster plan yesterday.zip today.zip
      oneroster why district.zip --name "Ann Lee"
      oneroster export district.zip --version 1.2 --out clean.zip
      oneroster sample --shape S --out made-up.zip

    \b
    The exit code says what came out:
      0 clean   1 errors in rows   2 held by the guard   3 refused   4 wrong usage
    """


@cli.command()
@click.argument("bundle", type=ZIP)
@click.option("--format", "form", type=click.Choice(["text", "json", "junit", "log"]), default="text", show_default=True)
@click.option("--out", type=FOLDER, help="Write problems.csv and left_out.csv, with every row, into this folder.")
def check(bundle: Path, form: str, out: Path | None) -> int:
    """Say what a sync would keep and leave out of BUNDLE, and why, by root cause.

    \b
    Examples:
      oneroster check district.zip
      oneroster check district.zip --out findings
      oneroster check district.zip --format junit > report.xml
      oneroster check district.zip --format log
    """
    show = {"text": _check_as_text, "json": _check_as_json, "junit": _check_as_junit, "log": _check_as_log}[form]
    with _scratch() as scratch:
        try:
            read = _read(bundle, scratch / "bundle")
        except BundleRefused as refusal:
            if form == "text":
                raise
            show(bundle, None, [], str(refusal))
            return REFUSED
        most = MOST_PROBLEMS if form != "text" else SHOWN_CAUSES
        found = problem_groups(read.stage / "problems.parquet", limit=most, offset=0)
        if out:
            _write_findings(read, out)
        show(bundle, read.staged, found.items, "")
        if form == "text" and found.total > len(found.items):
            click.echo(f"\n{found.total - len(found.items):,} more causes; --out FOLDER writes every row as CSV.")
        return ERRORS if read.staged.problems.get("error") else CLEAN


@cli.command()
@click.argument("before", type=ZIP)
@click.argument("after", type=ZIP)
@click.option("--selection", "selection_file", type=JSON_FILE, help="A saved selection, as the API gives it (JSON).")
@click.option("--guard", "guard_file", type=JSON_FILE, help='Figures of the guard, like {"share": 0.1, "floor": 10} (JSON).')
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--out", type=FOLDER, help="Write changes.csv, with before and after, into this folder.")
def plan(before: Path, after: Path, selection_file: Path | None, guard_file: Path | None, form: str, out: Path | None) -> int:
    """Say what AFTER would change on a platform that holds BEFORE, and what the guard would hold.

    A delta is merged into BEFORE, as in a sync.

    \b
    Examples:
      oneroster plan yesterday.zip today.zip
      oneroster plan yesterday.zip today.zip --out changes
      oneroster plan yesterday.zip today.zip --selection north.json --guard strict.json
    """
    saved = _saved(selection_file)
    guard = _guard(guard_file)
    now = datetime.now(UTC)
    with _scratch() as scratch:
        old = _read(before, scratch / "before")
        seen = Seen(old.stage / "choices" / "orgs.parquet", old.stage / "choices" / "classes.parquet")
        first = Policy("before", now, guard=guard)
        plan_changes(old.stage, _selected(saved, old, seen)[0], None, scratch / "first", first)
        snapshot = scratch / "snapshot"
        next_snapshot(None, scratch / "first", snapshot, now, first.purging)
        new = _read(after, scratch / "after", View(old.folder / "csv", scratch / "view"))
        selection, resolved = _selected(saved, new, seen)
        policy = Policy("plan", now, guard=guard)
        planned = plan_changes(new.stage, selection, snapshot, scratch / "plan", policy)
        planned = review(planned, scratch / "plan", snapshot, policy, new.stage)
        if out:
            _csv_of(scratch / "plan" / "changes.parquet", CHANGE_COLUMNS, out / "changes.csv")
        summary = json.loads((scratch / "plan" / "summary.json").read_text())
    if form == "json":
        click.echo(json.dumps(summary, indent=1, ensure_ascii=False))
    else:
        _plan_as_text(planned, summary["schools"], resolved)
    return HELD if planned.held else CLEAN


@cli.command()
@click.argument("bundle", type=ZIP)
@click.option("--id", "sourced_id", help="A sourcedId of a person, class or org.")
@click.option("--name", help="A name, username, e-mail or identifier, or part of a name.")
@click.option("--selection", "selection_file", type=JSON_FILE, help="A saved selection, as the API gives it (JSON).")
def why(bundle: Path, sourced_id: str | None, name: str | None, selection_file: Path | None) -> int:
    """Explain why a person or record in BUNDLE would be on the platform, or would not.

    \b
    Examples:
      oneroster why district.zip --id s12
      oneroster why district.zip --name "Ann Lee"
    """
    if (sourced_id is None) == (name is None):
        raise click.UsageError("Give --id or --name, one of them.")
    saved = _saved(selection_file)
    with _scratch() as scratch:
        read = _read(bundle, scratch)
        seen = Seen(read.stage / "choices" / "orgs.parquet", read.stage / "choices" / "classes.parquet")
        selection, _ = _selected(saved, read, seen)
        found = find(scratch, None, sourced_id or name or "", limit=SHOWN_FOUND)
        subjects = [found.subject] if found.subject else found.candidates
        if sourced_id is not None:
            subjects = [each for each in subjects if each.sourced_id == sourced_id]
        if not subjects:
            click.echo(f"{bundle.name} has no person, class or org {f'with the id {sourced_id}' if sourced_id else name}.")
            return ERRORS
        if name is not None and not found.subject:
            click.echo(f"{found.total:,} are called so. Ask for one of them by --id:")
            for each in subjects:
                click.echo(f"  {each.sourced_id}  {each.name}  ({each.entity}{f', {each.detail}' if each.detail else ''})")
            return ERRORS
        for each in subjects:
            _trace_as_text(each, explain_source(scratch, selection, each))
    return CLEAN


@cli.command()
@click.argument("bundle", type=ZIP)
@click.option("--version", type=click.Choice(VERSIONS), default="1.2", show_default=True, help="Of OneRoster.")
@click.option("--selection", "selection_file", type=JSON_FILE, help="A saved selection, as the API gives it (JSON).")
@click.option("--out", type=NEW_FILE, required=True, help="The ZIP to write.")
def export(bundle: Path, version: str, selection_file: Path | None, out: Path) -> int:
    """Write the cleaned roster of BUNDLE as a bundle of OneRoster CSVs.

    \b
    Examples:
      oneroster export district.zip --version 1.2 --out clean.zip
      oneroster export district.zip --version 1.1 --out for-the-old-system.zip
    """
    if out.exists() and out.samefile(bundle):
        raise click.UsageError("--out is the bundle itself. Name another file.")
    saved = _saved(selection_file)
    with _scratch() as scratch:
        read = _read(bundle, scratch)
        seen = Seen(read.stage / "choices" / "orgs.parquet", read.stage / "choices" / "classes.parquet")
        selection, _ = _selected(saved, read, seen)
        out.parent.mkdir(parents=True, exist_ok=True)
        with connect() as connection:
            select(connection, read.stage, selection)
            lost = write_roster(connection, out, version)
    click.echo(f"{out}: OneRoster {version}.")
    for loss in lost:
        click.echo(f"{click.style('warning', fg=COLOURS['warning'])}  {loss}")
    left_out = sum(each.left_out for each in read.staged.counts.values())
    if left_out:
        click.echo(f"{left_out:,} rows with an error are not in it; `oneroster check` names them.")
    return ERRORS if left_out else CLEAN


@cli.command()
@click.option("--shape", type=click.Choice(list(sample_district.SHAPES)), default="tiny", show_default=True)
@click.option("--version", type=click.Choice(VERSIONS), default="1.1", show_default=True, help="Of OneRoster.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed makes other people.")
@click.option("--day", type=click.IntRange(1), default=1, show_default=True, help="2: a day later; and so on.")
@click.option("--problems", is_flag=True, help="About 1 % of the rows have something wrong.")
@click.option("--guids", is_flag=True, help="Ids of 36 characters.")
@click.option("--out", type=NEW_FILE, default=Path("district.zip"), show_default=True, help="The ZIP to write.")
def sample(shape: str, version: str, seed: int, day: int, problems: bool, guids: bool, out: Path) -> int:
    """Make a district with made-up people: the same bytes for the same options.

    \b
    Examples:
      oneroster sample --shape S --out yesterday.zip
      oneroster sample --shape S --day 2 --problems --out today.zip
    """
    size = sample_district.SHAPES[shape]
    out.parent.mkdir(parents=True, exist_ok=True)
    sample_district.write(sample_district.District(size, seed, version, day, problems, guids), out)
    click.echo(f"{out}: {size.schools:,} schools, {size.classes:,} classes, {size.users:,} people.")
    return CLEAN


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command `oneroster`. Whatever goes wrong is one sentence and an exit code."""
    try:
        code = cli.main(arguments, prog_name="oneroster", standalone_mode=False)
    except click.UsageError as wrong:
        click.echo(f"{click.style('Error:', fg='red')} {wrong.format_message()}", err=True)
        command = wrong.ctx.command_path if wrong.ctx else "oneroster"
        click.echo(f"`{command} --help` shows how it is used.", err=True)
        code = USAGE
    except BundleRefused as refusal:
        click.echo(f"{click.style('Refused:', fg='red')} {refusal}", err=True)
        code = REFUSED
    except click.ClickException as trouble:
        click.echo(f"{click.style('Error:', fg='red')} {trouble.format_message()}", err=True)
        code = USAGE
    except BrokenPipeError:  # the reader (head, less) has closed the pipe
        sys.stderr.close()
        code = CLEAN
    except OSError as trouble:
        click.echo(f"{click.style('Error:', fg='red')} {trouble.filename or 'A file'}: {trouble.strerror}.", err=True)
        code = USAGE
    except (click.Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code)


# --- reading ----------------------------------------------------------------------------------------------------------


@contextmanager
def _scratch() -> Iterator[Path]:
    with TemporaryDirectory(prefix="oneroster-") as folder:
        yield Path(folder)


def _read(bundle: Path, folder: Path, view: View | None = None) -> Read:
    """Inflate and stage, the one while the other. Raises BundleRefused."""
    folder.mkdir(exist_ok=True)
    with _progress(bundle.name) as started, inflating(bundle, folder / "csv", Limits()) as whole:

        @contextmanager
        def there(name: str) -> Iterator[None]:
            with whole(name):
                started(name)
                yield

        staged = stage_bundle(folder / "csv", folder / "stage", view=view, there=there)
    return Read(folder, staged)


@contextmanager
def _progress(label: str) -> Iterator[Any]:
    """A bar on a terminal: each file of the bundle moves it on when the engine begins to read it."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    turn, seen = Lock(), set[str]()
    with click.progressbar(
        length=len(ROSTER_FILES) + 1, label=label, file=sys.stderr, show_eta=False, item_show_func=lambda name: name or ""
    ) as bar:

        def started(name: str) -> None:
            with turn:  # two files are read at once
                bar.update(0 if name in seen else 1, name)
                seen.add(name)

        yield started
        bar.update(bar.length - bar.pos if bar.length else 0, "")


def _saved(path: Path | None) -> Saved | None:
    if path is None:
        return None
    try:
        return Saved.model_validate_json(path.read_bytes())
    except ValidationError as wrong:
        raise _unusable(path, "saved selection", wrong) from wrong


def _selected(saved: Saved | None, read: Read, seen: Seen) -> tuple[Selection, Resolved | None]:
    if saved is None:
        return EVERYTHING, None
    resolved = resolve(saved, read.stage, seen)
    return resolved.selection, resolved


def _guard(path: Path | None) -> Guard:
    """Keys as in the API (`share`, `rolloverShare`...); a window is given by its days, `rolloverFrom` and `rolloverTo`."""
    if path is None:
        return Guard()
    names = {to_camel(each.name): each.name for each in fields(Guard)}
    try:
        settings = TypeAdapter(dict[str, Any]).validate_json(path.read_bytes())
        if unknown := sorted(settings.keys() - names):
            raise click.UsageError(f"{path.name}: a guard has no {', '.join(unknown)}; it has {', '.join(names)}.")
        return TypeAdapter(Guard).validate_python({names[name]: value for name, value in settings.items()})
    except ValidationError as wrong:
        raise _unusable(path, "guard", wrong) from wrong


def _unusable(path: Path, what: str, wrong: ValidationError) -> click.UsageError:
    first = wrong.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return click.UsageError(f"{path.name} is no {what}: {f'{place}: ' if place else ''}{first['msg']}.")


# --- showing ----------------------------------------------------------------------------------------------------------


def _check_as_text(bundle: Path, staged: Staged | None, causes: Sequence[dict[str, Any]], refusal: str) -> None:
    assert staged is not None
    system = f", from {staged.system}" if staged.system else ""
    click.secho(f"{bundle.name}: OneRoster {staged.version}{system}", bold=True)
    click.echo()
    _table(
        ("", "read", "kept", "left out"),
        [(entity, each.read, each.kept, each.left_out) for entity, each in staged.counts.items()],
    )
    for cause in causes:
        click.echo()
        _cause_as_text(cause)
    for entity, why_not in staged.incomplete.items():
        click.echo(f"\nNothing of {entity} would be removed for being absent: {why_not}.")
    counts = ", ".join(f"{staged.problems[each]:,} {each}s" for each in ("error", "warning", "note") if staged.problems.get(each))
    click.echo(f"\n{counts or 'No problems'}.")


def _explains(cause: dict[str, Any]) -> str:
    return f" Explains {cause['explains']:,} rows." if cause["explains"] > 1 else ""


def _cause_as_text(cause: dict[str, Any]) -> None:
    severity = cause["severity"]
    place = f"{cause['file']}" + (f", line {cause['line']}" if cause["line"] else "")
    message = cause["message"] if cause["message"].startswith(cause["file"]) else f"{place}: {cause['message']}"
    click.echo(f"{click.style(f'{severity:8}', fg=COLOURS[severity])} {message}{_explains(cause)}")
    if cause["howToFix"]:
        click.echo(f"         {cause['howToFix']}")


def _check_as_json(bundle: Path, staged: Staged | None, causes: Sequence[dict[str, Any]], refusal: str) -> None:
    result: dict[str, Any] = {"bundle": bundle.name, "refused": refusal or None}
    if staged:
        result |= {to_camel(name): value for name, value in asdict(staged).items()}
        result["counts"] = {name: {"read": e.read, "kept": e.kept, "leftOut": e.left_out} for name, e in staged.counts.items()}
        result["causes"] = list(causes)
    click.echo(json.dumps(result, indent=1, ensure_ascii=False))


def _check_as_junit(bundle: Path, staged: Staged | None, causes: Sequence[dict[str, Any]], refusal: str) -> None:
    """A suite per file; a failed case per root cause of errors, a passed one with output per warning or note."""
    suites = ElementTree.Element("testsuites", name=_xml(bundle.name))
    by_file: dict[str, list[dict[str, Any]]] = {}
    if staged:
        by_file = {f"{name}.csv": [] for name in staged.counts}
    for cause in causes:
        by_file.setdefault(cause["file"], []).append(cause)
    if refusal:
        suite = ElementTree.SubElement(suites, "testsuite", name=_xml(bundle.name), tests="1", errors="1", failures="0")
        case = ElementTree.SubElement(suite, "testcase", classname="bundle", name="can be read")
        ElementTree.SubElement(case, "error", message=_xml(refusal), type="refused")
    for file, found in by_file.items():
        failures = sum(cause["severity"] == "error" for cause in found)
        suite = ElementTree.SubElement(
            suites, "testsuite", name=_xml(file), tests=str(max(len(found), 1)), failures=str(failures), errors="0"
        )
        if not found:
            ElementTree.SubElement(suite, "testcase", classname=_xml(file), name="every row is kept")
        for cause in found:
            line = f", line {cause['line']}" if cause["line"] else ""
            case = ElementTree.SubElement(suite, "testcase", classname=_xml(file), name=_xml(f"{cause['rule']}{line}"))
            text = _xml(f"{cause['message']}{_explains(cause)}\n{cause['howToFix']}")
            if cause["severity"] == "error":
                failure = ElementTree.SubElement(case, "failure", message=_xml(cause["message"]), type=_xml(cause["rule"]))
                failure.text = text
            else:
                ElementTree.SubElement(case, "system-out").text = f"{cause['severity']}: {text}"
    click.echo(ElementTree.tostring(suites, encoding="unicode", xml_declaration=False))


def _check_as_log(bundle: Path, staged: Staged | None, causes: Sequence[dict[str, Any]], refusal: str) -> None:
    errors = [cause["message"] for cause in causes if cause["severity"] == "error"]
    log = import_log(bundle.stem, datetime.now(UTC).date(), _csvs_in(bundle), staged, errors, refusal)
    for name, value in log.items():
        click.echo(f"{name}: {value}")


def _csvs_in(bundle: Path) -> list[str]:
    """The CSVs of a ZIP by name, without their folder; none where it can't be read."""
    try:
        with zipfile.ZipFile(bundle) as packed:
            names = [Path(name) for name in packed.namelist() if name.casefold().endswith(".csv")]
    except (OSError, ValueError, zipfile.BadZipFile):
        return []
    return [name.stem for name in names if name.stem.casefold() != "manifest"]


def _xml(text: str) -> str:
    return NOT_IN_XML.sub("", text)


def _plan_as_text(planned: Planned, schools: Sequence[dict[str, Any]], resolved: Resolved | None) -> None:
    actions = tuple(ACTIONS.values())
    _table(
        ("", "selected", *actions),
        [(entity, *(planned.counts[entity][each] for each in ("selected", *actions))) for entity in ENTITIES],
    )
    changed = [(school, _said(school["counts"])) for school in schools]
    changed = sorted(((s, summary) for s, summary in changed if summary), key=lambda each: -_number(each[0]["counts"]))
    for school, summary in changed[:SHOWN_SCHOOLS]:
        click.echo(f"\n{school['name'] or school['sourcedId'] or 'Without a school'}: {summary}")
    if len(changed) > SHOWN_SCHOOLS:
        click.echo(f"\n{len(changed) - SHOWN_SCHOOLS:,} more schools; --out FOLDER writes every change as CSV.")
    for note in planned.notes:
        click.echo(f"\n{click.style('note', fg=COLOURS['note'])}     {note}")
    if resolved and (waiting := [*resolved.new_schools, *resolved.new_classes]):
        click.echo(f"\n{len(waiting):,} schools and classes are new and not selected until they are decided on:")
        for each in waiting[:SHOWN_FOUND]:
            click.echo(f"  {each.sourced_id}  {each.name}")
    click.echo()
    if not planned.held:
        click.echo(f"{planned.changes:,} changes; the guard would let them pass.")
        return
    click.echo(f"{planned.changes:,} changes; {click.style('held', fg='red')} by the guard:")
    for breach in planned.breaches:
        click.echo(f"  {breach.message}")


def _said(counts: dict[str, dict[str, int]]) -> str:
    parts = []
    for entity, by_action in counts.items():
        done = ", ".join(f"{number:,} {action}" for action, number in by_action.items() if number and action != "unchanged")
        if done:
            parts.append(f"{entity} {done}")
    return "; ".join(parts)


def _number(counts: dict[str, dict[str, int]]) -> int:
    return sum(number for each in counts.values() for action, number in each.items() if action != "unchanged")


def _trace_as_text(subject: Subject, steps: Sequence[Step]) -> None:
    line = f", line {subject.line}" if subject.line else ""
    click.secho(f"{subject.name or subject.sourced_id} ({subject.sourced_id}, {subject.entity}.csv{line})", bold=True)
    for step in steps:
        click.echo(f"{click.style(f'{step.verdict:8}', fg=COLOURS[step.verdict])} {step.text}")


def _table(head: Sequence[str], rows: Sequence[Sequence[str | int]]) -> None:
    shown = [head, *[[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]]
    widths = [max(len(row[place]) for row in shown) for place in range(len(head))]
    for row in shown:
        first, *others = (cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in
                          enumerate(zip(row, widths, strict=True)))  # fmt: skip
        click.echo("  ".join((first, *others)).rstrip())


def _write_findings(read: Read, out: Path) -> None:
    _csv_of(read.stage / "problems.parquet", PROBLEM_COLUMNS, out / "problems.csv")
    _csv_of(read.stage / "left_out.parquet", ("entity", "sourcedId", "line", "name"), out / "left_out.csv")


def _csv_of(parquet: Path, columns: Sequence[str], to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with connect() as connection:
        write_csv(connection, f"SELECT * FROM {parquet_rows(parquet)}", columns, to)


if __name__ == "__main__":
    main()
