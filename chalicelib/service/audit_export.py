"""The whole audit of a group in one file, to be archived elsewhere."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from chalicelib.store import audit, files
from oneroster_engine.duckdb_session import connect, text
from oneroster_engine.spreadsheet_csv import write_csv

Format = Literal["csv", "jsonl"]
COLUMNS = ("at", "who", "name", "what", "syncId", "detail")


def write_audit(group_id: str, form: Format, key: str) -> None:
    """Write the file to `key`, the oldest entry first. In the CSV no cell is a formula."""
    with TemporaryDirectory() as folder:
        lines = Path(folder) / "audit.jsonl"
        with lines.open("w", encoding="utf-8") as out:
            for entry in audit.everything(group_id):
                fields = {"at": entry.moment, "who": entry.who, "name": entry.name, "what": entry.what, "syncId": entry.sync_id}
                out.write(json.dumps({**fields, "detail": dict(entry.detail)}, default=float, ensure_ascii=False) + "\n")
        files.upload(_as_csv(lines) if form == "csv" else lines, key)


def _as_csv(lines: Path) -> Path:
    to = lines.with_suffix(".csv")
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in COLUMNS)
    options = f"format='newline_delimited', columns={{{columns}}}"
    rows = f"SELECT * FROM read_json({text(str(lines))}, hive_partitioning=false, {options})"
    with connect() as connection:
        write_csv(connection, rows, COLUMNS, to)
    return to
