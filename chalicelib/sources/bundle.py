"""A bundle as received, ZIP or loose CSVs, as the folder of CSVs that the stage reads; a provider's pages as one file."""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from oneroster_engine.errors import BundleRefused
from oneroster_engine.standard import archive as zip_source
from oneroster_engine.standard.archive import Limits, There, there_already
from oneroster_engine.standard.manifest import read_manifest

ZIP = "bundle.zip"
PAGES = "pages.zip"
MANIFEST = frozenset({"manifest.csv"})
LONGEST_MANIFEST = 1 << 20  # bytes
SCHOOLS = frozenset({"manifest.csv", "orgs.csv"})  # all that a list of schools needs


def wanted(names: Iterable[str], only: frozenset[str] | None = None) -> list[str]:
    """Which files of a bundle to fetch in order to read it, or `only` some of its CSVs."""
    names = list(names)
    return [ZIP] if ZIP in names else [name for name in names if only is None or name in only]


def csvs_of(bundle: Path, out: Path, limits: Limits, only: frozenset[str] | None = None) -> None:
    """Put the bundle's CSVs into `out`: inflated, or linked where they came loose. Raises BundleRefused."""
    if (bundle / ZIP).is_file():
        zip_source.inflate(bundle / ZIP, out, limits, only)
        return
    out.mkdir(parents=True, exist_ok=True)
    loose = [path for path in sorted(bundle.glob("*.csv")) if only is None or path.name in only]
    if not loose:
        raise BundleRefused("There are no OneRoster CSV files in the bundle. Send orgs.csv, users.csv and the others.")
    for path in loose:
        (out / path.name).hardlink_to(path)


@contextmanager
def csvs_arriving(bundle: Path, out: Path, limits: Limits) -> Iterator[There]:
    """As `csvs_of`, while the files that are whole already are read."""
    if (bundle / ZIP).is_file():
        with zip_source.inflating(bundle / ZIP, out, limits) as there:
            yield there
    else:
        csvs_of(bundle, out, limits)
        yield there_already


def holds_changes(archive: IO[bytes], size_bytes: int) -> bool:
    """Whether the manifest calls a file of the ZIP a delta. A ZIP that can't be read is no reason to treat it as one: what is
    wrong with it is reported when it is synced."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            limits = Limits(
                zip_bytes=size_bytes, expanded_bytes=size_bytes + LONGEST_MANIFEST
            )  # the CSVs may lie in a ZIP inside of it
            zip_source.inflate_file(archive, size_bytes, folder, limits, MANIFEST)
            manifest = read_manifest(folder / "manifest.csv")
        except BundleRefused:
            return False
        return bool(manifest and manifest.deltas())


def pages_of(bundle: Path, out: Path) -> None:
    """Put a provider's pages into the ZIP `out`, each byte for byte as it is kept, for a person to take away."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # the pages are packed already
        for page in sorted(bundle.glob("*/part-*.json.gz")):
            with archive.open(page.relative_to(bundle).as_posix(), "w") as packed:
                packed.write(page.read_bytes())
