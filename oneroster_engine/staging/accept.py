"""Accepts a bundle: which version it speaks, which files it brings, what is a delta and of what. Or refuses it, in a sentence."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from oneroster_engine.errors import BundleRefused
from oneroster_engine.staging.delta import View
from oneroster_engine.staging.finding import ARCHIVE, Finding
from oneroster_engine.standard.archive_contents import contents
from oneroster_engine.standard.entities import ONLY_1_2, REQUIRED_FILES, ROSTER_FILES
from oneroster_engine.standard.manifest import Manifest, csvs, read_manifest


@dataclass(frozen=True)
class Bundle:
    """A bundle: its files by their names, its version, which of them are deltas, and what those are merged into."""

    files: Mapping[str, Path]
    version: str
    deltas: frozenset[str]
    view: View | None

    def missing(self, names: Collection[str]) -> str:
        return ", ".join(f"{name}.csv" for name in names if name not in self.files and not (self.view and self.view.holds(name)))


def accept_orgs(folder: Path, view: View | None) -> Bundle:
    """The bundle of which `orgs.csv` alone is read. Raises BundleRefused."""
    manifest, orgs = read_manifest(folder / "manifest.csv"), folder / "orgs.csv"
    deltas = manifest.deltas() if manifest else frozenset[str]()
    bundle = Bundle({"orgs": orgs} if orgs.is_file() else {}, "", deltas, _merged(deltas, view))
    _refuse_missing(folder, bundle, ("orgs",))
    return bundle


def accept(folder: Path, manifest: Manifest | None, expected: str, view: View | None) -> Bundle:
    """The bundle whose CSVs are in `folder`. `expected` is 1.1, 1.2 or auto. Raises BundleRefused."""
    modes = manifest.modes if manifest else {}
    files = {
        name: folder / f"{name}.csv"
        for name in ROSTER_FILES
        if modes.get(name.casefold()) != "absent" and (folder / f"{name}.csv").is_file()
    }
    version = _agreed_version(manifest.version if manifest else "", expected, files)
    deltas = manifest.deltas() if manifest else frozenset[str]()
    if view := _merged(deltas, view):
        if manifest and manifest.unlisted:
            raise BundleRefused(
                f"manifest.csv: it calls some files delta and says nothing of {csvs(manifest.unlisted)}, which may be all "
                "rows or changes only. Add a line for each file and send the bundle again."
            )
        version = _held_version(view, manifest.version if manifest else "")
        (view.after / "manifest.csv").write_text(f"propertyName,value\noneroster.version,{version}\n")
    bundle = Bundle(files, version, deltas, view)
    if absent := [name for name in REQUIRED_FILES if name not in files and (folder / f"{name}.csv").is_file()]:
        raise BundleRefused(
            f"The bundle lacks {csvs(absent)}, as manifest.csv has it, which calls that absent; yet the file is there. "
            "Let the manifest say bulk where the file is whole, and send the bundle again."
        )
    _refuse_missing(folder, bundle, REQUIRED_FILES)
    return bundle


def compare_with_manifest(folder: Path, manifest: Manifest | None, bundle: Bundle) -> list[tuple[str, Finding]]:
    """What the manifest says otherwise than the bundle is, each with the file that it is about."""
    archive = contents(folder)
    found = [(ARCHIVE, Finding("form", "note", message)) for message in archive.notes]
    found += [(ARCHIVE, Finding("delivery", "warning", message)) for message in archive.warnings]
    for name in ONLY_1_2 if bundle.version == "1.1" else ():
        if name in bundle.files:
            message = f"{name}.csv is of OneRoster 1.2, and the bundle is read as 1.1; it was not read."
            found.append((name, Finding("manifest-differs", "warning", message)))
    if manifest is None:
        message = f"No manifest; read as OneRoster {bundle.version} in bulk."
        return [*found, ("manifest", Finding("manifest-absent", "note", message))]
    found += [("manifest", Finding("form", "note", message)) for message in manifest.notes]
    for name in ROSTER_FILES:
        mode = manifest.modes.get(name.casefold())
        if mode == "absent" and (folder / f"{name}.csv").is_file():
            message = f"The manifest calls {name}.csv absent, yet it is in the bundle; it was not read."
            found.append((name, Finding("manifest-differs", "warning", message)))
        if mode in ("bulk", "delta") and name not in bundle.files:
            message = f"The manifest promises {name}.csv, yet it is not in the bundle; nothing of it is removed."
            found.append((name, Finding("manifest-differs", "warning", message)))
    return found


def _refuse_missing(folder: Path, bundle: Bundle, names: Collection[str]) -> None:
    """Raises BundleRefused where a file is missing, with what may have come instead of it."""
    if not (missing := bundle.missing(names)):
        return
    archive = contents(folder)
    instead = archive.instead
    found = [instead[name] for name in names if name not in bundle.files and name in instead]
    if found:
        raise BundleRefused(
            f"The bundle lacks {missing}; it holds {', '.join(found)}. Give each its name, as CSV, and send it again."
        )
    others = f"; the other tables in it are {', '.join(archive.others)}" if archive.others else ""
    raise BundleRefused(f"The bundle lacks {missing}{others}. Export again with every file.")


def _agreed_version(declared: str, expected: str, files: Collection[str]) -> str:
    if declared and expected not in ("auto", declared):
        raise BundleRefused(
            f"manifest.csv: the bundle is OneRoster {declared}, and this group takes {expected}. "
            "Send the other export or change the group's version."
        )
    likely = "1.2" if "roles" in files else "1.1"
    return declared or (likely if expected == "auto" else expected)


def _merged(deltas: Collection[str], view: View | None) -> View | None:
    """The view, where the bundle has a file to merge into it. Raises BundleRefused."""
    if not deltas:
        return None
    if not view:
        raise BundleRefused(
            f"manifest.csv: {', '.join(sorted(deltas))} is a delta, and there is nothing to merge it into yet. "
            "Send a bundle of everything (bulk) once, then deltas."
        )
    view.after.mkdir(parents=True, exist_ok=True)
    return view


def _held_version(view: View, declared: str) -> str:
    held = read_manifest(view.before / "manifest.csv")
    version = held.version if held and held.version else "1.2" if view.holds("roles") else "1.1"
    if declared and declared != version:
        raise BundleRefused(
            f"manifest.csv: the delta is OneRoster {declared}, and what it must be merged into is {version}. "
            "Send a bundle of everything (bulk) once."
        )
    return version
