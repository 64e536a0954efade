"""One step of the engine in a process of its own, with nothing imported that the step doesn't need.

    python -m benchmarks.steps <step> <folder>

The folder holds zip1 and zip2, two days' bundles; each step leaves there what the next one reads.
"""

import sys
from collections.abc import Callable
from pathlib import Path


def floor(folder: Path) -> None:
    """Only inflate, by ISA-L, and keep nothing: no reader of the bundle can be quicker."""
    import zipfile

    from oneroster_engine.standard.inflating import inflated as bytes_of

    with zipfile.ZipFile(folder / "zip2") as opened:
        for info in opened.infolist():
            for _ in bytes_of(opened, info):
                pass


def inflated(folder: Path, day: int) -> None:
    from oneroster_engine.standard.archive import Limits, inflate

    inflate(folder / f"zip{day}", folder / f"csv{day}", Limits())


def staged(folder: Path, day: int) -> None:
    from oneroster_engine.staging.stage import stage_bundle

    stage_bundle(folder / f"csv{day}", folder / f"stage{day}")


def planned(folder: Path, day: int) -> None:
    from datetime import UTC, datetime

    from oneroster_engine.planning.plan import plan_changes
    from oneroster_engine.planning.policy import Policy
    from oneroster_engine.selecting.selection import EVERYTHING

    now = datetime(2026, 9, 1, tzinfo=UTC)
    snapshot = folder / "snapshot" if day == 2 else None
    plan_changes(folder / f"stage{day}", EVERYTHING, snapshot, folder / f"plan{day}", Policy(f"s{day}", now))


def taken(before: Path | None, plan: Path, after: Path) -> None:
    from datetime import UTC, datetime

    from oneroster_engine.planning.policy import Purging
    from oneroster_engine.planning.snapshot import next_snapshot

    next_snapshot(before, plan, after, datetime(2026, 9, 1, tzinfo=UTC), Purging())


def whole(folder: Path) -> None:
    """As the product does it: what has been inflated is staged while the rest still is."""
    from oneroster_engine.staging.stage import stage_bundle
    from oneroster_engine.standard.archive import Limits, inflating

    with inflating(folder / "zip2", folder / "csv2", Limits()) as there:
        stage_bundle(folder / "csv2", folder / "stage2", there=there)
    planned(folder, 2)


def sheet(what: str, folder: Path) -> None:
    from datetime import UTC, datetime

    from chalicelib.sheets.choices import CLASSES, check_sheet, write_sheet

    path = folder / "Classes.xlsx"
    text = {"title": "Mathematics 1", "classCode": "M", "course": "Mathematics", "terms": "Fall", "schoolSourcedId": "00001"}
    counts = {"school": "North High", "students": 25, "teachers": 1, "users": 26}
    rows = [{"sourcedId": f"{n:036d}", "grades": ["09"], "subjects": [], **text, **counts} for n in range(100_000)]
    if what == "write":
        write_sheet(CLASSES, rows, path, "g-1", datetime(2026, 9, 1, tzinfo=UTC))
    else:
        assert not check_sheet(CLASSES, path, {str(row["sourcedId"]): row for row in rows}, "g-1").missing


# In the order in which one leaves what the next one reads.
STEPS: dict[str, Callable[[Path], None]] = {
    "inflate alone, the floor": floor,
    "inflate": lambda folder: inflated(folder, 1),
    "stage": lambda folder: staged(folder, 1),
    "plan, empty platform": lambda folder: planned(folder, 1),
    "snapshot, day 1": lambda folder: taken(None, folder / "plan1", folder / "snapshot"),
    "day 2: inflate": lambda folder: inflated(folder, 2),
    "day 2: stage": lambda folder: staged(folder, 2),
    "day 2: plan": lambda folder: planned(folder, 2),
    "day 2: snapshot": lambda folder: taken(folder / "snapshot", folder / "plan2", folder / "next"),
    "day 2: from ZIP to plan": whole,
}
# Taken away before a step runs again: a Lambda starts with nothing, and to write over a file takes longer.
LEAVES = {
    "inflate": ("csv1",),
    "stage": ("stage1",),
    "plan, empty platform": ("plan1",),
    "snapshot, day 1": ("snapshot",),
    "day 2: inflate": ("csv2",),
    "day 2: stage": ("stage2",),
    "day 2: plan": ("plan2",),
    "day 2: snapshot": ("next",),
    "day 2: from ZIP to plan": ("csv2", "stage2", "plan2"),
}
SHEETS: dict[str, Callable[[Path], None]] = {
    "sheet: write": lambda folder: sheet("write", folder),
    "sheet: read": lambda folder: sheet("read", folder),
}


if __name__ == "__main__":
    (STEPS | SHEETS)[sys.argv[1]](Path(sys.argv[2]))
