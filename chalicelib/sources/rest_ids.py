"""Whether the changes were complete: the ids of the provider's full lists compared with those that its changes led to.

Many providers forget to date a change, and most never tell that a record was deleted. The ids alone are a small part of the
records, so they can be read every night where everything can't.
"""

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chalicelib.sources.rest_answers import records_of
from chalicelib.sources.rest_bundle import Seams, as_text
from chalicelib.sources.rest_fetch import Came, Fetched
from oneroster_engine.duckdb_session import connect, number_of, parquet_rows, text
from oneroster_engine.staging.delta import STATUS_WORD


@dataclass(frozen=True)
class Difference:
    """Of one entity: records in the full list that the changes never mentioned (`added`), and the reverse."""

    added: int
    removed: int


def write_ids(bundle: Path, fetched: Sequence[Fetched], out: Path) -> dict[str, Came]:
    """Write to `out`/{entity}.csv the ids of lists that were read for their ids alone, and the status where there is one; what
    each list's pages hold, by the list's name. `bundle` holds the pages by their names, gzipped."""
    out.mkdir(parents=True, exist_ok=True)
    came: dict[str, Came] = {}
    for entity in dict.fromkeys(each.entity for each in fetched):
        ranges = sorted((each for each in fetched if each.entity == entity), key=lambda each: each.offset)
        seams, path = Seams(), out / f"{entity}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("sourcedId", "status"))
            for part in (part for each in ranges for part in each.parts):
                records = list(records_of(gzip.decompress((bundle / f"{part.name}.gz").read_bytes()), ranges[0].path))
                ids = [as_text(each.get("sourcedId")) if each else "" for each in records]
                again = seams.join(part, ids)
                rows.writerows(
                    (own, as_text(each.get("status"))) for own, each in zip(ids[again:], records[again:], strict=True) if each
                )
        with connect() as connection:
            different = number_of(connection, f"SELECT count(DISTINCT sourcedId) FROM {_listed(path)} WHERE sourcedId <> ''")
        came[ranges[0].list_name] = Came(seams.rows, different, seams.unreadable, seams.torn, seams.loose)
    return came


def differences(ids: Path, held: Path) -> Mapping[str, Difference]:
    """By entity, how the lists of `ids` differ from what the source is taken to hold, as {entity}.parquet in `held`."""
    found: dict[str, Difference] = {}
    with connect() as connection:
        for listed in sorted(ids.glob("*.csv")):
            connection.execute(
                f"CREATE OR REPLACE TABLE listed AS SELECT DISTINCT trim(sourcedId) AS sourcedId FROM {_listed(listed)} "
                f"WHERE trim(sourcedId) <> '' AND ({STATUS_WORD}) <> 'tobedeleted'"
            )
            connection.execute(
                "CREATE OR REPLACE TABLE held AS SELECT DISTINCT trim(sourcedId) AS sourcedId FROM "
                f"{parquet_rows(held / f'{listed.stem}.parquet')} WHERE trim(sourcedId) <> ''"
            )
            added, removed = (
                number_of(connection, f"SELECT count(*) FROM {one} ANTI JOIN {other} USING (sourcedId)")
                for one, other in (("listed", "held"), ("held", "listed"))
            )
            if added or removed:
                found[listed.stem] = Difference(added, removed)
    return found


def _listed(path: Path) -> str:
    columns = "{'sourcedId': 'VARCHAR', 'status': 'VARCHAR'}"
    return (
        f"read_csv({text(str(path))}, columns={columns}, header=true, auto_detect=false, delim=',', quote='\"', escape='\"', "
        "nullstr='', hive_partitioning=false, max_line_size=4000000)"
    )
